"""Runs of many cheap blocks as processes of their own, which tests stop half way, and what their stores hold."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from rooflax.specs.blocks import TARGET_POINTS

SPEC = """\
title: Many blocks of a cheap quantity
axes:
  world_size: {range: [8, LAST, 8]}
  mfu: {min: 0.2, max: 0.7, num: 1000}
  num_parameters: {min: 1 G, max: 1 T, num: NUM, scale: log}
fixed: {hardware: a100-sxm-80gb, global_batch_size: 256, seq_len: 4096}
outputs: [training_time_6nd]
best: {maximize: training_time_6nd, over: [mfu, world_size]}
"""


def many_blocks(folder: Path, blocks: int) -> Path:
    """A spec in `folder` of so many blocks."""
    # More than half a block at every label of the first axis, so that each label is a block of its own.
    text = SPEC.replace("LAST", str(8 * blocks)).replace("NUM", str(-(-TARGET_POINTS * 6 // 10_000)))
    spec = folder / "many.yaml"
    spec.write_text(text)
    return spec


def command(spec: Path, store: Path | str, *options: str) -> list[str]:
    """The command that runs a spec into a store."""
    script = Path(sys.executable).with_name("rooflax")
    return [str(script), "run", str(spec), "-o", str(store), "--quiet", *options]


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store, without the one attribute that tells runs apart."""
    files = {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    root = json.loads(files["zarr.json"])
    root["attributes"].pop("rooflax_run")
    return {**files, "zarr.json": json.dumps(root).encode()}


def differing(store: Path, other: Path) -> list[str]:
    """The files in which two stores differ."""
    ours, theirs = contents(store), contents(other)
    return [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]


def marked(store: Path) -> int:
    """How many blocks are marked as done."""
    marks = store / "_blocks" / "done" / "c"
    return sum(mark.name.isdecimal() for mark in marks.iterdir()) if marks.is_dir() else 0


def started(command: list[str], store: Path, blocks: int, **options: object) -> subprocess.Popen[str]:
    """A run that has marked so many blocks, or has come to its end before."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
    while process.poll() is None and marked(store) < blocks:
        time.sleep(0.002)
    return process
