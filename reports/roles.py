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
WRT, QUANTILE = "wrt", "quantile"
FEWEST_TERMS = 2


class Kind(Enum):
    """What a name must be to take a role."""

    NUMBER = "a variable of numbers"
    CODES = "a variable of options, or the status"
    SUM = "a variable with two or more of its terms"
    NUMERIC = "a dim with numbers along it"
    AXIS = "a dim"
    SLOPE = "elasticities or derivatives by several inputs"
    DRAWN = "a variable over quantiles"


@dataclass(frozen=True)
class Role:
    """One part in a report. `optional` ones may stay empty; `least` is how many labels an axis needs."""

    kind: Kind
    optional: bool = False
    least: int = 2

    def candidates(self, data: xr.Dataset) -> list[str]:
        """The names of a dataset that can take this role, in the dataset's order."""
        if self.kind in (Kind.AXIS, Kind.NUMERIC):
            return [
                str(dim) for dim, size in data.sizes.items() if size >= self.least and self._is_axis(data, str(dim))
            ]
        return [str(name) for name in data.data_vars if self._is_variable(data, str(name))]

    def _is_axis(self, data: xr.Dataset, dim: str) -> bool:
        if dim in (WRT, QUANTILE) or dim not in data.coords:
            return False
        return self.kind is Kind.AXIS or data[dim].dtype.kind in "fiu"

    def _is_variable(self, data: xr.Dataset, name: str) -> bool:
        variable = data[name]
        coded = "flag_values" in variable.attrs
        if self.kind is Kind.CODES:
            return coded
        if coded or name in JUDGED or variable.dtype.kind not in "fiu":
            return False
        if self.kind is Kind.SUM:
            return sum(term in data.data_vars for term in variable.attrs.get("terms", ())) >= FEWEST_TERMS
        if self.kind is Kind.DRAWN:
            return QUANTILE in variable.dims
        if self.kind is Kind.SLOPE:
            return WRT in variable.dims
        return WRT not in variable.dims


NUMBER = Role(Kind.NUMBER)
CODES = Role(Kind.CODES)
SUM = Role(Kind.SUM)
NUMERIC = Role(Kind.NUMERIC)
AXIS = Role(Kind.AXIS)
BY = Role(Kind.AXIS, optional=True)
SLOPE = Role(Kind.SLOPE)
DRAWN = Role(Kind.DRAWN)
