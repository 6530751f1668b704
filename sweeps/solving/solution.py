"""Solutions of an equation over a grid as a dataset: the roots, whether they are legal, and how they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.axes import Value
from ...specs.problems import Problem, SpecError
from ...specs.units import format_quantity
from ..cases import failures
from ..checks import FEASIBLE, NOT_COMPUTED
from ..engine import evaluate
from ..gradients.gradient_results import WRT, units_by
from ..gradients.tangents import with_tangents
from ..label import attributes, coordinates
from ..sweep import MARGIN, STATUS, Sweep
from .roots import OUTCOMES, SEVERAL, SOLVED, Progress, Roots, roots_of
from .unknown import Unknown

if TYPE_CHECKING:
    import xarray as xr

_RANGE = "over the values tried, solved or not; extrema between them are refined"
_OUTCOME = (
    "`none_above` and `none_below`: the quantity is above, or below, the target at all values tried where it has one; "
    "`jump`: it passes the target without taking it; `stretch`: a whole range of values has the target, of which "
    "`solution` is the lower end; `several`: `solution` is the smallest; `everywhere` and `constant`: the quantity "
    "does not depend on the unknown here, and has the target or not"
)


def solutions(
    sweep: Sweep,
    quantity: str,
    target: float,
    unknown: Unknown,
    wrt: Sequence[str] = (),
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """The solutions of `quantity` = `target` in `unknown` at every point, on the dims of the quantity.

    Variables: those of `Roots`; `status` and `margin` of the solved points, not computed where nothing is solved; and
    where `wrt` names inputs, `d_solution` along the dim `wrt`, by the implicit function theorem, NaN where the outcome
    is neither `solved` nor `several` or the quantity does not change with the unknown. `attrs["failure"]` says in a
    sentence why a single solved point is infeasible, "" where it is not. Raises RooflaxError as `roots_of` does, and
    SpecError with all inputs by which there is no derivative.
    """
    import xarray as xr

    if problems := derivative_problems(sweep, quantity, unknown, wrt):
        raise SpecError(problems)
    roots = roots_of(sweep, quantity, target, unknown, progress=progress)
    dims = sweep.dims[quantity]
    data = {name: (dims, getattr(roots, name), attrs) for name, attrs in _attributes(sweep, quantity, unknown).items()}
    coords = {coord.name: (coord.dims, coord.values, dict(coord.attrs)) for coord in coordinates(sweep)}
    there = _moved(sweep, quantity, roots, unknown)
    solved = _at_roots(there, quantity, roots, unknown, wrt)
    used = {*dims, *(dim for variable in solved.values() for dim in variable.dims)}
    found = xr.Dataset(data, {name: coord for name, coord in coords.items() if set(coord[0]) <= used})
    return found.assign(solved).assign_attrs(
        equation=f"{quantity} = {format_quantity(target, sweep.registry.unit(quantity))}",
        quantity=quantity,
        target=target,
        unknown=unknown.name,
        tried=unknown.tried,
        failure=_failure(there, solved[STATUS]),
    )


def derivative_problems(sweep: Sweep, quantity: str, unknown: Unknown, wrt: Sequence[str]) -> list[Problem]:
    """What is wrong with the inputs by which derivatives of the solution are asked for."""
    inputs = sweep.narrowed([quantity]).graph.inputs
    found = []
    for position, name in enumerate(wrt):
        if name == unknown.name:
            found.append(f"`{name}` is solved for; a derivative is taken with respect to another input")
        elif name in wrt[:position]:
            found.append(f"`{name}` is named twice; once is enough")
        elif name not in inputs:
            found.append(f"`{quantity}` does not depend on `{name}` here, nor does its solution")
    return [Problem((), message) for message in found]


def _at_roots(
    sweep: Sweep, quantity: str, roots: Roots, unknown: Unknown, wrt: Sequence[str]
) -> dict[str, xr.DataArray]:
    """What a sweep at the solutions tells: status and margin, and the derivatives."""
    import xarray as xr

    with_slopes, pairs = with_tangents(sweep, [quantity], [unknown.name, *wrt]) if wrt else (sweep, {})
    slopes = {by: found.slope for (_, by), found in pairs.items()}
    arrays = evaluate(with_slopes, [STATUS, MARGIN, *filter(None, slopes.values())])
    there = {name: xr.DataArray(array, dims=with_slopes.dims[name]) for name, array in arrays.items()}
    solved = xr.DataArray(np.isfinite(roots.solution), dims=sweep.dims[quantity])
    status = xr.where(solved, there[STATUS], NOT_COMPUTED).astype(np.int8)
    found = {STATUS: status, MARGIN: there[MARGIN].where(solved)}
    found = {name: _ordered(array, sweep).assign_attrs(attributes(sweep, name)) for name, array in found.items()}
    if wrt:
        # An input in no pair does not move the quantity; one that moves it in steps only has no slope.
        by_input = {by: there.get(slopes.get(by, ""), np.nan if by in slopes else 0.0) for by in (unknown.name, *wrt)}
        own = by_input.pop(unknown.name) * xr.ones_like(solved, dtype=float)
        own = own.where((own != 0) & np.isin(roots.outcome, [SOLVED, SEVERAL]))
        found["d_solution"] = _derivatives(sweep, unknown, {by: -slope / own for by, slope in by_input.items()})
    return found


def _moved(sweep: Sweep, quantity: str, roots: Roots, unknown: Unknown) -> Sweep:
    """The sweep at the solutions; where there is none, at a value of the range."""
    filled = np.where(np.isfinite(roots.solution), roots.solution, unknown.nodes()[-1])
    value = Value(unknown.name, sweep.dims[quantity], filled, "solution")
    return replace(sweep, inputs=replace(sweep.inputs, values={**sweep.inputs.values, unknown.name: value}))


def _failure(sweep: Sweep, status: xr.DataArray) -> str:
    """Why the one solved point is infeasible, in a sentence; empty for a grid and a point that is not."""
    if status.dims or int(status) in (FEASIBLE, NOT_COMPUTED):
        return ""
    (sentence,) = failures(sweep, status.to_numpy().reshape(1))
    return sentence


def _ordered(array: xr.DataArray, sweep: Sweep) -> xr.DataArray:
    return array.transpose(*(dim for dim in sweep.sizes if dim in array.dims))


def _derivatives(sweep: Sweep, unknown: Unknown, moves: Mapping[str, Any]) -> xr.DataArray:
    """The derivatives of the solution along the dim `wrt`, labelled as other derivatives by several inputs are."""
    import xarray as xr

    joined = xr.concat(xr.broadcast(*(_ordered(move, sweep) for move in moves.values())), dim=WRT)
    units = [sweep.registry.unit(name) for name in moves]
    coords = {
        WRT: (WRT, list(moves), {"long_name": "Input"}),
        "wrt_units": (WRT, units, {"long_name": "Unit of the input"}),
    }
    attrs = {"long_name": f"Derivative of the solution for {unknown.name}", **units_by(unknown.unit, units)}
    return joined.assign_coords(coords).assign_attrs(attrs)


def _attributes(sweep: Sweep, quantity: str, unknown: Unknown) -> dict[str, dict[str, Any]]:
    label, unit = sweep.registry.label(quantity), sweep.registry.unit(quantity)
    return {
        "solution": {
            "long_name": sweep.registry.label(unknown.name),
            "units": unknown.unit,
            "comment": "the smallest root",
        },
        "solutions": {"long_name": "Number of solutions", "units": "1"},
        "outcome": {
            "long_name": "What came of the equation",
            "units": "1",
            "flag_values": list(range(len(OUTCOMES))),
            "flag_meanings": " ".join(OUTCOMES),
            "comment": _OUTCOME,
        },
        "lowest": {"long_name": f"Smallest {label}", "units": unit, "comment": _RANGE},
        "highest": {"long_name": f"Largest {label}", "units": unit, "comment": _RANGE},
        "partial": {
            "long_name": "Whether the quantity has no value at some values of the unknown",
            "units": "1",
            "comment": f"{label} then is judged where it has a value",
        },
    }
