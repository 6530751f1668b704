"""A mixture of two sweeps: their quantities where some inputs are as in the one and some as in the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...kernels.arrays import jnp
from ...kernels.graph import Graph, resolve
from ...kernels.registry import Quantity
from ...specs.axes import Axis, Inputs, Value
from ...specs.problems import RooflaxError
from ..eager import MOST_TRACED, evaluate_eagerly
from ..gradients.slopes import BALANCED
from ..gradients.tangents import companion, with_tangents
from ..sweep import Sweep
from .changes import Change, joint_dims, spread, value_of

PLACE = "place"


@dataclass(frozen=True, eq=False)
class _Switch:
    """A quantity that is computed in one sweep and given in the other."""

    model: Quantity
    given: str
    is_given: str

    def __call__(self, **values: Any) -> Any:
        return jnp.where(values[self.is_given] > 0, values[self.given], self.model(values))


@dataclass(frozen=True)
class Mixture:
    """The points between two sweeps over the same grid.

    `sweep` has the axes along which a quantity varies, and the inputs of the first. `ends` are the values in both of
    each input that changes, one per point of the grid; `constant` those that do not change and vary along the grid.
    """

    sweep: Sweep
    quantities: tuple[str, ...]
    changes: tuple[Change, ...]
    ends: Mapping[str, tuple[np.ndarray, np.ndarray]]
    constant: Mapping[str, np.ndarray]

    @property
    def points(self) -> int:
        """The number of points of the grid."""
        return self.sweep.points

    def reads(self, quantity: str) -> tuple[Change, ...]:
        """The changes of inputs that a quantity is computed from."""
        inputs = set(self.sweep.graph.narrowed([quantity]).inputs)
        return tuple(change for change in self.changes if inputs.intersection(_carriers(change)))

    def values(self, points: np.ndarray, shares: Mapping[str, np.ndarray]) -> np.ndarray:
        """The quantities, one row each, at points of the grid.

        `shares` tells for each change how far it is on the way to the second sweep, from 0 to 1; without one, it is
        as in the first.
        """
        return self.evaluated(self.sweep, self.quantities, points, shares)

    def slopes(self, quantities: Sequence[str], continuous: Sequence[str]) -> Slopes:
        """The slopes of quantities by the shares of continuous changes."""
        extended, found = with_tangents(self.sweep, quantities, continuous, side=BALANCED)
        asked = {pair: derivative.slope for pair, derivative in found.items()}
        return Slopes(self, extended, tuple(quantities), tuple(continuous), asked)

    def evaluated(
        self, sweep: Sweep, names: Sequence[str], points: np.ndarray, shares: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Names of a sweep with the inputs of this one, one row each, at points of the grid."""
        found = np.empty((len(names), len(points)))
        for start in range(0, len(points), MOST_TRACED):
            part = slice(start, start + MOST_TRACED)
            own = {name: share[part] for name, share in shares.items()}
            trial = replace(sweep, inputs=self._inputs(points[part], own))
            arrays = evaluate_eagerly(trial, names, "float64")
            for row, name in enumerate(names):
                found[row, part] = arrays[name]
        return found

    def _inputs(self, points: np.ndarray, shares: Mapping[str, np.ndarray]) -> Inputs:
        """The inputs at points of the grid, along one axis."""
        varying = {name: data[points] for name, data in self.constant.items()}
        for change in self.changes:
            share = shares.get(change.name, np.zeros(len(points)))
            for leaf in _carriers(change):
                if leaf in self.ends:
                    before, after = (end[points] for end in self.ends[leaf])
                    # The products are not formed at the ends, where the other value may be infinite.
                    between = np.where(share == 1, after, before)
                    inside = (share > 0) & (share < 1)
                    between[inside] = ((1 - share) * before + share * after)[inside]
                    varying[leaf] = between
        values = {name: Value(name, (PLACE,), data, "mixed") for name, data in varying.items()}
        axis = Axis(PLACE, np.arange(float(len(points))))
        return Inputs((axis,), {**self.sweep.inputs.values, **values})


@dataclass(frozen=True)
class Slopes:
    """Quantities with their slopes by the shares of continuous changes.

    `names` are those of the slopes by (quantity, change); pairs that do not move are left out, and the name is ""
    where the change moves the quantity without a slope.
    """

    mixture: Mixture
    sweep: Sweep
    quantities: tuple[str, ...]
    continuous: tuple[str, ...]
    names: Mapping[tuple[str, str], str]

    def movers(self, quantity: str) -> tuple[str, ...]:
        """The continuous changes that move a quantity."""
        return tuple(name for name in self.continuous if (quantity, name) in self.names)

    def of(self, quantities: Sequence[str]) -> Slopes:
        """Those of some of the quantities."""
        names = {pair: slope for pair, slope in self.names.items() if pair[0] in quantities}
        graph = self.sweep.graph.narrowed([*quantities, *filter(None, names.values())])
        return replace(self, sweep=replace(self.sweep, graph=graph), quantities=tuple(quantities), names=names)

    def __call__(self, points: np.ndarray, shares: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The quantities [quantity, place] and their slopes [quantity, change, place]; 0 where nothing slopes."""
        asked = [*self.quantities, *filter(None, self.names.values())]
        found = dict(zip(asked, self.mixture.evaluated(self.sweep, asked, points, shares), strict=True))
        slopes = np.zeros((len(self.quantities), len(self.continuous), len(points)))
        for row, quantity in enumerate(self.quantities):
            for column, name in enumerate(self.continuous):
                if slope := self.names.get((quantity, name)):
                    before, after = self.mixture.ends[name]
                    with np.errstate(over="ignore", invalid="ignore"):
                        slopes[row, column] = found[slope] * (after - before)[points]
        return np.stack([found[name] for name in self.quantities]), slopes


def mixture_of(
    first: Sweep, second: Sweep, changed: Sequence[Change], quantities: Sequence[str], names: tuple[str, str]
) -> Mixture:
    """The mixture of two sweeps that differ in `changed`.

    A quantity that one of them computes and the other is given is switched. Raises RooflaxError where what computes it
    is missing; `names` are what messages call the sweeps.
    """
    registry = first.registry
    own, other = set(first.inputs.values), set(second.inputs.values)
    switched = {name for name in own ^ other if name in registry.quantities}
    known = {name for name in own | other if value_of(first, name) and value_of(second, name)}
    graph = resolve(registry, quantities, known - switched)
    if graph.missing:
        _refuse_missing(graph, own, switched | (own ^ other), names)
    joined = _switched(graph, switched)
    ends = _ends(first, second, changed, joined.inputs)
    values = dict(first.inputs.values)
    for leaf, (before, after) in ends.items():
        dims = joint_dims(first, before, after)
        values[leaf] = Value(leaf, dims, spread(before, dims, first.sizes), before.origin)
    inputs = replace(first.inputs, values=values)
    whole = Sweep(registry, inputs, tuple(quantities), (), joined)
    sweep = whole.narrowed(quantities)
    axes = tuple(sweep.sizes)

    def flat(value: Value) -> np.ndarray:
        return spread(value, axes, sweep.sizes).reshape(-1)

    pairs = {leaf: (flat(ends[leaf][0]), flat(ends[leaf][1])) for leaf in sweep.graph.inputs if leaf in ends}
    constant = {n: flat(sweep.values[n]) for n in sweep.graph.inputs if n not in pairs and sweep.values[n].dims}
    return Mixture(sweep, tuple(quantities), tuple(changed), pairs, constant)


def _switched(graph: Graph, switched: Collection[str]) -> Graph:
    """The graph with a switch in the place of some quantities, which reads its state and the value that is given."""
    order, entering = list[Quantity](), list[str]()
    for quantity in graph.order:
        if quantity.name not in switched:
            order.append(quantity)
            continue
        own = _switch_names(quantity.name)
        order.append(companion(quantity.name, quantity, (*quantity.reads, *own), _Switch(quantity, *own)))
        entering += own
    return Graph(graph.outputs, tuple(order), (*graph.inputs, *entering), {})


def _ends(
    first: Sweep, second: Sweep, changed: Sequence[Change], inputs: Sequence[str]
) -> dict[str, tuple[Value, Value]]:
    """The two values of every input that changes; for a switched quantity those of what switches it."""
    ends: dict[str, tuple[Value, Value]] = {}
    for change in changed:
        for leaf in change.leaves:
            before, after = value_of(first, leaf), value_of(second, leaf)
            given, is_given = _switch_names(leaf)
            if leaf in inputs and before is not None and after is not None:
                ends[leaf] = (before, after)
            elif given in inputs and (value := before or after) is not None:
                ends[given] = (value, value)
                ends[is_given] = (_flag(is_given, before is not None), _flag(is_given, after is not None))
    return ends


def _flag(name: str, state: bool) -> Value:
    return Value(name, (), np.array(float(state)), "switch")


def _carriers(change: Change) -> tuple[str, ...]:
    """The names that a change may enter a graph under."""
    return tuple(name for leaf in change.leaves for name in (leaf, *_switch_names(leaf)))


def _switch_names(quantity: str) -> tuple[str, str]:
    return f"{quantity}, given", f"{quantity} is given"


def _refuse_missing(graph: Graph, own: set[str], lone: set[str], names: tuple[str, str]) -> None:
    lacking = ", ".join(f"`{name}`" for name in graph.missing)
    given = ", ".join(f"`{name}` in {names[0] if name in own else names[1]}" for name in sorted(lone))
    raise RooflaxError(
        f"{names[0]} and {names[1]} cannot be mixed: {given} is given in one of them alone, and without it there is "
        f"no value for {lacking}; give the same inputs in both"
    )
