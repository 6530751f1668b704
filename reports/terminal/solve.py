"""Solutions of an equation as text: a sentence for one point, a table for many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...specs.units import format_quantity, unit_ratio
from .columns import Columns
from .tables import meaning, records, results_table

if TYPE_CHECKING:
    import xarray as xr

SOLVED = ("solved", "several", "stretch")
HOLDS = (*SOLVED, "everywhere")
_ADVICE = "read all with --json"


def outcome(found: xr.Dataset) -> str:
    """What came of the equation at the one point of a dataset."""
    return meaning(found["outcome"].attrs, int(found["outcome"]))


def sentence(found: xr.Dataset) -> str:
    """The solution at one point, or why there is none."""
    unknown, quantity, equation = (str(found.attrs[name]) for name in ("unknown", "quantity", "equation"))
    value = f"{unknown} = {_shown(found['solution'])}"
    tried = f"for {found.attrs['tried']}" + (f" at which {quantity} has a value" if bool(found["partial"]) else "")
    lowest, highest = _shown(found["lowest"]), _shown(found["highest"])
    reached = f"it goes from {lowest} to {highest}"
    target = equation.partition(" = ")[2]
    return {
        "solved": value,
        "several": f"{value}, the smallest of {int(found['solutions'])} solutions {tried}",
        "stretch": f"{value}, where a range of values begins that all give {equation}",
        "everywhere": f"{equation} {tried}: it does not depend on {unknown} here",
        "none_above": f"no solution: {quantity} is above {target} {tried}: {reached}",
        "none_below": f"no solution: {quantity} is below {target} {tried}: {reached}",
        "jump": f"no solution: {quantity} passes {target} in a step {tried}: {reached}",
        "constant": f"no solution: {quantity} is {lowest} {tried}: it does not depend on {unknown} here",
        "undefined": f"no solution: {quantity} has no value {tried}",
    }[outcome(found)]


def derivative_lines(found: xr.Dataset) -> list[str]:
    """How the solution at one point moves with other inputs, a line each; none where there is no solution."""
    unknown = found.attrs["unknown"]
    if outcome(found) not in SOLVED:
        return []
    return [
        f"d {unknown} / d {by} = {_shown(slope)}" if math.isfinite(slope) else f"d {unknown} / d {by} has no value here"
        for by, slope in _slopes(found).items()
    ]


def point_record(found: xr.Dataset) -> dict[str, Any]:
    """One point as plain data: what `--json` prints; what is not finite is None."""
    solution = found["solution"]
    own = {"value": _plain(solution), "unit": solution.attrs["units"], "status": int(found["status"])}
    if found.attrs["failure"]:
        own["message"] = found.attrs["failure"]
    reach = {name: _plain(found[name]) for name in ("lowest", "highest")}
    told = {
        "outcome": outcome(found),
        "solutions": int(found["solutions"]),
        str(found.attrs["unknown"]): own,
        str(found.attrs["quantity"]): {
            **reach,
            "unit": found["lowest"].attrs["units"],
            "partial": bool(found["partial"]),
        },
    }
    if "d_solution" not in found:
        return told
    slopes = {by: {"value": _plain(slope), "unit": slope.attrs["units"]} for by, slope in _slopes(found).items()}
    return {**told, "derivatives": slopes}


def solve_table(found: xr.Dataset) -> Columns:
    """A row per point: the solution, what came of the equation and what the quantity can reach."""
    shown = flat(found) if found["partial"].any() else flat(found).drop_vars("partial")
    return results_table(shown, advice=_ADVICE)


def solve_records(found: xr.Dataset) -> list[dict[str, Any]]:
    """Every point as a plain mapping of names to values."""
    return records(flat(found))


def flat(found: xr.Dataset) -> xr.Dataset:
    """The solutions under the name of the unknown, and each derivative as a variable of its own."""
    unknown = str(found.attrs["unknown"])
    table = found.drop_vars(["d_solution", "wrt", "wrt_units"], errors="ignore").rename(solution=unknown)
    table.attrs = {"title": f"{unknown} for {found.attrs['equation']}"}
    return table.assign({f"d_{unknown}_d_{by}": slope for by, slope in _slopes(found).items()})


def _slopes(found: xr.Dataset) -> dict[str, xr.DataArray]:
    """The derivatives of the solution by input, each with its own unit."""
    if "d_solution" not in found:
        return {}
    slopes = {}
    for position, by in enumerate(found["wrt"].values):
        slope = found["d_solution"].isel(wrt=position).drop_vars(["wrt", "wrt_units"])
        unit = unit_ratio(found["solution"].attrs["units"], str(found["wrt_units"].values[position]))
        slopes[str(by)] = slope.assign_attrs(units=unit)
    return slopes


def _shown(value: xr.DataArray) -> str:
    return format_quantity(float(value), str(value.attrs["units"]))


def _plain(value: xr.DataArray) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
