"""The results of a comparison: values, changes and contributions of several sweeps as one labelled dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..inventory import shown_value
from ..specs.problems import RooflaxError
from ..specs.vocabulary import CATALOGS
from ..sweeps.cases import failures
from ..sweeps.engine import evaluate
from ..sweeps.label import attributes, coordinates
from ..sweeps.scenarios.changes import Change, changes, value_of
from ..sweeps.scenarios.contributions import JUMPS, contributions
from ..sweeps.scenarios.mixture import mixture_of
from ..sweeps.sweep import STATUS, Sweep

if TYPE_CHECKING:
    import xarray as xr

    from ..kernels.registry import Registry

SCENARIO, INPUT = "scenario", "input"
Progress = Callable[[int, int], None]
Shares = Mapping[tuple[str, str], "xr.DataArray"]


def comparison(sides: Mapping[str, Sweep], quantities: Sequence[str], progress: Progress | None = None) -> xr.Dataset:
    """Quantities of sweeps over one grid, held against the first of them; what `compare` returns.

    `attrs["notices"]` tells where contributions could not be computed, `attrs["failures"]` why each scenario of a
    single point is infeasible.
    """
    import xarray as xr

    base, *others = sides
    changed: dict[str, tuple[Change, ...]] = {base: ()}
    shares: dict[str, Shares] = {base: {}}
    for name in others:
        changed[name] = changes(sides[base], sides[name], (base, name))
        shares[name] = _shares(sides[base], sides[name], changed[name], quantities, (base, name), progress)
    inputs = list(dict.fromkeys(change.name for own in changed.values() for change in own))
    if any(name == JUMPS for own in shares.values() for _, name in own):
        inputs.append(JUMPS)
    values = {name: _values(sweep, quantities) for name, sweep in sides.items()}
    conditions = replace(sides[base], checks=tuple(dict.fromkeys(c for sweep in sides.values() for c in sweep.checks)))
    statuses = [_recoded(values[name][STATUS], sweep, conditions) for name, sweep in sides.items()]
    data = _inputs(sides, changed, inputs)
    notices = [f"{name}: changes nothing against {base}" for name in others if not changed[name]]
    for quantity in quantities:
        attrs = attributes(sides[base], quantity)
        found = _stacked([own[quantity] for own in values.values()], SCENARIO)
        change = found - found.isel({SCENARIO: 0})
        parts = [[own.get((quantity, name), xr.DataArray(0.0)) for name in inputs] for own in shares.values()]
        none = found.expand_dims(INPUT).isel({INPUT: slice(0)})
        share = _stacked([_stacked(row, INPUT) for row in parts], SCENARIO) if inputs else none
        label, unit = attrs["long_name"], attrs["units"]
        data[quantity] = found.assign_attrs(attrs)
        data[f"{quantity}_change"] = change.assign_attrs(long_name=f"{label}: change against {base}", units=unit)
        notices += _valueless(sides[base].registry, quantity, found, list(sides))
        notices += _checked(quantity, found, change, share, list(sides))
        own = {"long_name": f"{label}: contribution to the change", "units": unit}
        data[f"{quantity}_contribution"] = share.assign_attrs(own)
    data[STATUS] = _stacked(statuses, SCENARIO).astype("int8").assign_attrs(attributes(conditions, STATUS))
    return _labelled(data, sides, inputs).assign_attrs(
        base=base, notices=notices, failures=[_failure(sides[name], values[name][STATUS]) for name in sides]
    )


def _shares(
    first: Sweep,
    second: Sweep,
    changed: Sequence[Change],
    quantities: Sequence[str],
    names: tuple[str, str],
    progress: Progress | None,
) -> Shares:
    """The contributions to the difference of two sweeps, on the dims of the grid that matter."""
    import xarray as xr

    if not changed:
        return {}
    mixture = mixture_of(first, second, changed, quantities, names)
    sizes, dims = mixture.sweep.sizes, mixture.sweep.dims
    shape = tuple(sizes.values())
    found = {}
    for (quantity, name), part in contributions(mixture, names, progress).items():
        lacking = {dim: 0 for dim in sizes if dim not in dims[quantity]}
        found[quantity, name] = xr.DataArray(part.reshape(shape), dims=tuple(sizes)).isel(lacking)
    return found


def _values(sweep: Sweep, quantities: Sequence[str]) -> dict[str, xr.DataArray]:
    import xarray as xr

    arrays = evaluate(sweep, [*dict.fromkeys([*quantities, STATUS])])
    return {name: xr.DataArray(array, dims=sweep.dims[name]) for name, array in arrays.items()}


def _stacked(arrays: Sequence[xr.DataArray], dim: str) -> xr.DataArray:
    """Arrays along a new first dim, each on the dims of all."""
    import xarray as xr

    return xr.concat(xr.broadcast(*arrays), dim=dim)


def _recoded(status: xr.DataArray, sweep: Sweep, conditions: Sweep) -> xr.DataArray:
    """A status in the codes of the conditions of all scenarios."""
    codes = np.array([0, *(1 + conditions.checks.index(check) for check in sweep.checks)])
    return status.copy(data=codes[status.values])


def _failure(sweep: Sweep, status: xr.DataArray) -> str:
    return "" if sweep.axes else failures(sweep, status.values.reshape(1))[0]


def _valueless(registry: Registry, quantity: str, values: xr.DataArray, names: Sequence[str]) -> list[str]:
    """Notices of scenarios in which a quantity has no value, so that no change either."""
    reason = registry.quantities[quantity].declared.undefined
    notices = []
    for name, lacking in zip(names, np.isnan(values), strict=True):
        if places := int(lacking.sum()):
            told = f" at {places:,} of {lacking.size:,} points" if lacking.ndim else ""
            notices.append(f"{quantity}: no value in {name}{told}{f' ({reason})' if reason else ''}")
    return notices


def _checked(
    quantity: str, values: xr.DataArray, change: xr.DataArray, share: xr.DataArray, names: Sequence[str]
) -> list[str]:
    """Notices of changes that could not be attributed. Raises RooflaxError where contributions do not add up."""
    total = share.sum(INPUT, skipna=False)
    floor = 1e-9 * np.maximum(abs(values), abs(values.isel({SCENARIO: 0})))
    if (abs(total - change) > 1e-6 * abs(change) + floor).any():
        raise RooflaxError(
            f"`{quantity}`: the contributions do not add up to the change; please report this comparison"
        )
    lost = np.isfinite(change) & ~np.isfinite(total)
    return [
        f"{quantity}: not finite while only some of the inputs are as in {name}, so its change is not attributed there"
        for name, own in zip(names, lost, strict=True)
        if own.any()
    ]


def _inputs(
    sides: Mapping[str, Sweep], changed: Mapping[str, Sequence[Change]], inputs: Sequence[str]
) -> dict[str, Any]:
    """What every input is in every scenario, as text and as number, and whether it differs from the base."""
    import xarray as xr

    told = [[_told(sweep, name) for name in inputs] for sweep in sides.values()]
    differs = [[name in {change.name for change in own} for name in inputs] for own in changed.values()]
    dims, shape = (SCENARIO, INPUT), (len(sides), len(inputs))
    labels = np.array([[text for text, _ in row] for row in told], dtype=str).reshape(shape)
    numbers = np.array([[number for _, number in row] for row in told], dtype=np.float64).reshape(shape)
    flags = np.array(differs, dtype=bool).reshape(shape)
    return {
        "input_label": xr.DataArray(labels, dims=dims, attrs={"long_name": "Input"}),
        "input_value": xr.DataArray(numbers, dims=dims, attrs={"long_name": "Input as a number in its own unit"}),
        "changed": xr.DataArray(flags, dims=dims, attrs={"long_name": "Whether an input differs from the base"}),
    }


def _told(sweep: Sweep, name: str) -> tuple[str, float]:
    """An input as text, and as a number where it is a single one."""
    if name == JUMPS:
        return "", math.nan
    if name in CATALOGS:
        return ", ".join(record.name for record in sweep.inputs.records if record.catalog == name) or "none", math.nan
    value = value_of(sweep, name)
    if value is None:
        return "computed" if name in sweep.registry.quantities else "none", math.nan
    low, high = float(value.data.min()), float(value.data.max())
    texts = dict.fromkeys(shown_value(sweep.registry, name, number) for number in (low, high))
    single = low == high and not sweep.registry.options(name)
    return " … ".join(texts), low if single else math.nan


def _labelled(data: Mapping[str, Any], sides: Mapping[str, Sweep], inputs: Sequence[str]) -> xr.Dataset:
    """The dataset with the names of scenarios and inputs, the units of these, and the labels of the grid."""
    import xarray as xr

    sweep = next(iter(sides.values()))
    units = ["" if n in CATALOGS or n == JUMPS or sweep.registry.options(n) else sweep.registry.unit(n) for n in inputs]
    used = {dim for array in data.values() for dim in array.dims}
    grid = {c.name: (c.dims, c.values, dict(c.attrs)) for c in coordinates(sweep) if set(c.dims) <= used}
    names = {SCENARIO: (SCENARIO, list(sides)), INPUT: (INPUT, np.array(inputs, dtype=str))}
    found = xr.Dataset(dict(data), {**names, "input_unit": (INPUT, np.array(units, dtype=str)), **grid})
    return found.transpose(SCENARIO, INPUT, *(dim for dim in sweep.sizes if dim in used))
