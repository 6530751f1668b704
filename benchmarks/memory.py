"""Output bytes per second against a memset of as many bytes in the same run: ten outputs, seven axes, 1e7 points."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import jax
import numpy as np

from rooflax.sweeps import engine
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.sweep import Sweep
from rooflax.workbench import Workbench

from .memory_models import AXES, OUTPUTS

TITLE = "Ten outputs that cost little but their memory, seven axes, 1e7 points, float32"
CAPTION = (
    "of memset: seconds to fill as many mapped bytes over seconds to compute them, the median of 9 taken in turn; "
    "fresh: no buffers are handed back"
)
COLUMNS = ("innermost axis", "points", "bytes", "memset", "rooflax", "GB/s", "of memset", "fresh", "of memset")
SHAPES = {"500": (4, 5, 5, 5, 5, 8, 500), "16": (5, 5, 10, 10, 10, 25, 16)}
REPEATS = 9


def rows() -> Iterator[tuple[str, ...]]:
    """A row for a long innermost axis, and one for a short one."""
    bench = Workbench(models=(Path(__file__).with_name("memory_models.py"),))
    for innermost, shape in SHAPES.items():
        axes = {name: list(np.linspace(1.0, 2.0, size)) for name, size in zip(AXES, shape, strict=True)}
        sweep = bench.sweep(OUTPUTS, axes)
        size = engine.total_bytes(sweep, OUTPUTS, "float32")
        buffer = np.zeros(size, dtype=np.uint8)
        actions = (lambda b=buffer: b.fill(2), _compiled(sweep, recycled=True), _compiled(sweep, recycled=False))
        for action in actions:
            action()
        times = np.array([[_seconds(action) for action in actions] for _ in range(REPEATS)])
        memset, ours, fresh = np.median(times, axis=0)
        shares = [median(times[:, 0] / times[:, place]) for place in (1, 2)]
        yield (
            innermost,
            f"{sweep.points:.2e}",
            f"{size / 1e6:.0f} MB",
            f"{memset:.3f} s",
            f"{ours:.3f} s",
            f"{size / ours / 1e9:.1f}",
            f"{shares[0]:.2f}",
            f"{fresh:.3f} s",
            f"{shares[1]:.2f}",
        )


def _compiled(sweep: Sweep, *, recycled: bool) -> Callable[[], None]:
    """A run over the whole grid; without recycling, every block has new memory."""
    regions = engine.blocks_of(sweep)
    function = BlockFunction(sweep, OUTPUTS, regions.lengths)

    def run() -> None:
        in_flight = 1 if recycled else len(regions)
        for block in engine.evaluate_blocks(
            sweep, OUTPUTS, dtype="float32", regions=regions, function=function, in_flight=in_flight
        ):
            jax.block_until_ready(list(block.values.values()))

    return run


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
