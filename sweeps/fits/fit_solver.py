"""The solver of a fit: the most probable unknowns, by BFGS in coordinates whitened by the Gauss-Newton Hessian.

The models are compiled into one function of the fitted inputs of every row, with the derivatives by these few inputs;
all else is linear algebra over the unknowns. Whitened, one unit is one standard error, so that few steps settle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from ...specs.problems import RooflaxError
from ..compilation import precision
from .fit_problem import Problem

_ROUNDS = 4
_STEPS = 300
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Weighting:
    """What a row counts: `noise` is the width of log ratios, `soft` where the loss turns from r² to |r|.

    A row of a family of n counts as (`family_rows` / n) ** `balance` observations: with `balance` 1 all families count
    alike, with 0 all rows do.
    """

    noise: float = 0.1
    soft: float = 0.1
    family_rows: float = 10.0
    balance: float = 1.0

    def of(self, families: Sequence[str], used: np.ndarray) -> np.ndarray:
        """The weight of every row, 0 where it is not `used`."""
        names = np.array(families)
        counts = {name: int(np.sum(used & (names == name))) for name in set(families)}
        weights = [(self.family_rows / max(counts[name], 1)) ** self.balance for name in families]
        return np.where(used, weights, 0.0)

    def loss(self, ratios: Any, weights: Any) -> Any:
        """The pseudo-Huber loss of log ratios: w r² / (2 noise²) where r is small, in proportion to |r| far off."""
        square = (ratios / self.soft) ** 2
        return (self.soft / self.noise) ** 2 * jnp.sum(weights * square / (jnp.sqrt(1 + square) + 1))

    def curvature(self, ratios: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weight of each row in the Gauss-Newton Hessian: less for rows far off."""
        return weights / self.noise**2 / np.sqrt(1 + (ratios / self.soft) ** 2)


@dataclass(frozen=True)
class Solver:
    """The compiled functions of one problem, and what a row counts in it."""

    problem: Problem
    weighting: Weighting
    _compiled: dict[str, Any] = field(default_factory=dict)

    @property
    def families(self) -> list[str]:
        """The family of every row."""
        return [row.row.family for row in self.problem.rows]

    def free_values(self, unknowns: np.ndarray) -> np.ndarray:
        """The free coordinates of the fitted inputs (row, input)."""
        data = self.problem.data
        scaled = np.append(unknowns * data["widths"], 0.0)
        return data["centres"] + scaled[data["paths"]].sum(axis=-1)

    def ratios(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log ratio of every row at free coordinates of its fitted inputs, and its derivatives by these."""
        with precision("float64"):
            found = self._function("ratios", self._ratios)(free, self.problem.data)
            return np.asarray(found[0]), np.asarray(found[1])

    def solve(self, start: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, int]:
        """The most probable unknowns where only the rows `used` count, and the steps taken.

        Raises RooflaxError where they do not settle.
        """
        weights, unknowns, steps = self.weighting.of(self.families, used), start, 0
        for _ in range(_ROUNDS):
            scale = np.linalg.inv(np.linalg.cholesky(self.hessian(unknowns, used))).T
            with precision("float64"):
                minimise = self._function("minimised", self._minimised)
                found, taken, settled = jax.device_get(minimise(unknowns, scale, weights, self.problem.data))
            steps += int(taken)
            if not np.all(np.isfinite(found)):
                break
            unknowns = found
            if settled:
                return unknowns, steps
        raise RooflaxError(f"the fit did not settle within {steps} steps; narrower priors (--prior) may help")

    def hessian(self, unknowns: np.ndarray, used: np.ndarray) -> np.ndarray:
        """The Gauss-Newton Hessian: what the rows `used` and the priors tell about the unknowns."""
        ratios, slopes = self.ratios(self.free_values(unknowns))
        weights = self.weighting.of(self.families, used)
        data, count = self.problem.data, len(unknowns)
        jacobian = np.zeros((len(ratios), count + 1))
        places = np.arange(len(ratios))[:, None]
        widths = np.append(data["widths"], 0.0)
        for level in range(data["paths"].shape[-1]):
            path = data["paths"][:, :, level]
            np.add.at(jacobian, (places, path), slopes * widths[path])
        jacobian = np.where(used[:, None], jacobian[:, :count], 0.0)
        curvature = np.where(used, self.weighting.curvature(np.where(used, ratios, 0.0), weights), 0.0)
        return jacobian.T @ (curvature[:, None] * jacobian) + np.eye(count)

    def _function(self, name: str, function: Any) -> Any:
        if name not in self._compiled:
            self._compiled[name] = jax.jit(function)
        return self._compiled[name]

    def _ratios(self, free: Any, data: Mapping[str, Any]) -> tuple[Any, Any]:
        def shifted(shift: Any) -> tuple[Any, Any]:
            ratios = self.problem.log_ratios(self.problem.values(free + shift, data), data)
            return ratios, ratios

        slopes, ratios = jax.jacfwd(shifted, has_aux=True)(jnp.zeros(free.shape[1]))
        return ratios, slopes

    def _minimised(self, start: Any, scale: Any, weights: Any, data: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        @jax.custom_jvp
        def ratios_at(free: Any) -> Any:
            return self.problem.log_ratios(self.problem.values(free, data), data)

        # A row depends on its own inputs alone: its slope by each is all that any derivative needs.
        @ratios_at.defjvp
        def _tangent(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
            ratios, slopes = self._ratios(primals[0], data)
            # Rows without weight may have no finite value or slope.
            return ratios, jnp.sum(jnp.where(weights[:, None] > 0, slopes, 0.0) * tangents[0], axis=1)

        def loss(whitened: Any, _: Any) -> Any:
            unknowns = start + scale @ whitened
            ratios = jnp.where(weights > 0, ratios_at(self.problem.free_values(unknowns, data)), 0.0)
            return self.weighting.loss(ratios, weights) + 0.5 * jnp.sum(unknowns**2)

        solver = optx.BFGS(rtol=_TOLERANCE, atol=_TOLERANCE)
        found = optx.minimise(loss, solver, jnp.zeros_like(start), max_steps=_STEPS, throw=False)
        settled = found.result == optx.RESULTS.successful
        return start + scale @ found.value, found.stats["num_steps"], settled
