"""Attributions for the terminal: a tornado of what each input does to a quantity, a table for every point."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from ...specs.units import format_quantity
from .columns import Columns, text_column
from .tables import meaning, shown

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS, MOST_POINTS = 20, 8
_BAR = 12


def attribution_tables(found: xr.Dataset, most: int = MOST_ROWS) -> list[Columns]:
    """One table a point, the inputs by the size of their effect; those without any are left out."""
    dims = [str(dim) for dim in found.dims if dim != "input"]
    places = itertools.product(*(range(found.sizes[dim]) for dim in dims))
    points = [found.isel(dict(zip(dims, place, strict=True))) for place in itertools.islice(places, MOST_POINTS)]
    count = math.prod(found.sizes[dim] for dim in dims)
    cut = f"\n\n{MOST_POINTS} of {count:,} points; read all with --json" if count > MOST_POINTS else "\n"
    return [_table(point, dims, most, cut if point is points[-1] else "\n") for point in points]


def attribution_records(found: xr.Dataset) -> list[dict[str, Any]]:
    """Every effect as a plain mapping: what `--json` prints; values that are not finite are None."""
    dims = [str(dim) for dim in found.dims if dim != "input"]
    records = []
    for place in itertools.product(*(range(found.sizes[dim]) for dim in dims)):
        point = found.isel(dict(zip(dims, place, strict=True)))
        shared = {dim: point[dim].item() for dim in dims} | _context(point)
        for one in (point.isel(input=i) for i in range(point.sizes["input"])):
            numbers = {n: _plain(float(one[n])) for n in ("elasticity", "low", "high", "swing", "largest_change")}
            ends = {name: _plain(float(one[name])) for name in ("low_input", "high_input")}
            reading = meaning(one["reading"].attrs, int(one["reading"]))
            records.append(
                {**shared, "input": str(one["input"].item()), "reading": reading, **ends, **_named(one), **numbers}
            )
    return records


def _named(one: xr.Dataset) -> dict[str, Any]:
    """The next value of a flag or a choice by its name."""
    return {"high_label": _end(one, "high_input")} if str(one["input_options"].item()) else {}


def _table(point: xr.Dataset, dims: list[str], most: int, end: str) -> Columns:
    quantity = str(point.attrs["quantity"])
    point = point.sortby(-point["largest_change"])
    ones = [point.isel(input=i) for i in range(point.sizes["input"])]
    moving = [one for one in ones if float(one["largest_change"]) > 0]
    rows, base = moving[:most], float(point[quantity])
    unit = str(point[quantity].attrs.get("units", "1"))
    widest = max((float(one["largest_change"]) for one in rows), default=1.0)
    columns = [
        text_column("input", [str(one["input"].item()) for one in rows], wraps=False),
        text_column("lower", [_end(one, "low_input") for one in rows], wraps=False),
        text_column(f"{quantity} then", [_value(one, "low", unit) for one in rows], wraps=False),
        text_column("higher or next", [_end(one, "high_input") for one in rows], wraps=False),
        text_column(f"{quantity} then ", [_value(one, "high", unit) for one in rows], wraps=False),
        text_column("change", [_changes(one, base) for one in rows], wraps=False),
        text_column("", [_bar(float(one["largest_change"]) / widest) for one in rows], wraps=False),
    ]
    at = ", ".join(f"{dim} = {shown(point[dim])}" for dim in dims)
    context = ", ".join(f"{name}: {text}" for name, text in _context(point).items() if name in ("binding", "feasible"))
    title = f"{quantity} = {format_quantity(base, unit)}" + (f" at {at}" if at else "")
    title += f"\n{context}; continuous inputs changed by {point.attrs['change']:.0%}"
    if not math.isfinite(base):
        title = f"{quantity} has no value" + (f" at {at}" if at else " here") + f"\n{context}"
    smaller, idle = max(len(moving) - most, 0), len(ones) - len(moving)
    told = [f"{_inputs(smaller)} with smaller effects"] if smaller else []
    told += [f"{_inputs(idle)} without effect by {'itself' if idle == 1 else 'themselves'}"] if idle else []
    return Columns(columns, title, "; ".join(told) + (end if dims else ""), 1)


def _bar(share: float) -> str:
    return "█" * max(1, round(_BAR * share))


def _inputs(count: int) -> str:
    return "1 input" if count == 1 else f"{count} inputs"


def _context(point: xr.Dataset) -> dict[str, Any]:
    """What a point waits for and whether it is feasible."""
    found: dict[str, Any] = {}
    if "binding" in point:
        found["binding"] = meaning(point["binding"].attrs, int(point["binding"]))
    if "status" in point:
        status = int(point["status"])
        found["feasible"] = "yes" if status == 0 else f"no, {meaning(point['status'].attrs, status)}"
        found["status"] = status
    return found


def _changes(one: xr.Dataset, base: float) -> str:
    parts = [float(one[side]) / base - 1 if base else math.nan for side in ("low", "high")]
    return " / ".join(f"{part:+.1%}" for part in parts if math.isfinite(part))


def _end(one: xr.Dataset, name: str) -> str:
    value, options = float(one[name]), str(one["input_options"].item()).split()
    if not math.isfinite(value):
        return ""
    return options[round(value)] if options else format_quantity(value, str(one["input_units"].item()))


def _value(one: xr.Dataset, name: str, unit: str) -> str:
    value = float(one[name])
    if math.isfinite(value):
        return format_quantity(value, unit)
    return "no value" if math.isfinite(float(one[f"{name}_input"])) else ""


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
