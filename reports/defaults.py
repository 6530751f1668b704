"""Defaults: what a picture shows before anybody has chosen, so that the first look already answers something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..specs.problems import RooflaxError
from .registry import Report
from .roles import Kind, objectives
from .winner import labels, winner

if TYPE_CHECKING:
    import xarray as xr

MOST_CURVES = 7
_LOOKED_AT = 16
_AXES = (Kind.NUMERIC, Kind.AXIS)


def preferred(
    report: Report, data: xr.Dataset, quantity: str = "", asked: Mapping[str, str] | None = None
) -> dict[str, str] | None:
    """Names for the roles of a picture; None where the dataset cannot fill them. Roles that are `asked` for stay.

    The quantity is what the dataset's points were searched for, the one given, or the first; it decides which axes are
    worth drawing: those along which it varies, the longest ones first, and few categories for the curves.
    """
    wanted = dict(asked or {})
    own = objectives(data)
    first = [*own, *([quantity] if quantity and quantity not in own else [])]
    axes = {role: declared for role, declared in report.roles.items() if declared.kind in _AXES}
    for role, declared in report.roles.items():
        if role not in axes and role not in wanted:
            able = [name for name in declared.candidates(data) if name not in wanted.values()]
            wanted[role] = next((name for name in [*declared.prefers, *first, *able] if name in able), "")
    shown = [name for role, name in wanted.items() if role not in axes and name]
    drawn = [data[name].dims for name in (*shown, *report.quantities) if name in data.variables]
    moving = {str(dim) for dims in drawn for dim in dims} if drawn else set(map(str, data.sizes))
    for role, declared in sorted(axes.items(), key=lambda item: item[1].optional):
        if role not in wanted:
            free = [name for name in declared.candidates(data) if name not in wanted.values()]
            free = [name for name in declared.prefers if name in free] or free
            wanted[role] = _curves(data, free, moving) if declared.optional else _longest(data, free, moving)
    return report.choice(data, {role: name for role, name in wanted.items() if name})


def chosen(report: Report, data: xr.Dataset, asked: Mapping[str, str], quantity: str = "") -> dict[str, str]:
    """The names for the roles of a picture: those asked for, the others by default. Raises RooflaxError.

    `quantity` is the one to begin with, as in `preferred`.
    """
    from .pictures import pictures

    for role, name in asked.items():
        if role not in report.roles:
            known = ", ".join(report.roles) or "none"
            raise RooflaxError(f"{role}={name}: {report.name} has no such role; its roles are {known}")
        able = report.roles[role].candidates(data)
        if name not in able:
            kind = report.roles[role].kind.value
            raise RooflaxError(f"{role}={name}: {kind} was expected; here that is {', '.join(able) or 'none'}")
    choice = preferred(report, data, quantity, asked)
    if choice is None or asked.items() - choice.items() or not report.is_offered(data):
        lacking = report.lacks(data) or "one name cannot take two roles"
        others = [other.name for other in pictures() if other.group == report.group and other.is_offered(data)]
        told = f"; what can be drawn: {', '.join(others)}" if report.name not in others and others else ""
        raise RooflaxError(f"{report.name} cannot be drawn so: {lacking}{told}")
    return choice


def _longest(data: xr.Dataset, dims: list[str], moving: set[str]) -> str:
    """The dim to draw along: numbers before categories, then the one with the most labels."""
    return max(dims, key=lambda dim: (dim in moving, data[dim].dtype.kind in "fiu", data.sizes[dim]), default="")


def _curves(data: xr.Dataset, dims: list[str], moving: set[str]) -> str:
    """The dim with a curve for each label: few, but as many as can be told apart."""
    few = [dim for dim in dims if dim in moving and data.sizes[dim] <= MOST_CURVES]
    return max(few, key=lambda dim: data.sizes[dim], default="")


def start(data: xr.Dataset, best: xr.Dataset | None = None) -> dict[str, int]:
    """The position along every dim at which to look first: the best point of all, else a feasible one.

    Of feasible points the one in the middle is taken; of a large grid only some are looked at.
    """
    point = winner(best) if best is not None else None
    if point is not None and best is not None:
        known = labels(point, best)
        return {dim: _place(data[dim].to_numpy(), known[dim]) for dim in map(str, data.sizes) if dim in known}
    if "status" not in data:
        return {}
    strides = {str(dim): max(1, size // _LOOKED_AT) for dim, size in data["status"].sizes.items()}
    thinned = data["status"].isel({dim: slice(None, None, by) for dim, by in strides.items()})
    feasible = np.argwhere(thinned.to_numpy() == 0)
    if not len(feasible):
        return {}
    middle = feasible[len(feasible) // 2]
    return {dim: int(at) * by for (dim, by), at in zip(strides.items(), middle, strict=True)}


def _place(labels: np.ndarray, label: object) -> int:
    found = np.flatnonzero(labels == label)
    return int(found[0]) if found.size else 0
