"""Uncertain quantities as tables: where they lie, and which inputs that comes from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .columns import Columns, number_column, text_column
from .tables import MOST_ROWS, shown

if TYPE_CHECKING:
    import xarray as xr

_OWN_DIMS = ("quantile", "input", "condition")
_MOMENTS = ("centre", "mean", "deviation", "first_order", "no_value_probability")
_NAMED = 3


def uncertainty_tables(found: xr.Dataset, most: int = MOST_ROWS) -> list[Columns]:
    """For each quantity where it lies, one row per point; at a single point also its inputs, the weightiest first."""
    tables = []
    for quantity in quantities_of(found):
        tables.append(_intervals(found, quantity, most))
        if not _dims(found, quantity) and not all(map(math.isnan, _weights(found, quantity))):
            tables.append(_inputs(found, quantity))
    return [*tables, *_probabilities(found, most)]


def as_records(found: xr.Dataset) -> dict[str, Any]:
    """The same as plain data, what `--json` prints: a mapping per point; values that are not finite are None."""
    names = quantities_of(found)
    dims = [str(dim) for dim in found.dims if dim not in _OWN_DIMS]
    keys = ("samples", "seed", "evaluations", "sequence", "correlated", "notices")
    inputs = dict(zip(_texts(found, "input"), _texts(found, "distribution"), strict=True))
    points = []
    for point in _points(found, dims):
        record: dict[str, Any] = {dim: _plain(point[dim].item()) for dim in dims}
        record |= {name: _quantity(point, name) for name in names}
        record["feasible_probability"] = _plain(point["feasible_probability"].item())
        if "condition_probability" in point:
            told = zip(_texts(found, "condition"), point["condition_probability"].to_numpy().tolist(), strict=True)
            record["condition_probability"] = {text: _plain(value) for text, value in told}
        points.append(record)
    return {**{key: found.attrs[key] for key in keys if key in found.attrs}, "inputs": inputs, "points": points}


def quantities_of(found: xr.Dataset) -> list[str]:
    """The quantities that were asked for."""
    return list(dict.fromkeys(str(v.attrs["quantity"]) for v in found.data_vars.values() if "quantity" in v.attrs))


def _quantity(point: xr.Dataset, name: str) -> dict[str, Any]:
    """All that is known of a quantity at one point."""
    shares = map(float, point["quantile"].to_numpy())
    record: dict[str, Any] = {"unit": point[name].attrs["units"]}
    record |= {key: _plain(point[f"{name}_{key}"].item()) for key in _MOMENTS}
    values = point[name].to_numpy().tolist()
    record["quantiles"] = {f"{share:g}": _plain(value) for share, value in zip(shares, values, strict=True)}
    for key in ("share", "first_index", "total_index"):
        if f"{name}_{key}" in point:
            told = zip(_texts(point, "input"), point[f"{name}_{key}"].to_numpy().tolist(), strict=True)
            record[key] = {text: _plain(value) for text, value in told}
    return record


def _intervals(found: xr.Dataset, quantity: str, most: int) -> Columns:
    unit, dims = found[quantity].attrs["units"], _dims(found, quantity)
    points = list(itertools.islice(_points(found, dims), most))
    numbers = {"centre": [float(point[f"{quantity}_centre"]) for point in points]}
    for share in found["quantile"].to_numpy():
        numbers[f"{100 * share:g} %"] = [float(point[quantity].sel(quantile=share)) for point in points]
    numbers["deviation"] = [float(point[f"{quantity}_deviation"]) for point in points]
    numbers["first order"] = [float(point[f"{quantity}_first_order"]) for point in points]
    columns = [text_column(dim, [shown(point[dim]) for point in points], wraps=False) for dim in dims]
    columns += [number_column(name, values, unit) for name, values in numbers.items()]
    lacking = [float(point[f"{quantity}_no_value_probability"]) for point in points]
    if any(lacking):
        columns.append(text_column("no value", map(_percent, lacking), wraps=False))
    columns.append(text_column("mostly", [_mostly(point, quantity) for point in points]))
    rows = math.prod(found.sizes[dim] for dim in dims)
    cut = f"{most} of {rows:,} rows; read all with --json" if rows > most else ""
    label = str(found[f"{quantity}_centre"].attrs["long_name"]).removesuffix(", centre")
    samples = "1 sample" if found.attrs["samples"] == 1 else f"{found.attrs['samples']:,} samples"
    title = f"{label} ({quantity}): {samples}, seed {found.attrs['seed']}"
    return Columns(columns, title, cut, len(dims))


def _inputs(found: xr.Dataset, quantity: str) -> Columns:
    names = _texts(found, "input")
    columns = {"share": _column(found, f"{quantity}_share")}
    if f"{quantity}_total_index" in found:
        columns |= {
            key.replace("_", " "): _column(found, f"{quantity}_{key}") for key in ("first_index", "total_index")
        }
    order = _ranked(found, quantity)
    texts = dict(zip(names, _texts(found, "distribution"), strict=True))
    cells = [text_column("input", [names[i] for i in order], wraps=False)]
    cells.append(text_column("distribution", [texts[names[i]] for i in order]))
    cells += [text_column(key, [_percent(values[i]) for i in order], wraps=False) for key, values in columns.items()]
    return Columns(cells, keys=1)


def _probabilities(found: xr.Dataset, most: int) -> list[Columns]:
    """How probable it is that a point is feasible, and that each condition holds; nothing where all is certain."""
    names = [name for name in ("feasible_probability", "condition_probability") if name in found]
    if all(bool((found[name] == 1).all()) for name in names):
        return []
    dims = [str(dim) for dim in found.dims if dim not in _OWN_DIMS and any(dim in found[name].dims for name in names)]
    points = list(itertools.islice(_points(found, dims), most))
    columns = [text_column(dim, [shown(point[dim]) for point in points], wraps=False) for dim in dims]
    chances = [_percent(float(point["feasible_probability"])) for point in points]
    columns.append(text_column("feasible", chances, wraps=False))
    for place, text in enumerate(_texts(found, "condition") if "condition_probability" in found else ()):
        told = [_percent(float(point["condition_probability"].isel(condition=place))) for point in points]
        columns.append(text_column(text, told, wraps=False))
    return [Columns(columns, "Probability of being feasible, and of each condition", keys=len(dims))]


def _mostly(point: xr.Dataset, quantity: str) -> str:
    """The weightiest inputs, with the share of the variance that goes with each."""
    values, names = _weights(point, quantity), _texts(point, "input")
    told = [i for i in _ranked(point, quantity)[:_NAMED] if values[i] >= 0.005]
    return ", ".join(f"{names[i]} {_percent(values[i])}" for i in told)


def _ranked(point: xr.Dataset, quantity: str) -> list[int]:
    """The places of the inputs by total index, or by share where there are no indices; the weightiest first."""
    values = _weights(point, quantity)
    return sorted(range(len(values)), key=lambda i: (math.isnan(values[i]), -values[i], i))


def _weights(point: xr.Dataset, quantity: str) -> list[float]:
    total = f"{quantity}_total_index"
    return _column(point, total if total in point else f"{quantity}_share")


def _column(point: xr.Dataset, name: str) -> list[float]:
    return point[name].to_numpy().tolist()


def _texts(found: xr.Dataset, name: str) -> list[str]:
    return [str(text) for text in found[name].to_numpy()]


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _dims(found: xr.Dataset, quantity: str) -> list[str]:
    own = (f"{quantity}{part}" for part in ("", "_centre", "_first_order", "_share"))
    along = {dim for name in own for dim in found[name].dims}
    return [str(dim) for dim in found.dims if dim in along and dim not in _OWN_DIMS]


def _points(found: xr.Dataset, dims: list[str]) -> Iterator[xr.Dataset]:
    for place in itertools.product(*(range(found.sizes[dim]) for dim in dims)):
        yield found.isel(dict(zip(dims, place, strict=True)))


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def told(attrs: Mapping[str, Any]) -> str:
    """How the numbers came about, in one line."""
    return f"{attrs['evaluations']:,} evaluations a point; {attrs['sequence']}"
