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
    """The values of a quantity (cell, node) at ascending nodes of the unknown, and the target.

    A value within a relative 1e-12 of the target counts as on it. What is not a number lies nowhere.
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
        # A root at the upper end lies on the last of the nodes that are near enough, any other one on the first.
        node = np.where(runs.right == self.values.shape[1] - 1, runs.right, runs.left)
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
        last = len(self.nodes) - 1
        slopes = []
        for inner, outer in ((left, np.maximum(left - 1, 0)), (right, np.minimum(right + 1, last))):
            with np.errstate(invalid="ignore", divide="ignore"):
                rise = (self.values[cells, outer] - self.values[cells, inner]) / (self.nodes[outer] - self.nodes[inner])
            slopes.append(np.where(np.isfinite(rise), np.abs(rise), -1.0))
        slope = np.maximum(*slopes)
        explained = (self.nodes[right] - self.nodes[left]) * slope <= _EXPLAINED * NOISE * abs(self.target)
        return (right > left) & ((slope < 0) | ~explained)

    def dips(self) -> Spans:
        """Where the middle one of three neighbours on one side is nearest: an extremum that may reach the target."""
        signs, values = self.signs, self.values
        with np.errstate(invalid="ignore"):
            heights = np.abs(values - self.target)
            down = heights[:, :-2] - heights[:, 1:-1] > NOISE * np.maximum(np.abs(values[:, 1:-1]), abs(self.target))
        up = heights[:, 1:-1] <= heights[:, 2:]
        same = (np.abs(signs[:, 1:-1]) == 1) & (signs[:, :-2] == signs[:, 1:-1]) & (signs[:, 1:-1] == signs[:, 2:])
        return Spans.around(down & up & same, 0, 2)

    def constant(self) -> np.ndarray:
        """Whether a cell has one value at all nodes, to a relative 1e-12."""
        lowest, highest = self.lowest, self.highest
        with np.errstate(invalid="ignore"):
            width = highest - lowest
            near = width <= NOISE * np.maximum(np.abs(lowest), np.abs(highest))
        return (lowest == highest) | (near & np.isfinite(width))
