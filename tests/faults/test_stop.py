"""A run that is asked to stop ends its blocks under way, says so, and is resumed by the same command."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from killable_runs import command, differing, many_blocks, marked, started

BLOCKS = 12
DEEP = """\
title: A graph that takes seconds to compile
axes:
  tp: [1, 2, 4, 8]
  micro_batch_size: {pow2: [1, 8]}
  seq_len: {range: [1024, 33792, 1024]}
  scale_out_bandwidth: {min: 1 GB/s, max: 1 TB/s, num: 400, scale: log}
  hbm_bandwidth: {min: 1 TB/s, max: 8 TB/s, num: 100}
  world_size: {pow2: [8, 512]}
fixed: {model: llama-3-8b, hardware: h100-sxm-80gb, global_batch_size: 512}
outputs: [step_time, memory_per_gpu]
best: {minimize: step_time, over: [tp, micro_batch_size]}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    spec = many_blocks(folder, BLOCKS)
    subprocess.run(command(spec, folder / "whole.zarr"), check=True, timeout=300)
    return spec, folder / "whole.zarr"


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "dask=2"])
@pytest.mark.parametrize("reason", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_is_resumed(tmp_path, whole, executor, reason):
    spec, expected = whole
    store, options = tmp_path / "x.zarr", ("--executor", executor)
    process = started(command(spec, store, *options), store, 2, start_new_session=True)
    # A terminal interrupts all processes of its group, a scheduler terminates the one it started.
    os.killpg(process.pid, reason) if reason == signal.SIGINT else process.send_signal(reason)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert told == "stopped; the finished blocks of a run are kept, and the same command resumes it\n"
    assert 2 <= marked(store) < BLOCKS
    subprocess.run(command(spec, store, *options), check=True, timeout=120)
    assert differing(store, expected) == []


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5])
def test_a_run_that_is_stopped_while_it_compiles_ends_in_order(tmp_path, seconds):
    """The first process with models that take long to compile: what tears through the compiler crashes at its end."""
    (tmp_path / "deep.yaml").write_text(DEEP)
    store = tmp_path / "x.zarr"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    process = subprocess.Popen(
        command(tmp_path / "deep.yaml", store), stderr=subprocess.PIPE, text=True, env=environment
    )
    while not store.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=120)[1]
    assert (process.returncode, told) == (
        130,
        "stopped; the finished blocks of a run are kept, and the same command resumes it\n",
    )
