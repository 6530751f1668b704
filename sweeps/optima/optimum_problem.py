"""The problem of an optimum: objective and conditions of every cell as functions of the free inputs.

Free inputs are whitened: each is a coordinate from 0 to 1 on the scale of its box. The objective is turned into a cost
to be made small and the conditions into slacks to be kept at or above 0, both compressed so that one unit is a factor
of e: what cost models multiply and divide becomes straight, and all have about the same size.

Rows are cells, or searches within them; each has any number of points. What does not depend on the free inputs is
computed once for every cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...kernels.registry import Quantity
from ...specs.axes import Box
from ..checks import DEFINED, Check
from ..compilation import precision
from ..sweep import MARGIN, STATUS, Objective, Sweep

POINTS = 64
"""How many points a row is evaluated at together: always as many, so that one compilation serves."""
TIGHTER = 5e-11
"""How far a slack stays above 0, so that what holds here holds in any order of rounding."""
_COMPRESSED = 1e-3
_TINY = 1e-300
_GIVEN_UP = 1.0
"""The slack of a condition that is not to be kept: it holds, and no step changes it."""


@dataclass(frozen=True)
class Scales:
    """What turns numbers of a row into costs and slacks of about 1: (row) and (row, condition).

    `kept` (row, condition) are the conditions to be kept. In a row where some are given up, the cost is not the
    objective but the sum of what those lack, in their slacks.
    """

    cost: np.ndarray
    slack: np.ndarray
    kept: np.ndarray

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The arrays, for compiled functions."""
        return self.cost, self.slack, self.kept

    def at(self, rows: np.ndarray) -> Scales:
        """The scales of some rows."""
        return Scales(*(part[rows] for part in self.parts))

    def keeping(self, kept: np.ndarray) -> Scales:
        """The same scales with other conditions to be kept."""
        return replace(self, kept=kept)


@dataclass(frozen=True)
class Problem:
    """The objective of a sweep over its free inputs, under the checks that depend on them.

    The sweep is narrowed to what the objective and its checks need, so its axes are those along which the optimum can
    vary.
    """

    sweep: Sweep
    objective: Objective

    @classmethod
    def of(cls, sweep: Sweep, objective: Objective) -> Problem:
        """The problem of a sweep whose inputs have boxes."""
        return cls(sweep.narrowed([objective.quantity, STATUS, MARGIN]), objective)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The free inputs."""
        return self.sweep.inputs.boxes

    @cached_property
    def varying(self) -> tuple[Quantity, ...]:
        """The quantities that depend on the free inputs, in the order they run."""
        names, found = {box.name for box in self.boxes}, []
        for quantity in self.sweep.graph.order:
            if names.intersection(quantity.reads):
                names.add(quantity.name)
                found.append(quantity)
        return tuple(found)

    @cached_property
    def _names(self) -> set[str]:
        return {box.name for box in self.boxes} | {quantity.name for quantity in self.varying}

    def moves(self, check: Check) -> bool:
        """Whether the free inputs change what a check reads."""
        return check.reads in self._names

    @cached_property
    def conditions(self) -> tuple[Check, ...]:
        """The checks with a margin that the free inputs change."""
        return tuple(c for c in self.sweep.checks if self.moves(c) and c.operator != DEFINED)

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The names that the objective and the conditions need of a cell."""
        reads = {name for quantity in self.varying for name in quantity.reads}
        return tuple(sorted(reads - self._names))

    def cells(self, flat: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What each cell gives, (cell, 1) by name, and which cells are not worth a search.

        No free input makes those feasible, whose first failing check is one that none changes. `flat` are positions in
        the grid of the narrowed sweep, the last axis running fastest.
        """
        sizes = self.sweep.sizes
        places = dict(zip(sizes, np.unravel_index(flat, tuple(sizes.values())), strict=True)) if sizes else {}
        leaves = {
            name: np.broadcast_to(value.data[tuple(places[dim] for dim in value.dims)], flat.shape)[:, None]
            for name, value in self.sweep.values.items()
            if name not in self._names
        }
        with precision("float64"):
            values, barred = jax.device_get(self._cells(leaves, np.zeros((len(flat), 1), dtype=bool)))
        return {name: np.broadcast_to(value, (len(flat), 1)) for name, value in values.items()}, barred

    @cached_property
    def _cells(self) -> Any:
        fixed = [quantity for quantity in self.sweep.graph.order if quantity.name not in self._names]
        checks = self.sweep.checks
        first = min((checks.index(check) for check in self.conditions), default=len(checks))
        outer = [check for check in checks[:first] if not self.moves(check)]

        def compute(leaves: Mapping[str, Any], barred: Any) -> tuple[dict[str, Any], Any]:
            values = dict(leaves)
            for quantity in fixed:
                values[quantity.name] = quantity(values)
            for check in outer:
                barred |= check.fails(check.margin(values))
            return {name: values[name] for name in self.needs}, barred[:, 0]

        return jax.jit(compute)

    def inputs(self, places: Any) -> dict[str, Any]:
        """The free inputs at coordinates (…, input)."""
        found = {}
        for i, box in enumerate(self.boxes):
            at, low, high = places[..., i], box.low, box.high
            inside = low * jnp.exp(at * np.log(high / low)) if box.log else low + at * (high - low)
            exact = jnp.where(at <= 0, low, jnp.where(at >= 1, high, jnp.clip(inside, low, high)))
            # At a bound the value is the bound itself, and the slope is still the one from inside.
            found[box.name] = inside + jax.lax.stop_gradient(exact - inside)
        return found

    def raw(self, cells: Mapping[str, Any], places: Any) -> tuple[Any, Any, Any]:
        """Objective (row, point), margins (row, point, condition) and where all values exist.

        `places` are coordinates (row, point, input).
        """
        values = {**cells, **self.inputs(places)}
        for quantity in self.varying:
            values[quantity.name] = quantity(values)
        shape = places.shape[:-1]
        found = jnp.broadcast_to(values[self.objective.quantity], shape)
        margins = [jnp.broadcast_to(check.margin(values), shape) for check in self.conditions]
        stacked = jnp.stack(margins, axis=-1) if margins else jnp.zeros((*shape, 0))
        exists = jnp.isfinite(found) & jnp.all(jnp.isfinite(stacked), axis=-1)
        for check in self.sweep.checks:
            if check.operator == DEFINED and self.moves(check):
                exists &= ~jnp.isnan(values[check.reads])
        return found, stacked, exists

    def _shaped(self, found: Any, margins: Any, scales: Any) -> tuple[Any, Any]:
        """Costs (row, point) and slacks (row, point, condition), in the order of objective and margins."""
        cost_scale, slack_scale, kept = scales
        cost = jnp.arcsinh((-found if self.objective.largest else found) / cost_scale[:, None])
        if not self.conditions:
            return cost, margins
        bounds, signs = map(jnp.asarray, zip(*map(_anchor, self.conditions), strict=True))
        wide = slack_scale[:, None, :]
        slack = signs * (jnp.arcsinh((bounds + signs * margins) / wide) - jnp.arcsinh(bounds / wide))
        loose = jnp.asarray([not check.strict for check in self.conditions])
        slack = jnp.where((margins == 0) & loose, 0.0, slack - TIGHTER)
        kept = kept[:, None, :]
        lacking = jnp.sum(jnp.where(kept, 0.0, jnp.maximum(-slack, 0.0)), axis=-1)
        return jnp.where(jnp.all(kept, axis=-1), cost, lacking), jnp.where(kept, slack, _GIVEN_UP)

    def evaluate(self, cells: Mapping[str, Any], places: np.ndarray, scales: Scales) -> tuple[np.ndarray, ...]:
        """At points (row, point, input): costs, slacks (row, point, condition), and where all values exist."""
        with precision("float64"):
            found, margins, exists = self._raw(cells, places)
            return jax.device_get((*self._shapes(found, margins, scales.parts), exists))

    @cached_property
    def _shapes(self) -> Any:
        return jax.jit(self._shaped)

    def slopes(self, cells: Mapping[str, Any], places: np.ndarray, scales: Scales) -> tuple[np.ndarray, ...]:
        """At one point a row, (row, input): cost, slacks, their derivatives by coordinates, and where all exist.

        The derivatives are (row, input) and (row, condition, input), one-sided at kinks.
        """
        with precision("float64"):
            return jax.device_get(self._slopes(cells, places, scales.parts))

    @cached_property
    def _slopes(self) -> Any:
        def compute(cells: Mapping[str, Any], places: Any, scales: Any) -> tuple[Any, ...]:
            def at(places: Any) -> tuple[tuple[Any, Any], Any]:
                found, margins, exists = self.raw(cells, places[:, None, :])
                cost, slack = self._shaped(found, margins, scales)
                return (cost[:, 0], slack[:, 0]), exists[:, 0]

            (cost, slack), along, exists = jax.linearize(at, places, has_aux=True)
            basis = jnp.eye(len(self.boxes))[:, None, :] * jnp.ones_like(places)
            by_cost, by_slack = jax.vmap(along, out_axes=-1)(basis)
            exists &= jnp.all(jnp.isfinite(by_cost), axis=-1) & jnp.all(jnp.isfinite(by_slack), axis=(-1, -2))
            return cost, slack, by_cost, by_slack, exists

        return jax.jit(compute)

    def values(self, places: np.ndarray) -> np.ndarray:
        """The free inputs in their units at coordinates (…, input)."""
        with precision("float64"):
            found = self.inputs(jnp.asarray(places))
            return np.stack([np.asarray(found[box.name]) for box in self.boxes], axis=-1)

    def measured(self, cells: Mapping[str, Any], parts: Sequence[np.ndarray]) -> Scales:
        """The scales of rows from objective and margins at points, in parts (row, point, input)."""
        with precision("float64"):
            raw = [jax.device_get(self._raw(cells, places)) for places in parts]
        found, margins, exists = (np.concatenate(part, axis=1) for part in zip(*raw, strict=True))
        cost = np.array([_scale(f[e]) for f, e in zip(found, exists, strict=True)])
        slack = np.ones((len(found), len(self.conditions)))
        for j, check in enumerate(self.conditions):
            bound, _ = _anchor(check)
            slack[:, j] = (
                _COMPRESSED * abs(bound)
                if bound
                else [_typical(m[e]) for m, e in zip(margins[:, :, j], exists, strict=True)]
            )
        return Scales(cost, slack, np.ones(slack.shape, dtype=bool))

    @cached_property
    def _raw(self) -> Any:
        return jax.jit(self.raw)

    def rates(self, cells: Mapping[str, Any], places: np.ndarray, scales: Scales) -> np.ndarray:
        """The derivative of the objective by each margin (row, condition), per derivative of cost by slack.

        Places are (row, point, input); the first point of each row counts.
        """
        with precision("float64"):
            found, margins, _ = (part[:, 0] for part in jax.device_get(self._raw(cells, places)))
        per_cost = np.hypot(found, scales.cost) * (-1.0 if self.objective.largest else 1.0)
        if not self.conditions:
            return margins
        bounds, signs = map(np.array, zip(*map(_anchor, self.conditions), strict=True))
        return per_cost[:, None] / np.hypot(bounds + signs * margins, scales.slack)


def _anchor(check: Check) -> tuple[float, float]:
    """The bound of a condition, and whether its value lies above it (1) or below (-1) where it holds."""
    return (check.bound, -1.0 if check.operator in ("<", "<=") else 1.0) if check.operator else (0.0, 1.0)


def _scale(values: np.ndarray) -> float:
    """Far below all values where they have one sign, so that equal steps are equal ratios; else their usual size."""
    if values.size and (np.all(values > 0) or np.all(values < 0)):
        return max(_COMPRESSED * float(np.abs(values).min()), _TINY)
    return _typical(values)


def _typical(values: np.ndarray) -> float:
    """The median size of the values that are not 0; 1 without any."""
    sizes = np.abs(values[values != 0])
    return max(float(np.median(sizes)), _TINY) if sizes.size else 1.0
