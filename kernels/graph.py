"""The dependency graph: which models run, in which order, for the outputs that are asked and the inputs that are given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .registry import Quantity, Registry


class GraphError(Exception):
    """Models that depend on each other in a circle."""


@dataclass(frozen=True)
class Graph:
    """A resolved evaluation: quantities in the order they run, and the names that enter from outside.

    `inputs` are the leaves and pinned quantities read; `missing` maps each required one that is not given to the
    output that needs it.
    """

    outputs: tuple[str, ...]
    order: tuple[Quantity, ...]
    inputs: tuple[str, ...]
    missing: Mapping[str, str]

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Every value by name, inputs included; shapes broadcast as the models' arithmetic does."""
        values = dict(inputs)
        for quantity in self.order:
            values[quantity.name] = quantity(values)
        return values

    def narrowed(self, names: Iterable[str]) -> Graph:
        """The part that computes some names of the graph, in the same order."""
        names = tuple(names)
        needed, order = set(names), list[Quantity]()
        for quantity in reversed(self.order):
            if quantity.name in needed:
                needed |= set(quantity.reads)
                order.append(quantity)
        inputs = tuple(name for name in self.inputs if name in needed)
        return Graph(names, tuple(reversed(order)), inputs, self.missing)


def resolve(registry: Registry, outputs: Iterable[str], given: Collection[str]) -> Graph:
    """The graph of `outputs` where the names in `given` come from outside.

    A given quantity is pinned: its model does not run. A leaf that is not given is computed by a stand-in whose own
    condition is given (`world_size` from a pinned `dp`), before its default is taken. Raises KeyError for an unknown output and
    GraphError for a cycle.
    """
    outputs = tuple(outputs)
    resolver = _Resolver(registry, frozenset(given))
    for output in outputs:
        resolver.visit(output, output)
    return Graph(outputs, tuple(resolver.order), tuple(resolver.inputs), resolver.missing)


class _Resolver:
    def __init__(self, registry: Registry, given: frozenset[str]) -> None:
        self.registry, self.given = registry, given
        self.order: list[Quantity] = []
        self.inputs: dict[str, None] = {}
        self.missing: dict[str, str] = {}
        self.done: set[str] = set()
        self.path: list[str] = []
        self.available: dict[str, bool] = {}

    def visit(self, name: str, output: str) -> None:
        """Appends what `name` needs, then `name`."""
        if name in self.done:
            return
        if name in self.path:
            raise GraphError("models depend on each other in a circle: " + " -> ".join([*self.path, name]))
        model = self.model_of(name)
        self.path.append(name)
        if model is None:
            self.inputs[name] = None
            if not self.obtainable(name):
                self.missing[name] = output
        else:
            for parameter in model.reads:
                self.visit(parameter, output)
            self.order.append(model)
        self.path.pop()
        self.done.add(name)

    def model_of(self, name: str) -> Quantity | None:
        """The model that computes `name` here, or None where it enters from outside."""
        if name in self.given:
            return None
        main = self.registry.quantities.get(name)
        if main is None and name not in self.registry.vocabulary:
            raise KeyError(name)
        if main is None or not self.main_obtainable(name):
            for stand_in in self.registry.stand_ins.get(name, ()):
                if stand_in.declared.when_given in self.given and all(map(self.obtainable, stand_in.reads)):
                    return stand_in
        return main

    def obtainable(self, name: str) -> bool:
        """Whether a value for `name` can be had from what is given and the declared defaults."""
        if name not in self.available:
            self.available[name] = False  # a name that depends on itself is not obtained that way
            self.available[name] = (
                name in self.given
                or self.main_obtainable(name)
                or any(
                    stand_in.declared.when_given in self.given and all(map(self.obtainable, stand_in.reads))
                    for stand_in in self.registry.stand_ins.get(name, ())
                )
            )
        return self.available[name]

    def main_obtainable(self, name: str) -> bool:
        """Whether the model or the default of `name` itself suffices."""
        if (model := self.registry.quantities.get(name)) is not None:
            return all(map(self.obtainable, model.reads))
        return not self.registry.vocabulary[name].required
