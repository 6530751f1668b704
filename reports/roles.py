"""Roles: what a report may be asked to draw, by the kind of name that can take the part.

A report of fixed quantities needs none. One that draws any quantity along any axis declares a role for each, and a
dataset says itself which of its names can play it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

JUDGED = ("status", "margin")
CONFIGURATION = "configuration"
WRT, QUANTILE, RANK = "wrt", "quantile", "rank"
FEWEST_TERMS = 2


class Kind(Enum):
    """What a name must be to take a role."""

    NUMBER = "a variable of numbers"
    PACE = "a time or a rate"
    CODES = "a variable of options"
    SUM = "a variable with two or more of its terms"
    NUMERIC = "an axis of numbers"
    AXIS = "an axis"
    SLOPE = "elasticities by several inputs"
    DRAWN = "a variable over quantiles"


@dataclass(frozen=True)
class Role:
    """One part in a report. `optional` ones may stay empty; `least` is how many labels an axis needs.

    Of the names that can take it, those it `prefers` come first where nobody has chosen.
    """

    kind: Kind
    optional: bool = False
    least: int = 2
    prefers: tuple[str, ...] = ()

    def candidates(self, data: xr.Dataset) -> list[str]:
        """The names of a dataset that can take this role, in its order: what it was searched for first."""
        if self.kind in (Kind.AXIS, Kind.NUMERIC):
            return [
                str(dim) for dim, size in data.sizes.items() if size >= self.least and self._is_axis(data, str(dim))
            ]
        found = [str(name) for name in data.data_vars if self._is_variable(data, str(name))]
        goals = objectives(data)
        return sorted(found, key=lambda name: (name not in goals, data[name].attrs.get("role") == CONFIGURATION))

    def _is_axis(self, data: xr.Dataset, dim: str) -> bool:
        if dim in (WRT, QUANTILE, RANK) or dim not in data.coords:
            return False
        return self.kind is Kind.AXIS or (data[dim].dtype.kind in "fiu" and not members(data[dim]))

    def _is_variable(self, data: xr.Dataset, name: str) -> bool:
        variable = data[name]
        coded = "flag_values" in variable.attrs
        if self.kind is Kind.CODES:
            return coded and name not in JUDGED
        if coded or name in JUDGED or variable.dtype.kind not in "fiu":
            return False
        unit = str(variable.attrs.get("units", "1"))
        tests = {
            Kind.NUMBER: WRT not in variable.dims,
            Kind.PACE: WRT not in variable.dims and is_pace(unit),
            Kind.SUM: sum(term in data.data_vars for term in variable.attrs.get("terms", ())) >= FEWEST_TERMS,
            Kind.SLOPE: WRT in variable.dims and unit == "1",
            Kind.DRAWN: QUANTILE in variable.dims,
        }
        return tests[self.kind]


def is_pace(unit: str) -> bool:
    """Whether what has this unit is a time or a rate."""
    return unit == "s" or unit.endswith("/s")


def objectives(data: xr.Dataset) -> dict[str, bool]:
    """What a dataset's points were searched for, and whether the largest is the best."""
    goals = [text.rpartition(":") for text in str(data.attrs.get("objectives", "")).split()]
    if "objective" in data.attrs:
        goals.append((data.attrs["objective"], ":", "max" if data.attrs.get("direction") == "largest" else "min"))
    return {name: way == "max" for name, _, way in goals}


def members(coordinate: xr.DataArray) -> list[xr.DataArray]:
    """The members of a zipped axis, whose own labels are but positions; none of any other."""
    if coordinate.dtype.kind not in "fiu" or coordinate.to_numpy().tolist() != list(range(coordinate.size)):
        return []
    return [
        member
        for name, member in coordinate.coords.items()
        if name != coordinate.name and member.dims == coordinate.dims
    ]


NUMBER = Role(Kind.NUMBER)
PACE = Role(Kind.PACE)
CODES = Role(Kind.CODES)
SUM = Role(Kind.SUM)
NUMERIC = Role(Kind.NUMERIC)
AXIS = Role(Kind.AXIS)
BY = Role(Kind.AXIS, optional=True)
SLOPE = Role(Kind.SLOPE)
DRAWN = Role(Kind.DRAWN)
