"""The local search for an optimum: linear models of what is known nearby, minimised within a step that adapts.

Cost models have kinks, and optima lie on them. So a search keeps the tangent planes of cost and slacks at several
points near its best one; the largest of the planes models a kink as well as a curve. Each step goes where a linear
program says, and brings a plane from there. Where cost is convex in the whitened coordinates (products, quotients, sums
and largest ones are), the planes prove that nothing within the step is better by more than the tolerance.

Many searches run side by side; one that ends makes room for the next. It is a bundle method with a trust region
(Schramm and Zowe, A version of the bundle idea for minimizing a nonsmooth function, SIAM J. Optim. 2, 1992).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..compilation import precision
from .linear_programs import minimised
from .optimum_problem import TIGHTER, Problem, Scales

TOLERANCE = 1e-10
_LONGEST, _FIRST, _SHORTEST = 0.5, 0.25, 1e-9
_MOST_STEPS = 200
_REMEMBERED = 3.0
_ELASTIC = 1e3
_IDLE = -1


def violation(slacks: np.ndarray) -> np.ndarray:
    """How far the worst slack (…, condition) lies below 0; 0 where all hold."""
    worst = -slacks.min(axis=-1, initial=0.0)
    return np.where(worst > 0.8 * TIGHTER, worst, 0.0)


class Searches:
    """Searches side by side in a fixed number of slots, so that all are compiled once."""

    def __init__(self, problem: Problem, slots: int) -> None:
        """Nothing is compiled before the first run."""
        self.problem, self.slots = problem, slots

    def run(self, cells: Mapping[str, np.ndarray], scales: Scales, owner: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Where searches (search, input) end that begin at `starts` (search, input), each in its cell `owner`."""
        ends, waiting = np.array(starts), 0
        slots = _Slots(self.slots, len(self.problem.boxes), len(self.problem.conditions))
        while True:
            fresh = np.flatnonzero(slots.search == _IDLE)[: len(starts) - waiting]
            slots.begin(fresh, np.arange(waiting, waiting + fresh.size))
            waiting += fresh.size
            if not (slots.search != _IDLE).any():
                return ends
            trial, cheaper, nearer = slots.proposals()
            trial[fresh] = starts[slots.search[fresh]]
            rows = owner[np.maximum(slots.search, 0)]
            here = {name: values[rows] for name, values in cells.items()}
            slots.digest((trial, *self.problem.slopes(here, trial, scales.at(rows))), fresh, cheaper, nearer)
            for slot in np.flatnonzero(slots.ended & (slots.search != _IDLE)):
                ends[slots.search[slot]] = slots.planes[0][slot, 0]
                slots.search[slot] = _IDLE


class _Slots:
    """The state of the searches under way: their tangent planes (slot, plane, …), the first at the best point so far.

    `planes` are places, costs, slacks, derivatives of both, and which are known.
    """

    def __init__(self, slots: int, inputs: int, conditions: int) -> None:
        shape = (slots, 2 * inputs + 6)
        self.planes = (
            np.full((*shape, inputs), 0.5),
            np.zeros(shape),
            np.zeros((*shape, conditions)),
            np.zeros((*shape, inputs)),
            np.zeros((*shape, conditions, inputs)),
            np.zeros(shape, dtype=bool),
        )
        self.search = np.full(slots, _IDLE)
        self.radius = np.full(slots, _FIRST)
        self.refused, self.steps, self.oldest = (np.zeros(slots, dtype=int) for _ in range(3))
        self.ended = np.zeros(slots, dtype=bool)

    def begin(self, slots: np.ndarray, searches: np.ndarray) -> None:
        """Gives free slots to searches."""
        self.search[slots], self.radius[slots] = searches, _FIRST
        self.refused[slots] = self.steps[slots] = self.oldest[slots] = 0
        self.ended[slots] = self.planes[-1][slots] = False

    def proposals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The next place of every slot, by how much it is cheaper there, and by how much less it violates."""
        with precision("float64"):
            return tuple(map(np.array, _proposed(*self.planes, self.radius)))  # pyright: ignore[reportReturnType]

    def digest(self, found: tuple[np.ndarray, ...], fresh: np.ndarray, cheaper: np.ndarray, nearer: np.ndarray) -> None:
        """Takes in the planes found at the proposals: a better place is gone to, and the step adapts."""
        *_, exists = found
        began = np.zeros(len(exists), dtype=bool)
        began[fresh] = True
        before, after = violation(self.planes[2][:, 0]), violation(found[2])
        gain = np.where(before > 0, before - after, np.where(after > 0, -np.inf, self.planes[1][:, 0] - found[1]))
        promise = np.where(before > 0, nearer, cheaper)
        better = (exists & ((gain > 0.1 * promise) & (gain > 0))) | (began & exists)
        self._remember(found, better, began, exists & ~better)
        self.refused = np.where(better, 0, self.refused + 1)
        grows = better & ~began & (gain > 0.5 * promise)
        shrinks = (~exists | (~better & (self.refused % 3 == 0))) & ~began
        self.radius = np.where(grows, 2 * self.radius, np.where(shrinks, 0.4 * self.radius, self.radius))
        self.radius = np.minimum(self.radius, _LONGEST)
        self.steps += 1
        settled = ~began & ~better & (promise < TOLERANCE)
        self.ended = settled | (began & ~exists) | (self.radius < _SHORTEST) | (self.steps >= _MOST_STEPS)

    def _remember(
        self, found: tuple[np.ndarray, ...], better: np.ndarray, began: np.ndarray, worse: np.ndarray
    ) -> None:
        """Keeps the planes found; where they are of a better place, that of the best place so far moves to the rest."""
        rest = self.planes[0].shape[1] - 1
        place = 1 + self.oldest % rest
        moved, kept = np.flatnonzero(better & ~began), np.flatnonzero(worse)
        for array, values in zip(self.planes, found, strict=True):
            array[moved, place[moved]] = array[moved, 0]
            array[better, 0] = values[better]
            array[kept, place[kept]] = values[kept]
        self.oldest[moved] += 1
        self.oldest[kept] += 1


@jax.jit
def _proposed(
    places: Any, cost: Any, slack: Any, by_cost: Any, by_slack: Any, known: Any, radius: Any
) -> tuple[Any, Any, Any]:
    """The cheapest places within `radius` by the planes, and what they promise.

    The program's variables are the step over `radius`, the cost, and the worst violation (what conditions are lacking
    is paid for dearly, so that every program has a solution). All are scaled to about 1.
    """
    here, inputs = places[:, 0], places.shape[-1]
    away = here[:, None, :] - places
    near = known & (jnp.max(jnp.abs(away), axis=-1) <= _REMEMBERED * radius[:, None])
    step = radius[:, None]
    # A plane above the cost at the best place itself is one of a cost that is not convex; it is lowered by twice that.
    fall = -jnp.abs(cost + jnp.sum(by_cost * away, axis=-1) - cost[:, :1])
    rise = jnp.abs(slack + jnp.sum(by_slack * away[:, :, None, :], axis=-1) - slack[:, :1])
    steep = jnp.where(near[..., None], by_cost, 0.0)
    sheer = jnp.where(near[..., None, None], by_slack, 0.0)
    unit = jnp.maximum(jnp.max(jnp.sum(jnp.abs(steep), axis=-1), axis=-1, keepdims=True), 1e-12)
    wide = jnp.maximum(jnp.max(jnp.sum(jnp.abs(sheer), axis=-1), axis=(-1, -2), initial=0.0), 1e-12)[:, None]
    worst = jnp.maximum(-jnp.min(slack[:, 0], axis=-1, initial=0.0, keepdims=True), 0.0)
    # Within a step no violation falls by more than 1 in these units: what lies beyond 2 is taken off all rows.
    base = jnp.maximum(worst / (wide * step) - 2, 0.0)
    held = jnp.minimum((slack[:, :1] + rise) / (wide * step)[..., None] + base[..., None], 2.0)
    held = jnp.where(near[..., None], held, 2.0).reshape(len(here), held.shape[1] * held.shape[2])
    eye = jnp.broadcast_to(jnp.eye(inputs), (len(here), inputs, inputs))
    rows = [
        (-steep / unit[..., None], 1.0, 0.0, jnp.where(near, jnp.maximum(fall / (unit * step), -3.0), -3.0)),
        ((sheer / wide[..., None, None]).reshape(*held.shape, inputs), 0.0, 1.0, -held),
        (eye, 0.0, 0.0, jnp.maximum(-1.0, -here / step)),
        (-eye, 0.0, 0.0, -jnp.minimum(1.0, (1 - here) / step)),
        (jnp.zeros_like(here)[:, None, :], 0.0, 1.0, -jnp.minimum(base, 3.0)),
    ]
    matrix = jnp.concatenate([_with_columns(part, t, s) for part, t, s, _ in rows], axis=1)
    bound = jnp.concatenate([bound for *_, bound in rows], axis=1)
    inside = worst <= 0.8 * TIGHTER
    weights = jnp.where(inside, jnp.array([1.0, _ELASTIC]), jnp.array([1e-4, 1.0]))
    objective = jnp.concatenate([jnp.zeros_like(here), weights], axis=1)
    start = jnp.concatenate([jnp.zeros_like(here), jnp.ones((len(here), 1)), 3 * jnp.ones((len(here), 1))], axis=1)
    found = minimised(objective, matrix, bound, start)
    trial = jnp.clip(here + step * found[:, :inputs], 0.0, 1.0)
    cheaper = -found[:, inputs] * (unit * step)[:, 0]
    nearer = worst[:, 0] - (base[:, 0] + found[:, inputs + 1]) * (wide * step)[:, 0]
    return trial, cheaper, nearer


def _with_columns(part: Any, *columns: float) -> Any:
    """Rows (program, row, variable) with further columns of one value each."""
    full = [jnp.full((*part.shape[:-1], 1), value) for value in columns]
    return jnp.concatenate([part, *full], axis=-1)
