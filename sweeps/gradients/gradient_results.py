"""Gradients as labelled datasets: every derivative with its unit, what it stands for, and where it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.conditions import FLAG_OPTIONS
from ...specs.problems import RooflaxError
from ...specs.units import unit_ratio
from ...specs.vocabulary import Kind
from ..engine import evaluate
from ..label import attributes, coordinates
from ..sweep import STATUS, Sweep
from .derivatives import Reading, derivatives, second_derivatives

if TYPE_CHECKING:
    import xarray as xr

WRT, AGAIN = "wrt", "wrt_again"
_PARTS = ("reading", "start", "stop")


def gradient_dataset(sweep: Sweep, of: Sequence[str], wrt: Sequence[str], *, relative: bool = False) -> xr.Dataset:
    """The derivatives (or elasticities) of quantities by inputs, along `wrt` and the dims they vary along.

    Every quantity has its `_reading`, `_start` and `_stop` beside it. The dataset holds the status of the points.
    Raises RooflaxError for a quantity that is one of several options, and for an input that is computed here.
    """
    import xarray as xr

    _refuse(sweep, of, wrt)
    found = derivatives(sweep, of, wrt, relative=relative)
    data: dict[str, Any] = {}
    for name in of:
        parts = [found[name, by] for by in wrt]
        data[name] = _along(sweep, [part.value for part in parts]).assign_attrs(_attributes(sweep, name, wrt, relative))
        for suffix in _PARTS:
            stacked = _along(sweep, [getattr(part, suffix) for part in parts])
            data[f"{name}_{suffix}"] = _described(stacked, suffix, wrt, sweep)
    status = evaluate(sweep, [STATUS])[STATUS]
    data[STATUS] = (sweep.dims[STATUS], status, attributes(sweep, STATUS))
    used = {str(dim) for value in data.values() if isinstance(value, xr.DataArray) for dim in value.dims}
    used |= set(sweep.dims[STATUS])
    coords: dict[str, Any] = described_inputs(sweep, wrt, WRT)
    coords |= {c.name: (c.dims, c.values, dict(c.attrs)) for c in coordinates(sweep) if set(c.dims) <= used}
    return xr.Dataset(data, coords, {"relative": int(relative)})


def curvature_dataset(sweep: Sweep, of: Sequence[str], wrt: Sequence[str]) -> xr.Dataset:
    """The second derivatives of quantities, along `wrt`, `wrt_again` and the dims they vary along.

    Raises RooflaxError where an input is no continuous one.
    """
    import xarray as xr

    _refuse(sweep, of, wrt)
    leaves = sweep.registry.vocabulary
    for by in wrt:
        if by in leaves and leaves[by].kind is not Kind.CONTINUOUS:
            raise RooflaxError(f"`{by}` is a {leaves[by].kind}, by which there is no derivative")
    inside = [by for by in wrt if by in sweep.values]
    found = second_derivatives(sweep, of, inside)
    data: dict[str, Any] = {}
    for name in of:
        zero = xr.DataArray(0.0)
        parts = xr.broadcast(*(found.get((name, by, again), zero) for by in wrt for again in wrt))
        rows = [xr.concat(parts[i * len(wrt) : (i + 1) * len(wrt)], AGAIN) for i in range(len(wrt))]
        label = {"long_name": f"Second derivative of {sweep.registry.label(name)}"}
        twice = [unit_ratio(unit_ratio("1", _unit(sweep, by)), _unit(sweep, again)) for by in wrt for again in wrt]
        inverse = [unit_ratio("1", unit) for unit in twice]
        data[name] = xr.concat(rows, WRT).assign_attrs({**label, **units_by(sweep.registry.unit(name), inverse)})
    coords: dict[str, Any] = {**described_inputs(sweep, wrt, WRT), **described_inputs(sweep, wrt, AGAIN)}
    used = {str(dim) for value in data.values() for dim in value.dims}
    coords |= {c.name: (c.dims, c.values, dict(c.attrs)) for c in coordinates(sweep) if set(c.dims) <= used}
    return xr.Dataset(data, coords)


def described_inputs(sweep: Sweep, names: Sequence[str], dim: str) -> dict[str, Any]:
    """Coordinates along a dim of inputs: their names, their units, and the options of those that have some."""
    return {
        dim: (dim, np.array(names), {"long_name": "Input"}),
        f"{dim}_units": (dim, np.array([_unit(sweep, name) for name in names]), {"long_name": "Unit of the input"}),
        f"{dim}_options": (dim, np.array([_options(sweep, n) for n in names]), {"long_name": "Options of the input"}),
    }


def single(gradient: xr.Dataset, of: str) -> xr.DataArray:
    """The one derivative of a dataset with one quantity and one input, with what it stands for as coordinates."""
    one = gradient.isel({WRT: 0}, drop=True)
    return one[of].assign_coords({suffix: one[f"{of}_{suffix}"] for suffix in _PARTS})


def _refuse(sweep: Sweep, of: Sequence[str], wrt: Sequence[str]) -> None:
    if not of or not wrt:
        raise RooflaxError("at least one quantity and one input were expected; `rooflax list inputs` shows the inputs")
    for name in of:
        options = sweep.registry.options(name)
        if options:
            raise RooflaxError(f"`{name}` is one of {', '.join(options)}, which have no derivative")
    for by in wrt:
        if by not in sweep.values and by not in sweep.registry.vocabulary:
            raise RooflaxError(f"`{by}` is computed here; give it a value to ask how others would move with it")


def _along(sweep: Sweep, parts: Sequence[xr.DataArray]) -> xr.DataArray:
    """Derivatives by several inputs on the dims that any of them varies along."""
    import xarray as xr

    spread = xr.broadcast(*parts)
    dims = [dim for dim in sweep.sizes if dim in spread[0].dims]
    return xr.concat([part.transpose(*dims) for part in spread], WRT)


def _attributes(sweep: Sweep, name: str, wrt: Sequence[str], relative: bool) -> dict[str, Any]:
    label = sweep.registry.label(name)
    if relative:
        return {"long_name": f"Elasticity of {label}", "quantity_units": sweep.registry.unit(name), "units": "1"}
    return {
        "long_name": f"Derivative of {label}",
        **units_by(sweep.registry.unit(name), [_unit(sweep, by) for by in wrt]),
    }


def units_by(unit: str, inputs: Sequence[str]) -> dict[str, str]:
    """The attributes that tell the unit of a derivative: of the quantity, and of the ratio where it is one for all."""
    ratios = {unit_ratio(unit, by) for by in inputs}
    return {"quantity_units": unit, **({"units": ratios.pop()} if len(ratios) == 1 else {})}


def _described(array: xr.DataArray, suffix: str, wrt: Sequence[str], sweep: Sweep) -> xr.DataArray:
    if suffix == "reading":
        flags = {"flag_values": [int(r) for r in Reading], "flag_meanings": " ".join(r.name for r in Reading)}
        return array.astype("int8").assign_attrs({"long_name": "What the number stands for", **flags})
    units = {_unit(sweep, by) for by in wrt}
    words = {"start": "Input from which it holds", "stop": "Input up to which it holds"}
    return array.assign_attrs({"long_name": words[suffix], "units": units.pop() if len(units) == 1 else "1"})


def _options(sweep: Sweep, name: str) -> str:
    """The options of an input whose values are positions among them, separated by blanks."""
    leaf = sweep.registry.vocabulary.get(name)
    return " ".join(FLAG_OPTIONS if leaf is not None and leaf.kind is Kind.FLAG else sweep.registry.options(name))


def _unit(sweep: Sweep, name: str) -> str:
    return sweep.registry.unit(name)
