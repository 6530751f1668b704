"""The best of every strategy of one large training run: candidates per second with nothing stored but the best.

Points of the grid that are not legal are computed like the others, so the rate of legal candidates is given beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from rooflax.sweeps import engine
from rooflax.sweeps.best import BestSearch
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.sweep import STATUS, Sweep, sweep_of_spec
from rooflax.workbench import Workbench

TITLE = "Strategies of GPT-3 175B on 4096 GPUs, the whole training model, best only, float32"
CAPTION = "median of 5 searches; `first` traces and compiles; the last column is extrapolated from the rate"
COLUMNS = ("points", "legal", "first", "search", "points/s", "legal/s", "for 7e6 legal")
REPEATS = 5
WANTED = 7e6


def rows() -> Iterator[tuple[str, ...]]:
    """The one row."""
    bench = Workbench()
    sweep = sweep_of_spec(bench.registry, bench.load(Path(__file__).with_name("strategy.yaml")))
    function = BlockFunction(sweep, sweep.variables, engine.blocks_of(sweep).lengths)
    start = time.perf_counter()
    legal = _legal(sweep, function)
    first = time.perf_counter() - start
    seconds = median(_search(sweep, function) for _ in range(REPEATS))
    yield (
        f"{sweep.points:.2e}",
        f"{legal:.2e}",
        f"{first:.1f} s",
        f"{seconds:.3f} s",
        f"{sweep.points / seconds:.2e}",
        f"{legal / seconds:.2e}",
        f"{WANTED * seconds / legal:.1f} s",
    )


def _legal(sweep: Sweep, function: BlockFunction) -> int:
    """Points that fail no condition but the last, of memory."""
    found, memory = 0, len(sweep.checks)
    for block in _blocks(sweep, function):
        status = np.asarray(block.values[STATUS])
        extent = [stop - start for start, stop in block.region.slices.values()]
        found += int(np.broadcast_to((status == 0) | (status == memory), extent).sum())
    return found


def _search(sweep: Sweep, function: BlockFunction) -> float:
    """Seconds of one whole search."""
    assert sweep.objective is not None
    start = time.perf_counter()
    search = BestSearch(sweep.sizes, {name: sweep.dims[name] for name in sweep.variables}, sweep.objective)
    for block in _blocks(sweep, function):
        search.add(block.region, block.values)
    return time.perf_counter() - start


def _blocks(sweep: Sweep, function: BlockFunction) -> Iterator[engine.Block]:
    regions = engine.blocks_of(sweep)
    return engine.evaluate_blocks(sweep, sweep.variables, dtype="float32", regions=regions, function=function)
