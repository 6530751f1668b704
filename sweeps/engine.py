"""Streaming evaluation: block after block through one compiled function, with its buffers handed back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..specs.blocks import TARGET_POINTS, Region, Regions, block_grid, writes
from ..specs.problems import RooflaxError
from ..specs.units import format_quantity
from .compilation import precision
from .eager import evaluate_eagerly, is_small
from .leaves import is_code, leaves_of
from .sweep import Sweep

if TYPE_CHECKING:
    from .block_function import BlockFunction, Values

MEMORY_LIMIT = 8 * 2**30
MOST_BLOCKS = 1_000_000
BLOCK_BYTES = 256_000_000
LEAST_POINTS = 1_000_000
Progress = Callable[[int, int], None]


def width(sweep: Sweep, name: str, dtype: str) -> int:
    """Bytes per element of a variable."""
    return 1 if is_code(sweep, name) else np.dtype(dtype).itemsize


def total_bytes(sweep: Sweep, names: Sequence[str], dtype: str) -> int:
    """Bytes of the named variables, each on its own dims."""
    return sum(math.prod(sweep.shape(name)) * width(sweep, name, dtype) for name in names)


def blocks_of(sweep: Sweep) -> Regions:
    """The blocks of a sweep's grid, in order; refused where no machine would come to their end."""
    lengths = block_grid(sweep.sizes, _block_points(sweep))
    count = math.prod(-(-size // lengths[dim]) for dim, size in sweep.sizes.items())
    if count > MOST_BLOCKS:
        sizes = " x ".join(f"{dim} ({size:,})" for dim, size in sweep.sizes.items())
        raise RooflaxError(
            f"This sweep has {sweep.points:.3g} points: {sizes}. That is {count:.3g} blocks; the limit is "
            f"{MOST_BLOCKS:,}. Give the axes fewer labels."
        )
    return Regions(sweep.sizes, lengths)


def _block_points(sweep: Sweep) -> int:
    """How many points a block may have: many variables take smaller blocks, so that some of them fit into memory."""
    own = [name for name in sweep.variables if name in sweep.dims]
    a_point = total_bytes(sweep, own, "float32") / max(sweep.points, 1)
    return min(TARGET_POINTS, max(int(BLOCK_BYTES / max(a_point, 1.0)), LEAST_POINTS))


@dataclass(frozen=True)
class Block:
    """One evaluated block: every variable with one axis per dim of the sweep, of size 1 where it does not vary.

    The arrays are buffers that a later block reuses once this one is released, which may happen in any thread, by
    `release` or at the end of a `with`. Copy or write them before that, and let go of the copies' views.
    """

    sweep: Sweep
    region: Region
    values: Mapping[str, Any]
    release: Callable[[], None] = field(default=lambda: None, repr=False)

    def __enter__(self) -> Block:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def owned(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The variables that this block is the one to write, on their own dims."""
        return {name: self._own(name) for name in names if writes(self.region, self.sweep.dims[name])}

    def _own(self, name: str) -> np.ndarray:
        spans = [self.region.slices[dim] for dim in self.sweep.dims[name]]
        return np.asarray(self.values[name]).reshape([stop - start for start, stop in spans])


def evaluate_blocks(
    sweep: Sweep,
    names: Sequence[str],
    *,
    dtype: str,
    regions: Iterable[Region],
    function: BlockFunction | None = None,
    in_flight: int = 1,
) -> Iterator[Block]:
    """The blocks of the given regions in turn; few points are evaluated without compilation.

    A block is released as the next one is asked for. With more `in_flight`, as where threads write what one evaluates,
    a block lasts until somebody releases it, and the next one waits while so many are out. Peak memory is that of the
    blocks in flight. `function` is that of the same sweep and names, for callers that evaluate more than once.
    """
    if function is None and is_small(sweep):
        whole = evaluate_eagerly(sweep, names, dtype)
        yield from (Block(sweep, region, _within(sweep, region, whole)) for region in regions)
        return
    from .block_function import BlockFunction

    function = function or BlockFunction(sweep, names, blocks_of(sweep).lengths)
    slots = threading.Semaphore(in_flight)
    for region in regions:
        slots.acquire()
        with precision(dtype):
            values = function(leaves_of(sweep, region, dtype))
        block = Block(sweep, region, values, partial(_release, function, values, slots))
        try:
            yield block
        finally:
            if in_flight == 1:
                block.release()


def _release(function: BlockFunction, values: Values, slots: threading.Semaphore) -> None:
    if function.release(values):
        slots.release()


def _within(sweep: Sweep, region: Region, whole: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The part of variables that lies in a block, of size 1 along the dims they do not vary along."""
    found = {}
    for name, array in whole.items():
        part = array[region.selection(sweep.dims[name])]
        lengths = dict(zip(sweep.dims[name], part.shape, strict=True))
        found[name] = part.reshape([lengths.get(dim, 1) for dim in sweep.sizes])
    return found


def evaluate(
    sweep: Sweep, names: Sequence[str] | None = None, *, dtype: str = "float64", progress: Progress | None = None
) -> Mapping[str, np.ndarray]:
    """All variables in memory, each on its own dims; refused where they would not fit.

    Few points are evaluated without compilation, which may differ from compiled blocks in the last bits. Axes along
    which none of the variables varies cost nothing.
    """
    names = tuple(sweep.variables if names is None else names)
    if not names:
        return {}
    sweep = sweep.narrowed(names)
    needed = total_bytes(sweep, names, dtype)
    if needed > MEMORY_LIMIT:
        raise RooflaxError(
            f"This sweep needs {needed / 2**30:.1f} GiB in memory ({len(names)} variables of up to "
            f"{format_quantity(sweep.points, '1')} points x {np.dtype(dtype).itemsize} B); the limit is "
            f"{MEMORY_LIMIT / 2**30:.0f} GiB. Give it a store (-o runs/x.zarr), or drop outputs."
        )
    if is_small(sweep):
        found = evaluate_eagerly(sweep, names, dtype)
        if progress:
            progress(1, 1)
        return found
    arrays = {name: np.empty(sweep.shape(name), dtype="int8" if is_code(sweep, name) else dtype) for name in names}
    regions = blocks_of(sweep)
    for done, block in enumerate(evaluate_blocks(sweep, names, dtype=dtype, regions=regions), start=1):
        for name, values in block.owned(names).items():
            arrays[name][block.region.selection(sweep.dims[name])] = values
        if progress:
            progress(done, len(regions))
    return arrays
