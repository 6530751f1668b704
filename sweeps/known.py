"""What the spec loader asks of the models: names, units, what is missing and what is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..kernels.graph import Graph, resolve
from ..kernels.registry import Registry
from ..specs.vocabulary import Vocabulary


class RegistryNames:
    """The names of a registry, as the loader wants them."""

    def __init__(self, registry: Registry) -> None:
        """`registry` holds the quantities and the leaves."""
        self.registry = registry
        self.vocabulary: Vocabulary = registry.vocabulary
        self.units: Mapping[str, str] = {n: q.unit for n, q in registry.quantities.items() if not q.options}
        self.options: Mapping[str, tuple[str, ...]] = {
            n: q.options for n, q in registry.quantities.items() if q.options
        }
        self.constraints: Collection[str] = registry.constraints

    def missing(self, outputs: Collection[str], given: Collection[str]) -> Mapping[str, str]:
        """Required leaves nobody gave, each with the output that needs it."""
        return resolve(self.registry, outputs, given).missing

    def reads(self, outputs: Collection[str], given: Collection[str]) -> Collection[str]:
        """The names among `given` that the outputs and the legal conditions on them depend on."""
        graph = resolve(self.registry, outputs, given)
        names = (*outputs, *legal_conditions(self.registry, graph, given))
        return set(resolve(self.registry, names, given).inputs) & set(given)


class NamesWithUnknown(RegistryNames):
    """The names of a registry for an equation: its unknown counts as given, since it is solved for."""

    def __init__(self, registry: Registry, unknown: str) -> None:
        """`unknown` is an input or a quantity."""
        super().__init__(registry)
        self.unknown = unknown

    def missing(self, outputs: Collection[str], given: Collection[str]) -> Mapping[str, str]:
        """Required leaves nobody gave and nobody solves for, each with the output that needs it."""
        return super().missing(outputs, {*given, self.unknown})

    def reads(self, outputs: Collection[str], given: Collection[str]) -> Collection[str]:
        """The names among `given` and the unknown that the outputs and the legal conditions on them depend on."""
        return super().reads(outputs, {*given, self.unknown})


def legal_conditions(registry: Registry, graph: Graph, given: Collection[str]) -> tuple[str, ...]:
    """The legal conditions that apply to a graph.

    One applies when everything it reads directly is read by the graph too, or is a leaf left at its default; and
    something of it is read.
    """
    in_play = {*graph.inputs, *(quantity.name for quantity in graph.order)}

    def applies(name: str) -> bool:
        reads = registry.quantities[name].reads
        silent = [r for r in reads if r not in in_play]
        return len(silent) < len(reads) and all(
            (leaf := registry.vocabulary.get(r)) is not None and not leaf.required and r not in given for r in silent
        )

    conditions = registry.constraints.items()
    return tuple(
        name for name, q in conditions if q.declared.constraint and q.declared.constraint.legal and applies(name)
    )


def capacity_conditions(registry: Registry, graph: Graph, given: Collection[str]) -> tuple[str, ...]:
    """The conditions of capacity that a question touches though it does not ask for them, such as `fits_memory`.

    They are those of the main models that hold, or guard, a computed quantity of the graph and whose inputs can be had.
    """
    computed = {quantity.name for quantity in graph.order}
    return tuple(
        name
        for name, quantity in registry.constraints.items()
        if not quantity.namespace
        and (condition := quantity.declared.constraint)
        and not condition.legal
        and computed.intersection((*quantity.reads, *condition.guards))
        and not resolve(registry, [name], given).missing
    )
