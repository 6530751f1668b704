"""The optimum over free inputs in every cell of a sweep: many starts, local searches, and probes that certify."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...specs.axes import Value
from ...specs.problems import RooflaxError
from ..checks import Check
from ..engine import MEMORY_LIMIT, Progress
from ..sweep import Objective, Sweep
from .optimum_problem import POINTS, Problem, Scales
from .optimum_search import Searches, violation
from .shadow_prices import multipliers

LOWER, INSIDE, UPPER = 0, 1, 2
BLOCK = 128
_SAMPLES = 256
_STARTS = 4
_APART = 0.15
_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_BETTER = 1e-9
_ROUNDS = 10
_AT_BOUND = 1e-7


@dataclass(frozen=True)
class Optimum:
    """The optimum of every cell (cell, …) of the grid along which it can vary, cells in order.

    `places` (cell, input) are the free inputs in their units, `sides` where each stands in its box. `settled` says
    that no probe around a place was better, `defined` that the objective had a finite value at one of the places that
    were tried; where it had none, the centre stands. `prices` (cell, condition) are derivatives of the optimum by the
    margins of the problem's conditions: what one more unit of margin costs; NaN where no optimum was found or the
    derivative does not exist.
    """

    problem: Problem
    places: np.ndarray
    sides: np.ndarray
    settled: np.ndarray
    defined: np.ndarray
    prices: np.ndarray
    active: np.ndarray

    @property
    def conditions(self) -> tuple[Check, ...]:
        """The conditions that have prices."""
        return self.problem.conditions

    @property
    def dims(self) -> tuple[str, ...]:
        """The dims of the cells."""
        return tuple(self.problem.sweep.sizes)

    def on_dims(self, values: np.ndarray) -> np.ndarray:
        """Values (cell) on the dims of the cells."""
        return values.reshape(tuple(self.problem.sweep.sizes.values()))

    def placed(self, sweep: Sweep) -> Sweep:
        """The sweep with the free inputs at the optimum of each cell."""
        columns = {box.name: self.on_dims(self.places[:, i]) for i, box in enumerate(self.problem.boxes)}
        return placed(sweep, self.dims, columns)


def placed(sweep: Sweep, dims: tuple[str, ...], columns: Mapping[str, np.ndarray]) -> Sweep:
    """A sweep whose free inputs have values along `dims`."""
    values = {name: Value(name, dims, data, "optimum") for name, data in columns.items()}
    return replace(sweep, inputs=replace(sweep.inputs, values={**sweep.inputs.values, **values}, boxes=()))


def optimum(sweep: Sweep, progress: Progress | None = None) -> Optimum:
    """The optimum of a sweep's objective over the boxes of its inputs, under its checks, in float64.

    Cells are taken in blocks, each on its own: how they are cut changes nothing. Raises RooflaxError where the results
    would not fit into memory.
    """
    problem = Problem.of(sweep, _objective(sweep))
    cells = problem.sweep.points
    _refuse_too_large(sweep, problem, cells)
    solver = _Solver(problem, min(BLOCK, cells))
    blocks = [np.arange(first, min(first + solver.rows, cells)) for first in range(0, cells, solver.rows)]
    found = []
    for done, block in enumerate(blocks, start=1):
        found.append(solver.solve(block))
        if progress:
            progress(done, len(blocks))
    return Optimum(problem, *(np.concatenate(parts) for parts in zip(*found, strict=True)))


def planned(sweep: Sweep) -> Sweep:
    """A sweep as it is once its optima are found, with the centres in their place: for its dims alone."""
    narrow = Problem.of(sweep, _objective(sweep)).sweep
    shape = tuple(narrow.sizes.values())
    columns = {box.name: np.full(shape, box.centre) for box in sweep.inputs.boxes}
    return placed(sweep, tuple(narrow.sizes), columns)


def without_conditions(sweep: Sweep) -> Sweep:
    """A sweep with the checks alone that no free input changes."""
    problem = Problem.of(sweep, _objective(sweep))
    return replace(sweep, checks=tuple(check for check in sweep.checks if not problem.moves(check)))


def _objective(sweep: Sweep) -> Objective:
    if sweep.objective is None:
        raise RooflaxError("nothing is to be optimized; give minimize or maximize")
    return sweep.objective


def _refuse_too_large(sweep: Sweep, problem: Problem, cells: int) -> None:
    sizes = problem.sweep.sizes
    needed = cells * 8 * (2 * len(problem.boxes) + 3 * len(problem.conditions) + 1)
    for name in sweep.variables:
        dims = set(sweep.dims[name]) | set(sizes)
        needed += 8 * math.prod(sweep.sizes[dim] for dim in dims)
    if needed > MEMORY_LIMIT:
        raise RooflaxError(
            f"The optima need {needed / 2**30:.1f} GiB in memory ({cells:.3g} of them, one for each point of "
            f"{', '.join(sizes)}); the limit is {MEMORY_LIMIT / 2**30:.0f} GiB. Give the axes fewer labels."
        )


class _Solver:
    """The compiled functions of a problem, for blocks of at most `rows` cells."""

    def __init__(self, problem: Problem, rows: int) -> None:
        self.problem, self.rows = problem, rows
        self.searches = Searches(problem, 2 * rows)

    @property
    def inputs(self) -> int:
        return len(self.problem.boxes)

    def solve(self, flat: np.ndarray) -> tuple[np.ndarray, ...]:
        """Places, sides, settled, defined, prices and active conditions of the cells at `flat`."""
        cells, barred = self.problem.cells(np.pad(flat, (0, self.rows - flat.size), mode="edge"))
        points = np.full((self.rows, self.inputs), 0.5)
        settled, defined = np.ones(self.rows, dtype=bool), np.ones(self.rows, dtype=bool)
        prices = np.full((self.rows, len(self.problem.conditions)), np.nan)
        active = np.zeros(prices.shape, dtype=bool)
        if not barred[: flat.size].all():
            scales = self.problem.measured(cells, self._chunks)
            sampled = self._sampled(cells, scales)
            defined = barred | np.isfinite(sampled[0]).any(axis=1)
            live = np.flatnonzero((defined & ~barred)[: flat.size])
            settled = self._search(cells, scales, points, live, sampled)
            self._approach(cells, scales, points, settled, live, sampled)
            prices, active = multipliers(self.problem, cells, scales, points, live, 2 * self.rows)
        values = self.problem.values(points)
        sides = np.where(points <= 0, LOWER, np.where(points >= 1, UPPER, INSIDE)).astype(np.int8)
        kept = slice(flat.size)
        return values[kept], sides[kept], settled[kept], defined[kept], prices[kept], active[kept]

    def _search(
        self,
        cells: Mapping[str, np.ndarray],
        scales: Scales,
        points: np.ndarray,
        live: np.ndarray,
        sampled: Sequence[np.ndarray],
    ) -> np.ndarray:
        """Moves the points of live cells to the best places found; which of them are settled."""
        if not live.size:
            return np.ones(self.rows, dtype=bool)
        starts = self._starts(*sampled)
        owner = np.repeat(live, starts.shape[1])
        ends = self.searches.run(cells, scales, owner, starts[live].reshape(-1, self.inputs))
        ends = ends.reshape(live.size, -1, self.inputs)
        ends = np.concatenate([ends, starts[live, :1]], axis=1)
        points[live] = self._best(cells, scales, points, live, ends)
        return self._certified(cells, scales, points, live)

    def _approach(
        self,
        cells: Mapping[str, np.ndarray],
        scales: Scales,
        points: np.ndarray,
        settled: np.ndarray,
        live: np.ndarray,
        sampled: Sequence[np.ndarray],
    ) -> None:
        """Moves the points of cells without a feasible one to where the conditions that can hold do.

        A search for the least of the worst violations stops caring for all others. So of several conditions those that
        hold together at a sample are kept, and the sum of what the rest lack is made small. A search that comes upon a
        feasible point goes on from there.
        """
        missing = self._missing(cells, scales, points)
        unmet = live[missing[live] > 0]
        if not unmet.size or len(self.problem.conditions) < 2:
            return
        kept = scales.kept.copy()
        kept[unmet] = _together(sampled[1], sampled[2])[unmet]
        nearest = scales.keeping(kept)
        self._search(cells, nearest, points, unmet, self._sampled(cells, nearest))
        feasible = unmet[self._missing(cells, scales, points)[unmet] == 0]
        if feasible.size:
            settled[feasible] = self._certified(cells, scales, points, feasible)[feasible]

    def _missing(self, cells: Mapping[str, np.ndarray], scales: Scales, points: np.ndarray) -> np.ndarray:
        """How far the worst slack at the point of each cell lies below 0."""
        slack = self.problem.evaluate(cells, np.repeat(points[:, None], POINTS, axis=1), scales)[1]
        return violation(slack[:, 0])

    @cached_property
    def _chunks(self) -> list[np.ndarray]:
        """The samples of every cell (cell, point, input), in parts."""
        shared = np.broadcast_to(self._samples, (self.rows, *self._samples.shape))
        return [shared[:, first : first + POINTS] for first in range(0, _SAMPLES, POINTS)]

    def _sampled(self, cells: Mapping[str, np.ndarray], scales: Scales) -> list[np.ndarray]:
        """Costs (cell, sample), slacks (cell, sample, condition), and where all values exist."""
        parts = [self.problem.evaluate(cells, chunk, scales) for chunk in self._chunks]
        return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]

    def _starts(self, cost: np.ndarray, slack: np.ndarray, exists: np.ndarray) -> np.ndarray:
        """The samples that promise most, apart from each other (cell, start, input)."""
        shared = np.broadcast_to(self._samples, (self.rows, *self._samples.shape))
        missing = violation(slack)
        strict = _ranks(missing, cost, exists)
        lenient = np.argsort(np.argsort(np.where(exists, cost + 10 * missing, np.inf), axis=1), axis=1)
        taken = np.zeros(cost.shape, dtype=bool)
        starts = np.empty((self.rows, _STARTS, self.inputs))
        for i in range(_STARTS):
            rank = np.where(taken, _SAMPLES, lenient if i % 2 else strict)
            starts[:, i] = self._samples[rank.argmin(axis=1)]
            taken |= np.abs(shared - starts[:, i, None]).max(axis=-1) < _APART
        return starts

    @cached_property
    def _samples(self) -> np.ndarray:
        """Points that fill the unit box: corners, then a Sobol sequence."""
        from scipy.stats import qmc

        free = min(self.inputs, 4)
        corners = np.array(np.meshgrid(*[[0.0, 1.0]] * free, indexing="ij")).reshape(free, -1).T
        corners = np.hstack([corners, np.full((len(corners), self.inputs - free), 0.5)])
        filling = qmc.Sobol(self.inputs, scramble=False).random_base2(round(math.log2(_SAMPLES)))[1:]
        return np.vstack([corners, filling])[:_SAMPLES]

    def _best(
        self,
        cells: Mapping[str, np.ndarray],
        scales: Scales,
        points: np.ndarray,
        live: np.ndarray,
        candidates: np.ndarray,
    ) -> np.ndarray:
        """The best of candidates (live cell, candidate, input) of each live cell, the first of equals."""
        padded = np.repeat(points[:, None], POINTS, axis=1)
        padded[live] = candidates[:, :1]
        padded[live, -candidates.shape[1] :] = candidates
        cost, slack, exists = self.problem.evaluate(cells, padded, scales)
        rank = _ranks(violation(slack), cost, exists, near=_BETTER)
        return padded[np.arange(self.rows), rank.argmin(axis=1)][live]

    def _certified(
        self, cells: Mapping[str, np.ndarray], scales: Scales, points: np.ndarray, live: np.ndarray
    ) -> np.ndarray:
        """Which cells have no better place, by a search that begins afresh at theirs nor by any probe around it.

        `points` are moved to better places as long as there are any, for some rounds.
        """
        settled = np.ones(self.rows, dtype=bool)
        settled[live] = False
        for _ in range(_ROUNDS):
            due = np.flatnonzero(~settled)
            if not due.size:
                break
            searched = points.copy()
            searched[due] = self.searches.run(cells, scales, due, points[due])
            moved = self._bettered(cells, scales, points, searched)
            settled[due] = np.all(moved[due] == points[due], axis=-1)
            points[due] = moved[due]
        touching = np.stack([points, _snapped(points)], axis=1)
        points[live] = self._best(cells, scales, points, live, touching[live])
        return settled

    def _bettered(
        self, cells: Mapping[str, np.ndarray], scales: Scales, points: np.ndarray, searched: np.ndarray
    ) -> np.ndarray:
        """The best of what was searched and of all probes around each cell's point; the point where none is better."""
        here, rows, best = points[:, None], np.arange(self.rows), points.copy()
        cost, slack, _ = self.problem.evaluate(cells, np.repeat(here, POINTS, axis=1), scales)
        best_cost, best_missing = cost[:, 0], violation(slack[:, 0])
        probes = [np.clip(here + step * self._directions, 0.0, 1.0) for step in _STEPS]
        for tried in (np.repeat(searched[:, None], POINTS, axis=1), *probes):
            cost, slack, exists = self.problem.evaluate(cells, tried, scales)
            missing = violation(slack)
            chosen = _ranks(missing, cost, exists).argmin(axis=1)
            cost, missing, exists = cost[rows, chosen], missing[rows, chosen], exists[rows, chosen]
            nearer = missing < best_missing - np.where(missing > 0, _BETTER, 0.0)
            better = exists & (nearer | ((missing == 0) & (best_missing == 0) & (cost < best_cost - _BETTER)))
            best[better] = tried[rows, chosen][better]
            best_cost, best_missing = np.where(better, cost, best_cost), np.where(better, missing, best_missing)
        return best

    @cached_property
    def _directions(self) -> np.ndarray:
        """Directions of length 1 (largest part): along every coordinate, then mixed ones that fill the sphere."""
        from scipy.stats import norm, qmc

        eye = np.eye(self.inputs)
        # The first two points of the sequence lie at the corner and at the centre, which are no directions.
        mixed = norm.ppf(qmc.Sobol(self.inputs, scramble=False).random_base2(round(math.log2(2 * POINTS)))[2:])
        signs = np.sign(mixed[: POINTS // 4])
        found = np.vstack([eye, -eye, signs, mixed])[:POINTS]
        return found / np.abs(found).max(axis=1, keepdims=True)


def _snapped(places: np.ndarray) -> np.ndarray:
    """Places with the coordinates that all but touch a bound put on it."""
    return np.where(places < _AT_BOUND, 0.0, np.where(places > 1 - _AT_BOUND, 1.0, places))


def _together(slack: np.ndarray, exists: np.ndarray) -> np.ndarray:
    """Which conditions (row, condition) hold together at one of the points, from slacks (row, point, condition).

    Those that hold at most points come first, each kept where it leaves a point at which all that are kept hold.
    """
    rows = np.arange(len(slack))
    holds = (violation(slack[..., None]) == 0) & exists[..., None]
    order = np.argsort(-holds.sum(axis=1), axis=-1, kind="stable")
    kept, standing = np.zeros(order.shape, dtype=bool), exists
    for condition in order.T:
        left = standing & holds[rows, :, condition]
        possible = left.any(axis=1)
        kept[rows, condition] = possible
        standing = np.where(possible[:, None], left, standing)
    return kept


def _ranks(missing: np.ndarray, cost: np.ndarray, exists: np.ndarray, near: float = 0.0) -> np.ndarray:
    """The order (row, point) from the best, 0: by what is missing, then by cost; of those `near` the best, the last."""
    first = np.where(exists, missing, np.inf)
    second = np.where(exists & (missing == 0), cost, 0.0)
    if near:
        least = np.where(missing == 0, second, np.inf).min(axis=1, keepdims=True, where=exists, initial=np.inf)
        second = np.where(second <= least + near, least, second)
    place = np.broadcast_to(np.arange(cost.shape[1]), cost.shape)
    order = np.lexsort((-place if near else place, second, first))
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, place, axis=1)
    return ranks
