"""Many small linear programs at once, by one interior-point iteration over all of them.

Libraries solve one large program well; the search for optima asks for thousands of tiny ones, the same in shape.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

_STEPS = 20
_TO_THE_WALL = 0.995
_SMALLEST = 1e-14


@partial(jax.jit, static_argnames=("steps",))
def minimised(cost: Any, matrix: Any, bound: Any, start: Any, *, steps: int = _STEPS) -> Any:
    """The points (program, variable) that minimise `cost` x where `matrix` x >= `bound`.

    `cost` (program, variable), `matrix` (program, row, variable), `bound` (program, row); `start` (program, variable)
    may violate rows. Every program is taken to be feasible and bounded, with numbers of about 1. Mehrotra's predictor
    and corrector, a fixed number of steps: the gap falls by several digits in each of the last ones.

    Source: mehrotra-1992.
    """
    slack = jnp.maximum(jnp.einsum("prv,pv->pr", matrix, start) - bound, 0.1)
    state = (start, slack, _first_dual(cost, matrix, slack))

    def step(_: Any, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        point, slack, dual = state
        primal_gap = jnp.einsum("prv,pv->pr", matrix, point) - bound - slack
        dual_gap = jnp.einsum("prv,pr->pv", matrix, dual) - cost
        mean = jnp.mean(slack * dual, axis=-1, keepdims=True)
        weight = dual / slack
        normal = jnp.einsum("prv,pr,prw->pvw", matrix, weight, matrix)
        trace = jnp.trace(normal, axis1=-2, axis2=-1)[:, None, None]
        normal += 1e-14 * trace * jnp.eye(point.shape[-1])

        def moved(target: Any) -> tuple[Any, Any, Any]:
            pull = target / slack - dual - weight * primal_gap
            right = jnp.einsum("prv,pr->pv", matrix, pull) + dual_gap
            towards = jnp.linalg.solve(normal, right[..., None])[..., 0]
            slack_step = jnp.einsum("prv,pv->pr", matrix, towards) + primal_gap
            return towards, slack_step, target / slack - dual - weight * slack_step

        _, slack_step, dual_step = moved(jnp.zeros_like(slack))
        reach = jnp.minimum(_reach(slack, slack_step), _reach(dual, dual_step))
        after = jnp.mean((slack + reach * slack_step) * (dual + reach * dual_step), axis=-1, keepdims=True)
        centring = (after / mean) ** 3
        towards, slack_step, dual_step = moved(centring * mean - slack_step * dual_step)
        forward, upward = (_TO_THE_WALL * _reach(slack, slack_step), _TO_THE_WALL * _reach(dual, dual_step))
        found = (point + forward * towards, slack + forward * slack_step, dual + upward * dual_step)
        good = mean > _SMALLEST
        for values in found:
            good &= jnp.all(jnp.isfinite(values), axis=-1, keepdims=True)
        kept = [jnp.where(good, new, old) for new, old in zip(found, state, strict=True)]
        return kept[0], kept[1], kept[2]

    return jax.lax.fori_loop(0, steps, step, state)[0]


def _first_dual(cost: Any, matrix: Any, slack: Any) -> Any:
    """The smallest multipliers that balance the cost, lifted above 0 (Mehrotra's starting point)."""
    normal = jnp.einsum("prv,prw->pvw", matrix, matrix) + 1e-12 * jnp.eye(cost.shape[-1])
    dual = jnp.einsum("prv,pv->pr", matrix, jnp.linalg.solve(normal, cost[..., None])[..., 0])
    dual += jnp.maximum(-1.5 * jnp.min(dual, axis=-1, keepdims=True), 0.0)
    lift = jnp.sum(dual * slack, axis=-1, keepdims=True) / jnp.sum(slack, axis=-1, keepdims=True)
    return dual + jnp.maximum(0.5 * lift, 1e-3)


def _reach(values: Any, steps: Any) -> Any:
    """The longest part of a step, at most all of it, that keeps values at or above 0."""
    ratio = jnp.where(steps < 0, -values / jnp.where(steps < 0, steps, 1.0), jnp.inf)
    return jnp.minimum(1.0, jnp.min(ratio, axis=-1, keepdims=True))
