"""A run that is killed at any moment and started again ends with the store of a run that was not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rooflax.specs.blocks import TARGET_POINTS

SPEC = """\
title: Many blocks of a cheap quantity
axes:
  world_size: {range: [8, 192, 8]}
  mfu: {min: 0.2, max: 0.7, num: 1000}
  num_parameters: {min: 1 G, max: 1 T, num: NUM, scale: log}
fixed: {hardware: a100-sxm-80gb, global_batch_size: 256, seq_len: 4096}
outputs: [training_time_6nd]
best: {maximize: training_time_6nd, over: [mfu, world_size]}
"""
BLOCKS = 24
KILLS = 7


def command(folder: Path, store: str) -> list[str]:
    script = Path(sys.executable).with_name("rooflax")
    return [str(script), "run", str(folder / "many.yaml"), "-o", str(folder / store), "--quiet"]


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store, without the one attribute that tells runs apart."""
    files = {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    root = json.loads(files["zarr.json"])
    root["attributes"].pop("rooflax_run")
    return {**files, "zarr.json": json.dumps(root).encode()}


def marked(store: Path) -> int:
    """How many blocks are marked as done."""
    marks = store / "_blocks" / "done" / "c"
    return sum(mark.name.isdecimal() for mark in marks.iterdir()) if marks.is_dir() else 0


def killed(command: list[str], store: Path, blocks: int, pause: float) -> bool:
    """Whether a run was killed, a pause after it had marked so many blocks; False where it came to its end before."""
    process = subprocess.Popen(command)
    while process.poll() is None and marked(store) < blocks:
        time.sleep(0.002)
    try:
        process.wait(timeout=pause)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_run_ends_like_one_that_was_not(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    # More than half a block at every label of the first axis, so that each label is a block of its own.
    (tmp_path / "many.yaml").write_text(SPEC.replace("NUM", str(-(-TARGET_POINTS * 6 // 10_000))))
    subprocess.run(command(tmp_path, "whole.zarr"), check=True, timeout=300)
    assert marked(tmp_path / "whole.zarr") == BLOCKS
    victim, found = tmp_path / "killed.zarr", []
    for _ in range(KILLS):
        # The first kill may fall before there is a store; the steps are short, so that the last falls before the end.
        blocks = min(marked(victim) + chance.randint(0, 3), BLOCKS)
        if killed(command(tmp_path, "killed.zarr"), victim, blocks, chance.uniform(0.0, 0.1)):
            found.append(marked(victim))
    assert len(found) >= 5
    assert any(0 < blocks < BLOCKS for blocks in found)
    subprocess.run(command(tmp_path, "killed.zarr"), check=True, timeout=300)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "killed.zarr", "many.yaml", "whole.zarr"]
    expected, survived = contents(tmp_path / "whole.zarr"), contents(victim)
    assert sorted(survived) == sorted(expected)
    assert [name for name in expected if survived[name] != expected[name]] == []
