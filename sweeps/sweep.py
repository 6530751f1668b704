"""A sweep: the models, the inputs on their axes, and what is computed at every point."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..kernels.graph import Graph, resolve
from ..kernels.registry import Registry
from ..specs.axes import Axis, Inputs, Value
from ..specs.goals import Goal, parse_goal
from ..specs.loaded import LoadedSpec
from ..specs.problems import Problem, RooflaxError, SpecError
from .checks import Check, checks_of
from .known import capacity_conditions, legal_conditions

STATUS, MARGIN = "status", "margin"
SHORT_AXIS = 16


@dataclass(frozen=True)
class Objective:
    """What `best` looks for: the smallest (or largest) value of a quantity over some axes, the `top` of them."""

    quantity: str
    largest: bool
    over: tuple[str, ...]
    top: int = 1


@dataclass(frozen=True)
class Frontier:
    """What `pareto` looks for: the points over some axes that no other beats in every one of two or three goals."""

    goals: tuple[Goal, ...]
    over: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """Everything an evaluation needs; nothing is computed yet.

    `axes` are in the order of the arrays' dims: as declared, but with the longest axis last where the declared last
    one is short, since the innermost loop sets the speed.
    """

    registry: Registry
    inputs: Inputs
    outputs: tuple[str, ...]
    checks: tuple[Check, ...]
    graph: Graph
    objective: Objective | None = None
    frontier: Frontier | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes in the order of dims."""
        return self.inputs.axes

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """The number of labels of each dim."""
        return {axis.name: axis.size for axis in self.axes}

    @property
    def points(self) -> int:
        """The number of points of the whole grid."""
        return math.prod(self.sizes.values())

    @cached_property
    def values(self) -> Mapping[str, Value]:
        """The value of every name that enters the graph, declared defaults included."""
        return {name: self.inputs.values.get(name) or self._default(name) for name in self.graph.inputs}

    def _default(self, name: str) -> Value:
        leaf = self.registry.vocabulary[name]
        return Value(name, (), np.array(leaf.default_value), "default")

    @cached_property
    def dims(self) -> Mapping[str, tuple[str, ...]]:
        """The dims of every name of the graph, of `status` and of `margin`, in the order of axes."""
        dims = {name: frozenset(value.dims) for name, value in self.values.items()}
        for quantity in self.graph.order:
            dims[quantity.name] = frozenset().union(*(dims[name] for name in quantity.reads))
        judged = [dims[check.reads] for check in self.checks if check.reads in dims]
        dims[STATUS] = dims[MARGIN] = frozenset().union(*judged)
        return {name: tuple(dim for dim in self.sizes if dim in own) for name, own in dims.items()}

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that are computed and kept: the outputs that are no labels, the status and its margin."""
        return (*(name for name in self.outputs if name not in self.labels), STATUS, MARGIN)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The names that label the grid: the axes, and the members of zipped ones."""
        return frozenset(name for axis in self.axes for name in (axis.name, *axis.coords))

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable on its own dims."""
        return tuple(self.sizes[dim] for dim in self.dims[name])

    def narrowed(self, names: Iterable[str]) -> Sweep:
        """The same sweep, able to evaluate `names` alone: with the models these need, over the axes they vary along."""
        names = tuple(names)
        judged = STATUS in names or MARGIN in names
        asked = [*(name for name in names if name not in (STATUS, MARGIN)), *(c.reads for c in self.checks if judged)]
        graph = self.graph.narrowed(dict.fromkeys(asked))
        used = {dim for name in names for dim in self.dims[name]}
        inputs = replace(self.inputs, axes=tuple(axis for axis in self.axes if axis.name in used))
        return replace(self, inputs=inputs, graph=graph)


def sweep_of(
    registry: Registry,
    inputs: Inputs,
    outputs: Iterable[str],
    conditions: Iterable[Any] = (),
    objective: Objective | None = None,
    frontier: Frontier | None = None,
    *,
    capacity: bool = False,
) -> Sweep:
    """The sweep of `outputs` over bound inputs; raises SpecError where a required input is missing.

    `capacity` adds the conditions of capacity that the outputs touch, for questions that have no `where`.
    """
    outputs = tuple(dict.fromkeys(outputs))
    conditions = tuple(conditions)
    wanted = [*outputs, *sought(objective, frontier)]
    asked = [*wanted, *(condition.name for condition in conditions)]
    graph = resolve(registry, asked, inputs.values)
    _require(graph, inputs)
    applied = legal_conditions(registry, graph, inputs.values)
    if capacity:
        applied += capacity_conditions(registry, graph, inputs.values)
    checks = checks_of(registry, graph, applied, conditions)
    inputs = replace(inputs, axes=_ordered(inputs.axes))
    _refuse_labels(inputs, objective, frontier)
    graph = _graph(registry, wanted, checks, inputs.values)
    return Sweep(registry, inputs, outputs, checks, graph, objective, frontier)


def sweep_of_spec(registry: Registry, loaded: LoadedSpec, *, capacity: bool = False) -> Sweep:
    """The sweep a spec describes. Raises RooflaxError where it leaves inputs free for an optimum."""
    refuse_free_inputs(loaded)
    best, pareto = loaded.spec.best, loaded.spec.pareto
    objective = Objective(best.objective, best.maximize is not None, tuple(best.over), best.top) if best else None
    frontier = Frontier(tuple(map(parse_goal, pareto.objectives)), tuple(pareto.over or ())) if pareto else None
    outputs, conditions = loaded.spec.outputs, loaded.conditions
    return sweep_of(registry, loaded.inputs, outputs, conditions, objective, frontier, capacity=capacity)


def refuse_free_inputs(loaded: LoadedSpec) -> None:
    """Raises RooflaxError where a spec leaves inputs free for an optimum: they have no values before it is found."""
    if boxes := loaded.inputs.boxes:
        names = ", ".join(box.name for box in boxes)
        raise RooflaxError(
            f"{loaded.file} leaves {names} free under `optimize`; `rooflax optimize` finds the best values, and "
            f"--set {boxes[0].name}=… gives one"
        )


def sought(objective: Objective | None, frontier: Frontier | None) -> tuple[str, ...]:
    """The quantities by which points are chosen."""
    goals = frontier.goals if frontier else ()
    return (*([objective.quantity] if objective else []), *(goal.quantity for goal in goals))


def _refuse_labels(inputs: Inputs, objective: Objective | None, frontier: Frontier | None) -> None:
    """Raises RooflaxError where points are to be chosen by what labels them, or lie along a dim that there is."""
    labels = {name for axis in inputs.axes for name in (axis.name, *axis.coords)}
    if objective and objective.quantity in labels:
        raise RooflaxError(f"`{objective.quantity}` is an axis; the best of it is its first or last label")
    for goal in frontier.goals if frontier else ():
        if goal.quantity in labels:
            raise RooflaxError(
                f"`{goal.quantity}` is an axis and no objective; where `over` leaves it out, there is a frontier for "
                "each of its labels"
            )


def sweep_to_optimize(registry: Registry, loaded: LoadedSpec) -> Sweep:
    """The sweep a spec with `optimize` describes; its objective is what is optimized, over no axis.

    What `best` orders by is among its outputs.
    """
    optimize, best = loaded.spec.optimize, loaded.spec.best
    if optimize is None:
        raise RooflaxError(f"{loaded.file} says nothing of `optimize`; it takes minimize or maximize, and over")
    outputs = [*loaded.spec.outputs, optimize.objective, *([best.objective] if best else [])]
    objective = Objective(optimize.objective, optimize.maximize is not None, ())
    return sweep_of(registry, loaded.inputs, outputs, loaded.conditions, objective)


def _graph(registry: Registry, outputs: Iterable[str], checks: Iterable[Check], given: Collection[str]) -> Graph:
    return resolve(registry, dict.fromkeys([*outputs, *(check.reads for check in checks)]), given)


def _require(graph: Graph, inputs: Inputs) -> None:
    problems = []
    for name, output in graph.missing.items():
        lacking = inputs.lacking.get(name)
        why = f"; {', '.join(lacking)} states none" if lacking else ""
        problems.append(Problem((name,), f"`{output}` needs it and it has no default{why}"))
    if problems:
        raise SpecError(problems)


def _ordered(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    if not axes or axes[-1].size >= SHORT_AXIS:
        return axes
    longest = max(axes, key=lambda axis: axis.size)
    return axes if longest.size == axes[-1].size else (*(axis for axis in axes if axis is not longest), longest)
