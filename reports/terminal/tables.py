"""Tables for the terminal: labelled results as rows, with labels and units from their attributes alone."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.units import format_quantity
from .columns import Column, Columns, number_column, text_column

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 40
_WAYS = {"min": "smallest", "max": "largest"}
_ROWS = "narrow with --sel, or read all with --json"
_ALL = "narrow with --sel, or write all with -o"
_COMPARISON = re.compile(r"_(<=?|>=?|==|!=)_(.*)")


def best_table(best: xr.Dataset, most: int = MOST_ROWS, advice: str = _ROWS) -> Columns:
    """The best points: one row per kept cell, first the labels, then the winning configuration, then the outputs.

    Of more than `most` cells the best ones are kept, in the order of the grid.
    """
    labels = _labels(best)
    hidden = {"status", "margin", *(["ties"] if "ties" in best and not (best["ties"] > 1).any() else [])}
    configuration, outputs = _parts(best, hidden)
    objective = str(best.attrs.get("objective", ""))
    points = [best.isel(place) for place in _leading(best, objective, most)]
    columns = [_column(name, [point[name] for point in points]) for name in (*labels, *configuration, *outputs)]
    verdicts = [_verdict(point, objective) for point in points]
    if "status" in best:
        columns.append(text_column("feasible", verdicts, wraps=False))
    faint = frozenset(row for row, verdict in enumerate(verdicts) if verdict != "yes")
    title = "\n".join(filter(None, [_title(best), _fixed(best)]))
    return _table(columns, len(labels), title, _cut(best, most, advice, "the best "), faint)


def _leading(best: xr.Dataset, objective: str, most: int) -> Iterable[dict[str, int]]:
    """The positions of the cells that lead: feasible ones first, then by the objective."""
    if objective not in best or math.prod(best.sizes.values()) <= most:
        return places(best, most)
    values, status = best[objective].broadcast_like(best).astype(float), best.get("status")
    goal = -values if best.attrs.get("direction") == "largest" else values
    failed = (status != 0).broadcast_like(goal).transpose(*goal.dims) if status is not None else goal.isnull()
    order = np.lexsort((goal.to_numpy().ravel(), failed.to_numpy().ravel()))
    spots = zip(*(map(int, row) for row in np.unravel_index(np.sort(order[:most]), goal.shape)), strict=True)
    return [dict(zip(map(str, goal.dims), spot, strict=True)) for spot in spots]


def front_table(front: xr.Dataset, most: int = MOST_ROWS, advice: str = _ROWS) -> Columns:
    """Frontiers: one row per point, first the kept labels, then the configuration, the objectives, and the outputs."""
    kept = [str(name) for name, coord in front.coords.items() if coord.dims]
    goals = [goal.split(":") for goal in str(front.attrs.get("objectives", "")).split()]
    first = [quantity for quantity, _ in goals]
    configuration, outputs = _parts(front, {"status", "margin"})
    names = [*kept, *configuration, *first, *(name for name in outputs if name not in first)]
    points = [front.isel(place) for place in places(front, most)]
    columns = [_column(name, [point[name] for point in points]) for name in names]
    words = [f"{_WAYS[way]} {_named(front, quantity)}" for quantity, way in goals]
    over = str(front.attrs.get("over", "")).replace(" ", ", ")
    title = "\n".join(filter(None, [f"Frontier of {' and '.join(words)} over {over}", _fixed(front)]))
    return _table(columns, len(kept), title, _cut(front, most, advice), frozenset())


def results_table(results: xr.Dataset, most: int = MOST_ROWS, advice: str = _ALL) -> Columns:
    """A part of stored results: one row per point, with the labels that are fixed above it.

    `advice` tells where all rows are to be had if there are more than `most`.
    """
    labels = _labels(results)
    names = [*labels, *(str(name) for name in results.data_vars if name != "status")]
    points = [results.isel(place) for place in places(results, most)]
    columns = [
        text_column(name, map(_margin, points), wraps=False)
        if name == "margin"
        else _column(name, [point[name] for point in points])
        for name in names
    ]
    verdicts = [_verdict(point) for point in points]
    if "status" in results:
        columns.append(text_column("feasible", verdicts, wraps=False))
    faint = frozenset(row for row, verdict in enumerate(verdicts) if verdict != "yes")
    title = "\n".join(filter(None, [str(results.attrs.get("title", "")), _fixed(results)]))
    return _table(columns, len(labels), title, _cut(results, most, advice), faint)


def listing(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> Columns:
    """A plain table of text."""
    cells = [[row[position] for row in rows] for position in range(len(columns))]
    return Columns([text_column(name, column) for name, column in zip(columns, cells, strict=True)], title, keys=1)


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


def condition(attrs: Mapping[str, Any], status: int) -> str:
    """The condition that a status stands for; comparisons as they were written."""
    return _COMPARISON.sub(lambda m: f" {m[1]} {m[2].replace('_', ' ')}", meaning(attrs, status))


def records(data: xr.Dataset) -> list[dict[str, Any]]:
    """Every point as a plain mapping of names to values: what `--json` prints; values that are not finite are None.

    Labels that are fixed stand in every mapping.
    """
    fixed = [str(name) for name, coord in data.coords.items() if not coord.dims]
    names = [*_labels(data), *fixed, *map(str, data.data_vars)]
    rows = []
    for place in places(data):
        point = data.isel(place)
        rows.append({name: _plain(point[name]) for name in names})
    return rows


def _labels(data: xr.Dataset) -> list[str]:
    """What labels the points: the dims, then other coordinates along them, as of zipped axes and frontiers."""
    dims = [str(dim) for dim in data.dims if dim in data.coords]
    return [*dims, *(str(name) for name, coord in data.coords.items() if coord.dims and str(name) not in dims)]


def _table(columns: Sequence[Column], keys: int, title: str, cut: str, faint: frozenset[int]) -> Columns:
    """The table without the columns that say the same in every row, which are told below it."""
    rows = len(columns[0].cells) if columns else 0
    told = [c for c in columns[keys:] if rows > 1 and len(set(c.cells)) == 1]
    if len(told) == len(columns) - keys:
        told = []
    same = ", ".join(f"{c.name} = {c.cells[0]} {c.unit}".rstrip() for c in told)
    lines = [f"in every row: {same}" if same else "", cut]
    shown_columns = [column for column in columns if column not in told]
    return Columns(shown_columns, title, "\n".join(line for line in lines if line), keys, faint)


def _column(name: str, values: Sequence[xr.DataArray]) -> Column:
    if any("flag_values" in value.attrs or value.dtype.kind not in "fiu" for value in values):
        return text_column(name, [shown(value) for value in values])
    unit = str(values[0].attrs.get("units", "1")) if values else "1"
    return number_column(name, [float(value) for value in values], unit)


def _verdict(point: xr.Dataset, objective: str = "") -> str:
    """Whether a point is feasible, which condition fails where it is not, and whether there is no value to rank by."""
    status = int(point["status"]) if "status" in point else 0
    if status == 0:
        return "yes" if objective not in point or math.isfinite(float(point[objective])) else "no value"
    told = condition(point["status"].attrs, status)
    return "not computed" if told == "not_computed" else f"no: {told}"


def _margin(point: xr.Dataset) -> str:
    """The margin in the unit of the condition that it belongs to."""
    units = list(point["margin"].attrs.get("condition_units", ())) or ["1"]
    status = int(point["status"]) if "status" in point else 0
    value = float(point["margin"])
    return format_quantity(value, units[status - 1] if 0 <= status - 1 < len(units) else units[-1])


def _title(best: xr.Dataset) -> str:
    over = str(best.attrs.get("over", "")).replace(" ", ", ")
    return f"{_named(best, best.attrs.get('objective', ''))}: {best.attrs.get('direction', '')} over {over}"


def _named(data: xr.Dataset, quantity: str) -> str:
    """A quantity by its label and its name."""
    label = data[quantity].attrs.get("long_name", quantity) if quantity in data else quantity
    return f"{label} ({quantity})"


def _parts(data: xr.Dataset, hidden: Collection[str]) -> tuple[list[str], list[str]]:
    """The variables that tell a configuration, and the others that are not hidden."""
    configuration = [str(n) for n in data.data_vars if data[n].attrs.get("role") == "configuration"]
    return configuration, [str(n) for n in data.data_vars if n not in hidden and str(n) not in configuration]


def _fixed(data: xr.Dataset) -> str:
    """The labels that hold for all rows because one was selected."""
    found = [f"{name} = {shown(coord)}" for name, coord in data.coords.items() if not coord.dims]
    return f"at {', '.join(found)}" if found else ""


def _cut(data: xr.Dataset, most: int, advice: str, which: str = "") -> str:
    rows = math.prod(data.sizes.values())
    return f"{which}{most} of {rows:,} rows; {advice}" if rows > most else ""


def places(data: xr.Dataset, most: int | None = None) -> Iterable[dict[str, int]]:
    """The position of every point along the dims, the last running fastest; the first `most` of them."""
    sizes = {str(dim): size for dim, size in data.sizes.items()}
    for place in itertools.islice(itertools.product(*(range(size) for size in sizes.values())), most):
        yield dict(zip(sizes, place, strict=True))


def _plain(value: xr.DataArray) -> Any:
    if "flag_values" in value.attrs and value.name != "status":
        return meaning(value.attrs, int(value))
    item = value.item()
    return None if isinstance(item, float) and not math.isfinite(item) else item
