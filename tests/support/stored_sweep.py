"""A small sweep that stores everything a sweep can store, in several blocks, and commands on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rooflax.cli import main
from rooflax.specs.blocks import block_grid
from rooflax.sweeps import engine

SPEC = """\
title: Stored in several blocks
axes:
  world_size: [8, 16, 64]
  mfu: [0.3, 0.4, 0.5, 0.6]
  num_parameters: {min: 1 G, max: 1 T, num: 5, scale: log}
fixed: {hardware: a100-sxm-80gb, tokens: 1 T, gpu_hour_price: 2 $/h}
outputs: [training_time_6nd, training_cost_6nd]
best: {minimize: training_time_6nd, over: [world_size, mfu]}
pareto: {objectives: [training_time_6nd:min, training_cost_6nd:min], over: [world_size, mfu]}
gradients: {elasticity: {of: [training_time_6nd], wrt: [mfu, tokens]}}
"""
BLOCK_POINTS, BLOCKS = 10, 6
# The command line with blocks of few points, for processes of their own.
SMALL_BLOCKS = f"""\
import sys
from rooflax.specs.blocks import block_grid
from rooflax.sweeps import engine
engine.block_grid = lambda sizes, *_: block_grid(sizes, {BLOCK_POINTS})
from rooflax.cli import main
"""


def cut_small(patch: pytest.MonkeyPatch) -> None:
    """Cuts grids into blocks of few points."""
    patch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, BLOCK_POINTS))


def rooflax(*arguments: object) -> Result:
    """Runs the command line in this process; an exception that it does not handle fails the test."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert "Traceback" not in done.stderr
    return done


def filled(folder: Path, name: str = "whole.zarr", spec: str = SPEC) -> Path:
    """The finished store of the sweep, beside its spec."""
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    done = rooflax("run", folder / "spec.yaml", "-o", folder / name, "--quiet")
    assert done.exit_code == 0, done.stderr
    return folder / name


def files(store: Path) -> list[Path]:
    """The files of a store, in order."""
    return sorted(path for path in store.rglob("*") if path.is_file())


def flip(file: Path, position: int, bit: int = 0) -> None:
    """Flips one bit of a file."""
    content = bytearray(file.read_bytes())
    content[position] ^= 1 << bit
    file.write_bytes(content)


def say(line: str) -> None:
    """Prints a line into the report of a test."""
    sys.stdout.write(line + "\n")
