"""Defaults: what a picture shows before anybody has chosen, so that the first look already answers something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .registry import Report
from .roles import Kind

if TYPE_CHECKING:
    import xarray as xr

MOST_CURVES = 7
_LOOKED_AT = 16
_AXES = (Kind.NUMERIC, Kind.AXIS)


def preferred(
    report: Report, data: xr.Dataset, quantity: str = "", asked: Mapping[str, str] | None = None
) -> dict[str, str] | None:
    """Names for the roles of a picture; None where the dataset cannot fill them. Roles that are `asked` for stay.

    The quantity is the one given, the objective, or the first; it decides which axes are worth drawing: those along
    which it varies, the longest ones first, and few categories for the curves.
    """
    wanted = dict(asked or {})
    first = [name for name in (quantity, str(data.attrs.get("objective", ""))) if name]
    axes = {role: declared for role, declared in report.roles.items() if declared.kind in _AXES}
    for role, declared in report.roles.items():
        if role not in axes and role not in wanted:
            able = [name for name in declared.candidates(data) if name not in wanted.values()]
            wanted[role] = next((name for name in [*first, *able] if name in able), "")
    drawn = [data[name].dims for role, name in wanted.items() if role not in axes and name]
    moving = {str(dim) for dims in drawn for dim in dims} if drawn else set(map(str, data.sizes))
    for role, declared in sorted(axes.items(), key=lambda item: item[1].optional):
        if role not in wanted:
            free = [name for name in declared.candidates(data) if name not in wanted.values()]
            wanted[role] = _curves(data, free, moving) if declared.optional else _longest(data, free, moving)
    return report.choice(data, {role: name for role, name in wanted.items() if name})


def _longest(data: xr.Dataset, dims: list[str], moving: set[str]) -> str:
    """The dim to draw along: numbers before categories, then the one with the most labels."""
    return max(dims, key=lambda dim: (dim in moving, data[dim].dtype.kind in "fiu", data.sizes[dim]), default="")


def _curves(data: xr.Dataset, dims: list[str], moving: set[str]) -> str:
    """The dim with a curve for each label: few, but as many as can be told apart."""
    few = [dim for dim in dims if dim in moving and data.sizes[dim] <= MOST_CURVES]
    return max(few, key=lambda dim: data.sizes[dim], default="")


def start(data: xr.Dataset, best: xr.Dataset | None = None) -> dict[str, int]:
    """The position along every dim at which to look first: the best point that is known, else a feasible one.

    Of several best cells, or feasible points, the one in the middle is taken, so that neither end of an axis hides what
    happens along it.
    """
    if best is not None and "status" in best and all(dim in best.variables for dim in map(str, data.sizes)):
        cell = _middle(best["status"])
        point = best.isel(cell) if cell is not None else best.isel(dict.fromkeys(best.sizes, 0))
        return {dim: _place(data[dim].to_numpy(), point[dim].item()) for dim in map(str, data.sizes)}
    return (_middle(data["status"]) or {}) if "status" in data else {}


def _middle(status: xr.DataArray) -> dict[str, int] | None:
    """Where the one in the middle of all feasible points lies, of a large grid of some; None where there is none."""
    strides = {str(dim): max(1, size // _LOOKED_AT) for dim, size in status.sizes.items()}
    feasible = np.argwhere(status.isel({dim: slice(None, None, by) for dim, by in strides.items()}).to_numpy() == 0)
    if not len(feasible):
        return None
    point = feasible[len(feasible) // 2]
    return {dim: int(at) * by for (dim, by), at in zip(strides.items(), point, strict=True)}


def _place(labels: np.ndarray, label: object) -> int:
    found = np.flatnonzero(labels == label)
    return int(found[0]) if found.size else 0
