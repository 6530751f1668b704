"""Roots: for every point of a grid, the values of an unknown input at which a quantity has a given value.

The range of the unknown is looked at with nodes (`Unknown.nodes`: 20 a decade, over a finite range 256 evenly spaced
ones too). A crossing between two nodes is narrowed to the last digit; where three neighbours show an extremum towards
the target, that is refined, so that a root that touches and a pair of roots are found between nodes.

What is promised: a value that is told has the target to a relative 1e-9 (of the quantity nearby, where the target is
0); all else is a jump or nothing. A root where the quantity passes the target is found unless there is another one in
the same gap between nodes. A root that touches and a pair of roots are found unless there is another extremum within
two gaps. Two roots between which the quantity stays within the relative 1e-9 count as one. Where the quantity ceases to
have a value between two nodes, the last value of the unknown that gives it one is found and is a node too; a range that
has none, or has one, within one gap only is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...specs.problems import RooflaxError
from ..engine import MEMORY_LIMIT
from ..sweep import Sweep
from .point_function import PointFunction
from .refinement import Brackets, crossed, smallest
from .scan import NOISE, Scan, Spans
from .unknown import AT_ENDS, Unknown

CLOSE = 1e-9
CELLS = 2**11
OUTCOMES = (
    *("solved", "several", "stretch", "everywhere"),
    *("none_above", "none_below", "jump", "constant", "undefined"),
)
SOLVED, SEVERAL, STRETCH, EVERYWHERE, NONE_ABOVE, NONE_BELOW, JUMP, CONSTANT, UNDEFINED = range(len(OUTCOMES))
_BYTES = 8 + 4 + 1 + 8 + 8 + 1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Roots:
    """The roots at every point of a grid, each an array on the dims of the quantity.

    `solution` is the smallest root, NaN where there is none or every value is one; `solutions` how many there are, a
    stretch of values that all have the target counting once; `outcome` the position in OUTCOMES; `lowest` and
    `highest` the range of the quantity over the values that were tried, its extrema between nodes refined; `partial`
    whether the quantity has no value at some of them.
    """

    solution: np.ndarray
    solutions: np.ndarray
    outcome: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    partial: np.ndarray


def roots_of(
    sweep: Sweep, quantity: str, target: float, unknown: Unknown, *, progress: Progress | None = None
) -> Roots:
    """The roots of `quantity` = `target` in `unknown` over the grid of the sweep.

    The unknown is an input of the sweep's graph on no axis. Memory is bounded by the results: the grid passes in
    blocks. Raises RooflaxError where the quantity does not read the unknown, or the results would not fit.
    """
    if unknown.name not in sweep.narrowed([quantity]).graph.inputs:
        raise RooflaxError(f"`{quantity}` does not depend on `{unknown.name}` here; `rooflax plan` tells its inputs")
    shape = sweep.shape(quantity)
    if math.prod(shape) * _BYTES > MEMORY_LIMIT:
        raise RooflaxError(
            f"The solutions of {math.prod(shape):.3g} points need {math.prod(shape) * _BYTES / 2**30:.1f} GiB in "
            f"memory; the limit is {MEMORY_LIMIT / 2**30:.0f} GiB. Give the axes fewer labels."
        )
    nodes = unknown.nodes()
    function = PointFunction(sweep, quantity, unknown.name, len(nodes))
    blocks = range(0, function.cells, CELLS)
    parts = []
    for done, start in enumerate(blocks, start=1):
        cells = np.arange(start, min(start + CELLS, function.cells))
        parts.append(_Block(function, target, nodes, cells).arrays())
        if progress:
            progress(done, len(blocks))
    columns = zip(*parts, strict=True)
    return Roots(*(np.concatenate(column).reshape(shape) for column in columns))


class _Block:
    """The search in some cells: what the scan shows, and what was found so far."""

    def __init__(self, function: PointFunction, target: float, nodes: np.ndarray, cells: np.ndarray) -> None:
        self.function, self.target, self.cells = function, target, cells
        values = function(np.repeat(cells, len(nodes)), np.tile(nodes, len(cells))).reshape(len(cells), len(nodes))
        scan = Scan(np.broadcast_to(nodes, values.shape), values, target)
        self.scan, self.partial = self.with_edges(scan), scan.partial
        self.lowest, self.highest = self.scan.lowest, self.scan.highest
        self.smallest = np.full(len(cells), np.inf)
        self.solutions = np.zeros(len(cells), dtype=np.int32)
        self.jumps = np.zeros(len(cells), dtype=bool)
        self.stretched = np.zeros(len(cells), dtype=bool)

    def with_edges(self, scan: Scan) -> Scan:
        """The scan with the last values of the unknown at which the quantity has a value, and nodes next to them."""
        edges = scan.edges()
        beside_zero = (scan.nodes[edges.cells, edges.left] == 0) | (scan.nodes[edges.cells, edges.right] == 0)
        # The gap beside 0 is as small as any value that is tried, and no linear division ends there.
        spans = edges.where(~beside_zero)
        if not len(spans.cells):
            return scan
        ends = scan.nodes[spans.cells, spans.left], scan.nodes[spans.cells, spans.right]
        ceases = np.isnan(scan.values[spans.cells, spans.right])
        narrow = crossed(
            Brackets(self.cells[spans.cells], *ends),
            self.function,
            lambda values: np.isnan(values) == ceases[:, None],
        )
        edge, node = np.where(ceases, narrow.low, narrow.high), np.where(ceases, *ends)
        nodes = np.concatenate([edge, *(edge + part * (node - edge) for part in AT_ENDS)])
        places, edge, node = (np.tile(column, 1 + len(AT_ENDS)) for column in (spans.cells, edge, node))
        new = (nodes != node) & ((nodes != edge) | (np.arange(len(nodes)) < len(spans.cells)))
        return scan.with_nodes(places[new], nodes[new], self.function(self.cells[places[new]], nodes[new]))

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays of `Roots`, flat."""
        scan = self.scan
        crossings, touches, stretches, dips = scan.crossings(), scan.touches(), scan.stretches(), scan.dips()
        if len(crossings.cells):
            self.add_crossings(self.brackets(crossings), self.scale(crossings))
        if len(stretches.cells):
            self.add_stretches(stretches)
        if len(dips.cells):
            self.add_dips(dips)
        self.add(touches.cells, scan.nodes[touches.cells, touches.left])
        self.refine_range()
        outcome = self.outcomes()
        roots = np.isin(outcome, [SOLVED, SEVERAL, STRETCH])
        solution, solutions = np.where(roots, self.smallest, np.nan), np.where(roots, self.solutions, 0)
        return solution, solutions, outcome, self.lowest, self.highest, self.partial

    def add(self, places: np.ndarray, roots: np.ndarray) -> None:
        """Takes in a root for each of the cells in these places."""
        np.minimum.at(self.smallest, places, roots)
        np.add.at(self.solutions, places, 1)

    def brackets(self, spans: Spans) -> Brackets:
        """The spans of nodes as ranges of the unknown."""
        nodes = self.scan.nodes
        return Brackets(self.cells[spans.cells], nodes[spans.cells, spans.left], nodes[spans.cells, spans.right])

    def scale(self, spans: Spans) -> np.ndarray:
        """What a distance from the target is measured by: the target; where that is 0, the values at both ends."""
        if self.target:
            return np.full(len(spans.cells), abs(self.target))
        ends = np.stack([self.scan.values[spans.cells, side] for side in (spans.left, spans.right)])
        return np.where(np.isfinite(ends), np.abs(ends), 0.0).max(axis=0)

    def add_crossings(self, brackets: Brackets, scale: np.ndarray) -> None:
        """Roots where the target is passed; a crossing whose value is not near it is a jump."""
        rising = self.function(brackets.cells, brackets.high) > self.function(brackets.cells, brackets.low)
        sign = np.where(rising, 1.0, -1.0)[:, None]
        narrow = crossed(brackets, self.function, lambda values: sign * values >= sign * self.target)
        ends = np.stack([narrow.low, narrow.high])
        with np.errstate(invalid="ignore"):
            far = np.abs(np.stack([self.function(narrow.cells, end) for end in ends]) - self.target)
        far = np.where(np.isnan(far), np.inf, far)
        nearer = np.where(far[1] < far[0], *ends[::-1])
        close = far.min(axis=0) <= CLOSE * scale
        places = narrow.cells - self.cells[0]
        self.add(places[close], nearer[close])
        self.jumps[places[~close]] = True

    def add_stretches(self, spans: Spans) -> None:
        """The first value of every stretch of values that have the target."""
        near = NOISE * abs(self.target)
        narrow = crossed(self.brackets(spans), self.function, lambda values: np.abs(values - self.target) <= near)
        self.add(spans.cells, narrow.high)
        self.stretched[spans.cells] = True

    def add_dips(self, spans: Spans) -> None:
        """Roots at an extremum or on both sides of it; the range of the quantity takes in what is found on the way."""
        brackets, scale = self.brackets(spans), self.scale(spans)
        side = self.scan.signs[spans.cells, spans.left].astype(float)
        place, least = smallest(brackets, self.function, lambda values: side[:, None] * (values - self.target))
        extreme = self.target + side * least
        np.minimum.at(self.lowest, spans.cells, np.where(side > 0, extreme, np.inf))
        np.maximum.at(self.highest, spans.cells, np.where(side < 0, extreme, -np.inf))
        touching = np.abs(least) <= CLOSE * scale
        self.add(spans.cells[touching], place[touching])
        past = (least < 0) & ~touching
        if past.any():
            for low, high in ((brackets.low, place), (place, brackets.high)):
                self.add_crossings(Brackets(brackets.cells[past], low[past], high[past]), scale[past])

    def refine_range(self) -> None:
        """Takes the extrema between nodes into the range of the quantity."""
        for side, extremes in ((1, self.lowest), (-1, self.highest)):
            spans = self.scan.extremes(side)
            if len(spans.cells):
                _, least = smallest(self.brackets(spans), self.function, lambda values, side=side: side * values)
                extremes[spans.cells] = side * np.minimum(side * extremes[spans.cells], least)

    def outcomes(self) -> np.ndarray:
        """The first outcome that describes each cell."""
        constant = self.scan.constant()
        cases = [
            (np.isnan(self.lowest), UNDEFINED),
            (constant & (self.scan.signs == 0).any(axis=1), EVERYWHERE),
            (constant, CONSTANT),
            (self.stretched, STRETCH),
            (self.solutions == 1, SOLVED),
            (self.solutions > 1, SEVERAL),
            (self.jumps, JUMP),
            (self.lowest > self.target, NONE_ABOVE),
            (self.highest < self.target, NONE_BELOW),
        ]
        # What is left lies on both sides of values where the quantity is undefined.
        return np.select([case for case, _ in cases], [code for _, code in cases], JUMP).astype(np.int8)
