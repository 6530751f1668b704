"""A run that is killed at any moment and started again ends with the store of a run that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

import pytest
from killable_runs import command, differing, many_blocks, marked, started

BLOCKS = 48
KILLS = 30


@pytest.mark.slow
def test_a_killed_run_ends_like_one_that_was_not(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    spec, whole, victim = many_blocks(tmp_path, BLOCKS), tmp_path / "whole.zarr", tmp_path / "killed.zarr"
    subprocess.run(command(spec, whole), check=True, timeout=300)
    assert marked(whole) == BLOCKS
    found = []
    for _ in range(KILLS):
        # The first kill may fall before there is a store; the steps are short, so that the last falls before the end.
        blocks = min(marked(victim) + chance.randint(0, 1), BLOCKS)
        process = started(command(spec, victim), victim, blocks)
        try:
            process.communicate(timeout=chance.uniform(0.0, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            found.append(marked(victim))
    sys.stdout.write(f"blocks after each kill: {found}\n")
    assert len(found) >= KILLS - 3
    assert any(0 < blocks < BLOCKS for blocks in found)
    subprocess.run(command(spec, victim), check=True, timeout=300)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "killed.zarr", "many.yaml", "whole.zarr"]
    assert differing(victim, whole) == []
