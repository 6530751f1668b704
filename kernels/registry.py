"""The registry: every cost model is declared once, by a decorator on a plain function.

The function's name is the quantity, its parameters are what the quantity depends on, its annotations carry the units
and its docstring the label. Nothing is registered at import: `build_registry` collects what the modules declare and
refuses names declared twice, units that disagree and parameters nobody knows.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from string import Formatter
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from ..specs.units import format_quantity
from ..specs.vocabulary import Leaf, Vocabulary, nearest
from .annotations import Category, Unit

Model = TypeVar("Model", bound=Callable[..., Any])
_MARK = "__cost_model__"


class RegistryError(Exception):
    """A declaration that contradicts another one or is incomplete: a mistake in a cost-model file."""


@dataclass(frozen=True)
class Constraint:
    """What makes a quantity a condition: points where it is negative are infeasible.

    `legal` conditions always apply where their inputs are in play; the others where a spec asks for them, and in single
    questions that compute what they read or one of the quantities they guard: those that mean nothing where they fail.
    `message` is a sentence with the names of quantities in braces.
    """

    message: str
    legal: bool
    guards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erratum:
    """A known error of a published formula: its number, what is wrong, what is right, and why."""

    number: str
    wrong: str
    right: str
    why: str = ""


@dataclass(frozen=True)
class Declaration:
    """What the decorator records about a cost model."""

    formula: str
    source: str
    example: Mapping[str, Any]
    terms: tuple[str, ...] = ()
    when_given: str | None = None
    constraint: Constraint | None = None
    errata: tuple[Erratum, ...] = ()
    undefined: str = ""


@dataclass(frozen=True)
class Quantity:
    """A registered cost model, as everything outside the kernels sees it.

    `names` maps each parameter to the quantity or leaf it stands for; they differ inside a namespace. `hints` are the
    annotations of the parameters.
    """

    name: str
    function: Callable[..., Any]
    unit: str
    label: str
    description: str
    declared: Declaration
    parameters: tuple[str, ...]
    bundles: Mapping[str, type] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    module: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def namespace(self) -> str:
        """The document a published model belongs to, "" for the main models."""
        return self.name.rpartition(".")[0]

    def name_of(self, parameter: str) -> str:
        """The quantity or leaf that a parameter, a term or a name in a message stands for."""
        return self.names.get(parameter, parameter)

    @property
    def terms(self) -> tuple[str, ...]:
        """The names whose sum the quantity is; empty where it is no sum."""
        return tuple(map(self.name_of, self.declared.terms))

    @property
    def example(self) -> dict[str, float]:
        """The worked example by name of what is read, with `expect` and perhaps `rel`."""
        return {self.name_of(parameter): value for parameter, value in self.declared.example.items()}

    @property
    def is_traced(self) -> bool:
        """Whether JAX has to follow what is computed, as in a derivative."""
        return getattr(self.function, "is_traced", False)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names the quantity depends on, with every bundle replaced by its fields."""
        names: list[str] = []
        for parameter in self.parameters:
            bundle = self.bundles.get(parameter)
            names.extend(bundle._fields if bundle else (self.name_of(parameter),))  # pyright: ignore[reportAttributeAccessIssue]
        return tuple(dict.fromkeys(names))

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The quantity at the given values of the names it reads."""
        arguments = {
            parameter: bundle(*(values[name] for name in bundle._fields))  # pyright: ignore[reportAttributeAccessIssue]
            if (bundle := self.bundles.get(parameter))
            else values[self.name_of(parameter)]
            for parameter in self.parameters
        }
        return self.function(**arguments)


def cost_model(
    *,
    formula: str,
    source: str,
    example: Mapping[str, Any],
    terms: tuple[str, ...] = (),
    when_given: str | None = None,
    errata: tuple[Erratum, ...] = (),
    undefined: str = "",
) -> Callable[[Model], Model]:
    """Declares a cost model.

    `formula` is LaTeX, `source` a key of the sources (or a sentence beginning "definition:"), optionally followed by
    ", " and where in it. `example` maps what the model reads to numbers in base units, with `expect` and optionally
    `rel`; leaves with a default may be left out. `terms` names the parameters whose plain sum the quantity is.
    `when_given` marks a stand-in: it computes this name only where that other quantity is given and this one cannot be
    had otherwise, as `world_size` from a given `dp`; the default of a leaf is no other way.

    A published model, one of a module with a NAMESPACE, also tells its `errata`, and in `undefined` why there is no
    value where it returns NaN (the published code raises there).
    """
    declared = Declaration(
        formula=formula,
        source=source,
        example=MappingProxyType(dict(example)),
        terms=terms,
        when_given=when_given,
        errata=errata,
        undefined=undefined,
    )

    def declare(function: Model) -> Model:
        setattr(function, _MARK, declared)
        return function

    return declare


def constraint(
    *,
    message: str,
    formula: str,
    source: str,
    example: Mapping[str, Any],
    legal: bool = False,
    guards: tuple[str, ...] = (),
) -> Callable[[Model], Model]:
    """Declares a condition: a cost model of the margin by which it holds, negative where it fails."""

    def declare(function: Model) -> Model:
        declared = Declaration(
            formula,
            source,
            MappingProxyType(dict(example)),
            constraint=Constraint(message=message, legal=legal, guards=guards),
        )
        setattr(function, _MARK, declared)
        return function

    return declare


@dataclass(frozen=True)
class Registry:
    """All quantities by name, the stand-ins by the name they stand in for, and the vocabulary of leaves."""

    quantities: Mapping[str, Quantity]
    stand_ins: Mapping[str, tuple[Quantity, ...]]
    vocabulary: Vocabulary
    digest: str

    @cached_property
    def constraints(self) -> Mapping[str, Quantity]:
        """The conditions, legality first, each kind in the order of declaration."""
        found = [q for q in self.quantities.values() if q.declared.constraint]
        ordered = sorted(found, key=lambda q: not (q.declared.constraint and q.declared.constraint.legal))
        return {quantity.name: quantity for quantity in ordered}

    @cached_property
    def units(self) -> Mapping[str, str]:
        """The unit of every quantity."""
        return {quantity.name: quantity.unit for quantity in self.quantities.values()}

    def unit(self, name: str) -> str:
        """The unit of a quantity or leaf."""
        return self.quantities[name].unit if name in self.quantities else self.vocabulary[name].unit

    def options(self, name: str) -> tuple[str, ...]:
        """The options of a category or choice, empty for numbers."""
        return self.quantities[name].options if name in self.quantities else self.vocabulary[name].options

    def shown(self, name: str, value: float) -> str:
        """A value as people read it: with its unit, or as its option."""
        options = self.options(name)
        return (
            options[round(value)] if options and 0 <= value < len(options) else format_quantity(value, self.unit(name))
        )

    def label(self, name: str) -> str:
        """The label of a quantity or leaf."""
        return self.quantities[name].label if name in self.quantities else self.vocabulary[name].label


def build_registry(modules: Iterable[ModuleType], vocabulary: Vocabulary) -> Registry:
    """The registry of what the modules declare; RegistryError names the first contradiction found."""
    modules = tuple(modules)
    vocabulary = vocabulary.with_leaves(leaf for module in modules for leaf in _leaves(module))
    found = [quantity for module in modules for quantity in _quantities(module)]
    known = {*vocabulary, *(quantity.name for quantity in found)}
    declared = [_resolved(quantity, known) for quantity in found]
    quantities: dict[str, Quantity] = {}
    stand_ins: dict[str, tuple[Quantity, ...]] = {}
    for quantity in declared:
        if quantity.declared.when_given:
            stand_ins[quantity.name] = (*stand_ins.get(quantity.name, ()), quantity)
        elif (other := quantities.get(quantity.name)) is not None:
            raise RegistryError(f"`{quantity.name}` is declared twice: in {other.module} and in {quantity.module}")
        elif quantity.name in vocabulary:
            raise RegistryError(f"`{quantity.name}` in {quantity.module} is already a leaf of the vocabulary")
        else:
            quantities[quantity.name] = quantity
    registry = Registry(quantities, stand_ins, vocabulary, _digest(modules, vocabulary))
    units = {**{leaf.name: leaf.unit for leaf in vocabulary.values()}, **registry.units}
    for quantity in declared:
        _check(quantity, registry, units)
    return registry


def _resolved(quantity: Quantity, known: Collection[str]) -> Quantity:
    """The quantity with its parameters resolved: to its own namespace first, then to the main models."""
    inside = {parameter: f"{quantity.namespace}.{parameter}" for parameter in quantity.parameters}
    return replace(quantity, names={parameter: name for parameter, name in inside.items() if name in known})


def names_in(message: str) -> tuple[str, ...]:
    """The names in braces of a message."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(message) if name))


def _prefix(module: ModuleType) -> str:
    namespace = getattr(module, "NAMESPACE", "")
    return f"{namespace}." if namespace else ""


def _leaves(module: ModuleType) -> tuple[Leaf, ...]:
    return tuple(replace(leaf, name=_prefix(module) + leaf.name) for leaf in getattr(module, "LEAVES", ()))


def _quantities(module: ModuleType) -> list[Quantity]:
    return [
        _quantity(function, _prefix(module))
        for function in vars(module).values()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and hasattr(function, _MARK)
    ]


def _quantity(function: Callable[..., Any], prefix: str) -> Quantity:
    name, module = prefix + function.__name__.rstrip("_"), function.__module__
    where = f"`{name}` in {module}"
    declared: Declaration = getattr(function, _MARK)
    doc = inspect.getdoc(function)
    if not doc:
        raise RegistryError(f"{where} has no docstring; its first line is the label")
    for what in ("formula", "source", "example"):
        if not getattr(declared, what):
            raise RegistryError(f"{where} has no {what}")
    hints = _hints(function)
    parameters = tuple(inspect.signature(function).parameters)
    if "return" not in hints:
        raise RegistryError(f"{where} has no return annotation, so no unit")
    result = _metadata(hints["return"])
    label, _, description = doc.partition("\n")
    return Quantity(
        name=name,
        function=function,
        unit="1" if isinstance(result, Category) else _unit(result, f"the result of {where}"),
        label=label.rstrip("."),
        description=description.strip(),
        declared=declared,
        parameters=parameters,
        bundles={p: hints[p] for p in parameters if _is_bundle(hints.get(p))},
        options=result.options if isinstance(result, Category) else (),
        module=module,
        hints=hints,
    )


@cache
def _hints(annotated: Any) -> dict[str, Any]:
    """The annotations of a function or a bundle; most are names, and to look one up is quicker than to evaluate it."""
    written, known = inspect.get_annotations(annotated), vars(sys.modules[annotated.__module__])
    if all(text in known for text in written.values()):
        return {name: known[text] for name, text in written.items()}
    return typing.get_type_hints(annotated, include_extras=True)


def _is_bundle(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _metadata(hint: Any) -> Any:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Unit | Category)), None)


def _unit(metadata: Any, what: str) -> str:
    if not isinstance(metadata, Unit):
        raise RegistryError(f"{what} is not annotated with a unit")
    return metadata.text


def _parameter_units(quantity: Quantity) -> dict[str, str]:
    units: dict[str, str] = {}
    for parameter in quantity.parameters:
        if bundle := quantity.bundles.get(parameter):
            units |= {
                name: _unit(_metadata(hint), f"field {name} of {bundle.__name__}")
                for name, hint in _hints(bundle).items()
            }
        else:
            what = f"parameter `{parameter}` of `{quantity.name}` in {quantity.module}"
            units[quantity.name_of(parameter)] = _unit(_metadata(quantity.hints.get(parameter)), what)
    return units


def _check(quantity: Quantity, registry: Registry, units: Mapping[str, str]) -> None:
    where = f"`{quantity.name}` in {quantity.module}"
    for name, unit in _parameter_units(quantity).items():
        if name not in units:
            hint = nearest(name, units)
            raise RegistryError(f"{where}: unknown parameter `{name}`" + (f"; did you mean `{hint}`?" if hint else ""))
        if units[name] != unit:
            raise RegistryError(f"{where}: `{name}` is in {units[name]}, its annotation says {unit}")
    strangers = set(quantity.terms) - set(quantity.reads)
    if strangers:
        raise RegistryError(f"{where}: terms {sorted(strangers)} are not among its parameters")
    if quantity.declared.when_given and registry.unit(quantity.name) != quantity.unit:
        raise RegistryError(
            f"{where}: stands in for a name in {registry.unit(quantity.name)}, its result is {quantity.unit}"
        )
    if (condition := quantity.declared.constraint) and (
        strangers := set(map(quantity.name_of, names_in(condition.message))) - set(quantity.reads)
    ):
        raise RegistryError(f"{where}: its message names {sorted(strangers)}, which it does not read")
    example = quantity.example
    missing = [n for n in quantity.reads if n not in example and _needs_value(n, registry)]
    if missing or "expect" not in example:
        raise RegistryError(f"{where}: the example lacks {', '.join([*missing] or ['expect'])}")


def _needs_value(name: str, registry: Registry) -> bool:
    leaf = registry.vocabulary.get(name)
    return leaf is None or leaf.required


def _digest(modules: Iterable[ModuleType], vocabulary: Vocabulary) -> str:
    """A digest of everything a result depends on: the code of all modules and the declared leaves."""
    text = hashlib.sha256()
    for source in sorted(inspect.getsource(module) for module in modules if getattr(module, "__file__", None)):
        text.update(source.encode())
    for leaf in vocabulary.values():
        text.update(repr(leaf).encode())
    return text.hexdigest()[:16]
