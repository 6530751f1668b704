"""Frontiers: the points of a spec or a store between which only a preference among objectives can decide."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..results import check_axes, stored_notices
from ..slices import positions
from ..specs.conditions import Condition, ConditionError, read_condition
from ..specs.goals import Goal, GoalError, check_goals, check_order, parse_goal
from ..specs.places import names_a_store
from ..specs.problems import RooflaxError
from ..sweeps.label import grid
from ..sweeps.searches.searches import PARETO, searched
from ..sweeps.sweep import Frontier, refuse_free_inputs, sweep_of
from ..workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]


def pareto(
    given: str | os.PathLike[str],
    objectives: str | Sequence[str] | None = None,
    *,
    over: Sequence[str] | None = None,
    where: Sequence[str] = (),
    sel: Sequence[str] = (),
    bench: Workbench | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> xr.Dataset:
    """The exact Pareto frontier of a store or a spec, along one dimension `point`.

    `objectives` are two or three of `QUANTITY:min` or `QUANTITY:max`; those of the spec by default. There is one
    frontier for each point of the axes that `over` leaves out. `where` and `sel` (`AXIS=LABEL`) narrow the points
    before the frontier is searched, so the answer is the frontier of what they leave. A store's own `pareto/` group
    answers when nothing else is asked; otherwise its stored outputs are searched. A spec is evaluated without a store.
    `attrs["notices"]` holds what there is to say about the inputs and the answer.
    """
    goals = _goals(objectives)
    if names_a_store(given):
        if overrides:
            raise RooflaxError(f"{os.fspath(given)} is a store and takes no --set; narrow it with --sel and --where")
        return _of_store(given, goals, over, where, sel)
    bench = bench or Workbench()
    loaded = bench.load(given, overrides)
    refuse_free_inputs(loaded)
    own = loaded.spec.pareto
    frontier = _frontier(
        goals or tuple(map(parse_goal, own.objectives if own else ())),
        over if over is not None or own is None else own.over,
        tuple(axis.name for axis in loaded.inputs.axes),
        os.fspath(given),
    )
    _check_ordered(frontier.goals, bench)
    conditions = [*loaded.conditions, *(found for text in where for found in _read(text, bench))]
    sweep = sweep_of(bench.registry, loaded.inputs, loaded.spec.outputs, conditions, frontier=frontier)
    sweep = replace(sweep, inputs=sweep.inputs.at(positions(grid(sweep, ()), sel)))
    found = searched(sweep, loaded.spec.store.dtype, progress)[PARETO]
    return found.assign_attrs(notices=[*loaded.notices, *_emptiness(found)])


def _of_store(
    path: str | os.PathLike[str],
    goals: tuple[Goal, ...],
    over: Sequence[str] | None,
    where: Sequence[str],
    sel: Sequence[str],
) -> xr.Dataset:
    from ..stores.read import is_finished, open_results
    from ..sweeps.searches.results import front_of_results
    from .stored_conditions import stored_conditions

    results, notices, place = open_results(path), stored_notices(path), os.fspath(path)
    stored = _stored(path)
    if stored is not None and not (goals or where or sel or over is not None):
        return stored.assign_attrs(notices=[*notices, *_emptiness(stored)])
    if stored is not None:
        goals = goals or tuple(map(parse_goal, stored.attrs["objectives"].split()))
        over = stored.attrs["over"].split() if over is None else over
    elif not goals and not is_finished(path):
        open_results(path, PARETO)
    frontier = _frontier(goals, over, tuple(map(str, results.sizes)), place)
    ordered = [str(name) for name in results.data_vars if "flag_values" not in results[name].attrs]
    for goal in frontier.goals:
        if goal.quantity not in ordered:
            raise RooflaxError(f"{place} holds no `{goal.quantity}` to order by; it holds {', '.join(ordered)}")
    part = results.isel({dim: list(places) for dim, places in positions(results, sel).items()})
    found = front_of_results(part, frontier, stored_conditions(part, where))
    return found.assign_attrs(notices=[*notices, *_emptiness(found)])


def _stored(path: str | os.PathLike[str]) -> xr.Dataset | None:
    """The frontier that a store keeps, if it does."""
    from ..stores.read import open_results

    try:
        return open_results(path, PARETO)
    except RooflaxError:
        return None


def _goals(objectives: str | Sequence[str] | None) -> tuple[Goal, ...]:
    """The goals as they are given; none where nothing is."""
    if objectives is None:
        return ()
    texts = objectives.split(",") if isinstance(objectives, str) else list(objectives)
    found: dict[str, Goal] = {}
    try:
        for text in texts:
            goal = parse_goal(text)
            check_order(goal.quantity, found, ())
            found[goal.quantity] = goal
        check_goals(texts)
    except GoalError as error:
        raise RooflaxError(f"--objectives {','.join(texts)}: {error}") from None
    return tuple(found.values())


def _frontier(goals: tuple[Goal, ...], over: Sequence[str] | None, axes: tuple[str, ...], where: str) -> Frontier:
    if not goals:
        raise RooflaxError(f"{where} says nothing of `pareto`; give --objectives QUANTITY:min,QUANTITY:max")
    if not axes or (over is not None and not over):
        raise RooflaxError(
            f"{where}: a frontier needs an axis to choose along; its axes are {', '.join(axes) or 'none'}"
        )
    check_axes(over or (), axes, where)
    return Frontier(goals, tuple(over or axes))


def _check_ordered(goals: Sequence[Goal], bench: Workbench) -> None:
    bench.check_quantities([goal.quantity for goal in goals])
    try:
        for goal in goals:
            check_order(goal.quantity, (), bench.registry.options(goal.quantity))
    except GoalError as error:
        raise RooflaxError(str(error)) from None


def _read(text: str, bench: Workbench) -> tuple[Condition, ...]:
    try:
        return read_condition(text, bench.names)
    except ConditionError as error:
        raise RooflaxError(f"--where {text}: {error}") from None


def _emptiness(front: xr.Dataset) -> list[str]:
    """What there is to say where no point takes part."""
    cells, empty = int(front.attrs["cells"]), int(front.attrs["empty_cells"])
    if not empty:
        return []
    return (
        ["no point is feasible and has a value in every objective"]
        if cells == 1
        else [f"{empty:,} of {cells:,} frontiers are empty: no point is feasible and has a value in every objective"]
    )
