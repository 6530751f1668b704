"""Runs on a cluster whose parts die: what is finished is kept, and the store becomes that of a run alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from killable_runs import command, differing, many_blocks, marked, started

BLOCKS = 24
DASK = str(Path(sys.executable).with_name("dask"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    spec = many_blocks(folder, BLOCKS)
    subprocess.run(command(spec, folder / "whole.zarr"), check=True, timeout=300)
    return spec, folder / "whole.zarr"


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler with two workers, processes that end with the test, and the scheduler's process."""
    place, processes = tmp_path / "scheduler.json", []
    try:
        for arguments in (["scheduler", "--port", "0", "--no-dashboard"], *[["worker", "--nthreads", "1"]] * 2):
            own = [DASK, *arguments, "--host", "127.0.0.1", "--scheduler-file", str(place)]
            processes.append(subprocess.Popen(own, stderr=subprocess.DEVNULL, cwd=tmp_path))
            while not place.exists():
                time.sleep(0.05)
        yield json.loads(place.read_text())["address"], processes[0]
    finally:
        for process in processes:
            end(process.pid)
            process.wait(timeout=60)


def end(pid: int) -> None:
    """Ends a process and those that it started."""
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        process.kill()


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=60)[1]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path, whole):
    spec, expected = whole
    store = tmp_path / "x.zarr"
    process = started(command(spec, store, "--executor", "dask=2"), store, 4)
    workers = workers_of(process.pid)
    assert len(workers) == 2
    workers[0].kill()
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 0, told
    assert differing(store, expected) == []


@pytest.mark.slow
def test_a_killed_coordinator_leaves_a_store_to_resume_and_no_process(tmp_path, whole):
    spec, expected = whole
    store = tmp_path / "x.zarr"
    process = started(command(spec, store, "--executor", "dask=2"), store, 4)
    workers = workers_of(process.pid)
    process.kill()
    process.communicate()
    assert gone(workers)
    assert 4 <= marked(store) < BLOCKS
    subprocess.run(command(spec, store), check=True, timeout=120)
    assert differing(store, expected) == []


@pytest.mark.slow
def test_a_cluster_elsewhere_computes_the_same_and_a_dead_scheduler_is_told(tmp_path, whole, cluster):
    spec, expected = whole
    address, scheduler = cluster
    store, options = tmp_path / "x.zarr", ("--executor", f"dask={address}")
    process = started(command(spec, store, *options), store, 2)
    scheduler.kill()
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "finished blocks are kept, and the same command resumes" in told
    assert "Traceback" not in told
    gone = subprocess.run(command(spec, store, *options), capture_output=True, text=True, timeout=120, check=False)
    assert gone.returncode == 1
    assert f"--executor dask={address}: no scheduler answers there" in gone.stderr
    subprocess.run(command(spec, store), check=True, timeout=120)
    assert differing(store, expected) == []


@pytest.mark.slow
def test_a_task_that_ends_its_workers_is_told_and_no_run_goes_on_for_ever(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    models = tmp_path / "deadly.py"
    models.write_text(
        "import multiprocessing, os\n"
        "from rooflax.kernels.annotations import Count\n"
        "from rooflax.kernels.registry import cost_model\n"
        "@cost_model(formula='2t', source='definition: a test', example=dict(tp=2, expect=4.0))\n"
        "def twice(tp: Count) -> Count:\n"
        '    """Twice the degree."""\n'
        "    if multiprocessing.parent_process() is not None:\n"
        "        os._exit(1)\n"
        "    return 2 * tp\n"
    )
    spec = tmp_path / "deadly.yaml"
    spec.write_text("title: Deadly\naxes: {tp: [1, 2]}\noutputs: [twice]\n")
    own = command(spec, tmp_path / "x.zarr", "--models", str(models), "--executor", "dask=1")
    done = subprocess.run(own, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "block 0: lost with 2 workers, one after the other: they may lack memory; finished blocks are kept, and the "
        "same command resumes\n"
    )
