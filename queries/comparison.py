"""Comparison: named scenarios of one spec, their differences attributed to the inputs that changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..slices import select
from ..specs.calibration import pooled_notices
from ..specs.problems import RooflaxError, SpecError
from ..specs.scenarios import Scenario, read_scenario, scenario_of
from ..workbench import Workbench, low_confidence, workbench
from .comparison_results import comparison

if TYPE_CHECKING:
    import xarray as xr

    from ..specs.axes import Axis, Inputs
    from ..specs.loaded import LoadedSpec
    from ..sweeps.sweep import Sweep

BASE = "base"
Progress = Callable[[int, int], None]
Place = str | os.PathLike[str]


def compare(
    quantities: str | Sequence[str],
    scenarios: Mapping[str, Mapping[str, object]] | Sequence[Place],
    *,
    spec: Place | None = None,
    models: Sequence[Place] = (),
    catalog: Sequence[Place] = (),
    progress: Progress | None = None,
    **inputs: object,
) -> xr.Dataset:
    """Quantities in several scenarios, and how much of each difference is due to each input that changed.

    A scenario is a mapping of inputs, or a YAML file with `set:` and perhaps `title:`, that takes the place of some of
    `inputs` (as `evaluate` takes them) or, with `spec`, of a spec's. The first of several is the base that the others
    are held against; a single one is held against the inputs themselves. All have the same axes.

    The dataset has dims `scenario`, `input` and those of the grid. For every quantity: its value under its own name,
    `_change` (against the base) and `_contribution` (by input; they add up to the change). Beside them `input_label`
    and `input_value` tell what each input is in each scenario, `changed` whether it differs from the base, and `status`
    whether a point is feasible. How contributions are defined is told in
    `rooflax.sweeps.scenarios.contributions`. Computed in float64. Raises SpecError with all problems of the inputs, and
    RooflaxError where scenarios cannot be compared.
    """
    bench = workbench(models, catalog)
    found = _scenarios(bench, scenarios)
    asked = [quantities] if isinstance(quantities, str) else list(quantities)
    given = scenario_of(BASE, inputs, bench.names)
    if spec is not None:
        return compare_spec(bench, spec, found, given.overrides(), asked, progress=progress)
    sides: dict[str, Sweep] = {}
    notices: list[str] = []
    for scenario in _with_base(found, BASE):
        try:
            sweep = bench.sweep(asked, {**given.settings, **scenario.settings})
        except SpecError as error:
            raise scenario.located(error) if scenario.settings else error from None
        sides[scenario.name] = sweep
        notices += [*sweep.inputs.notices, *low_confidence(sweep.inputs.records)]
        notices += pooled_notices(sweep.inputs, sweep.graph.inputs)
    return _compared(bench, sides, asked, found, notices, progress)


def compare_spec(
    bench: Workbench,
    spec: Place,
    scenarios: Sequence[Scenario],
    overrides: Sequence[str] = (),
    quantities: Sequence[str] | None = None,
    selection: Sequence[str] = (),
    progress: Progress | None = None,
) -> xr.Dataset:
    """The same for scenarios of a spec with `--set` overrides, at the labels that `AXIS=LABEL` entries select.

    Without `quantities`, those outputs of the spec that are numbers. Raises RooflaxError where the spec leaves inputs
    free for an optimum.
    """
    from ..sweeps.sweep import refuse_free_inputs, sweep_of

    among = _with_base(scenarios, Path(spec).stem)
    first = _loaded(bench, spec, among[0], overrides)
    outputs = list(first.spec.outputs)
    asked = list(quantities or [name for name in outputs if not bench.registry.options(name)])
    if not asked:
        raise RooflaxError(f"{os.fspath(spec)}: none of its outputs is a number; name the quantities to compare")
    bench.check_quantities(asked)
    everything = list(dict.fromkeys([*outputs, *asked]))
    if everything != outputs:
        overrides = [*overrides, f"outputs=[{', '.join(everything)}]"]
    sides: dict[str, Sweep] = {}
    notices: list[str] = []
    chosen: dict[str, xr.DataArray] = {}
    for scenario in among:
        loaded = _loaded(bench, spec, scenario, overrides)
        refuse_free_inputs(loaded)
        places, labels = _places(loaded.inputs.axes, selection)
        chosen = chosen or labels
        inputs = _squeezed(loaded.inputs.at(places), list(labels))
        sides[scenario.name] = sweep_of(bench.registry, inputs, asked, loaded.conditions, capacity=True)
        notices += map(scenario.noticed, loaded.notices)
    return _compared(bench, sides, asked, scenarios, notices, progress).assign_coords(chosen)


def scenario_files(bench: Workbench, paths: Sequence[Place]) -> list[Scenario]:
    """The scenarios in files. Raises SpecError with the problems of all of them."""
    found: list[Scenario] = []
    problems = []
    for path in paths:
        try:
            found.append(read_scenario(Path(path), bench.names))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return found


def _scenarios(bench: Workbench, given: Mapping[str, Mapping[str, object]] | Sequence[Place]) -> list[Scenario]:
    if isinstance(given, Mapping):
        wrong = [name for name, settings in given.items() if not isinstance(settings, Mapping)]
        if not wrong:
            return [scenario_of(name, settings, bench.names) for name, settings in given.items()]
        raise RooflaxError(f"scenario {wrong[0]}: a mapping of inputs was expected, found {given[wrong[0]]!r}")
    if isinstance(given, str | os.PathLike):
        raise RooflaxError(f"scenarios: a mapping of names to inputs or a list of files was expected, found {given!r}")
    return scenario_files(bench, given)


def _with_base(scenarios: Sequence[Scenario], base: str) -> list[Scenario]:
    """The scenarios, the base first; a single one has the inputs as they are for a base."""
    if not scenarios:
        raise RooflaxError(
            "no scenario is given; one is held against the inputs as they are, several against the first"
        )
    found = [Scenario(base), *scenarios] if len(scenarios) == 1 else list(scenarios)
    names = [scenario.name for scenario in found]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise RooflaxError(f"two scenarios are called `{name}`; a file is called by its name without its ending")
    return found


def _loaded(bench: Workbench, spec: Place, scenario: Scenario, overrides: Sequence[str]) -> LoadedSpec:
    try:
        return bench.load(spec, [*overrides, *scenario.overrides()])
    except SpecError as error:
        raise scenario.located(error) if scenario.settings else error from None


def _places(axes: Sequence[Axis], selection: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, xr.DataArray]]:
    """The positions along axes that a selection names, and the labels of those where it names a single one."""
    import xarray as xr

    if not selection:
        return {}, {}
    attrs = {axis.name: {"units": axis.unit} if axis.labels.dtype.kind == "f" else {} for axis in axes}
    coords = {axis.name: (axis.name, axis.labels, attrs[axis.name]) for axis in axes}
    places = {f"place {axis.name}": (axis.name, np.arange(axis.size)) for axis in axes}
    cut = select(xr.Dataset(places, coords), selection)
    found = {axis.name: np.atleast_1d(cut[f"place {axis.name}"].values) for axis in axes}
    return found, {name: cut[name] for name in coords if not cut[name].dims}


def _squeezed(inputs: Inputs, names: Sequence[str]) -> Inputs:
    """The inputs without some axes that have one label."""
    values = {}
    for name, value in inputs.values.items():
        kept = [axis for axis, dim in enumerate(value.dims) if dim not in names]
        shape = [value.data.shape[axis] for axis in kept]
        values[name] = replace(value, dims=tuple(value.dims[axis] for axis in kept), data=value.data.reshape(shape))
    return replace(inputs, axes=tuple(axis for axis in inputs.axes if axis.name not in names), values=values)


def _compared(
    bench: Workbench,
    sides: Mapping[str, Sweep],
    quantities: Sequence[str],
    scenarios: Sequence[Scenario],
    notices: Sequence[str],
    progress: Progress | None,
) -> xr.Dataset:
    for name in quantities:
        if bench.registry.options(name):
            raise RooflaxError(f"`{name}` is one of several options; differences are those of numbers")
    found = comparison(sides, quantities, progress)
    titles = {scenario.name: scenario.title for scenario in scenarios}
    told = [*dict.fromkeys([*notices, *found.attrs["notices"]])]
    return found.assign_attrs(titles=[titles.get(name, "") for name in sides], notices=told)
