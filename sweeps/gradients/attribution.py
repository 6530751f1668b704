"""Attribution: what each input does to a quantity, by its slope and by a stated change of it, at every point.

The slope ranks small changes; the change is evaluated exactly, so that kinks between here and there count. A count, a
flag or a choice changes to its next legal value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.axes import Axis, Value
from ...specs.vocabulary import Group, Kind, Leaf
from ..engine import evaluate
from ..searches.best import BestSearch
from ..sweep import Sweep
from .derivatives import Found, Reading, derivatives
from .motion import motions

if TYPE_CHECKING:
    import xarray as xr

TRIAL = "trial"


@dataclass(frozen=True)
class Effect:
    """What one input does: its elasticity, and the quantity where the input is lower and where it is higher.

    `low` is NaN for what has only a next value, and where the input cannot fall; `high` where it cannot rise.
    """

    elasticity: Found
    low_input: xr.DataArray
    high_input: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray


def levers(sweep: Sweep, quantity: str) -> list[str]:
    """The inputs that move a quantity and that somebody can change: all but those that describe the model."""
    leaves = sweep.registry.vocabulary
    own = [name for name in sweep.graph.inputs if name in leaves and leaves[name].group is not Group.MODEL]
    return [name for name in own if quantity in motions(sweep.graph, name, [quantity])]


def effects(sweep: Sweep, quantity: str, inputs: Sequence[str], share: float) -> dict[str, Effect]:
    """The effects of inputs on a quantity; continuous ones fall and rise by `share` of themselves, within their domain.

    One that is 0 stays where it is.
    """
    slopes = derivatives(sweep, [quantity], inputs, relative=True)
    leaves = sweep.registry.vocabulary
    known = {name: leaves.get(name) for name in inputs if name in sweep.values}
    smooth = {name: leaf for name, leaf in known.items() if leaf is None or leaf.kind is Kind.CONTINUOUS}
    bounds = {name: _bounds(sweep, name, leaf, share) for name, leaf in smooth.items()}
    changed = _changed(sweep, quantity, bounds)
    base = _labelled(sweep, quantity)
    found = {}
    for name in inputs:
        slope = slopes[quantity, name]
        if name in bounds:
            low, high = bounds[name]
            found[name] = Effect(slope, low, high, *changed[name])
        else:
            there = slope.reading == Reading.difference
            none = base * np.nan
            found[name] = Effect(slope, slope.start * np.nan, slope.stop, none, (base * (1 + slope.value)).where(there))
    return found


def at_winners(sweep: Sweep, search: BestSearch) -> Sweep:
    """The sweep at the best points of a search: every input at the labels that won, along the axes that were kept."""
    places = {dim: found[..., 0] for dim, found in search.places.items()}
    grids = np.ogrid[tuple(slice(sweep.sizes[dim]) for dim in search.kept)]
    kept = dict(zip(search.kept, grids if isinstance(grids, (list, tuple)) else [grids], strict=True))
    values = {}
    for name, value in sweep.inputs.values.items():
        if not set(value.dims) & set(places):
            values[name] = value
            continue
        index = tuple(places[dim] if dim in places else kept[dim] for dim in value.dims)
        values[name] = Value(
            name, search.kept, np.broadcast_to(value.data[index], places[search.over[0]].shape), "best"
        )
    axes = tuple(axis for axis in sweep.axes if axis.name in search.kept)
    return replace(sweep, inputs=replace(sweep.inputs, axes=axes, values=values), objective=None, frontier=None)


def _labelled(sweep: Sweep, quantity: str) -> xr.DataArray:
    import xarray as xr

    return xr.DataArray(evaluate(sweep, [quantity])[quantity], dims=sweep.dims[quantity])


def _bounds(sweep: Sweep, name: str, leaf: Leaf | None, share: float) -> tuple[xr.DataArray, xr.DataArray]:
    """A continuous input a share lower and a share higher; where its domain ends, it stays."""
    import xarray as xr

    value = sweep.values[name]
    now = xr.DataArray(value.data, dims=value.dims)
    step = share * np.abs(now)
    low, high = (leaf.low, leaf.high) if leaf is not None else (-np.inf, np.inf)
    return (now - step).clip(min=low), (now + step).clip(max=high)


def _changed(
    sweep: Sweep, quantity: str, bounds: Mapping[str, tuple[xr.DataArray, xr.DataArray]]
) -> dict[str, tuple[Any, Any]]:
    """The quantity with one input lower, and higher, all others as they are: two trials an input on one axis."""
    count = 2 * len(bounds)
    values: dict[str, Value] = {}
    for position, (name, ends) in enumerate(bounds.items()):
        value = sweep.values[name]
        trials = np.repeat(value.data[..., None], count, axis=-1)
        for side, end in enumerate(ends):
            trials[..., 2 * position + side] = end.transpose(*value.dims)
        values[name] = Value(name, (*value.dims, TRIAL), trials, "changed")
    if not values:
        return {}
    axes = (*sweep.axes, Axis(TRIAL, np.arange(float(count))))
    trial = replace(sweep, inputs=replace(sweep.inputs, axes=axes, values={**sweep.inputs.values, **values}))
    found = _labelled(trial, quantity)
    if TRIAL not in found.dims:
        found = found.expand_dims({TRIAL: count})
    return {
        name: (found.isel({TRIAL: 2 * i}, drop=True), found.isel({TRIAL: 2 * i + 1}, drop=True))
        for i, name in enumerate(bounds)
    }


def dataset(sweep: Sweep, quantity: str, found: Mapping[str, Effect]) -> xr.Dataset:
    """Effects along `input` and the dims they vary along, the largest at the first point coming first.

    `largest_change` is the larger change of the quantity, `swing` that in relation to it (NaN where it is 0).
    """
    import xarray as xr

    from ..label import attributes, coordinates
    from .gradient_results import described_inputs

    base = _labelled(sweep, quantity)
    fields = {
        "elasticity": ("Elasticity", "1", lambda e: e.elasticity.value),
        "low_input": ("Input, lower", "", lambda e: e.low_input),
        "high_input": ("Input, higher or next", "", lambda e: e.high_input),
        "low": (f"{sweep.registry.label(quantity)} with the lower input", "q", lambda e: e.low),
        "high": (f"{sweep.registry.label(quantity)} with the higher or next input", "q", lambda e: e.high),
    }
    names = list(found)
    data: dict[str, Any] = {quantity: base.assign_attrs(attributes(sweep, quantity))}
    for field, (label, unit, get) in fields.items():
        spread = xr.broadcast(*(get(found[name]) for name in names))
        units = sweep.registry.unit(quantity) if unit == "q" else unit
        data[field] = xr.concat(spread, "input").assign_attrs({"long_name": label, "units": units})
    reading = xr.concat(xr.broadcast(*(found[name].elasticity.reading for name in names)), "input").astype("int8")
    flags = {"flag_values": [int(r) for r in Reading], "flag_meanings": " ".join(r.name for r in Reading)}
    data["reading"] = reading.assign_attrs({"long_name": "What the elasticity stands for", **flags})
    changes = xr.concat([np.abs(data[side] - base).fillna(0.0) for side in ("low", "high")], "side").max("side")
    data["swing"] = (changes / np.abs(base)).assign_attrs({"long_name": "Largest relative change", "units": "1"})
    units = sweep.registry.unit(quantity)
    data["largest_change"] = changes.assign_attrs({"long_name": "Largest change", "units": units})
    coords: dict[str, Any] = described_inputs(sweep, names, "input")
    used = {str(dim) for value in data.values() for dim in value.dims}
    coords |= {c.name: (c.dims, c.values, dict(c.attrs)) for c in coordinates(sweep) if set(c.dims) <= used}
    result = xr.Dataset(data, coords)
    first = changes.isel({dim: 0 for dim in changes.dims if dim != "input"})
    return result.isel(input=np.argsort(-first.to_numpy(), kind="stable"))
