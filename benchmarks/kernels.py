"""The compiled kernels against NumPy running the same functions on the same leaves, in one run.

NumPy gets what favours it: the same broadcasting, float32, and intermediates freed when their last reader is done; it
runs over the whole grid at once, and again block by block as the engine does. It evaluates exactly what the sweep
keeps: the outputs, the status and the margin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from rooflax.specs.blocks import Region, Regions
from rooflax.sweeps import engine
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.checks import judge
from rooflax.sweeps.leaves import leaves_of
from rooflax.sweeps.sweep import MARGIN, STATUS, Sweep, sweep_of_spec
from rooflax.workbench import Workbench

EXAMPLES = {
    "6nd": ["num_parameters={min: 1 G, max: 1 T, num: 1700, scale: log}"],
    "training": [],
    "llama-70b-parallelism": ["scale_out_bandwidth={min: 25 GB/s, max: 400 GB/s, num: 4700, scale: log}"],
    "inference": ["prompt_len={range: [256, 70000, 10]}", "output_len=[256, 512]"],
}
OWN = {"training": Path(__file__).with_name("training.yaml")}
"""Specs that are no shipped examples: the whole training graph, with no axis much longer than the others."""

ONE, ALL = "1", "all"
TITLE = "Compiled kernels against NumPy, float32, after compilation"
CAPTION = (
    "processors that a process may use, which NumPy needs one of; first: with tracing and compilation; memset: time to "
    "fill the bytes of the outputs over the time to compute them; the best of 5, taken in turn"
)
COLUMNS = (
    "example",
    "processors",
    "points",
    "quantities",
    "first",
    "rooflax",
    "numpy",
    "ratio",
    "blocks",
    "ratio",
    "points/s",
    "of memset",
)
REPEATS = 5


def rows() -> Iterator[tuple[str, ...]]:
    """Rows per spec, each of a process of its own; of a shipped example one axis is refined up to 1e7 points."""
    processors = (ONE, ALL) if hasattr(os, "sched_setaffinity") else (ALL,)
    return (_alone(name, count) for name in EXAMPLES for count in processors)


def _alone(name: str, processors: str) -> tuple[str, ...]:
    """The row of one example from a process that may use one processor, or all."""
    command = [sys.executable, "-m", f"{__package__}.kernels", name, processors]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(json.loads(found.stdout))


def compare(name: str, processors: str) -> tuple[str, ...]:
    """The row of one example."""
    bench = Workbench()
    sweep = sweep_of_spec(bench.registry, bench.load(OWN.get(name, name), EXAMPLES[name]))
    regions = engine.blocks_of(sweep)
    compiled = _compiled(sweep, regions)
    first = _seconds(compiled)
    written = engine.total_bytes(sweep, sweep.variables, "float32")
    actions = (compiled, lambda: _numpy(sweep, [None]), lambda: _numpy(sweep, regions))
    times = [[_seconds(action) for action in actions] for _ in range(REPEATS)]
    ours, whole, blocked = (min(column) for column in zip(*times, strict=True))
    return (
        name,
        processors,
        f"{sweep.points:.2e}",
        f"{len(sweep.graph.order)}",
        f"{first:.1f} s",
        f"{ours:.3f} s",
        f"{whole:.3f} s",
        f"{whole / ours:.1f}",
        f"{blocked:.3f} s",
        f"{blocked / ours:.1f}",
        f"{sweep.points / ours:.2e}",
        f"{_memset_seconds(written) / ours:.2f}",
    )


def _compiled(sweep: Sweep, regions: Regions) -> Callable[[], None]:
    function = BlockFunction(sweep, sweep.variables, regions.lengths)

    def run() -> None:
        blocks = engine.evaluate_blocks(sweep, sweep.variables, dtype="float32", regions=regions, function=function)
        for block in blocks:
            block.owned(sweep.variables)

    return run


def _numpy(sweep: Sweep, regions: Iterable[Region | None]) -> None:
    with np.errstate(all="ignore"):
        for region in regions:
            _evaluate_freeing(sweep, leaves_of(sweep, region, "float32"))


def _evaluate_freeing(sweep: Sweep, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    like = next(iter(values.values()))
    last = {name: step for step, quantity in enumerate(sweep.graph.order) for name in quantity.reads}
    kept = {*sweep.outputs, *(check.reads for check in sweep.checks)}
    for step, quantity in enumerate(sweep.graph.order):
        values[quantity.name] = quantity(values)
        for name in [n for n in quantity.reads if last[n] == step and n not in kept]:
            values.pop(name, None)
    values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    return values


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _memset_seconds(size: int) -> float:
    """Time to fill `size` bytes of memory that is mapped already."""
    buffer = np.zeros(size, dtype=np.uint8)
    buffer.fill(1)
    return min(_seconds(lambda: buffer.fill(2)) for _ in range(3))


if __name__ == "__main__":
    example, count = sys.argv[1:]
    if count == ONE:
        # Before anything runs: XLA counts the processors when it first compiles.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    print(json.dumps(compare(example, count)))
