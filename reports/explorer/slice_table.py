"""Tables of the slice that a picture shows: a row a point, units in the headers, feasibility in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..pictures.feasible import reasons
from ..pictures.scales import label_of, named
from ..prefixes import shared_prefix
from ..roles import JUDGED

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST_ROWS = 10_000
FEASIBILITY = "Feasibility"
_DIGITS = 4
_IN_FULL, _MOST_WHOLE = 1e6, 1e15


def frame(data: xr.Dataset, *, readable: bool = False) -> pd.DataFrame:
    """The points of a slice in base units; a `readable` one has labels for names, handy prefixes and few digits."""
    import pandas as pd

    dims = [str(dim) for dim in data.sizes]
    labels = [data[dim] if dim in data.coords else data[dim].rename(dim) for dim in dims]
    grids = np.meshgrid(*(one.to_numpy() for one in labels), indexing="ij")
    columns = {
        _header(one, readable): _shown(grid.ravel(), one, readable) for one, grid in zip(labels, grids, strict=True)
    }
    for name, variable in data.data_vars.items():
        if name in JUDGED:
            continue
        missing = {dim: data.sizes[dim] for dim in dims if dim not in variable.dims}
        values = variable.expand_dims(missing).transpose(*dims).to_numpy().ravel()
        if "flag_values" in variable.attrs:
            words = dict(zip(variable.attrs["flag_values"], str(variable.attrs["flag_meanings"]).split(), strict=True))
            columns[_header(variable, readable)] = np.array([words.get(int(code), "") for code in values])
        else:
            columns[_header(variable, readable)] = _shown(values, variable, readable)
    if "status" in data:
        columns[FEASIBILITY if readable else "feasibility"] = reasons(data, dims).ravel()
    return pd.DataFrame(columns)


def _scale(variable: xr.DataArray) -> tuple[str, float]:
    """The unit that the numbers of a column share, and what one of it is worth."""
    unit = str(variable.attrs.get("units", "1"))
    numbers = np.asarray(variable.to_numpy(), dtype=float).ravel()
    return shared_prefix(numbers[np.isfinite(numbers)].tolist(), unit) or (unit, 1.0)


def _header(variable: xr.DataArray, readable: bool) -> str:
    unit = str(variable.attrs.get("units", "1")) if variable.dtype.kind in "fiu" else "1"
    if not readable:
        return named(str(variable.name), unit)
    shown = _scale(variable)[0] if variable.dtype.kind in "fiu" and "flag_values" not in variable.attrs else "1"
    return named(label_of(variable), shown)


def _shown(values: np.ndarray, variable: xr.DataArray, readable: bool) -> np.ndarray:
    if not readable or variable.dtype.kind not in "fiu":
        return values
    numbers = values.astype(float) / _scale(variable)[1]
    few = np.array([_few_digits(number) for number in numbers.tolist()])
    whole = np.isfinite(few).all() and np.abs(few).max(initial=0.0) < _MOST_WHOLE and np.array_equal(few, np.round(few))
    return few.astype(int) if whole else few


def _few_digits(number: float) -> float:
    """A number to four digits; a count in full."""
    return number if number.is_integer() and abs(number) < _IN_FULL else float(f"{number:.{_DIGITS}g}")
