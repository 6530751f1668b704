"""Points: quantities at single points, cases of a table, and grids small enough for memory."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .specs.calibration import pooled_notices
from .specs.known import UnknownName, check_quantity, input_name
from .specs.limits import MOST_CASES
from .specs.problems import Problem, RooflaxError, SpecError
from .specs.terms import Term
from .specs.text_files import TextError, given_cell, table_lines
from .sweeps import engine
from .sweeps.checks import DEFINED
from .sweeps.sweep import STATUS
from .workbench import Workbench, low_confidence, workbench

if TYPE_CHECKING:
    import xarray as xr

    from .sweeps.cases import CaseResult
    from .sweeps.sweep import Sweep


def evaluate(
    quantities: str | Sequence[str],
    *,
    dtype: str = "float64",
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
    **inputs: object,
) -> xr.Dataset:
    """Quantities at a point or over a grid, each on the dims it depends on, with `status` and `margin`.

    Inputs are numbers in base units, strings with units, lists and grid forms (axes), or DataArrays. Raises SpecError
    with all problems of the inputs at once, and RooflaxError where a single point has no value by its formula; in a
    grid such a point is NaN with a status. `attrs["notices"]` holds what there is to say about the inputs.
    """
    if dtype not in ("float32", "float64"):
        raise RooflaxError(f"dtype {dtype!r} is not one of float32, float64")
    from .sweeps.label import dataset

    names = [quantities] if isinstance(quantities, str) else list(quantities)
    sweep = workbench(models, catalog).sweep(names, inputs)
    arrays = engine.evaluate(sweep, dtype=dtype)
    if not sweep.axes:
        _require_value(sweep, int(arrays[STATUS]))
    found = dataset(sweep, arrays)
    pooled = pooled_notices(sweep.inputs, sweep.graph.inputs)
    return found.assign_attrs(notices=[*sweep.inputs.notices, *low_confidence(sweep.inputs.records), *pooled])


def _require_value(sweep: Sweep, status: int) -> None:
    """Raises RooflaxError where a formula has no value at the one point of a sweep."""
    if status and sweep.checks[status - 1].operator == DEFINED:
        raise RooflaxError(sweep.checks[status - 1].sentence({}, sweep.registry))


class Explanation(Term):
    """The tree of terms of a quantity at one point, which a notebook shows so that it opens and closes."""

    def _repr_html_(self) -> str:
        from .reports.markup import term_html

        return term_html(self)


def explain(quantity: str, *, depth: int = 1, **inputs: object) -> Explanation:
    """One point's quantity as the tree of terms that add up to it."""
    from .sweeps.explain import explain as explained

    sweep = workbench().sweep([quantity], inputs)
    if sweep.axes:
        raise RooflaxError(f"explain looks at one point; {', '.join(sweep.sizes)} varies: give single values")
    return Explanation(**vars(explained(sweep, quantity, depth)))


@dataclass(frozen=True)
class PointValue:
    """A quantity at one point: its value and unit, the point's status, and why it is infeasible if it is."""

    value: float | str
    unit: str
    text: str
    status: int
    message: str

    def as_mapping(self) -> dict[str, Any]:
        """Plain data: what `--json` prints; a value that is not finite is None."""
        finite = isinstance(self.value, str) or math.isfinite(self.value)
        plain: dict[str, Any] = {"value": self.value if finite else None, "unit": self.unit, "status": self.status}
        return {**plain, "message": self.message} if self.status else plain


def evaluate_point(
    bench: Workbench, quantities: Sequence[str], overrides: Sequence[str], spec: str | None
) -> tuple[dict[str, PointValue], tuple[str, ...]]:
    """Quantities at the point that overrides describe, in float64, and the notices about its inputs."""
    from .sweeps.cases import failures

    sweep, loaded = bench.point(quantities, overrides, spec)
    arrays = engine.evaluate(sweep, [*quantities, STATUS])
    status = int(arrays[STATUS])
    _require_value(sweep, status)
    (message,) = failures(sweep, arrays[STATUS].reshape(1))
    found = {}
    for name in quantities:
        number, options = float(arrays[name]), bench.registry.options(name)
        value = options[round(number)] if options else number
        found[name] = PointValue(value, bench.registry.unit(name), bench.registry.shown(name, number), status, message)
    return found, loaded.notices


def explain_point(
    bench: Workbench, quantity: str, overrides: Sequence[str], spec: str | None, depth: int
) -> tuple[Term, tuple[str, ...]]:
    """The tree of a quantity at the point that overrides describe, and the notices about its inputs."""
    from .sweeps.explain import explain as explained

    sweep, loaded = bench.point([quantity], overrides, spec)
    return explained(sweep, quantity, depth), loaded.notices


@dataclass(frozen=True)
class CaseTable:
    """The CSV of cases with the results appended, how many rows could not be evaluated, and notices about the rest."""

    text: str
    failed: int
    notices: tuple[str, ...]


def table_of(bench: Workbench, path: Path, quantities: Sequence[str]) -> CaseTable:
    """The CSV of cases with a column per quantity, `status` and `error` appended.

    Raises SpecError where a column or quantity is unknown.
    """
    from .sweeps.cases import evaluate_cases

    columns, rows = read_cases(path)
    _check_columns(bench, path, columns, quantities)
    whole = {i: row for i, row in enumerate(rows) if len(row) == len(columns)}
    cases = [
        {name: scalar(given_cell(text)) for name, text in zip(columns, row, strict=True) if text.strip()}
        for row in whole.values()
    ]
    found = dict(zip(whole, evaluate_cases(bench.registry, bench.catalogs, cases, quantities), strict=True))
    results = [found.get(i) or _uneven(row, columns) for i, row in enumerate(rows)]
    rows = [[*row, *[""] * len(columns)][: len(columns)] for row in rows]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, *quantities, "status", "error"])
    for row, result in zip(rows, results, strict=True):
        cells = [_cell(bench, name, result.values.get(name)) for name in quantities]
        writer.writerow([*row, *cells, "" if result.status is None else result.status, result.error])
    failed = sum(result.status is None for result in results)
    notices = [*low_confidence(record for result in results for record in result.records)]
    notices += [notice for result in results for notice in result.notices]
    return CaseTable(out.getvalue(), failed, tuple(dict.fromkeys(notices)))


def read_cases(path: Path) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of a CSV of cases. Raises RooflaxError where it cannot be read."""
    try:
        lines = [line for line in csv.reader(table_lines(path)) if line]
    except (TextError, csv.Error) as error:
        raise RooflaxError(f"{path} cannot be read as a CSV: {error}") from error
    if len(lines) > MOST_CASES + 1:
        raise RooflaxError(f"{path} has {len(lines) - 1:,} cases; a table has at most {MOST_CASES:,}, so split it")
    if not lines:
        raise RooflaxError(f"{path} is empty; a header of input names and a row per case were expected")
    return [name.strip() for name in lines[0]], lines[1:]


def _uneven(row: Sequence[str], columns: Sequence[str]) -> CaseResult:
    from .sweeps.cases import CaseResult

    return CaseResult({}, None, f"{len(row)} cells, the header has {len(columns)}")


def _check_columns(bench: Workbench, path: Path, columns: Sequence[str], quantities: Sequence[str]) -> None:
    problems = []
    for position, name in enumerate(columns):
        try:
            input_name(name, bench.names)
        except UnknownName as error:
            problems.append(Problem((name,), f"column {position + 1}: {error}", str(path)))
        if name in columns[:position]:
            problems.append(Problem((name,), f"column {position + 1}: there is another of this name", str(path)))
        if name in quantities:
            problems.append(Problem((name,), f"column {position + 1}: is asked for and given", str(path)))
    for name in quantities:
        try:
            check_quantity(name, bench.names)
        except UnknownName as error:
            problems.append(Problem((name,), str(error), "command line"))
    if problems:
        raise SpecError(problems)


def _cell(bench: Workbench, name: str, value: float | None) -> str:
    if value is None:
        return ""
    options = bench.registry.options(name)
    return options[round(value)] if options else repr(value)


def scalar(text: str) -> object:
    """A cell as the scalar that YAML would make of it: a number, true or false, or text."""
    from .specs.documents import parse_document

    found = parse_document(text.strip(), "cell").data
    return found if isinstance(found, int | float | bool | str) else text.strip()
