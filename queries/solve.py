"""Solve: the value of an input at which a quantity has a given value, at a point or over a grid."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..runs import Progress, overrides_of
from ..specs.bind import bind_keywords
from ..specs.calibration import pooled_notices
from ..specs.conditions import Comparison, ConditionError, parse_equation
from ..specs.problems import Problem, RooflaxError, SpecError
from ..workbench import Workbench, low_confidence, workbench

if TYPE_CHECKING:
    import xarray as xr

    from ..specs.axes import Inputs
    from ..specs.conditions import Condition
    from ..sweeps.solving.unknown import Unknown


def solve(
    equation: str,
    for_: str,
    *,
    between: Sequence[object] | None = None,
    wrt: str | Sequence[str] = (),
    spec: str | os.PathLike[str] | None = None,
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
    progress: Progress | None = None,
    **inputs: object,
) -> xr.Dataset:
    """The value of the input `for_` at which `equation` holds, such as `predicted_mfu = 0.45`, at every point.

    `inputs` are those of `evaluate`, or override those of `spec`. The input that is solved for needs no value; one that
    is given is set aside. It is looked for in its whole domain, or `between` two values; negative ones only there.

    The dataset has `solution` (the smallest, NaN where there is none), `solutions` (how many there are), `outcome`
    (what came of it), `lowest` and `highest` (what the quantity can reach, solved or not), `partial` (whether it has no
    value in a part of the range), `status` and `margin` (whether the solved point is feasible) and, for inputs in
    `wrt`, `d_solution`: how the solution moves with each. Inputs with a distribution are taken at its centre, which a
    notice tells. Computed in float64.
    Raises RooflaxError where the question cannot be read, and SpecError with all problems of the inputs.
    """
    bench = workbench(models, catalog)
    wrt = [wrt] if isinstance(wrt, str) else list(wrt)
    if spec is not None:
        overrides = overrides_of(inputs)
        return solve_described(bench, equation, for_, overrides, os.fspath(spec), between, wrt, progress)
    target, unknown = _read(bench, equation, for_, between)
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
    notices = [*bound.notices, *low_confidence(bound.records)]
    return _solved(bench, bound, target, unknown, wrt, (), notices, progress)


def solve_described(
    bench: Workbench,
    equation: str,
    for_: str,
    overrides: Sequence[str],
    spec: str | None = None,
    between: Sequence[object] | None = None,
    wrt: Sequence[str] = (),
    progress: Progress | None = None,
) -> xr.Dataset:
    """The same for inputs that `--set` overrides, and perhaps a spec with its conditions, describe."""
    from ..sweeps.known import NamesWithUnknown
    from ..sweeps.sweep import refuse_free_inputs

    target, unknown = _read(bench, equation, for_, between)
    known = NamesWithUnknown(bench.registry, unknown.name)
    loaded = bench.asked([target.name], overrides, spec, known)
    refuse_free_inputs(loaded)
    return _solved(bench, loaded.inputs, target, unknown, wrt, loaded.conditions, loaded.notices, progress)


def _read(bench: Workbench, equation: str, for_: str, between: Sequence[object] | None) -> tuple[Comparison, Unknown]:
    """The target and the unknown of a question."""
    from ..sweeps.solving.unknown import unknown_of

    names = bench.names
    units = {**{leaf.name: leaf.unit for leaf in names.vocabulary.values()}, **names.units}
    try:
        target = parse_equation(equation, units, names.options)
    except ConditionError as error:
        raise RooflaxError(str(error)) from None
    bench.check_quantities([target.name])
    if between is not None and (isinstance(between, str) or len(between) != 2):
        raise RooflaxError(f"between takes a lower and an upper bound, found {between!r}")
    unknown = unknown_of(names, for_, None if between is None else (between[0], between[1]))
    if unknown.name == target.name:
        raise RooflaxError(f"`{target.name}` is the target and cannot be solved for; name an input that it depends on")
    return target, unknown


def _solved(
    bench: Workbench,
    inputs: Inputs,
    target: Comparison,
    unknown: Unknown,
    wrt: Sequence[str],
    conditions: Sequence[Condition],
    notices: Sequence[str],
    progress: Progress | None,
) -> xr.Dataset:
    from ..sweeps.solving.solution import derivative_problems, solutions
    from ..sweeps.solving.unknown import with_unknown
    from ..sweeps.sweep import sweep_of

    names, problems = _derived_by(bench, wrt)
    sweep = sweep_of(bench.registry, with_unknown(inputs, unknown.name), [target.name], conditions, capacity=True)
    if problems := [*problems, *derivative_problems(sweep, target.name, unknown, names)]:
        raise SpecError(problems)
    if unknown.name in inputs.values and inputs.values[unknown.name].origin in ("given", "axis"):
        notices = [*notices, f"{unknown.name}: solved for, so what is given for it is set aside"]
    found = solutions(sweep, target.name, target.value, unknown, names, progress=progress)
    pooled = pooled_notices(sweep.inputs, sweep.graph.inputs)
    aside = bench.centres(inputs, [unknown.name])
    told = [*notices, *bench.centres(inputs, sweep.graph.inputs), *pooled]
    return found.assign_attrs(notices=[notice for notice in dict.fromkeys(told) if notice not in aside])


def _derived_by(bench: Workbench, wrt: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """The proper names of the inputs to derive by, and what is wrong with the others."""
    from ..sweeps.solving.unknown import number_name

    names, problems = [], []
    for written in wrt:
        try:
            names.append(number_name(bench.names, written, "so there is no derivative by it"))
        except RooflaxError as error:
            problems.append(Problem((), str(error)))
    return names, problems
