"""What a command costs over the imports it cannot do without, as ratios of whole processes in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

TITLE = "Start-up, caches warm"
CAPTION = (
    "median of 7 whole processes each, taken in turn; the first run of each, which writes bytecode, is not counted"
)
COLUMNS = ("command", "seconds", "compared with", "seconds", "ratio")

_POINT = ["model=llama-2-70b", "hardware=h100-sxm-80gb", "world_size=512", "tp=8"]
_POINT += ["global_batch_size=1024", "seq_len=4096"]
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without bytecode an import takes three times as long."""
_SETS = [part for setting in _POINT for part in ("--set", setting)]


def rows() -> Iterator[tuple[str, ...]]:
    """A row per command."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "x.zarr")
        small = ["-m", "rooflax", "run", "llama-70b-parallelism", "-o", store, "--overwrite", "--quiet"]
        yield _row("rooflax --help", ["-m", "rooflax", "--help"], "python -c pass", ["-c", "pass"])
        point = ["-m", "rooflax", "eval", "step_time", *_SETS]
        yield _row("rooflax eval step_time …", point, "import jax", ["-c", "import jax"])
        yield _row("rooflax run, 34560 points", small, "import jax, xarray, zarr", ["-c", "import jax, xarray, zarr"])


def _row(name: str, ours: list[str], other: str, theirs: list[str]) -> tuple[str, ...]:
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(8)][1:]
    mine, base = (median(column) for column in zip(*pairs, strict=True))
    return name, f"{mine:.2f}", other, f"{base:.2f}", f"{median(a / b for a, b in pairs):.2f}"


def _seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=_ENVIRONMENT)
    return time.perf_counter() - start
