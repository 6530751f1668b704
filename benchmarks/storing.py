"""A stored sweep against its own writer, and its memory as it grows.

The writer alone gets the arrays of a dozen evaluated blocks again and again, through the same threads, codecs and
files, so the ratio is what evaluation costs a run that stores everything. Both write to the same disk, in turn.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import numpy as np

from rooflax.jobs import WRITERS, Job, job_of
from rooflax.plans import layout_of
from rooflax.specs.blocks import Region, StoreLayout
from rooflax.specs.loaded import LoadedSpec
from rooflax.stores.resume import create_store
from rooflax.stores.write import Store
from rooflax.sweeps import engine
from rooflax.sweeps.engine import Block
from rooflax.sweeps.executors.overlap import overlapped
from rooflax.sweeps.executors.task import Task
from rooflax.workbench import Workbench

from .grids import SPEC, refined
from .processes import stored_run

TITLE = "Stored sweeps against the writer alone, float32, after compilation"
CAPTION = (
    "writer: arrays of a dozen blocks written again and again; MB/s of uncompressed values; memory: the high-water "
    "mark of a whole process `rooflax run` over that of the smallest grid; medians of 5 up to 1e8 points"
)
COLUMNS = ("grid", "points", "run", "writer", "of writer", "MB/s", "points/s", "on disk", "process", "memory")
EXAMPLES = ("training",)
OWN = {"training": Path(__file__).with_name("training.yaml")}
SAMPLES = 12
SIZES = (1e7, 1e8, 1e9)


def rows() -> Iterator[tuple[str, ...]]:
    """A row for each size of the six-axis grid, and for grids of heavier models."""
    bench = Workbench()
    base = stored_run([refined(1e6)])[1]
    for size in SIZES:
        yield _row(bench, bench.load(SPEC, [refined(size)]), "six axes", stored_run([refined(size)]), base)
    for name in EXAMPLES:
        yield _row(bench, bench.load(OWN.get(name, name)), name, None, base)


def _row(
    bench: Workbench, loaded: LoadedSpec, name: str, process: tuple[float, int] | None, base: int
) -> tuple[str, ...]:
    job = job_of(bench.registry, loaded)
    pairs, prepared = [], _prepared(job)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "x.zarr"
        layout = layout_of(job.sweep, loaded, job.gradients)
        _timed(lambda store: list(job.compute(store, Task((0,), frozenset()))), place, layout)
        for _ in range(5 if job.sweep.points < 3e8 else 1):
            whole = Task(tuple(range(len(job.regions))), frozenset())
            ours = _timed(lambda store, task=whole: list(job.compute(store, task)), place, layout)
            pairs.append((ours[0], _timed(lambda store: _write_again(job, prepared, store), place, layout)[0], ours[1]))
    ours, writer = (median(pair[place] for pair in pairs) for place in (0, 1))
    share = median(pair[1] / pair[0] for pair in pairs)
    bytes_written = engine.total_bytes(job.sweep, job.sweep.variables, job.dtype)
    return (
        name,
        f"{job.sweep.points:.2e}",
        f"{ours:.2f} s",
        f"{writer:.2f} s",
        f"{share:.2f}",
        f"{bytes_written / ours / 1e6:.0f}",
        f"{job.sweep.points / ours:.2e}",
        f"{bytes_written / pairs[0][2]:.1f}x smaller",
        f"{process[0]:.1f} s" if process else "",
        f"{(process[1] - base) / 2**20:+.0f} MiB" if process else "",
    )


def _timed(use: Callable[[Store], object], place: Path, layout: StoreLayout) -> tuple[float, int]:
    """Seconds of filling a new store, and its bytes on disk."""
    shutil.rmtree(place, ignore_errors=True)
    with create_store(place, layout) as store:
        start = time.perf_counter()
        use(store)
        seconds = time.perf_counter() - start
    return seconds, sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _prepared(job: Job) -> dict[int, dict[str, np.ndarray]]:
    """The values of blocks spread over the grid, by their numbers: they compress as the whole does."""
    count = len(job.regions)
    chosen = {round(part * (count - 1) / (SAMPLES - 1)) for part in range(SAMPLES)}
    found = {}
    for index in sorted(chosen):
        for block in engine.evaluate_blocks(job.sweep, job.names, dtype=job.dtype, regions=[job.regions[index]]):
            found[index] = {name: np.array(block.values[name]) for name in job.names}
    return found


def _write_again(job: Job, values: Mapping[int, Mapping[str, np.ndarray]], store: Store) -> None:
    """Writes in place of every block the values of the nearest one that is prepared and has its shape."""

    def nearest(region: Region) -> Mapping[str, np.ndarray]:
        alike = [index for index in values if _shape(job.regions[index]) == _shape(region)]
        return values[min(alike, key=lambda index: abs(index - region.index))]

    def write(block: Block) -> None:
        store.write(block.region, job.arrays(block))
        store.mark(block.region)

    list(overlapped((Block(job.sweep, region, nearest(region)) for region in job.regions), write, WRITERS))


def _shape(region: Region) -> tuple[int, ...]:
    return tuple(stop - start for start, stop in region.slices.values())
