"""The best points over some axes, gathered block by block.

Each block leaves, for every cell of the kept axes, the keys of its best candidates, where they lie, and all values
there. A feasible point ranks by the objective; a cell without one is represented by its nearest miss: the point whose
first failed condition comes latest and misses by least. Merging is associative, so blocks may come in any order.

Ties are counted with it. A value among the best `top` of a cell is also among the best `top` of every block that has
it, so the counts of the blocks' own candidates add up to that of the whole grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels.arrays import jnp
from ...specs.blocks import Region
from ...specs.problems import RooflaxError
from ..checks import NOT_COMPUTED
from ..compilation import compiled, precision
from ..engine import MEMORY_LIMIT
from ..sweep import MARGIN, STATUS, Objective

RANK, TIES = "rank", "ties"


@dataclass(frozen=True)
class Candidates:
    """The best points of one block: keys, places along the reduced axes, ties, and the variables there.

    Arrays have the kept axes of the block and a last one for the rank; `keys` have two of them in front.
    """

    region: Region
    keys: np.ndarray
    places: Mapping[str, np.ndarray]
    ties: np.ndarray
    values: Mapping[str, np.ndarray]


class BestSearch:
    """The best points so far of a grid with the given sizes.

    `dims` are those of every variable that the winners are to carry, the objective, status and margin among them.
    After all blocks, `places` holds the winners' positions along each reduced axis, `values` the variables there, and
    `ties` how many feasible points of the cell have exactly the winner's value, itself included (0 where the winner is
    infeasible or has none), on the kept axes and a last one for the rank.
    """

    def __init__(self, sizes: Mapping[str, int], dims: Mapping[str, tuple[str, ...]], objective: Objective) -> None:
        """`objective.over` are axes of the grid."""
        self.sizes, self.dims, self.objective = dict(sizes), dict(dims), objective
        self.over = tuple(dim for dim in sizes if dim in objective.over)
        self.kept = tuple(dim for dim in sizes if dim not in objective.over)
        self.top = min(objective.top, math.prod(sizes[dim] for dim in self.over))
        self._refuse_too_many()
        shape = (*(sizes[dim] for dim in self.kept), self.top)
        self._keys = np.full((2, *shape), np.inf)
        self.places = {dim: np.zeros(shape, dtype=np.int64) for dim in self.over}
        self.values: dict[str, np.ndarray] = {}
        self.ties = np.zeros(shape, dtype=np.int64)
        self._shape = shape

    def _refuse_too_many(self) -> None:
        """Raises RooflaxError where the winners alone would not fit into memory."""
        points = math.prod(self.sizes[dim] for dim in self.kept) * self.top
        needed = 8 * points * (3 + len(self.over) + len(self.dims))
        if needed > MEMORY_LIMIT:
            raise RooflaxError(
                f"The best points need {needed / 2**30:.1f} GiB in memory ({points:.3g} of them, one for each point of "
                f"{', '.join(self.kept)}); the limit is {MEMORY_LIMIT / 2**30:.0f} GiB. Choose over more axes."
            )

    def add(self, region: Region, values: Mapping[str, Any]) -> None:
        """Takes a block in: every variable with one axis per dim of the grid, of size 1 where it does not vary."""
        self.take(self.found(region, values))

    def found(self, region: Region, values: Mapping[str, Any]) -> Candidates:
        """The candidates of a block alone; what `add` takes in, for a process that keeps no search itself."""
        keys, local, ties = self._ranked(region, values)
        places = {dim: local[dim] + region.slices[dim][0] for dim in self.over}
        picked = {name: self._picked(np.asarray(values[name]), region, local) for name in self.dims}
        return Candidates(region, keys, places, ties, picked)

    def take(self, found: Candidates) -> None:
        """Takes the candidates of a block in."""
        cells = found.region.selection(self.kept)
        ties = _added(self._keys[(slice(None), *cells)], self.ties[cells], found.keys, found.ties)
        keys = np.concatenate([self._keys[(slice(None), *cells)], found.keys], axis=-1)
        places = {dim: np.concatenate([self.places[dim][cells], found.places[dim]], axis=-1) for dim in self.over}
        order = np.lexsort((*(places[dim] for dim in reversed(self.over)), keys[1], keys[0]), axis=-1)[..., : self.top]
        self._keys[(slice(None), *cells)] = np.take_along_axis(keys, order[None], -1)
        self.ties[cells] = np.take_along_axis(ties, order, -1)
        for dim in self.over:
            self.places[dim][cells] = np.take_along_axis(places[dim], order, -1)
        for name, values in found.values.items():
            known = self.values.setdefault(name, np.zeros(self._shape, dtype=values.dtype))
            known[cells] = np.take_along_axis(np.concatenate([known[cells], values], axis=-1), order, -1)

    def _ranked(
        self, region: Region, values: Mapping[str, Any]
    ) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Keys of the block's best candidates, their places within the block, and their ties, padded to `top` ranks."""
        extent = tuple(stop - start for start, stop in region.slices.values())
        axes = tuple(list(self.sizes).index(dim) for dim in (*self.kept, *self.over))
        parts = tuple(values[name] for name in (self.objective.quantity, STATUS, MARGIN))
        with precision(str(np.result_type(*(part.dtype for part in parts)))):
            ranked = _rank(
                *parts, extent=extent, axes=axes, kept=len(self.kept), top=self.top, largest=self.objective.largest
            )
        first, second, flat, ties = map(np.asarray, ranked)
        pad = [(0, 0)] * (first.ndim - 1) + [(0, self.top - first.shape[-1])]
        keys = np.stack([np.pad(part.astype(np.float64), pad, constant_values=np.inf) for part in (first, second)])
        lengths = [region.slices[dim][1] - region.slices[dim][0] for dim in self.over]
        local = np.unravel_index(np.pad(flat.astype(np.int64), pad), lengths)
        return keys, dict(zip(self.over, local, strict=True)), np.pad(ties.astype(np.int64), pad)

    def _picked(self, value: np.ndarray, region: Region, local: Mapping[str, np.ndarray]) -> np.ndarray:
        """A variable at the block's candidates."""
        lengths = [region.slices[dim][1] - region.slices[dim][0] for dim in self.kept]
        grid = dict(zip(self.kept, np.ogrid[tuple(slice(n) for n in (*lengths, self.top))], strict=False))
        index = tuple(
            0 if size == 1 else local[dim] if dim in local else grid[dim]
            for dim, size in zip(self.sizes, value.shape, strict=True)
        )
        return np.broadcast_to(value[index], (*lengths, self.top))


def _added(keys: np.ndarray, ties: np.ndarray, new_keys: np.ndarray, new_ties: np.ndarray) -> np.ndarray:
    """The ties of known and new candidates, one behind the other: where both sides have a value, their sum."""
    known, new = ties.copy(), new_ties.copy()
    for rank in range(ties.shape[-1]):
        own, other = keys[..., rank, None], new_keys[..., rank, None]
        known = np.maximum(known, np.where((keys == other).all(axis=0), ties + new_ties[..., rank, None], 0))
        new = np.maximum(new, np.where((new_keys == own).all(axis=0), new_ties + ties[..., rank, None], 0))
    return np.concatenate([known, new], axis=-1)


@compiled("extent", "axes", "kept", "top", "largest")
def _rank(
    *parts: Any, extent: tuple[int, ...], axes: tuple[int, ...], kept: int, top: int, largest: bool
) -> tuple[Any, Any, Any, Any]:
    """The `top` best points of every cell: two keys, the flat position along the reduced axes, and the ties.

    `parts` are value, status and margin; `axes` puts the `kept` axes first. The second key has infinity for NaN alone.
    """
    whole = (jnp.transpose(jnp.broadcast_to(part, extent), axes) for part in parts)
    value, status, margin = (part.reshape(*part.shape[:kept], -1) for part in whole)
    value = -value if largest else value
    feasible = status == 0
    later = jnp.where(status == NOT_COMPUTED, NOT_COMPUTED, NOT_COMPUTED - status.astype(value.dtype))
    first = jnp.where(feasible, 0.0, later)
    second = jnp.where(feasible, value, -margin)
    second = jnp.where(jnp.isnan(second), jnp.inf, jnp.minimum(second, jnp.finfo(second.dtype).max))
    first, second, place = _smallest(first, second, top=top)
    winners = jnp.where(first == 0, jnp.take_along_axis(value, place, -1), jnp.nan)
    ties = [jnp.sum(feasible & (value == winners[..., rank, None]), axis=-1) for rank in range(winners.shape[-1])]
    return first, second, place, jnp.stack(ties, axis=-1)


def _smallest(first: Any, second: Any, *, top: int) -> tuple[Any, Any, Any]:
    """The `top` smallest pairs along the last axis, with their positions."""
    if top == 1:
        level = jnp.min(first, axis=-1, keepdims=True)
        masked = jnp.where(first == level, second, jnp.inf)
        least = jnp.min(masked, axis=-1, keepdims=True)
        place = jnp.argmax((first == level) & (masked == least), axis=-1, keepdims=True)
        return level, least, place
    place = jnp.lexsort((second, first), axis=-1)[..., :top]
    return jnp.take_along_axis(first, place, -1), jnp.take_along_axis(second, place, -1), place
