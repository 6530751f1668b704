"""Cases: many independent points given row by row, each judged on its own, evaluated together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..kernels.registry import Registry
from ..specs.axes import Axis, Inputs, Value
from ..specs.bind import bind_keywords
from ..specs.calibration import pooled_notices
from ..specs.catalog import Catalogs
from ..specs.problems import SpecError
from ..specs.records import Record
from .engine import evaluate
from .known import RegistryNames
from .sweep import STATUS, Sweep, sweep_of

CASE = "case"


@dataclass(frozen=True)
class CaseResult:
    """What came of one case: values by quantity (codes for categories), the status, and why it failed if it did.

    `records` are the catalog records it used, `notices` what there is to say about values fitted on others.

    A case that could not be evaluated has no values, no status and an error.
    """

    values: Mapping[str, float]
    status: int | None
    error: str
    records: tuple[Record, ...] = ()
    notices: tuple[str, ...] = ()


def evaluate_cases(
    registry: Registry, catalogs: Catalogs, cases: Sequence[Mapping[str, object]], quantities: Sequence[str]
) -> list[CaseResult]:
    """The results of the cases in order; a wrong case gets an error text and the others still run."""
    results: dict[int, CaseResult] = {}
    alike: dict[tuple[str, ...], dict[int, Inputs]] = defaultdict(dict)
    for position, case in enumerate(cases):
        try:
            inputs = bind_keywords(case, known=RegistryNames(registry), catalogs=catalogs)
            sweep_of(registry, inputs, quantities)
            alike[tuple(sorted(inputs.values))][position] = inputs
        except SpecError as error:
            text = "; ".join(f"{problem.where}: {problem.message}" for problem in error.problems)
            results[position] = CaseResult({}, None, text)
    for group in alike.values():
        sweep = sweep_of(registry, _stacked(list(group.values())), quantities, capacity=True)
        for (position, inputs), result in zip(group.items(), _judged(sweep, quantities), strict=True):
            notices = pooled_notices(inputs, sweep.graph.inputs)
            results[position] = replace(result, records=inputs.records, notices=notices)
    return [results[position] for position in range(len(cases))]


def _stacked(cases: Sequence[Inputs]) -> Inputs:
    """Cases with values for the same names as one sweep along `case`."""
    columns = {
        name: Value(name, (CASE,), np.array([case.values[name].data for case in cases]), "given")
        for name in cases[0].values
    }
    return Inputs((Axis(CASE, np.arange(len(cases), dtype=float), label="Case"),), columns)


def _judged(sweep: Sweep, quantities: Sequence[str]) -> list[CaseResult]:
    arrays = evaluate(sweep, [*quantities, STATUS])
    columns = {name: np.broadcast_to(array, sweep.sizes[CASE]) for name, array in arrays.items()}
    sentences = failures(sweep, columns[STATUS])
    return [
        CaseResult({name: float(columns[name][i]) for name in quantities}, int(columns[STATUS][i]), sentences[i])
        for i in range(sweep.sizes[CASE])
    ]


def failures(sweep: Sweep, status: np.ndarray) -> list[str]:
    """Why each point of a one-dimensional sweep is infeasible, in a sentence; empty where it is not."""
    codes = [int(code) for code in status]
    failed = sorted({code for code in codes if code})
    reads = {name for code in failed for name in sweep.checks[code - 1].named}
    values = {name: np.broadcast_to(array, len(codes)) for name, array in evaluate(sweep, sorted(reads)).items()}
    return [
        sweep.checks[code - 1].sentence({name: float(values[name][i]) for name in reads}, sweep.registry)
        if code
        else ""
        for i, code in enumerate(codes)
    ]
