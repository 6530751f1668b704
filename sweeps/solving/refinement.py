"""Refinement: a crossing or an extremum between two nodes, narrowed to the last digits by evaluations alone.

Every step divides all brackets into as many parts as the function takes points at a time, so that few steps suffice
where there are few brackets. A solver that traces the models into a loop of its own would compile them for seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .point_function import PointFunction

Judgement = Callable[[np.ndarray], np.ndarray]

_STEPS = 200
_DIGITS = 54
_FEWEST = 4


@dataclass(frozen=True)
class Brackets:
    """Ranges of the unknown, one an entry: the cell, and the two ends."""

    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def divided(self, parts: int) -> np.ndarray:
        """The ends and the nodes between them that divide each bracket evenly (bracket, `parts` + 1)."""
        inner = self.low[:, None] + (self.high - self.low)[:, None] * np.arange(1, parts) / parts
        return np.concatenate([self.low[:, None], inner, self.high[:, None]], axis=1)

    @property
    def narrow(self) -> bool:
        """Whether no number lies between the ends of any bracket."""
        middle = self.low + (self.high - self.low) / 2
        return bool(((middle <= self.low) | (middle >= self.high)).all())


def _inside(function: PointFunction, cells: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The values at the nodes between the ends (bracket, parts - 1)."""
    inner = nodes[:, 1:-1]
    return function(np.repeat(cells, inner.shape[1]), inner.ravel()).reshape(inner.shape)


def crossed(brackets: Brackets, function: PointFunction, beyond: Judgement) -> Brackets:
    """The brackets narrowed until no number lies between their ends.

    `beyond` tells of values (bracket, node) which lie on the side of the upper end. With several changes between two
    nodes the first that is seen is followed.
    """
    parts = max(2, function.rows // len(brackets.cells) + 1)
    each = np.arange(len(brackets.cells))
    for _ in range(_STEPS):
        if brackets.narrow:
            break
        nodes = brackets.divided(parts)
        upper = beyond(_inside(function, brackets.cells, nodes))
        first = np.where(upper.any(axis=1), np.argmax(upper, axis=1), parts - 1)
        brackets = Brackets(brackets.cells, nodes[each, first], nodes[each, first + 1])
    return brackets


def smallest(brackets: Brackets, function: PointFunction, height: Judgement) -> tuple[np.ndarray, np.ndarray]:
    """Where the `height` of the values (bracket, node) is smallest within each bracket, and how small.

    Found where there is one minimum in a bracket; of several, one.
    """
    parts = max(_FEWEST, function.rows // len(brackets.cells) + 1)
    each = np.arange(len(brackets.cells))
    place, lowest = brackets.low, np.full(len(each), np.inf)
    for _ in range(int(np.ceil(_DIGITS / np.log2(parts / 2)))):
        nodes = brackets.divided(parts)
        heights = height(_inside(function, brackets.cells, nodes))
        heights = np.where(np.isnan(heights), np.inf, heights)
        best = np.argmin(heights, axis=1)
        deeper = heights[each, best] < lowest
        place = np.where(deeper, nodes[each, best + 1], place)
        lowest = np.where(deeper, heights[each, best], lowest)
        brackets = Brackets(brackets.cells, nodes[each, best], nodes[each, best + 2])
    return place, lowest
