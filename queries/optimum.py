"""Optima: the best values of continuous inputs in every cell of the axes, under conditions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..results import check_axes
from ..runs import overrides_of
from ..specs.bind import bind_keywords
from ..specs.boxes import faults
from ..specs.calibration import pooled_notices
from ..specs.conditions import Comparison, Condition, ConditionError, read_condition
from ..specs.loaded import LoadedSpec
from ..specs.problems import Problem, RooflaxError, SpecError
from ..sweeps.optima.optimum import optimum
from ..sweeps.sweep import Objective, Sweep, sweep_of, sweep_to_optimize
from ..workbench import Workbench, low_confidence, workbench

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]


def optimize(
    spec: str | os.PathLike[str] | None = None,
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    over: Mapping[str, object] | None = None,
    where: Sequence[str] = (),
    outputs: Sequence[str] = (),
    choose: Sequence[str] | None = None,
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
    overrides: Sequence[str] = (),
    bench: Workbench | None = None,
    progress: Progress | None = None,
    **inputs: object,
) -> xr.Dataset:
    """The optimum of a quantity over continuous inputs, in float64, in every cell of the axes.

    The question stands in a spec with `optimize`, whose parts keywords replace, or in keywords alone: what to
    `minimize` or `maximize`, `over` which inputs in which ranges, such as `{"hbm_bandwidth": {"min": "1 TB/s", "max":
    "8 TB/s"}}`, and `where` conditions hold. `choose` names axes along which the best cell is taken; a spec's `best`
    does so otherwise. The result has the outputs at the optimum, the free inputs, `outcome`, and for every condition
    that they change the shadow price: the derivative of the optimum by the condition's bound.

    Raises SpecError with all problems at once.
    """
    if minimize is not None and maximize is not None:
        raise RooflaxError("give --minimize or --maximize, not both")
    bench = bench or workbench(models, catalog)
    if spec is None:
        sweep, notices = _of_keywords(bench, minimize, maximize, over or {}, where, outputs, inputs)
        chosen = _choice(sweep.objective, None, choose)
    else:
        given = [*overrides, *_changes(minimize, maximize, over, where, outputs, inputs)]
        loaded = bench.load(spec, given)
        _refuse_nothing_free(loaded)
        sweep, notices = sweep_to_optimize(bench.registry, loaded), list(loaded.notices)
        best = loaded.spec.best
        own = Objective(best.objective, best.maximize is not None, tuple(best.over), best.top) if best else None
        chosen = _choice(sweep.objective, own, choose)
    if chosen:
        check_axes(chosen.over, tuple(sweep.sizes), os.fspath(spec) if spec is not None else "the question")
    return _answer(sweep, chosen, progress).assign_attrs(notices=notices)


def _refuse_nothing_free(loaded: LoadedSpec) -> None:
    """Raises RooflaxError where overrides gave values to all that was free under `optimize`."""
    for notice in loaded.notices if loaded.spec.optimize is None else ():
        override, dropped, _ = notice.rpartition(": `optimize` is dropped")
        if dropped:
            raise RooflaxError(
                f"{override} leaves no input free under the `optimize` of {loaded.file}; leave it out to look for an "
                "optimum, or evaluate the spec with `rooflax run`"
            )


def _answer(sweep: Sweep, chosen: Objective | None, progress: Progress | None) -> xr.Dataset:
    from ..sweeps.optima.optimum_label import optimum_dataset
    from ..sweeps.searches.results import best_of_results

    found = optimum_dataset(sweep, optimum(sweep, progress))
    if chosen is None:
        return found
    best = best_of_results(found, chosen)
    free = found.attrs["free"]
    return best.assign_attrs(free=free, over=f"{free} {best.attrs['over']}")


def _choice(objective: Objective | None, own: Objective | None, choose: Sequence[str] | None) -> Objective | None:
    """What the best cells are chosen by and along which axes; None where all cells stay."""
    if choose is None:
        return own
    by = own or objective
    return Objective(by.quantity, by.largest, tuple(choose), by.top) if by and choose else None


def _changes(
    minimize: str | None,
    maximize: str | None,
    over: Mapping[str, object] | None,
    where: Sequence[str],
    outputs: Sequence[str],
    inputs: Mapping[str, object],
) -> list[str]:
    """Keywords as the overrides of a spec."""
    found = dict[str, object]()
    if minimize is not None or maximize is not None:
        found |= {"optimize.minimize": minimize, "optimize.maximize": maximize}
    if over is not None:
        found["optimize.over"] = dict(over)
    if where:
        found["where"] = list(where)
    if outputs:
        found["outputs"] = list(outputs)
    return overrides_of({**found, **inputs})


def _of_keywords(
    bench: Workbench,
    minimize: str | None,
    maximize: str | None,
    over: Mapping[str, object],
    where: Sequence[str],
    outputs: Sequence[str],
    inputs: Mapping[str, object],
) -> tuple[Sweep, list[str]]:
    """The sweep of a question without a spec, and what there is to say about its inputs."""
    objective = minimize if minimize is not None else maximize
    if objective is None or not over:
        raise RooflaxError("without a spec, an optimum takes minimize or maximize, and over: {INPUT: {min: …, max: …}}")
    bench.check_quantities([objective, *outputs])
    if bench.registry.options(objective):
        raise RooflaxError(f"`{objective}` is one of several options, which have no order")
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs, boxes=over)
    conditions = _conditions(bench, where)
    boxes = [box.name for box in bound.boxes]
    problems = [
        Problem(place if place[0] == "over" else (), message)
        for place, message in faults(objective, boxes, conditions, bench.names, set(bound.values))
    ]
    if problems:
        raise SpecError(problems)
    compared = [c.name for c in conditions if isinstance(c, Comparison) and c.name in bench.names.units]
    sweep = sweep_of(
        bench.registry,
        bound,
        [*outputs, objective, *compared],
        conditions,
        Objective(objective, maximize is not None, ()),
    )
    notices = [*bound.notices, *low_confidence(bound.records), *pooled_notices(bound, sweep.graph.inputs)]
    return sweep, notices


def _conditions(bench: Workbench, where: Sequence[str]) -> list[Condition]:
    found, problems = list[Condition](), list[Problem]()
    for position, text in enumerate(where):
        try:
            found += read_condition(text, bench.names)
        except ConditionError as error:
            problems.append(Problem(("where", position), str(error)))
    if problems:
        raise SpecError(problems)
    return found
