"""Every strategy of one large training run, with nothing stored but the best and the Pareto frontier.

Points of the grid that are not legal are computed like the others, so the rate of legal candidates is given beside it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import xarray as xr

from rooflax.sweeps import engine
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.searches.searches import PARETO, labelled, names_of, searches_of
from rooflax.sweeps.sweep import STATUS, Sweep, sweep_of_spec
from rooflax.workbench import Workbench

TITLE = "Strategies of GPT-3 175B on 4096 GPUs, the whole training model, best and Pareto kept, float32"
CAPTION = (
    "medians of 5 searches of the whole grid; `first` is one that traces and compiles as well; `evaluation` runs the "
    "same blocks and keeps nothing; CPU is that of all threads; memory is the high-water mark of the first search over "
    "the start, and what 5 more add to it"
)
COLUMNS = (
    "points",
    "legal",
    "feasible",
    "frontier",
    "first",
    "search",
    "CPU",
    "evaluation",
    "points/s",
    "legal/s",
    "memory",
    "more",
)
REPEATS = 5


def rows() -> Iterator[tuple[str, ...]]:
    """The one row."""
    bench = Workbench()
    sweep = sweep_of_spec(bench.registry, bench.load(Path(__file__).with_name("strategy.yaml")))
    function = BlockFunction(sweep, names_of(sweep), engine.blocks_of(sweep).lengths)
    marks = [_high_water()]
    first, _, found = _search(sweep, function)
    marks.append(_high_water())
    runs = [_search(sweep, function)[:2] for _ in range(REPEATS)]
    marks.append(_high_water())
    seconds, cpu = (median(column) for column in zip(*runs, strict=True))
    evaluation = median(_evaluation(sweep, function) for _ in range(REPEATS))
    legal, feasible = np.sum([_counts(sweep, block) for block in _blocks(sweep, function)], axis=0)
    yield (
        f"{sweep.points:.2e}",
        f"{legal:.2e}",
        f"{feasible:.2e}",
        f"{found[PARETO].sizes['point']}",
        f"{first:.1f} s",
        f"{seconds:.2f} s",
        f"{cpu:.2f} s",
        f"{evaluation:.2f} s",
        f"{sweep.points / seconds:.2e}",
        f"{legal / seconds:.2e}",
        f"{(marks[1] - marks[0]) / 1e6:.0f} MB",
        f"{(marks[2] - marks[1]) / 1e6:.0f} MB",
    )


def _counts(sweep: Sweep, block: engine.Block) -> tuple[int, int]:
    """The points of a block that fail no condition but the last, of memory, and those that fail none."""
    status = np.asarray(block.values[STATUS])
    extent = [stop - start for start, stop in block.region.slices.values()]
    copies = int(np.prod(extent)) // status.size
    feasible, heavy = (int((status == code).sum()) * copies for code in (0, len(sweep.checks)))
    return feasible + heavy, feasible


def _search(sweep: Sweep, function: BlockFunction) -> tuple[float, float, dict[str, xr.Dataset]]:
    """Seconds of one whole search, those of all processors, and what it finds."""
    start, cpu = time.perf_counter(), time.process_time()
    searches = searches_of(sweep)
    for block in _blocks(sweep, function):
        for search in searches.values():
            search.add(block.region, block.values)
    found = labelled(sweep, searches)
    return time.perf_counter() - start, time.process_time() - cpu, found


def _evaluation(sweep: Sweep, function: BlockFunction) -> float:
    """Seconds of the same blocks with nothing kept."""
    start = time.perf_counter()
    for block in _blocks(sweep, function):
        for value in block.values.values():
            np.asarray(value)
    return time.perf_counter() - start


def _blocks(sweep: Sweep, function: BlockFunction) -> Iterator[engine.Block]:
    regions = engine.blocks_of(sweep)
    return engine.evaluate_blocks(sweep, names_of(sweep), dtype="float32", regions=regions, function=function)


def _high_water() -> int:
    """The most memory that this process has held so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
