"""The best points over some axes: found block by block on the device, merged, then evaluated in full.

Each block leaves, for every cell of the kept axes, the ranked keys of its candidates and where they lie. A feasible
point ranks by the objective; a cell without one is represented by its nearest miss: the point whose first failed
condition comes latest and misses by least. Merging is associative, so blocks may come in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..specs.axes import Axis, Value
from ..specs.blocks import Region
from .block_function import evaluated, leaves_of, precision
from .checks import NOT_COMPUTED
from .engine import Progress, blocks_of
from .sweep import MARGIN, STATUS, Objective, Sweep

RANK = "rank"


@dataclass(frozen=True)
class Candidates:
    """The ranked candidates of every kept cell: two keys to sort by, and their positions along the reduced axes.

    `keys` has shape (2, cells, ranks), `places` (reduced axes, cells, ranks); a rank nobody fills has key infinity.
    """

    keys: np.ndarray
    places: np.ndarray

    @classmethod
    def none(cls, cells: tuple[int, ...], reduced: int, top: int) -> Candidates:
        """No candidate yet in any cell."""
        return cls(np.full((2, *cells, top), np.inf), np.zeros((reduced, *cells, top), dtype=np.int64))

    def merge(self, other: Candidates, cells: tuple[slice, ...]) -> None:
        """Keeps, in the given cells, the best of both; among equals the one that comes first in the grid."""
        part = (slice(None), *cells)
        keys = np.concatenate([self.keys[part], other.keys], axis=-1)
        places = np.concatenate([self.places[part], other.places], axis=-1)
        order = np.lexsort((*places[::-1], keys[1], keys[0]), axis=-1)[None, ..., : self.keys.shape[-1]]
        self.keys[part] = np.take_along_axis(keys, order, -1)
        self.places[part] = np.take_along_axis(places, order, -1)


@dataclass(frozen=True)
class Winners:
    """The best points as a sweep of their own, over the kept axes and `rank`, with every input at its winning value.

    Evaluating `sweep` gives all outputs at the winners. `places` tells where they lie: the positions of their labels
    along each reduced axis, on the dims of the winners.
    """

    sweep: Sweep
    places: Mapping[str, np.ndarray]
    reduced: tuple[Axis, ...]


def find_best(sweep: Sweep, objective: Objective, *, dtype: str, progress: Progress | None = None) -> Winners:
    """The winners of a sweep; peak memory is one block of the objective and the kept cells."""
    over = tuple(dim for dim in sweep.sizes if dim in objective.over)
    kept = tuple(dim for dim in sweep.sizes if dim not in over)
    top = min(objective.top, math.prod(sweep.sizes[dim] for dim in over))
    total = Candidates.none(tuple(sweep.sizes[dim] for dim in kept), len(over), top)
    regions = blocks_of(sweep)
    function = _ranking(sweep, objective, over, top)
    with precision(dtype):
        for done, region in enumerate(regions, start=1):
            found = function(leaves_of(sweep, region, dtype))
            total.merge(candidates_in(found, region, over, top), region.selection(kept))
            if progress:
                progress(done, len(regions))
    places = total.places if objective.top > 1 else total.places[..., 0]
    return _winners(sweep, kept, dict(zip(over, places, strict=True)), places.shape[1:])


def _ranking(sweep: Sweep, objective: Objective, over: Sequence[str], top: int) -> Any:
    """The jitted function of a block: keys and flat positions of its best candidates, over all reduced axes at once."""
    reduced = [axis for axis, dim in enumerate(sweep.sizes) if dim in over]
    kept = [axis for axis, dim in enumerate(sweep.sizes) if dim not in over]

    def ranking(leaves: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        inputs = dict(zip(sweep.graph.inputs, leaves, strict=True))
        lengths = [max(leaf.shape[axis] for leaf in leaves) for axis in range(len(sweep.sizes))]
        found = evaluated(sweep, (objective.quantity, STATUS, MARGIN), inputs)
        full = [jnp.transpose(jnp.broadcast_to(part, lengths), (*kept, *reduced)) for part in found.values()]
        return smallest_of(*full, largest=objective.largest, kept=len(kept), top=top)

    return jax.jit(ranking)


def smallest_of(value: Any, status: Any, margin: Any, *, largest: bool, kept: int, top: int) -> tuple[Any, Any, Any]:
    """The `top` best points of every cell: two keys and the flat position along the reduced axes.

    The arrays have the `kept` axes first and the reduced ones after them.
    """
    value = -value if largest else value
    feasible = status == 0
    first = jnp.where(feasible, 0.0, NOT_COMPUTED - status.astype(value.dtype))
    second = jnp.where(feasible, value, -margin)
    second = jnp.where(jnp.isnan(second), jnp.inf, second)
    cells = first.shape[:kept]
    return _smallest(first.reshape(*cells, -1), second.reshape(*cells, -1), top)


def _smallest(first: Any, second: Any, top: int) -> tuple[Any, Any, Any]:
    """The `top` smallest pairs along the last axis, with their positions."""
    if top == 1:
        level = jnp.min(first, axis=-1, keepdims=True)
        masked = jnp.where(first == level, second, jnp.inf)
        place = jnp.argmin(masked, axis=-1, keepdims=True)
        return level, jnp.take_along_axis(masked, place, -1), place
    positions = jnp.broadcast_to(jnp.arange(first.shape[-1]), first.shape)
    ordered = jax.lax.sort((first, second, positions), num_keys=2)
    return tuple(part[..., :top] for part in ordered)  # pyright: ignore[reportReturnType]


def candidates_in(found: tuple[Any, Any, Any], region: Region, over: Sequence[str], top: int) -> Candidates:
    """What `smallest_of` found in a block, at its place in the whole grid."""
    first, second, flat = (np.asarray(part) for part in found)
    if short := top - first.shape[-1]:
        pad = [(0, 0)] * (first.ndim - 1) + [(0, short)]
        first, second = (np.pad(part, pad, constant_values=np.inf) for part in (first, second))
        flat = np.pad(flat, pad)
    lengths = [region.slices[dim][1] - region.slices[dim][0] for dim in over]
    local = np.unravel_index(flat.astype(np.int64), lengths)
    places = np.stack([part + region.slices[dim][0] for part, dim in zip(local, over, strict=True)])
    return Candidates(np.stack([first, second]).astype(np.float64), places)


def _winners(sweep: Sweep, kept: tuple[str, ...], places: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> Winners:
    axes = [axis for axis in sweep.axes if axis.name in kept]
    if len(shape) > len(kept):
        axes.append(Axis(RANK, np.arange(1.0, shape[-1] + 1), label="Rank"))
    dims = tuple(axis.name for axis in axes)
    values = {name: _picked(value, dims, places, shape) for name, value in sweep.values.items()}
    inputs = replace(sweep.inputs, axes=tuple(axes), values={**sweep.inputs.values, **values})
    reduced = tuple(axis for axis in sweep.axes if axis.name in places)
    return Winners(replace(sweep, inputs=inputs, objective=None), places, reduced)


def _picked(value: Value, dims: tuple[str, ...], places: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> Value:
    """An input at the winners: its data picked along the reduced axes, kept along the others."""
    if not set(value.dims) & set(places):
        return value
    grid = np.ogrid[tuple(slice(length) for length in shape)]
    picks = tuple(places[dim] if dim in places else grid[dims.index(dim)] for dim in value.dims)
    return Value(value.name, dims, np.broadcast_to(value.data[picks], shape), value.origin)
