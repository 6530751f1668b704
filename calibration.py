"""Calibration: what is fitted, and the measured rows it is fitted to."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .points import read_cases, scalar
from .specs.calibration import CALIBRATED, OWNERS, STAGES, Prior
from .specs.domains import Domain, domain_of
from .specs.known import UnknownName, check_quantity, input_name
from .specs.measured.reading import read_measured
from .specs.measured.rows import MeasuredRow, Target
from .specs.problems import Problem, RooflaxError, SpecError
from .specs.vocabulary import Kind
from .workbench import Workbench, workbench

if TYPE_CHECKING:
    from .sweeps.fits.fit import Fit
    from .sweeps.fits.fit_problem import Parameter
    from .sweeps.fits.fit_solver import Weighting

_ROW_COLUMNS = ("id", "source_family", "confidence")


def fit(
    measured: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | MeasuredRow],
    params: str | Sequence[str] | None = None,
    *,
    stage: str = "training",
    kinds: Sequence[str] = (),
    quantity: str | None = None,
    priors: Mapping[str, float] | None = None,
    starts: Mapping[str, float | str] | None = None,
    weighting: Weighting | None = None,
    leave_one_family_out: bool = False,
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
) -> Fit:
    """The most probable values of inputs given measured rows.

    `measured` are tables of measurements (files or folders), or rows. With `quantity` the files are tables of cases,
    one column an input each, and the column of that name is what was measured. `params` are texts `leaf:catalog`, one
    value a record of that catalog, or `leaf`, one value everywhere; without it those of one `stage` of the shipped
    calibration are fitted (training or serving), on the kinds of tables that it is fitted on. `kinds` keeps some kinds
    of tables. `priors` are widths of what one record may differ from its class, in the logit of a share or the
    logarithm of other inputs, and `starts` the values that priors are centred on. Raises RooflaxError where no row can
    be used.
    """
    bench = workbench(models, catalog)
    places = [measured] if isinstance(measured, str | os.PathLike) else list(measured)
    rows = rows_of(bench, places, kinds=kinds or default_kinds(params, quantity, stage), quantity=quantity)
    parameters = parameters_of(bench, params or stage_params(stage), priors or {}, starts or {})
    return fit_rows(bench, rows, parameters, weighting, leave_one_family_out=leave_one_family_out)


def fit_rows(
    bench: Workbench,
    rows: Sequence[MeasuredRow],
    parameters: Sequence[Parameter],
    weighting: Weighting | None = None,
    *,
    leave_one_family_out: bool = False,
) -> Fit:
    """The fit of parameters to rows that are read already."""
    from .sweeps.fits.fit import fit as fitted

    return fitted(
        bench.registry, bench.catalogs, rows, parameters, weighting, leave_one_family_out=leave_one_family_out
    )


def default_kinds(params: str | Sequence[str] | None, quantity: str | None, stage: str) -> tuple[str, ...]:
    """The kinds of tables that count where none is named: those of the stage for its own parameters."""
    return STAGES[stage].kinds if params is None and quantity is None else ()


def stage_params(stage: str) -> tuple[str, ...]:
    """What one stage of the shipped calibration fits, as texts `leaf:catalog`."""
    return tuple(f"{leaf}:{owner}" for owner, leaves in STAGES[stage].inputs.items() for leaf in leaves)


def rows_of(
    bench: Workbench,
    places: Iterable[str | os.PathLike[str] | MeasuredRow],
    *,
    kinds: Sequence[str] = (),
    quantity: str | None = None,
) -> list[MeasuredRow]:
    """The rows of all places in order. Raises RooflaxError where one cannot be read."""
    found: list[MeasuredRow] = []
    for place in places:
        if isinstance(place, MeasuredRow):
            found.append(place)
        elif quantity is None:
            found += read_measured(Path(place), bench.catalogs)
        else:
            found += _case_rows(bench, Path(place), quantity)
    chosen = [row for row in found if not kinds or row.kind in kinds]
    if found and not chosen:
        there = ", ".join(sorted({row.kind for row in found}))
        raise RooflaxError(f"no rows of kind {', '.join(kinds)}; there are rows of {there}")
    return chosen


def _case_rows(bench: Workbench, path: Path, quantity: str) -> list[MeasuredRow]:
    """The rows of a table of cases: one column an input, one what was measured; id, family and confidence if told."""
    try:
        check_quantity(quantity, bench.names)
    except UnknownName as error:
        raise RooflaxError(str(error)) from None
    columns, lines = read_cases(path)
    if quantity not in columns:
        raise RooflaxError(f"{path}: there is no column `{quantity}`; the columns are {', '.join(columns)}")
    unit = bench.registry.unit(quantity)
    rows = []
    for place, line in enumerate(lines, start=1):
        cells = {name: cell.strip() for name, cell in zip(columns, line, strict=False) if cell.strip()}
        told = {name: cells.pop(name, "") for name in _ROW_COLUMNS}
        value, refused = (
            math.nan,
            "" if len(line) == len(columns) else f"{len(line)} cells under {len(columns)} columns",
        )
        try:
            value = Domain(quantity, unit, quantity).read(scalar(cells.pop(quantity, "")))
        except ValueError as error:
            refused = refused or f"{quantity}: {error}"
        target = Target(quantity, value, unit, rate=unit.endswith("/s"))
        rows.append(
            MeasuredRow(
                file=path.name,
                id=told["id"] or f"row {place}",
                family=told["source_family"] or path.stem,
                confidence=told["confidence"] or "high",
                targets=(target,),
                inputs={name: scalar(cell) for name, cell in cells.items()},
                refused=refused,
                kind="cases",
            )
        )
    return rows


def parameters_of(
    bench: Workbench,
    params: str | Sequence[str],
    priors: Mapping[str, float],
    starts: Mapping[str, float | str],
) -> tuple[Parameter, ...]:
    """The parameters that texts `leaf:catalog` or `leaf` describe. Raises SpecError with everything that is wrong."""
    texts = [text.strip() for part in ([params] if isinstance(params, str) else params) for text in part.split(",")]
    problems: list[Problem] = []
    found: dict[str, Parameter] = {}
    for text in texts:
        try:
            parameter = _parameter(bench, text, priors, starts)
        except ValueError as error:
            problems.append(Problem((text,), str(error)))
        else:
            if parameter.name in found:
                problems.append(Problem((text,), f"`{parameter.name}` is fitted already"))
            found[parameter.name] = parameter
    if not problems:
        unused = [name for name in (*priors, *starts) if name not in found]
        problems = [Problem((name,), "has a prior but is not fitted; name it in the parameters") for name in unused]
    if problems:
        raise SpecError(problems)
    return tuple(found.values())


def _parameter(
    bench: Workbench, text: str, priors: Mapping[str, float], starts: Mapping[str, float | str]
) -> Parameter:
    from .sweeps.fits.fit_problem import Parameter

    written_name, _, owner = text.partition(":")
    name = input_name(written_name, bench.names)
    if name not in bench.names.vocabulary and name not in bench.names.units:
        raise ValueError("is no number; an input or a quantity was expected, such as compute_efficiency:hardware")
    domain = domain_of(name, bench.names)
    leaf = domain.leaf
    if leaf is not None and leaf.kind is not Kind.CONTINUOUS:
        raise ValueError(f"is a {leaf.kind}; only continuous inputs can be fitted")
    if owner and owner not in OWNERS:
        raise ValueError(f"`{owner}` owns no fitted values; one of {', '.join(OWNERS)} was expected after the colon")
    if owner and (leaf is None or leaf.group != owner):
        home = f"it is a {leaf.group} input" if leaf is not None else "it is a computed quantity"
        raise ValueError(f"is no field of a {owner} record; {home}, so `{name}` alone has one value everywhere")
    low, high = (leaf.low, leaf.high) if leaf is not None else (0.0, math.inf)
    prior = _prior(domain, owner, low, high, starts.get(name))
    if name in priors:
        if not priors[name] > 0:
            raise ValueError(f"the width of its prior is {priors[name]:g}; a number above 0 was expected")
        width = float(priors[name])
        kept = {"overall": prior.overall, "group": prior.group, "record": width} if owner else {"overall": width}
        prior = Prior(prior.centre, prior.reason, **kept)
    return Parameter(name, owner, prior, low, high)


def _prior(domain: Domain, owner: str, low: float, high: float, start: float | str | None) -> Prior:
    """The declared prior of an input, or a wide one about its start, its default or the middle of its domain."""
    declared = CALIBRATED.get(owner, {}).get(domain.name)
    leaf = domain.leaf
    if start is not None:
        centre, reason = domain.read(start), "given"
    elif declared is not None:
        return declared
    elif leaf is not None and not leaf.required and low < leaf.default_value < high:
        centre, reason = leaf.default_value, f"the declared default: {leaf.reason}"
    elif math.isfinite(high):
        centre, reason = (low + high) / 2, "the middle of its domain"
    else:
        raise ValueError(f"has no value to start from; give one, as in --start '{domain.name}=VALUE'")
    if not low < centre < high:
        raise ValueError(f"{centre:g} is at the edge of its domain; a start between {low:g} and {high:g} was expected")
    return (
        Prior(centre, reason)
        if declared is None
        else Prior(centre, reason, declared.overall, declared.group, declared.record)
    )
