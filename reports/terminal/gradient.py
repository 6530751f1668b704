"""Gradients for the terminal: a row for every quantity and input, in the order of what moves most."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...specs.units import format_quantity, unit_ratio
from .columns import Columns, text_column
from .tables import condition, meaning

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 60
_DIFFERENCES = ("difference", "last")
_SUFFIXES = ("_reading", "_start", "_stop")
_TOLD = {
    "slope": "",
    "rising": "kink; as the input rises",
    "falling": "kink or bound; as the input falls",
    "mask": "no slope holds on either side",
    "chosen": "moves in jumps only",
    "rounded": "moves in whole steps: no derivative",
    "difference": "difference",
    "last": "no further legal value",
    "none": "does not depend on it",
}


def gradient_records(gradient: xr.Dataset) -> list[dict[str, Any]]:
    """Every derivative as a plain mapping: what `--json` prints; values that are not finite are None."""
    return [
        {**row, **{key: _plain(row[key]) for key in ("value", "start", "stop")}, "status": row["status"]}
        for row in _rows(gradient)
    ]


def gradient_table(gradient: xr.Dataset, most: int = MOST_ROWS) -> Columns:
    """The derivatives, point by point; at one point those of a quantity by how much they move it."""
    dims = [str(dim) for dim in gradient.dims if dim != "wrt"]
    rows = list(itertools.islice(_rows(gradient), most))
    if not dims and gradient.attrs.get("relative"):
        order = _quantities(gradient)
        rows.sort(key=lambda row: (order.index(row["of"]), -abs(row["value"]) if row["value"] == row["value"] else 1.0))
    labels = [*dims, "of", "wrt"]
    columns = [text_column(name, [_label(row[name]) for row in rows], wraps=False) for name in labels]
    columns.append(text_column("value", [_value(row) for row in rows], wraps=False))
    columns.append(text_column("no kink within", [_interval(row) for row in rows], wraps=False))
    columns.append(text_column("what it is", [_told(row) for row in rows]))
    if any(row["status"] for row in rows):
        columns.append(text_column("feasible", [_verdict(row) for row in rows], wraps=False))
    count = math.prod(gradient.sizes.values()) * len(_quantities(gradient))
    cut = f"{most} of {count:,} rows; read all with --json" if count > most else ""
    title = "Elasticities: relative change per relative change" if gradient.attrs.get("relative") else "Derivatives"
    return Columns(columns, title, cut, len(labels))


def _quantities(gradient: xr.Dataset) -> list[str]:
    names = [str(name) for name in gradient.data_vars if str(name) != "status"]
    return [name for name in names if not name.endswith(_SUFFIXES)]


def _rows(gradient: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Every derivative with its labels, its unit, what it is and where it holds."""
    dims = [str(dim) for dim in gradient.dims if dim != "wrt"]
    relative = bool(gradient.attrs.get("relative"))
    for place in itertools.product(*(range(gradient.sizes[dim]) for dim in dims)):
        point = gradient.isel(dict(zip(dims, place, strict=True)))
        labels = {dim: point[dim].item() for dim in dims}
        for name in _quantities(gradient):
            for one in (point.isel(wrt=i) for i in range(gradient.sizes["wrt"])):
                by, unit = str(one["wrt_units"].item()), str(gradient[name].attrs["quantity_units"])
                reading = meaning(one[f"{name}_reading"].attrs, int(one[f"{name}_reading"]))
                yield {
                    **labels,
                    "of": name,
                    "wrt": str(one["wrt"].item()),
                    "value": float(one[name]),
                    "unit": "1" if relative else unit if reading in _DIFFERENCES else unit_ratio(unit, by),
                    "quantity_unit": unit,
                    "reading": reading,
                    "start": float(one[f"{name}_start"]),
                    "stop": float(one[f"{name}_stop"]),
                    "wrt_unit": by,
                    "options": str(one["wrt_options"].item()).split(),
                    "status": int(one["status"]),
                    "feasible": "yes"
                    if int(one["status"]) == 0
                    else condition(one["status"].attrs, int(one["status"])),
                }


def _judged(status: xr.DataArray) -> dict[str, Any]:
    """The status of a point, and the condition that it stands for."""
    code = int(status)
    return {"status": code, "feasible": "yes" if code == 0 else condition(status.attrs, code)}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _told(row: dict[str, Any]) -> str:
    if not math.isfinite(row["value"]) and row["reading"] not in ("rounded", "last"):
        return "the quantity is 0 or has no value here"
    return _TOLD[row["reading"]]


def _verdict(row: dict[str, Any]) -> str:
    return row["feasible"] if row["status"] == 0 else f"no: {row['feasible']}"


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(row: dict[str, Any]) -> str:
    if not math.isfinite(row["value"]):
        return "none" if row["reading"] in ("rounded", "last") else "undefined"
    if row["unit"] == "1":
        return f"{row['value']:+.4g}" if row["value"] else "0"
    if row["reading"] == "difference":
        return format_quantity(row["value"], row["unit"])
    per = "" if row["wrt_unit"] == "1" else f" per {row['wrt_unit']}"
    return f"{row['value']:+.4g} {row['quantity_unit']}{per}" if row["value"] else "0"


def _interval(row: dict[str, Any]) -> str:
    """Where in the input a derivative holds, or between which values a difference is."""
    if row["reading"] in ("none", "mask", "last"):
        return ""
    start, stop = (_end(row, row[key]) for key in ("start", "stop"))
    return f"{start} → {stop}" if row["reading"] == "difference" else f"{start} … {stop}"


def _end(row: dict[str, Any], value: float) -> str:
    if row["options"]:
        return row["options"][round(value)]
    return format_quantity(value, row["wrt_unit"]) if math.isfinite(value) else "∞" if value > 0 else "-∞"
