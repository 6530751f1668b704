"""Gradients: how quantities move with inputs, as derivatives, elasticities or differences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, overload

from ..specs.bind import bind_keywords
from ..specs.calibration import pooled_notices
from ..specs.known import UnknownName, input_name
from ..specs.problems import Problem, SpecError
from ..specs.vocabulary import CATALOGS
from ..workbench import Workbench, low_confidence, workbench

if TYPE_CHECKING:
    import xarray as xr

    from ..sweeps.sweep import Sweep

Listed: TypeAlias = "list[str] | tuple[str, ...]"
Names: TypeAlias = "str | Listed"
Paths: TypeAlias = "Sequence[str | os.PathLike[str]]"


@overload
def derivative(of: str, wrt: str, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.DataArray: ...


@overload
def derivative(of: Listed, wrt: Names, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.Dataset: ...


@overload
def derivative(of: str, wrt: Listed, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.Dataset: ...


def derivative(
    of: Names,
    wrt: Names,
    *,
    models: Paths = (),
    catalog: Paths = (),
    **inputs: object,
) -> xr.DataArray | xr.Dataset:
    """How quantities move per unit of inputs, at a point or over a grid, in float64.

    Two names give a DataArray with what each number stands for in the coordinates `reading`, `start` and `stop` (where
    in the input it holds); lists give a Dataset over `of` along the dim `wrt`, with `_reading`, `_start` and `_stop`
    beside every quantity. Derivatives are one-sided at kinks. By a count, a flag or a choice it is the difference to
    the next legal value, and for whole numbers and categories there is none. Raises SpecError where a name or an input
    is wrong.
    """
    return _asked(of, wrt, inputs, models, catalog, relative=False)


@overload
def elasticity(of: str, wrt: str, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.DataArray: ...


@overload
def elasticity(of: Listed, wrt: Names, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.Dataset: ...


@overload
def elasticity(of: str, wrt: Listed, *, models: Paths = (), catalog: Paths = (), **inputs: object) -> xr.Dataset: ...


def elasticity(
    of: Names,
    wrt: Names,
    *,
    models: Paths = (),
    catalog: Paths = (),
    **inputs: object,
) -> xr.DataArray | xr.Dataset:
    """The relative change of quantities per relative change of inputs: `derivative`, times input over quantity.

    By a count, a flag or a choice it is the relative change to the next legal value. NaN where the quantity is 0.
    """
    return _asked(of, wrt, inputs, models, catalog, relative=True)


def second_derivative(
    of: Names, wrt: Names, *, models: Paths = (), catalog: Paths = (), **inputs: object
) -> xr.Dataset:
    """How derivatives by continuous inputs move with continuous inputs, along `wrt` and `wrt_again`, in float64.

    Both of a rising input; the unit is that of the quantity over those of the two inputs (`wrt_units`,
    `wrt_again_units`). Raises SpecError where a name or an input is wrong, RooflaxError where an input is no number.
    """
    from ..sweeps.gradients.gradient_results import curvature_dataset
    from ..sweeps.sweep import sweep_of

    bench = workbench(models, catalog)
    names, by = ([part] if isinstance(part, str) else list(part) for part in (of, wrt))
    bench.check_quantities(names)
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
    sweep = sweep_of(bench.registry, bound, names, capacity=True)
    return curvature_dataset(sweep, names, inputs_named(bench, by))


def gradient_described(
    bench: Workbench,
    of: Sequence[str],
    wrt: Sequence[str],
    overrides: Sequence[str],
    spec: str | None = None,
    *,
    relative: bool = False,
) -> xr.Dataset:
    """The gradient at the point or over the grid that `--set` overrides, and perhaps a spec, describe."""
    from ..sweeps.sweep import sweep_of_spec

    loaded = bench.asked(of, overrides, spec)
    found = gradient_of(bench, sweep_of_spec(bench.registry, loaded, capacity=True), of, wrt, relative=relative)
    return found.assign_attrs(notices=list(loaded.notices))


def gradient_of(
    bench: Workbench, sweep: Sweep, of: Sequence[str], wrt: Sequence[str], *, relative: bool = False
) -> xr.Dataset:
    """The gradient of quantities of a sweep as a dataset along `wrt`. Raises SpecError where a name is none."""
    from ..sweeps.gradients.gradient_results import gradient_dataset

    return gradient_dataset(sweep, of, inputs_named(bench, wrt), relative=relative)


def inputs_named(bench: Workbench, wrt: Sequence[str]) -> list[str]:
    """The proper names of inputs to differentiate by. Raises SpecError with all that are none."""
    problems, found = [], []
    for written in wrt:
        try:
            name = input_name(written, bench.names)
        except UnknownName as error:
            problems.append(Problem((written,), str(error)))
            continue
        if name in CATALOGS:
            advice = "differences between records are those of scenarios (`rooflax compare`)"
            problems.append(Problem((written,), f"a catalog name stands for many inputs; name one, or {advice}"))
        elif bench.registry.options(name) and name in bench.registry.quantities:
            problems.append(Problem((written,), "one of several options, computed from others; name an input"))
        elif name in found:
            problems.append(Problem((written,), "is named twice"))
        found.append(name)
    if problems:
        raise SpecError(problems)
    return found


def _asked(
    of: Names,
    wrt: Names,
    inputs: dict[str, object],
    models: Paths,
    catalog: Paths,
    *,
    relative: bool,
) -> xr.DataArray | xr.Dataset:
    from ..sweeps.gradients.gradient_results import single
    from ..sweeps.sweep import sweep_of

    bench = workbench(models, catalog)
    names = [of] if isinstance(of, str) else list(of)
    by = [wrt] if isinstance(wrt, str) else list(wrt)
    bench.check_quantities(names)
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
    sweep = sweep_of(bench.registry, bound, names, capacity=True)
    read = sweep.graph.inputs
    notices = [
        *bound.notices,
        *low_confidence(bound.records),
        *pooled_notices(bound, read),
        *bench.centres(bound, read),
    ]
    found = gradient_of(bench, sweep, names, by, relative=relative).assign_attrs(notices=notices)
    return single(found, names[0]) if isinstance(of, str) and isinstance(wrt, str) else found
