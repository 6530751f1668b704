"""The fit: the most probable values of inputs given measured rows, their standard errors and the errors of the rows.

The residual of a row is the logarithm of predicted over measured time, under a pseudo-Huber loss, so that a row far off
pulls like |r| rather than r². Rows of a family share one vote, so that a long table does not outweigh a short one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...kernels.registry import Registry
from ...specs.calibration import Calibrated, Calibration
from ...specs.catalog import Catalogs
from ...specs.measured.rows import MeasuredRow
from ...specs.problems import RooflaxError
from ..uncertainties.uncertain_inputs import Covariance
from .fit_problem import Node, Parameter, Problem, Refused, bind_rows, stacked
from .fit_solver import Solver, Weighting

TELLING = 1e-3
"""A row tells about an input where a unit of its free coordinate moves the logarithm of time by more than this."""


@dataclass(frozen=True)
class Estimate:
    """A fitted value: of an input, for the records `label` of a level (0 all, 1 a class, 2 one record) of `owner`."""

    name: str
    owner: str
    level: int
    label: str
    value: float
    error: float
    rows: int
    families: int
    records: int


@dataclass(frozen=True)
class RowFit:
    """A row with its logarithms of predicted over measured time: before the fit, after it, with its family left out."""

    row: MeasuredRow
    before: float
    after: float
    left_out: float | None = None

    def predicted(self, log_ratio: float) -> float:
        """The predicted value of what was measured."""
        target = self.row.primary
        return target.value * math.exp(-log_ratio if target.rate else log_ratio)


@dataclass(frozen=True)
class Fit:
    """The outcome: fitted values, the rows with their errors, and the rows that could not be used.

    `covariance` is that of the estimates, in their free coordinates, labelled by input, owner and record or class.
    """

    parameters: tuple[Parameter, ...]
    weighting: Weighting
    estimates: tuple[Estimate, ...]
    rows: tuple[RowFit, ...]
    refused: tuple[Refused, ...]
    steps: int
    covariance: Covariance = field(compare=False)

    @property
    def left_out(self) -> dict[tuple[str, str], float]:
        """What a fit without a row's family predicts for what the row measured, by the row's file and id."""
        told = ((row, row.left_out) for row in self.rows)
        return {(row.row.file, row.row.id): row.predicted(ratio) for row, ratio in told if ratio is not None}

    def calibration(self, date: str = "") -> Calibration:
        """The values as a calibration: pooled ones, and those of the records that rows tell about."""
        pooled: dict[str, dict[str, dict[str, Calibrated]]] = {}
        records: dict[str, dict[str, dict[str, Calibrated]]] = {}
        everywhere: dict[str, Calibrated] = {}
        for found in self.estimates:
            value = Calibrated(found.value, found.error, found.rows, found.families, found.records)
            if not found.owner:
                everywhere[found.name] = value
            elif found.level == 2:
                records.setdefault(found.owner, {}).setdefault(found.label, {})[found.name] = value
            else:
                pooled.setdefault(found.owner, {}).setdefault(found.name, {})[found.label] = value
        return Calibration(pooled, records, everywhere, date)


def fit(
    registry: Registry,
    catalogs: Catalogs,
    rows: Sequence[MeasuredRow],
    parameters: Sequence[Parameter],
    weighting: Weighting | None = None,
    *,
    leave_one_family_out: bool = False,
) -> Fit:
    """The fit of parameters to rows. Raises RooflaxError where no row can be used, or the solver does not settle."""
    bound, refused = bind_rows(registry, catalogs, rows, parameters)
    if not bound:
        reasons = "; ".join(dict.fromkeys(f"{found.row.id}: {found.reason}" for found in refused[:3]))
        raise RooflaxError(f"none of the {len(rows)} rows can be used: {reasons or 'there are none'}")
    solver = Solver(stacked(registry, bound, parameters), weighting or Weighting())
    used, broken = _usable(solver)
    unknowns, steps = solver.solve(np.zeros(len(solver.problem.nodes)), used)
    left_out = _left_out(solver, unknowns, used) if leave_one_family_out else None
    before, _ = solver.ratios(_free_before(solver.problem, registry, catalogs))
    after, _ = solver.ratios(solver.free_values(unknowns))
    found = [
        RowFit(b.row, float(before[i]), float(after[i]), None if left_out is None else float(left_out[i]))
        for i, b in enumerate(solver.problem.rows)
        if used[i]
    ]
    estimates, covariance = estimates_of(solver, unknowns, used)
    return Fit(tuple(parameters), solver.weighting, estimates, tuple(found), (*refused, *broken), steps, covariance)


def _usable(solver: Solver) -> tuple[np.ndarray, list[Refused]]:
    """Which rows have a finite prediction and finite derivatives at the priors' centres, and the others."""
    start = np.zeros(len(solver.problem.nodes))
    ratios, slopes = solver.ratios(solver.free_values(start))
    finite = np.isfinite(ratios)
    used = finite & np.all(np.isfinite(slopes), axis=1)
    if not used.any():
        raise RooflaxError("none of the rows has a finite prediction with finite derivatives")
    what = {True: "its derivatives by the fitted inputs are not finite", False: "its prediction is not finite"}
    rows = solver.problem.rows
    return used, [Refused(rows[i].row, what[bool(finite[i])]) for i in np.flatnonzero(~used)]


def _free_before(problem: Problem, registry: Registry, catalogs: Catalogs) -> np.ndarray:
    """The free coordinates of the values (row, input) that the catalogs give the fitted inputs without the fit."""
    free = np.tile(problem.data["centres"], (len(problem.rows), 1))
    for i, j in np.argwhere(problem.data["fitted"]):
        parameter = problem.parameters[j]
        record = problem.rows[i].records.get(parameter.owner)
        if not parameter.owner:
            stated = catalogs.calibration.everywhere.get(parameter.name)
        else:
            stated = catalogs.calibration.completed(record).fields.get(parameter.name) if record is not None else None
        leaf = registry.vocabulary.get(parameter.name)
        if stated is not None:
            free[i, j] = parameter.free(stated.value)
        elif leaf is not None and not leaf.required:
            free[i, j] = parameter.free(leaf.default_value)
    return free


def _left_out(solver: Solver, unknowns: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The log ratio of every row in a fit that its family was left out of.

    A record of which no other family has a row keeps its prior's centre there: the value pooled over its class, as a
    record that no fit has seen.
    """
    families = np.array(solver.families)
    found = np.full(len(families), np.nan)
    for family in sorted(set(families[used])):
        others = used & (families != family)
        refitted, _ = solver.solve(unknowns, others) if others.any() else (np.zeros_like(unknowns), 0)
        chosen = used & (families == family)
        found[chosen] = solver.ratios(solver.free_values(refitted))[0][chosen]
    return found


def estimates_of(solver: Solver, unknowns: np.ndarray, used: np.ndarray) -> tuple[tuple[Estimate, ...], Covariance]:
    """The fitted values of all records, of classes and of the single records that some row tells about.

    Beside them the covariance of their free coordinates.
    """
    problem = solver.problem
    covariance = np.linalg.inv(solver.hessian(unknowns, used))
    _, slopes = solver.ratios(solver.free_values(unknowns))
    telling = (np.abs(slopes) > TELLING) & used[:, None]
    weights = np.stack([_weights(problem, node) for node in problem.nodes])
    shared = weights @ covariance @ weights.T
    told = [
        _estimate(problem, place, weights[place] @ unknowns, shared[place, place], telling)
        for place in range(len(problem.nodes))
    ]
    kept = [place for place, found in enumerate(told) if found.level == 0 or found.rows]
    found = tuple(told[place] for place in kept)
    return found, Covariance(tuple((e.name, e.owner, e.label) for e in found), shared[np.ix_(kept, kept)])


def _weights(problem: Problem, node: Node) -> np.ndarray:
    """How the unknowns of a node and of those above it add up to its free coordinate."""
    place = problem.nodes.index(node)
    paths = problem.data["paths"][:, node.parameter]
    chain = paths[np.flatnonzero(paths[:, node.level] == place)[0]][: node.level + 1]
    chain = chain[chain < len(problem.nodes)]
    weights = np.zeros(len(problem.nodes))
    weights[chain] = [problem.nodes[k].width for k in chain]
    return weights


def _estimate(problem: Problem, place: int, moved: float, variance: float, telling: np.ndarray) -> Estimate:
    """The value of a node: its parameter's prior centre, moved in the free coordinate."""
    node = problem.nodes[place]
    parameter = problem.parameters[node.parameter]
    free = float(problem.data["centres"][node.parameter] + moved)
    error = abs(parameter.slope(free)) * math.sqrt(variance)
    rows = np.flatnonzero(problem.data["paths"][:, node.parameter, node.level] == place)
    rows = rows[telling[rows, node.parameter]]
    families = {problem.rows[i].row.family for i in rows}
    owners = [record for i in rows if (record := problem.rows[i].records.get(parameter.owner)) is not None]
    records = {record.name for record in owners if not record.facts.get("pooled")}
    value = float(parameter.natural(free))
    return Estimate(
        parameter.name, parameter.owner, node.level, node.label, value, error, len(rows), len(families), len(records)
    )
