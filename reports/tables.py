"""Tables for the terminal: labelled results as rows, with labels and units from their attributes alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ..specs.units import format_quantity

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 40


def best_table(best: xr.Dataset, most: int = MOST_ROWS) -> Table:
    """The best points: one row per kept cell, first the labels, then the winning configuration, then the outputs."""
    dims = [str(dim) for dim in best.dims]
    hidden = {"status", "margin"}
    configuration = [str(n) for n in best.data_vars if best[n].attrs.get("role") == "configuration"]
    outputs = [str(n) for n in best.data_vars if n not in hidden and str(n) not in configuration]
    table = Table(title=_title(best), caption=_caption(best, most), header_style="bold")
    for name in (*dims, *configuration, *outputs, "feasible"):
        numeric = name in best and best[name].dtype.kind == "f"
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for place in itertools.islice(_places(best), most):
        point = best.isel(place)
        status = int(point["status"]) if "status" in point else 0
        cells = [shown(point[name]) for name in (*dims, *configuration, *outputs)]
        verdict = "yes" if status == 0 else meaning(point["status"].attrs, status)
        table.add_row(*cells, verdict, style="" if status == 0 else "dim")
    return table


def _title(best: xr.Dataset) -> str:
    objective = best.attrs.get("objective", "")
    label = best[objective].attrs.get("long_name", objective) if objective in best else objective
    over = str(best.attrs.get("over", "")).replace(" ", ", ")
    return f"{label} ({objective}), {best.attrs.get('direction', '')} over {over}"


def _caption(best: xr.Dataset, most: int) -> str | None:
    rows = math.prod(best.sizes.values())
    return f"{most} of {rows} rows; narrow with --sel, or read all with --json" if rows > most else None


def _places(data: xr.Dataset) -> Iterable[dict[str, int]]:
    sizes = {str(dim): size for dim, size in data.sizes.items()}
    for place in itertools.product(*(range(size) for size in sizes.values())):
        yield dict(zip(sizes, place, strict=True))


def shown(value: xr.DataArray) -> str:
    """One value as text: with its unit, or as the meaning of its code."""
    if "flag_values" in value.attrs:
        return meaning(value.attrs, int(value))
    item = value.item()
    return item if isinstance(item, str) else format_quantity(float(item), str(value.attrs.get("units", "1")))


def meaning(attrs: Mapping[str, Any], code: int) -> str:
    """What a coded value stands for."""
    meanings = dict(zip(map(int, attrs["flag_values"]), str(attrs["flag_meanings"]).split(), strict=True))
    return meanings.get(code, str(code))


def records(data: xr.Dataset) -> list[dict[str, Any]]:
    """Every point as a plain mapping of names to values: what `--json` prints; values that are not finite are None."""
    names = [str(name) for name in (*data.dims, *data.data_vars)]
    rows = []
    for place in _places(data):
        point = data.isel(place)
        rows.append({name: _plain(point[name]) for name in names})
    return rows


def _plain(value: xr.DataArray) -> Any:
    if "flag_values" in value.attrs and value.name != "status":
        return meaning(value.attrs, int(value))
    item = value.item()
    return None if isinstance(item, float) and not math.isfinite(item) else item


def results_table(results: xr.Dataset, most: int = MOST_ROWS) -> Table:
    """A part of stored results: one row per point, with the labels that are fixed in the title."""
    dims = [str(dim) for dim in results.dims]
    fixed = [f"{name} = {shown(coord)}" for name, coord in results.coords.items() if not coord.dims]
    rows = math.prod(results.sizes.values())
    caption = f"{most} of {rows} rows; narrow with --sel, or write all with -o" if rows > most else None
    table = Table(title=", ".join(fixed) or None, caption=caption, header_style="bold")
    names = [*dims, *map(str, results.data_vars)]
    for name in names:
        table.add_column(name, overflow="fold")
    for place in itertools.islice(_places(results), most):
        point = results.isel(place)
        table.add_row(*(shown(point[name]) for name in names))
    return table


def listing(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> Table:
    """A plain table of text."""
    table = Table(title=title, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
