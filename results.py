"""Results: what stores hold, their best points, and parts of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .specs.places import names_a_store
from .specs.problems import RooflaxError
from .sweeps.searches.searches import BEST, searched
from .sweeps.sweep import Objective, Sweep, sweep_of, sweep_of_spec
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]


def best_of_sweep(
    sweep: Sweep, objective: Objective, dtype: str = "float32", progress: Progress | None = None
) -> xr.Dataset:
    """The best points of a sweep over the objective's axes, with all outputs and the labels that won."""
    return searched(replace(sweep, objective=objective, frontier=None), dtype, progress)[BEST]


def best(
    given: str | os.PathLike[str],
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    over: Sequence[str] | None = None,
    top: int | None = None,
    bench: Workbench | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> xr.Dataset:
    """The best points of a store or a spec.

    A store's own `best/` group answers when nothing else is asked; otherwise its stored outputs are searched. A spec
    is evaluated without a store. `attrs["notices"]` holds what there is to say about the inputs.
    """
    asked = minimize is not None or maximize is not None or over is not None or top is not None
    if minimize is not None and maximize is not None:
        raise RooflaxError("give --minimize or --maximize, not both")
    if names_a_store(given):
        if overrides:
            raise RooflaxError(f"{os.fspath(given)} is a store and takes no --set; cut it with --sel")
        return _best_of_store(given, minimize, maximize, over, top, asked)
    bench = bench or Workbench()
    loaded = bench.load(given, overrides)
    sweep = sweep_of_spec(bench.registry, loaded)
    objective = _objective(sweep.objective, minimize, maximize, over, top, os.fspath(given))
    check_axes(objective.over, tuple(sweep.sizes), os.fspath(given))
    bench.check_quantities([objective.quantity])
    if bench.registry.options(objective.quantity):
        raise RooflaxError(f"`{objective.quantity}` is one of several options, which have no order")
    if objective.quantity not in sweep.outputs:
        wanted = sweep_of(bench.registry, loaded.inputs, [*sweep.outputs, objective.quantity], loaded.conditions)
        sweep = replace(wanted, objective=objective)
    found = best_of_sweep(sweep, objective, loaded.spec.store.dtype, progress)
    return found.assign_attrs(notices=list(loaded.notices))


def _best_of_store(
    path: str | os.PathLike[str],
    minimize: str | None,
    maximize: str | None,
    over: Sequence[str] | None,
    top: int | None,
    asked: bool,
) -> xr.Dataset:
    from .stores.read import open_results
    from .sweeps.searches.results import best_of_results

    results = open_results(path)
    notices = stored_notices(path)
    if not asked:
        return open_results(path, "best").assign_attrs(notices=notices)
    stored = _stored_objective(path)
    objective = _objective(stored, minimize, maximize, over, top, os.fspath(path))
    check_axes(objective.over, tuple(map(str, results.sizes)), os.fspath(path))
    ordered = [str(name) for name in results.data_vars if "flag_values" not in results[name].attrs]
    if objective.quantity not in ordered:
        raise RooflaxError(f"{path} holds no `{objective.quantity}` to order by; it holds {', '.join(ordered)}")
    return best_of_results(results, objective).assign_attrs(notices=notices)


def _stored_objective(path: str | os.PathLike[str]) -> Objective | None:
    from .stores.read import open_results

    try:
        attrs = open_results(path, "best").attrs
    except RooflaxError:
        return None
    return Objective(attrs["objective"], attrs["direction"] == "largest", tuple(attrs["over"].split()))


def _objective(
    own: Objective | None,
    minimize: str | None,
    maximize: str | None,
    over: Sequence[str] | None,
    top: int | None,
    where: str,
) -> Objective:
    asked = minimize if minimize is not None else maximize
    quantity = asked if asked is not None else (own.quantity if own else None)
    axes = tuple(over) if over is not None else (own.over if own else ())
    if quantity is None or not axes:
        raise RooflaxError(f"{where} says nothing of `best`; give --minimize QUANTITY and --over AXIS,AXIS")
    largest = maximize is not None if asked is not None else bool(own and own.largest)
    return Objective(quantity, largest, axes, top or (own.top if own else 1))


def check_axes(over: Sequence[str], axes: Sequence[str], where: str) -> None:
    """Raises RooflaxError where one of the axes to choose along is none of those that `where` has."""
    strangers = [name for name in over if name not in axes]
    if strangers:
        raise RooflaxError(f"{where} has no axis {', '.join(strangers)}; its axes are {', '.join(axes)}")


def open(path: str | os.PathLike[str], group: str = "") -> xr.Dataset:  # noqa: A001 (reads as rooflax.open)
    """The results in a store, or in a group of it such as `gradients`, read as they are used."""
    from .stores.read import open_results

    return open_results(path, group)


def stored_notices(path: str | os.PathLike[str]) -> list[str]:
    """What there is to say about the results in a store: the notices of its run, and whether that came to its end."""
    from .stores.read import is_finished

    unfinished = [] if is_finished(path) else [f"{path} is not finished; the same `rooflax run` resumes it"]
    return [*open(path).attrs.get("notices", ()), *unfinished]
