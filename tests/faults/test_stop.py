"""A run that is asked to stop ends its blocks under way, says so, and is resumed by the same command."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from killable_runs import command, differing, many_blocks, marked, started

BLOCKS = 12


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
