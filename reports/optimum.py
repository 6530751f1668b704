"""Optima as tables of text: the best of every cell, and what each condition costs there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ..specs.ratios import ratio
from ..specs.units import UnitError, parse_quantity
from .columns import Column, Columns, number_column, text_column
from .tables import MOST_ROWS, best_table, places, shown

if TYPE_CHECKING:
    import xarray as xr

_PRICE = "shadow_price_"
_BOUND_UNIT = re.compile(r"[<>]=? *[-+]?[0-9._]+(?:[eE][-+]?[0-9]+)? *(.*)")
_HANDY = {"B": "GB", "B/s": "GB/s", "FLOP/s": "TFLOP/s"}


def optimum_tables(found: xr.Dataset) -> Iterable[Any]:
    """The best of every cell, then the shadow prices of its conditions where any binds."""
    prices = [name for name in map(str, found.data_vars) if name.startswith(_PRICE)]
    yield best_table(found.drop_vars(prices))
    binding = [name for name in prices if bool((found[name].fillna(0) != 0).any())]
    if binding:
        yield Text()
        yield _price_table(found, binding)
    slack = [found[name].attrs["condition"] for name in prices if name not in binding]
    if slack:
        yield Text(f"{', '.join(slack)}: binds nowhere", style="italic")


def _price_table(found: xr.Dataset, names: list[str]) -> Columns:
    """One row per cell: what the optimum changes by where a bound moves by one unit, or a margin grows by one."""
    points = [found.isel(place) for place in places(found, MOST_ROWS)]
    dims = [str(dim) for dim in found.dims]
    columns = [text_column(dim, [shown(point[dim]) for point in points], wraps=False) for dim in dims]
    columns += [_price_column(found[name], [point[name] for point in points]) for name in names]
    label = found[found.attrs["objective"]].attrs["long_name"]
    title = f"Shadow prices: what {label[:1].lower()}{label[1:]} changes by for one more unit of the bound"
    return Columns(columns, title, keys=len(dims))


def _price_column(price: xr.DataArray, values: list[xr.DataArray]) -> Column:
    """Prices for one unit as the user wrote the bound, or for a handy one."""
    condition = str(price.attrs["condition"])
    unit, base = str(price.attrs["units"]), str(price.attrs["condition_units"])
    written = _BOUND_UNIT.search(condition)
    wanted = written[1].strip() if written else _HANDY.get(base, base)
    try:
        size = parse_quantity(f"1 {wanted}", base) if wanted else 1.0
    except UnitError:
        wanted, size = base, 1.0
    of = str(price.attrs["objective_units"])
    return number_column(condition, [float(value) * size for value in values], ratio(of, wanted) if wanted else unit)
