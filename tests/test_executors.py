"""The same run here and on a cluster."""

from __future__ import annotations

import subprocess
import sys
from unittest.mock import MagicMock, Mock

import pytest
from killable_runs import differing

import rooflax
from rooflax.jobs import job_of, versions
from rooflax.specs.blocks import block_grid
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps import engine
from rooflax.sweeps.executors import cluster
from rooflax.sweeps.executors.cluster import Cluster, cluster_of
from rooflax.sweeps.executors.overlap import overlapped
from rooflax.sweeps.executors.task import Task, tasks_of
from rooflax.sweeps.versions import difference
from rooflax.workbench import Workbench

SPEC = """\
title: What a cluster shares
axes:
  model: [llama-2-70b, gpt-3-175b]
  tp: [1, 2, 4, 8]
  pp: [1, 2, 4]
  scale_out_bandwidth: {min: 25 GB/s, max: 400 GB/s, num: 300, scale: log}
fixed: {hardware: h100-sxm-80gb, world_size: 512, global_batch_size: 512, seq_len: 4096}
outputs: [step_time, memory_per_gpu, twice_step_time]
where: [fits_memory]
best: {minimize: step_time, over: [tp, pp], top: 2}
pareto: {objectives: [step_time:min, memory_per_gpu:min], over: [tp, pp, scale_out_bandwidth]}
gradients: {elasticity: {of: [step_time], wrt: [scale_out_bandwidth]}}
"""
MODELS = """\
from rooflax.kernels.annotations import Seconds
from rooflax.kernels.registry import cost_model


@cost_model(formula="2 t", source="definition: a test", example=dict(step_time=2.0, expect=4.0))
def twice_step_time(step_time: Seconds) -> Seconds:
    \"\"\"Twice the time of a step.\"\"\"
    return 2 * step_time
"""


def run(folder, store, executor):
    """A run as a process of its own, for the processes that it starts begin with its main module."""
    own = [sys.executable, "-m", "rooflax", "run", "shared.yaml", "--models", "mine.py", "-o", store, "--quiet"]
    subprocess.run([*own, "--executor", executor], cwd=folder, check=True, timeout=300)
    return folder / store


@pytest.mark.slow
def test_a_cluster_fills_the_store_that_one_process_fills(tmp_path):
    (tmp_path / "shared.yaml").write_text(SPEC)
    (tmp_path / "mine.py").write_text(MODELS)
    alone, shared = (run(tmp_path, f"{name}.zarr", name) for name in ("local", "dask=2"))
    assert differing(shared, alone) == []
    assert rooflax.open(shared, "pareto").sizes["point"] > 4
    assert (rooflax.open(shared).twice_step_time == 2 * rooflax.open(shared).step_time).all()


def test_tasks_cover_all_blocks_in_order():
    for count, workers in ((1, 4), (7, 2), (64, 2), (1000, 3)):
        tasks = tasks_of(range(count), {0, 5}, workers)
        assert [block for task in tasks for block in task.blocks] == list(range(count))
        assert {block for task in tasks for block in task.stored} == {0, 5} & set(range(count))
        assert max(len(task.blocks) for task in tasks) <= 8
    assert len(tasks_of(range(64), (), 2)) == 16
    assert str(Task((3,), frozenset())) == "block 3"
    assert str(Task((3, 4, 5), frozenset())) == "blocks 3 to 5"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("local", None),
        ("dask", Cluster()),
        ("dask=4", Cluster(workers=4)),
        ("dask=tcp://host:8786", Cluster(address="tcp://host:8786")),
        ("dask=10.0.0.1:8786", Cluster(address="10.0.0.1:8786")),
        ("dask=tls://a-1.b_c.org:1", Cluster(address="tls://a-1.b_c.org:1")),
        ("dask=tcp://[::1]:8786", Cluster(address="tcp://[::1]:8786")),
    ],
)
def test_an_executor_is_read(text, found):
    assert cluster_of(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "cloud",
        "dask=",
        "dask=0",
        "dask=5000",
        "Dask",
        "",
        "local=2",
        # Dask tells of these, and its client then lingers for minutes.
        "dask=-1",
        "dask=x",
        "dask=1.5",
        "dask=tcp://127.0.0.1",
        "dask=foo://127.0.0.1:1",
    ],
)
def test_another_executor_is_refused(text):
    with pytest.raises(RooflaxError, match=f"--executor {text}: .* (was|were) expected"):
        cluster_of(text)


def test_without_dask_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(RooflaxError, match=r"pip install 'rooflax\[dask\]'"), Cluster(workers=1).client():
        pass


def test_an_address_that_asks_for_certificates_is_refused_without():
    address = "tls://127.0.0.1:1"
    with pytest.raises(RooflaxError) as caught, Cluster(address=address).client():
        pass
    assert str(caught.value) == (
        f"--executor dask={address}: dask has no certificate for it; give its configuration one, "
        "distributed.comm.tls.client.cert"
    )


def test_a_scheduler_that_is_waited_for_is_told(monkeypatch, caplog):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(RooflaxError, match="no scheduler answers there"), Cluster(address="127.0.0.1:1").client():
        pass
    assert [record.getMessage() for record in caplog.records] == ["waiting up to 1 s for the scheduler at 127.0.0.1:1"]


def test_other_versions_are_named():
    own = versions()
    assert difference(own, own) == ""
    assert difference(own, {**own, "jax": "0.1"}) == f"has jax 0.1 (here {own['jax']})"
    assert difference({**own, "the models given": "a"}, own) == "has the models given unknown (here a)"


def test_workers_of_other_versions_are_refused():
    client = Mock()
    client.run.return_value = {"tcp://a": versions(), "tcp://b": {**versions(), "numpy": "1.0"}}
    with pytest.raises(RooflaxError, match=r"worker tcp://b has numpy 1\.0 \(here "):
        cluster._refuse_others(client, versions)


def test_an_error_in_a_writer_ends_the_evaluation():
    evaluated = []

    def blocks():
        for _ in range(100):
            evaluated.append(MagicMock())
            yield evaluated[-1]

    def use(block):
        if len(evaluated) > 3 and block is evaluated[3]:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        list(overlapped(blocks(), use, 2))
    assert 4 <= len(evaluated) < 10
    assert all(block.__exit__.called == block.__enter__.called for block in evaluated)


def test_blocks_in_flight_are_bounded_by_their_size(monkeypatch):
    bench = Workbench()
    loaded = bench.load("llama-70b-parallelism")
    job = job_of(bench.registry, loaded)
    assert job.in_flight == 3
    monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, 1000))
    assert job_of(bench.registry, loaded).in_flight == 3
    monkeypatch.setattr("rooflax.jobs.MEMORY_IN_FLIGHT", 1)
    assert job.in_flight == 2
