"""Optima as tables of text: the best of every cell, and what each condition costs there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ...specs.ratios import ratio
from ...specs.units import UnitError, parse_quantity
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
    yield from (Text(line, style="italic") for line in _remarks(found, prices, binding))


def _remarks(found: xr.Dataset, prices: list[str], binding: list[str]) -> Iterable[str]:
    """Which conditions keep cells from being feasible, and in how many; which bind in no cell that is."""
    infeasible = _are(found["outcome"], "infeasible")
    slack: list[str] = []
    for name in prices:
        condition = str(found[name].attrs["condition"])
        cells = int((infeasible & _are(found["status"], condition.replace(" ", "_"))).sum())
        if cells:
            yield f"{condition}: cannot be met in {cells} {'cell' if cells == 1 else 'cells'}"
        elif name not in binding:
            slack.append(condition)
    if slack and not bool(infeasible.all()):
        yield f"{', '.join(slack)}: binds nowhere"


def _are(codes: xr.DataArray, meaning: str) -> xr.DataArray:
    """Where codes have a meaning."""
    meanings = str(codes.attrs.get("flag_meanings", "")).split()
    values = codes.attrs.get("flag_values", range(len(meanings)))
    return codes.isin([value for value, told in zip(values, meanings, strict=True) if told == meaning])


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
