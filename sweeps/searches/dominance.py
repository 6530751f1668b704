"""Dominance: which points no other beats, given costs that are to be small.

A point dominates another of its cell where none of its costs is larger and one is smaller.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...kernels.arrays import jnp
from ..compilation import compiled

EMPHASIS = 8.0
"""How much more one cost counts than the others where points along the frontier are chosen."""


def undominated(costs: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The positions of the points that no other of their cell dominates, by cell and then by the costs.

    `costs` has two or three rows, none of them NaN, and a column per point; `cells` has one number per point.
    """
    if costs.shape[1] == 0:
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((*costs[::-1], cells))
    costs, cells = costs[:, order], cells[order]
    differs = (costs[:, 1:] != costs[:, :-1]).any(axis=0) | (cells[1:] != cells[:-1])
    first = np.flatnonzero(np.concatenate([[True], differs]))
    stays = (_of_two if len(costs) == 2 else _of_three)(costs[1:, first], cells[first])
    return order[np.repeat(stays, np.diff(first, append=len(order)))]


def _of_two(costs: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Which points stay, of different ones sorted by cell and first cost; `costs` has the second alone.

    One stays whose second cost is below all before it in its cell.
    """
    _, rank = np.unique(costs[0], return_inverse=True)
    cell = np.cumsum(np.concatenate([[0], cells[1:] != cells[:-1]]))
    # Every rank of a cell lies below those of the cells before it, so that one running minimum serves them all.
    falling = rank - cell * len(rank)
    return np.concatenate([[True], falling[1:] < np.minimum.accumulate(falling)[:-1]])


def _of_three(costs: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Which points stay, of different ones sorted by cell and first cost; `costs` has the second and third.

    The second and third costs of the points so far that matter form a staircase: one rises as the other falls.
    """
    stays = np.zeros(len(cells), dtype=bool)
    seconds, thirds = list[float](), list[float]()
    last = cells[0]
    for place, (cell, second, third) in enumerate(zip(cells.tolist(), *costs.tolist(), strict=True)):
        if cell != last:
            seconds, thirds, last = [], [], cell
        step = bisect_right(seconds, second)
        if step and thirds[step - 1] <= third:
            continue
        stays[place] = True
        begin = step - 1 if step and seconds[step - 1] == second else step
        end = step
        while end < len(thirds) and thirds[end] >= third:
            end += 1
        seconds[begin:end], thirds[begin:end] = [second], [third]
    return stays


@compiled("extent", "axes", "kept", "own")
def candidates(
    costs: tuple[Any, ...],
    status: Any,
    pivots: tuple[Any, ...],
    *,
    extent: tuple[int, ...],
    axes: tuple[int, ...],
    kept: int,
    own: bool,
) -> Any:
    """Which points of a block may be undominated: bool, the kept axes first and the others as one.

    `costs` and `status` broadcast to `extent`, of which `axes` puts the `kept` axes first. `pivots` has, for each cost,
    that of some points of every cell along a last axis, NaN where there are none; with `own`, points of the block that
    are strong in their cell join them. Infeasible points and NaN are none.
    """
    status, *spread = (_flattened(part, extent, axes, kept) for part in (status, *costs))
    feasible = status == 0
    for cost in spread:
        feasible &= ~jnp.isnan(cost)
    sets = [[pivot[..., place, None] for pivot in pivots] for place in range(pivots[0].shape[-1])]
    sets += _strong(spread, feasible) if own else []
    beaten = jnp.zeros_like(feasible)
    for pivot in sets:
        pairs = list(zip(spread, pivot, strict=True))
        nowhere_better, worse = jnp.ones_like(feasible), jnp.zeros_like(feasible)
        for cost, bound in pairs:
            nowhere_better &= cost >= bound
            worse |= cost > bound
        beaten |= nowhere_better & worse
    return feasible & ~beaten


def _flattened(part: Any, extent: Sequence[int], axes: Sequence[int], kept: int) -> Any:
    whole = jnp.transpose(jnp.broadcast_to(part, extent), axes)
    return whole.reshape(*whole.shape[:kept], -1)


def _strong(costs: Sequence[Any], feasible: Any) -> list[list[Any]]:
    """For several weights of the costs, the feasible point of each cell with the smallest sum of relative excesses.

    The excess of a cost is over its smallest in the cell, relative to that. NaN where no point is feasible.
    """
    excesses = []
    for cost in costs:
        least = jnp.min(jnp.where(feasible, cost, jnp.inf), axis=-1, keepdims=True)
        excesses.append((cost - least) / jnp.where(least == 0, 1, jnp.abs(least)))
    found = []
    for stressed in range(-1, len(costs)):
        weights = [EMPHASIS if place == stressed else 1.0 for place in range(len(costs))]
        total = sum(weight * excess for weight, excess in zip(weights, excesses, strict=True))
        total = jnp.where(feasible & ~jnp.isnan(total), total, jnp.inf)
        place = jnp.argmin(total, axis=-1, keepdims=True)
        is_point = jnp.take_along_axis(feasible, place, -1)
        found.append([jnp.where(is_point, jnp.take_along_axis(cost, place, -1), jnp.nan) for cost in costs])
    return found
