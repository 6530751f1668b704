"""Shadow prices: what one more unit of a condition's margin would cost, from the multipliers at the optimum.

At an optimum the slopes of the cost balance those of the conditions that are active and of the bounds that are touched.
At a kink there are several slopes, and some mixture of them balances. So the slopes at points close around the optimum
are gathered, and the weights that balance them best are found by least squares among numbers at or above 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .optimum_problem import POINTS, Problem, Scales
from .optimum_search import violation

_AROUND = 1e-6
_ACTIVE = 1e-6
_BALANCED = 1e-3


def multipliers(
    problem: Problem, cells: Mapping[str, np.ndarray], scales: Scales, points: np.ndarray, live: np.ndarray, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the objective by the margins (cell, condition), and which conditions are active.

    `points` (cell, input) are optima in the cells `live`; elsewhere, where nothing is feasible, and where no weights
    balance the slopes there is no derivative (NaN). Slopes are computed for `rows` points at a time.
    """
    prices = np.full((len(points), len(problem.conditions)), np.nan)
    active = np.zeros(prices.shape, dtype=bool)
    if not problem.conditions:
        return prices, active
    spread = np.repeat(points[:, None], POINTS, axis=1)
    slack = problem.evaluate(cells, spread, scales)[1][:, 0]
    feasible = np.array([cell for cell in live if violation(slack[cell]) == 0], dtype=int)
    active[feasible] = slack[feasible] < _ACTIVE
    prices[feasible] = np.where(active[feasible], np.nan, 0.0)
    due = feasible[active[feasible].any(axis=-1)]
    by_cost, by_slack, exists = _slopes(problem, cells, scales, points, due, rows)
    rates = problem.rates(cells, spread, scales)
    for i, cell in enumerate(due):
        weights = _balance(by_cost[i][exists[i]], by_slack[i][exists[i]][:, active[cell]], points[cell])
        prices[cell, active[cell]] = weights * rates[cell, active[cell]]
    return prices, active


def _slopes(
    problem: Problem, cells: Mapping[str, np.ndarray], scales: Scales, points: np.ndarray, due: np.ndarray, rows: int
) -> tuple[np.ndarray, ...]:
    """The derivatives of cost and slacks around the points of the cells `due` (cell, point, …), where they exist."""
    inputs = points.shape[-1]
    eye = np.eye(inputs)
    around = np.vstack([np.zeros((1, inputs)), eye, -eye, np.ones((1, inputs)), -np.ones((1, inputs))])
    places = np.clip(points[due, None] + _AROUND * around, 0.0, 1.0).reshape(-1, inputs)
    owner = np.repeat(due, len(around))
    parts = []
    for first in range(0, len(places), rows):
        at = np.arange(first, first + rows) % len(places)
        here = {name: values[owner[at]] for name, values in cells.items()}
        found = problem.slopes(here, places[at], scales.at(owner[at]))
        parts.append([part[: len(places) - first] for part in found[2:]])
    if not parts:
        return tuple(np.empty((0, 0)) for _ in range(3))
    joined = (np.concatenate(part) for part in zip(*parts, strict=True))
    return tuple(part.reshape(len(due), len(around), *part.shape[1:]) for part in joined)


def _balance(by_cost: np.ndarray, by_slack: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The multiplier of each condition, from slopes (point, input) and (point, condition, input); NaN without one."""
    from scipy.optimize import nnls

    count, conditions, inputs = by_slack.shape
    eye = np.eye(inputs)
    bounds = np.vstack([eye[place <= 0], -eye[place >= 1]])
    size = max(float(np.abs(by_cost).max(initial=0.0)), 1e-300)
    steep = np.maximum(np.abs(by_slack).max(axis=(0, 2), initial=0.0), 1e-300)
    planes = -(by_slack / steep[:, None]).transpose(1, 0, 2).reshape(-1, inputs)
    columns = np.vstack([by_cost / size, planes, -bounds]).T
    one = np.concatenate([np.ones(count), np.zeros(columns.shape[1] - count)])
    try:
        weights, _ = nnls(np.vstack([columns, one]), np.append(np.zeros(inputs), 1.0))
    except RuntimeError:  # it came to no end
        return np.full(conditions, np.nan)
    total = weights[:count].sum()
    if not total > 0 or np.abs(columns @ weights).max() > _BALANCED * total:
        return np.full(conditions, np.nan)
    return weights[count : count + conditions * count].reshape(conditions, count).sum(axis=1) / total * size / steep
