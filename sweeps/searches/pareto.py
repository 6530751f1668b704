"""The Pareto frontier over some axes, gathered block by block.

A feasible point is on the frontier of its cell of the kept axes unless another feasible point of the cell is at least
as good in every objective and better in one; so equal points stay together. Most points of a block are dropped on the
device, where each is held against a few strong points (pivots) of its cell; a sweep along the first objective decides
the rest exactly. Merging is associative, so blocks may come in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.blocks import Region
from ...specs.problems import RooflaxError
from ..compilation import precision
from ..engine import MEMORY_LIMIT
from ..sweep import STATUS, Frontier
from .dominance import candidates, undominated

POINT = "point"
MOST_PIVOTS = 32
MOST_PIVOTS_OF_CELLS = 2**20
Places = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Front:
    """Points of one block that may be on a frontier: their places in the grid, costs and variables, a point each."""

    region: Region
    places: Places
    costs: np.ndarray
    values: Mapping[str, np.ndarray]


class FrontSearch:
    """The frontiers so far of a grid with the given sizes, one for each cell of the kept axes.

    `dims` are those of every variable that the points are to carry, the objectives and the status among them. After
    all blocks, `places` holds the points' positions along every axis of the grid and `values` the variables there:
    cell after cell, and within one by the first objective, the best first, then by the others and the place.
    """

    def __init__(self, sizes: Mapping[str, int], dims: Mapping[str, tuple[str, ...]], frontier: Frontier) -> None:
        """Raises RooflaxError where the grid has a dim `point`, along which the frontier is to lie."""
        if POINT in sizes:
            raise RooflaxError(f"a frontier lies along a dimension `{POINT}`, and the grid has one; name it otherwise")
        self.sizes, self.dims, self.frontier = dict(sizes), dict(dims), frontier
        self.over = tuple(dim for dim in sizes if dim in frontier.over)
        self.kept = tuple(dim for dim in sizes if dim not in frontier.over)
        self.values: dict[str, np.ndarray] = {}
        self._deciding = {dim for name in (*self._quantities, STATUS) for dim in dims[name]}
        self._costs = np.empty((len(frontier.goals), 0))
        self._flat = np.empty(0, dtype=np.int64)

    @property
    def _quantities(self) -> tuple[str, ...]:
        return tuple(goal.quantity for goal in self.frontier.goals)

    @property
    def places(self) -> Places:
        """Where the points lie along every axis of the grid."""
        return dict(zip(self.sizes, _unravelled(self._flat, list(self.sizes.values())), strict=True))

    @property
    def cells(self) -> int:
        """The number of cells of the kept axes."""
        return math.prod(self.sizes[dim] for dim in self.kept)

    @property
    def empty_cells(self) -> int:
        """The number of cells that have no point, since none is feasible there."""
        return self.cells - len(np.unique(self._cells(self.places, self.sizes)))

    def add(self, region: Region, values: Mapping[str, Any]) -> None:
        """Takes a block in: every variable with one axis per dim of the grid, of size 1 where it does not vary."""
        self.take(self.found(region, values))

    def found(self, region: Region, values: Mapping[str, Any]) -> Front:
        """The points of a block that neither another point of it nor, perhaps, one known already beats."""
        local = self._undominated(region, values)
        index = [local[dim] for dim in self.sizes]
        places = {dim: local[dim] + region.slices[dim][0] for dim in self.sizes}
        picked = {name: _at(values[name], index) for name in self.dims}
        return Front(region, places, self._costs_at(values, local), picked)

    def take(self, found: Front) -> None:
        """Takes the points of a block in."""
        cells = np.concatenate([self._cells(part, self.sizes) for part in (self.places, found.places)])
        touched = np.concatenate([self._lie_in(found.region), np.ones(found.costs.shape[1], dtype=bool)])
        costs = np.concatenate([self._costs, found.costs], axis=1)
        stays = ~touched
        stays[np.flatnonzero(touched)[undominated(costs[:, touched], cells[touched])]] = True
        own = _ravelled([found.places[dim] for dim in self.sizes], list(self.sizes.values()))
        flat = np.concatenate([self._flat, own])
        kept = np.flatnonzero(stays)
        order = kept[np.lexsort((flat[kept], *costs[::-1, kept], cells[kept]))]
        for name, values in found.values.items():
            known = self.values.get(name, np.empty(0, dtype=values.dtype))
            self.values[name] = np.concatenate([known, values])[order]
        self._flat, self._costs = flat[order], costs[:, order]

    def _undominated(self, region: Region, values: Mapping[str, Any]) -> Places:
        """The places within a block of the frontiers of the block alone.

        Only the dims along which an objective or the status varies decide; along the others the points are repeated.
        """
        lengths = {dim: stop - start for dim, (start, stop) in region.slices.items()}
        deciding = {dim: length if dim in self._deciding else 1 for dim, length in lengths.items()}
        order = (*self.kept, *self.over)
        mask = np.asarray(self._mask(region, values, deciding))
        found = dict(zip(order, _unravelled(np.flatnonzero(mask), [deciding[dim] for dim in order]), strict=True))
        stays = undominated(self._costs_at(values, found), self._cells(found, deciding))
        idle = [dim for dim in self.sizes if lengths[dim] > deciding[dim]]
        copies = math.prod(lengths[dim] for dim in idle)
        self._refuse_too_many(len(self._flat) + len(stays) * copies)
        repeated = {dim: np.repeat(found[dim][stays], copies) for dim in self.sizes}
        spread = _unravelled(np.tile(np.arange(copies), len(stays)), [lengths[dim] for dim in idle])
        return {**repeated, **dict(zip(idle, spread, strict=True))}

    def _mask(self, region: Region, values: Mapping[str, Any], lengths: Mapping[str, int]) -> Any:
        """Which points of a block may be on a frontier: the kept dims first, the others as one."""
        pivots, known = self._pivots(region, lengths)
        axes = tuple(list(self.sizes).index(dim) for dim in (*self.kept, *self.over))
        with precision("float64"):  # keeps what is given in double precision; the rest stays as it is
            costs = [values[goal.quantity] for goal in self.frontier.goals]
            return candidates(
                tuple(-cost if goal.largest else cost for cost, goal in zip(costs, self.frontier.goals, strict=True)),
                values[STATUS],
                tuple(pivot.astype(cost.dtype) for pivot, cost in zip(pivots, costs, strict=True)),
                extent=tuple(lengths.values()),
                axes=axes,
                kept=len(self.kept),
                own=not known,
            )

    def _pivots(self, region: Region, lengths: Mapping[str, int]) -> tuple[np.ndarray, bool]:
        """Costs of some points of the frontiers known in a block's cells, and whether every cell has one.

        The costs have a first axis for the objectives, the kept dims, and a last axis for the points, NaN where a cell
        has none.
        """
        starts = {dim: region.slices[dim][0] for dim in self.kept}
        shape = tuple(lengths[dim] for dim in self.kept)
        first = {dim: starts[dim] + place for dim, place in zip(self.kept, np.indices(shape), strict=True)}
        cells = self._cells(first, self.sizes).ravel() if self.kept else np.zeros(1, dtype=np.int64)
        own = self._cells(self.places, self.sizes)
        begin, end = (np.searchsorted(own, cells, side=side) for side in ("left", "right"))
        longest = int((end - begin).max(initial=0))
        count = min(MOST_PIVOTS, max(1, MOST_PIVOTS_OF_CELLS // len(cells))) if longest else 0
        steps = np.linspace(0.0, 1.0, count)
        places = begin[:, None] + np.rint(steps * np.maximum(end - begin - 1, 0)[:, None]).astype(np.int64)
        costs = np.where((end > begin)[:, None], self._costs[:, np.minimum(places, len(own) - 1)], np.nan)
        return costs.reshape(len(self._costs), *shape, count), bool((end > begin).all())

    def _costs_at(self, values: Mapping[str, Any], places: Places) -> np.ndarray:
        """The objectives at places of a block, turned so that small is good, in float64."""
        index = [places[dim] for dim in self.sizes]
        found = [_at(values[name], index).astype(np.float64) for name in self._quantities]
        signs = [-1.0 if goal.largest else 1.0 for goal in self.frontier.goals]
        return np.stack([sign * cost + 0.0 for sign, cost in zip(signs, found, strict=True)])

    def _cells(self, places: Places, sizes: Mapping[str, int]) -> np.ndarray:
        """The number of the cell that each place lies in."""
        if not self.kept:
            return np.zeros(len(next(iter(places.values()), ())), dtype=np.int64)
        return _ravelled([places[dim] for dim in self.kept], [sizes[dim] for dim in self.kept])

    def _lie_in(self, region: Region) -> np.ndarray:
        """Which points lie in a cell that a block is part of."""
        places, inside = self.places, np.ones(len(self._flat), dtype=bool)
        for dim in self.kept:
            start, stop = region.slices[dim]
            inside &= (places[dim] >= start) & (places[dim] < stop)
        return inside

    def _refuse_too_many(self, points: int) -> None:
        """Raises RooflaxError where the frontier alone would not fit into memory."""
        numbers = 2 * (1 + len(self._quantities) + len(self.dims)) + len(self.sizes)
        needed = 8 * points * numbers
        if needed > MEMORY_LIMIT:
            raise RooflaxError(
                f"The frontier needs {needed / 2**30:.1f} GiB in memory ({points:.3g} points x {numbers} numbers x "
                f"8 B); the limit is {MEMORY_LIMIT / 2**30:.0f} GiB. Equal points all stay: leave out the axes that no "
                "objective tells apart, or give them fewer labels."
            )


def _unravelled(flat: np.ndarray, lengths: Sequence[int]) -> tuple[np.ndarray, ...]:
    """The places along every axis; an empty tuple where there is none."""
    return np.unravel_index(flat, tuple(lengths)) if lengths else ()


def _ravelled(places: Sequence[np.ndarray], lengths: Sequence[int]) -> np.ndarray:
    """The flat positions of places along axes of the given lengths."""
    flat = np.zeros(np.shape(places[0]) if places else 1, dtype=np.int64)
    for place, length in zip(places, lengths, strict=True):
        flat = flat * length + place
    return flat


def _at(value: Any, places: Sequence[np.ndarray]) -> np.ndarray:
    """A variable at places of a block; of size 1 along the dims it does not vary on."""
    value = np.asarray(value)
    index = tuple(0 if size == 1 else place for size, place in zip(value.shape, places, strict=True))
    return np.broadcast_to(value[index], np.shape(places[0]) if places else (1,))
