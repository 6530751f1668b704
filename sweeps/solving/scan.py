"""A scan: the values of a quantity at ascending nodes of the unknown, and where the target may lie between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NOISE = 1e-12
_NONE = 2
_EXPLAINED = 20


@dataclass(frozen=True)
class Spans:
    """Parts of the nodes of some cells: from node `left` to node `right` of the cell in this position."""

    cells: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def around(cls, marks: np.ndarray, left: int, right: int) -> Spans:
        """The spans that reach from `left` to `right` nodes beside every marked node (cell, node)."""
        cells, nodes = np.nonzero(marks)
        return cls(cells, nodes + left, nodes + right)

    def where(self, chosen: np.ndarray) -> Spans:
        """Those that are chosen."""
        return Spans(self.cells[chosen], self.left[chosen], self.right[chosen])


@dataclass(frozen=True)
class _Runs(Spans):
    """Spans of nodes on the target: the signs on both sides, and whether they are a flat stretch of the quantity."""

    before: np.ndarray
    after: np.ndarray
    flat: np.ndarray

    @property
    def crossed(self) -> np.ndarray:
        """Whether the target is passed."""
        return self.before * self.after == -1


@dataclass(frozen=True)
class Scan:
    """The values of a quantity (cell, node) at ascending nodes of the unknown (cell, node), and the target.

    A value within a relative 1e-12 of the target counts as on it. What is not a number lies nowhere; nodes may repeat
    where the quantity has no value.
    """

    nodes: np.ndarray
    values: np.ndarray
    target: float

    @cached_property
    def signs(self) -> np.ndarray:
        """-1 below the target, 0 on it, 1 above, 2 where the value is not a number."""
        with np.errstate(invalid="ignore"):
            distance = self.values - self.target
            signs = np.where(np.abs(distance) <= NOISE * abs(self.target), 0, np.sign(distance))
        return np.where(np.isnan(self.values), _NONE, signs).astype(np.int8)

    @property
    def lowest(self) -> np.ndarray:
        """The smallest value of every cell, NaN where there is none."""
        return self._defined(np.where(self.signs == _NONE, np.inf, self.values).min(axis=1))

    @property
    def highest(self) -> np.ndarray:
        """The largest value of every cell, NaN where there is none."""
        return self._defined(np.where(self.signs == _NONE, -np.inf, self.values).max(axis=1))

    def _defined(self, found: np.ndarray) -> np.ndarray:
        return np.where((self.signs == _NONE).all(axis=1), np.nan, found)

    def crossings(self) -> Spans:
        """Where the target is passed: between two neighbours, or between those of nodes that lie on it."""
        pairs = Spans.around(self.signs[:, :-1] * self.signs[:, 1:] == -1, 0, 1)
        runs = self._runs
        around = Spans(runs.cells, runs.left - 1, runs.right + 1).where(~runs.flat & runs.crossed)
        return Spans(*(np.concatenate([getattr(pairs, n), getattr(around, n)]) for n in ("cells", "left", "right")))

    def touches(self) -> Spans:
        """The nodes on the target on whose sides it is not passed."""
        runs = self._runs
        # A root at an upper end lies on the last of the nodes that are near enough, any other one on the first.
        node = np.where(runs.after == _NONE, runs.right, runs.left)
        return Spans(runs.cells, node, node).where(~runs.flat & ~runs.crossed)

    def stretches(self) -> Spans:
        """Where a flat stretch on the target begins, from the node before it that has a value."""
        runs = self._runs
        return Spans(runs.cells, runs.left - (runs.before != _NONE), runs.left).where(runs.flat)

    @cached_property
    def _runs(self) -> _Runs:
        """The runs of neighbouring nodes on the target."""
        on = np.pad(self.signs == 0, ((0, 0), (1, 1)))
        cells, left = np.nonzero(on[:, 1:-1] & ~on[:, :-2])
        _, right = np.nonzero(on[:, 1:-1] & ~on[:, 2:])
        signs = np.pad(self.signs, ((0, 0), (1, 1)), constant_values=_NONE)
        return _Runs(cells, left, right, signs[cells, left], signs[cells, right + 2], self._flat(cells, left, right))

    def _flat(self, cells: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether nodes are on the target over more than the slope beside them explains.

        Close to 0, where nodes are dense, even a steep quantity is near its target at several of them.
        """
        last = self.nodes.shape[1] - 1
        slopes = []
        for inner, outer in ((left, np.maximum(left - 1, 0)), (right, np.minimum(right + 1, last))):
            with np.errstate(invalid="ignore", divide="ignore"):
                rise = self._step(self.values, cells, inner, outer) / self._step(self.nodes, cells, inner, outer)
            slopes.append(np.where(np.isfinite(rise), np.abs(rise), -1.0))
        slope = np.maximum(*slopes)
        explained = self._step(self.nodes, cells, left, right) * slope <= _EXPLAINED * NOISE * abs(self.target)
        return (right > left) & ((slope < 0) | ~explained)

    @staticmethod
    def _step(of: np.ndarray, cells: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        return of[cells, stop] - of[cells, start]

    def dips(self) -> Spans:
        """Where the middle one of three neighbours on one side is nearest: an extremum that may reach the target.

        That of a cell whose values are all on one side is among them though only noise tells it from its neighbours,
        so that no range goes past a target that is told to be beyond it.
        """
        signs, values = self.signs, self.values
        with np.errstate(invalid="ignore"):
            heights = np.abs(values - self.target)
            down = heights[:, :-2] - heights[:, 1:-1] > NOISE * np.maximum(np.abs(values[:, 1:-1]), abs(self.target))
        up = heights[:, 1:-1] <= heights[:, 2:]
        same = (np.abs(signs[:, 1:-1]) == 1) & (signs[:, :-2] == signs[:, 1:-1]) & (signs[:, 1:-1] == signs[:, 2:])
        marks = np.pad(down & up & same, ((0, 0), (1, 1)))
        for side in (1, -1):
            nearest = self.extremes(side)
            nearest = nearest.where(((signs == side) | (signs == _NONE)).all(axis=1)[nearest.cells])
            marks[nearest.cells, nearest.left + 1] = True
        return Spans.around(marks, -1, 1)

    def extremes(self, side: int) -> Spans:
        """The neighbours of the node with the smallest value of each cell, or the largest where `side` is -1.

        Left out where that node is at an end, where the value is infinite, and where the cell has one value only.
        """
        heights = np.where(self.signs == _NONE, np.inf, side * self.values)
        cells, node = np.arange(len(heights)), np.argmin(heights, axis=1)
        around = (
            self.signs[cells, np.maximum(node - 1, 0)],
            self.signs[cells, np.minimum(node + 1, heights.shape[1] - 1)],
        )
        inside = (node > 0) & (node < heights.shape[1] - 1) & (around[0] != _NONE) & (around[1] != _NONE)
        chosen = inside & np.isfinite(heights[cells, node]) & ~self.constant()
        return Spans(cells, node - 1, node + 1).where(chosen)

    def edges(self) -> Spans:
        """Where the quantity has a value at one of two neighbours and none at the other."""
        defined = self.signs != _NONE
        return Spans.around(defined[:, :-1] != defined[:, 1:], 0, 1)

    @property
    def partial(self) -> np.ndarray:
        """Whether a cell has a value at some nodes and none at others."""
        undefined = self.signs == _NONE
        return undefined.any(axis=1) & ~undefined.all(axis=1)

    def with_nodes(self, cells: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> Scan:
        """The scan with more nodes of some cells, each with its value; other cells get as many without one."""
        counts = np.bincount(cells, minlength=len(self.values))
        order = np.argsort(cells, kind="stable")
        place = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
        more = np.full((2, len(self.values), counts.max(initial=0)), np.nan)
        more[0] = self.nodes[:, -1:]
        more[:, cells[order], place] = nodes[order], values[order]
        joined = np.concatenate([np.stack([self.nodes, self.values]), more], axis=2)
        ascending = np.argsort(joined[0], axis=1, kind="stable")
        all_nodes, all_values = np.take_along_axis(joined, ascending[None], axis=2)
        return Scan(all_nodes, all_values, self.target)

    def constant(self) -> np.ndarray:
        """Whether a cell has one value at all nodes, to a relative 1e-12."""
        lowest, highest = self.lowest, self.highest
        with np.errstate(invalid="ignore"):
            width = highest - lowest
            near = width <= NOISE * np.maximum(np.abs(lowest), np.abs(highest))
        return (lowest == highest) | (near & np.isfinite(width))
