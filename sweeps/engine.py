"""Streaming evaluation: block after block through one compiled function, with its buffers handed back."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..specs.blocks import Region, Regions, block_grid, writes
from ..specs.problems import RooflaxError
from ..specs.units import format_quantity
from .block_function import block_function, is_code, leaves_of, precision
from .sweep import Sweep

MEMORY_LIMIT = 8 * 2**30
Progress = Callable[[int, int], None]


def width(sweep: Sweep, name: str, dtype: str) -> int:
    """Bytes per element of a variable."""
    return 1 if is_code(sweep, name) else np.dtype(dtype).itemsize


def total_bytes(sweep: Sweep, names: Sequence[str], dtype: str) -> int:
    """Bytes of the named variables, each on its own dims."""
    return sum(math.prod(sweep.shape(name)) * width(sweep, name, dtype) for name in names)


def blocks_of(sweep: Sweep) -> Regions:
    """The blocks of a sweep's grid, in order."""
    return Regions(sweep.sizes, block_grid(sweep.sizes))


def evaluate_blocks(
    sweep: Sweep, names: Sequence[str], *, dtype: str, regions: Regions, skip: Container[int] = ()
) -> Iterator[tuple[Region, dict[str, np.ndarray]]]:
    """Every block not in `skip`, with the variables that this block is the one to write, on their own dims.

    The arrays are views of buffers that the next step reuses: copy or write them before asking for the next block.
    Peak memory is one block of all variables.
    """
    function = block_function(sweep, names)
    spare: dict[tuple[tuple[int, ...], ...], tuple[Any, ...]] = {}
    with precision(dtype):
        for region in (regions[i] for i in range(len(regions)) if i not in skip):
            leaves = leaves_of(sweep, region, dtype)
            key = tuple(leaf.shape for leaf in leaves)
            results = function(leaves, spare.pop(key, ()) or _buffers(sweep, names, region, dtype))
            yield region, _owned(sweep, names, region, results)
            spare[key] = results


def _buffers(sweep: Sweep, names: Sequence[str], region: Region, dtype: str) -> tuple[Any, ...]:
    shapes = [_block_shape(sweep, name, region) for name in names]
    return tuple(
        np.zeros(shape, dtype="int8" if is_code(sweep, name) else dtype)
        for name, shape in zip(names, shapes, strict=True)
    )


def _block_shape(sweep: Sweep, name: str, region: Region) -> tuple[int, ...]:
    lengths = {dim: stop - start for dim, (start, stop) in region.slices.items()}
    return tuple(length if dim in sweep.dims[name] else 1 for dim, length in lengths.items())


def _owned(sweep: Sweep, names: Sequence[str], region: Region, results: Sequence[Any]) -> dict[str, np.ndarray]:
    owned = {}
    for name, result in zip(names, results, strict=True):
        dims = sweep.dims[name]
        if writes(region, dims):
            shape = tuple(region.slices[dim][1] - region.slices[dim][0] for dim in dims)
            owned[name] = np.asarray(result).reshape(shape)
    return owned


def evaluate(
    sweep: Sweep, names: Sequence[str] | None = None, *, dtype: str = "float64", progress: Progress | None = None
) -> Mapping[str, np.ndarray]:
    """All variables in memory, each on its own dims; refused where they would not fit."""
    names = tuple(sweep.variables if names is None else names)
    needed = total_bytes(sweep, names, dtype)
    if needed > MEMORY_LIMIT:
        raise RooflaxError(
            f"This sweep needs {needed / 2**30:.1f} GiB in memory ({len(names)} variables of up to "
            f"{format_quantity(sweep.points, '1')} points x {np.dtype(dtype).itemsize} B); the limit is "
            f"{MEMORY_LIMIT / 2**30:.0f} GiB. Give it a store (-o runs/x.zarr), or drop outputs."
        )
    arrays = {name: np.empty(sweep.shape(name), dtype="int8" if is_code(sweep, name) else dtype) for name in names}
    regions = blocks_of(sweep)
    for done, (region, owned) in enumerate(evaluate_blocks(sweep, names, dtype=dtype, regions=regions), start=1):
        for name, values in owned.items():
            arrays[name][region.selection(sweep.dims[name])] = values
        if progress:
            progress(done, len(regions))
    return arrays
