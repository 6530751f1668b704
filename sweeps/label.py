"""Labels: arrays on named axes as xarray datasets whose attributes carry labels, units, formulas and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..specs.axes import Axis
from ..specs.blocks import Coordinate
from .checks import NOT_COMPUTED
from .sweep import MARGIN, STATUS, Sweep

if TYPE_CHECKING:
    import xarray as xr


def dataset(sweep: Sweep, arrays: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The arrays of a sweep, each on its own dims, with coordinates and attributes."""
    import xarray as xr

    variables = {name: (sweep.dims[name], array, attributes(sweep, name)) for name, array in arrays.items()}
    coords = {coord.name: (coord.dims, coord.values, dict(coord.attrs)) for coord in coordinates(sweep)}
    used = {dim for dims, *_ in variables.values() for dim in dims}
    return xr.Dataset(variables, {n: c for n, c in coords.items() if set(c[0]) <= used})


def grid(sweep: Sweep, names: Iterable[str]) -> xr.Dataset:
    """The coordinates of a sweep and the attributes of its variables, with no values."""
    import xarray as xr

    coords = {coord.name: (coord.dims, coord.values, dict(coord.attrs)) for coord in coordinates(sweep)}
    return xr.Dataset({name: ((), np.nan, attributes(sweep, name)) for name in names}, coords)


def coordinates(sweep: Sweep) -> tuple[Coordinate, ...]:
    """The labels of every axis, and of the members of zipped ones."""
    found: list[Coordinate] = []
    for axis in sweep.axes:
        found.append(Coordinate(axis.name, (axis.name,), axis.labels, _axis_attributes(sweep, axis)))
        found.extend(
            Coordinate(name, (axis.name,), labels, _name_attributes(sweep, name))
            for name, labels in axis.coords.items()
        )
    return tuple(found)


def _axis_attributes(sweep: Sweep, axis: Axis) -> dict[str, Any]:
    # The spec knows no labels of quantities, which an axis may pin: it calls them by their names.
    pinned = axis.name in sweep.registry.quantities
    label = sweep.registry.label(axis.name) if pinned else axis.label or axis.name
    return {"long_name": label, **({"units": axis.unit} if axis.labels.dtype.kind == "f" else {})}


def _name_attributes(sweep: Sweep, name: str) -> dict[str, Any]:
    known = name in sweep.registry.quantities or name in sweep.registry.vocabulary
    return (
        {"long_name": sweep.registry.label(name), "units": sweep.registry.unit(name)} if known else {"long_name": name}
    )


def attributes(sweep: Sweep, name: str) -> dict[str, Any]:
    """What travels with a variable: label and unit, formula and source, or the meaning of its codes."""
    if name == STATUS:
        texts = [check.text.replace(" ", "_") for check in sweep.checks]
        return {
            "long_name": "Feasibility",
            "units": "1",
            **flags([0, *range(1, len(texts) + 1), NOT_COMPUTED], ["feasible", *texts, "not_computed"]),
            "comment": "the first condition that fails at a point, 0 where all hold",
        }
    if name == MARGIN:
        return {
            "long_name": "Margin of the condition that decides",
            "units": sweep.checks[-1].unit if sweep.checks else "1",
            "condition_units": [check.unit for check in sweep.checks],
            "comment": "of the first condition that fails, in that condition's unit (negative: what is missing); "
            "where all hold, of the last condition",
        }
    quantity = sweep.registry.quantities.get(name)
    if quantity is None:
        return _name_attributes(sweep, name)
    own: dict[str, Any] = {"long_name": quantity.label, "units": quantity.unit}
    if name in sweep.inputs.values:
        return {**own, "comment": "pinned: given instead of computed"}
    if quantity.options:
        own |= flags(list(range(len(quantity.options))), list(quantity.options))
    if quantity.description:
        own["comment"] = " ".join(quantity.description.split())
    if quantity.terms:
        own["terms"] = list(quantity.terms)
    if quantity.declared.errata:
        own["errata"] = [asdict(erratum) for erratum in quantity.declared.errata]
    return {**own, "formula": quantity.declared.formula, "source": quantity.declared.source}


def flags(values: list[int], meanings: list[str]) -> dict[str, Any]:
    """The attributes of codes, by the CF conventions."""
    return {"flag_values": values, "flag_meanings": " ".join(meaning.replace(" ", "_") for meaning in meanings)}
