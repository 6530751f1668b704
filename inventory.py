"""The inventory: what models, machines, quantities and inputs there are, as rows and as descriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .specs.bibliography import bibliography, citation
from .specs.examples import example_names, spec_path
from .specs.problems import RooflaxError
from .specs.records import CatalogError, Record
from .specs.units import format_quantity
from .specs.vocabulary import CATALOGS, Kind, Leaf, nearest
from .workbench import Workbench

if TYPE_CHECKING:
    from .kernels.registry import Quantity, Registry
    from .reports.registry import Report

Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


def listed(kind: str, bench: Workbench) -> Rows:
    """The columns and rows of a kind of thing."""
    listings: dict[str, Callable[[Workbench], Rows]] = {
        "models": lambda b: _records(b, "model"),
        "hardware": lambda b: _records(b, "hardware"),
        "networks": lambda b: _records(b, "network"),
        "precisions": lambda b: _records(b, "precision"),
        "software_stacks": lambda b: _records(b, "software_stack"),
        "scaling_laws": lambda b: _records(b, "scaling_law"),
        "quantities": _quantities,
        "inputs": _inputs,
        "constraints": _constraints,
        "examples": _examples,
        "reports": _reports,
    }
    return listings[kind](bench)


def _reports(_: Workbench) -> Rows:
    from .reports.pictures import pictures

    columns = ("name", "title", "group", "roles")
    return columns, [
        (one.name, one.title.format_map({role: role for role in one.roles}), one.group, _roles(one))
        for one in pictures()
    ]


def _roles(one: Report) -> str:
    return "; ".join(f"{role}: {declared.kind.value}" for role, declared in one.roles.items())


def _records(bench: Workbench, catalog: str) -> Rows:
    records = [bench.catalogs.get(catalog, name) for name in bench.catalogs.names(catalog)]
    return ("name", "title", "confidence"), [(record.name, record.title, record.confidence) for record in records]


def _quantities(bench: Workbench) -> Rows:
    found = sorted(bench.registry.quantities.values(), key=lambda quantity: quantity.name)
    plain = [quantity for quantity in found if not quantity.declared.constraint]
    return ("name", "unit", "label"), [(q.name, q.unit, q.label) for q in plain]


def _inputs(bench: Workbench) -> Rows:
    columns = ("name", "unit", "label", "default", "reason")
    leaves = bench.registry.vocabulary.values()
    return columns, [(leaf.name, leaf.unit, leaf.label, _default(leaf), leaf.reason) for leaf in leaves]


def _default(leaf: Leaf) -> str:
    if leaf.default is None:
        return "from its catalog record" if leaf.group in CATALOGS else "required"
    return leaf.default if isinstance(leaf.default, str) else _number_text(leaf, leaf.default)


def _number_text(leaf: Leaf, value: float) -> str:
    """A value of an input as people read it."""
    if leaf.kind is Kind.FLAG:
        return "true" if value else "false"
    if leaf.options:
        return leaf.options[round(value)]
    return format_quantity(value, leaf.unit)


def shown_value(registry: Registry, name: str, value: float) -> str:
    """A value of an input or a quantity as people read it."""
    leaf = registry.vocabulary.get(name)
    return _number_text(leaf, value) if leaf else registry.shown(name, value)


def _constraints(bench: Workbench) -> Rows:
    rows = []
    for quantity in bench.registry.constraints.values():
        condition = quantity.declared.constraint
        if condition:
            when = "always" if condition.legal else "where asked"
            rows.append((quantity.name, when, quantity.label, condition.message))
    return ("name", "applies", "label", "message"), rows


def _examples(bench: Workbench) -> Rows:
    rows = [(name, bench.load(name).spec.title) for name in example_names()]
    return ("name", "title"), rows


def described(name: str, bench: Workbench) -> str:
    """The description of whatever bears the name: an example's YAML, a quantity, an input or a catalog record."""
    if name in example_names():
        return spec_path(name).read_text(encoding="utf-8")
    if not name.strip():
        raise RooflaxError("a name was expected; `rooflax list` shows what there is")
    records = [record for catalog in CATALOGS if (record := _record_of(bench, catalog, name))]
    if records:
        return "\n".join(_record_text(record, bench) for record in records)
    registry = bench.registry
    if name in registry.quantities:
        return _quantity_text(registry.quantities[name], bench)
    leaf_name = registry.vocabulary.aliases.get(name, name)
    if leaf_name in registry.vocabulary:
        return _leaf_text(registry.vocabulary[leaf_name], bench)
    known = [*example_names(), *registry.quantities, *registry.vocabulary]
    known += [record for catalog in CATALOGS for record in bench.catalogs.names(catalog)]
    hint = nearest(name, known)
    advice = f"did you mean `{hint}`?" if hint else "`rooflax list` shows what there is"
    raise RooflaxError(f"nothing is called `{name}`; {advice}")


def _record_of(bench: Workbench, catalog: str, name: str) -> Record | None:
    try:
        return bench.catalogs.get(catalog, name)
    except CatalogError:
        return None


def _quantity_text(quantity: Quantity, bench: Workbench) -> str:
    declared = quantity.declared
    lines = [f"{quantity.name}: {quantity.label}", f"unit: {quantity.unit}"]
    if quantity.options:
        lines.append(f"one of: {', '.join(quantity.options)}")
    if quantity.description:
        lines += ["", quantity.description, ""]
    lines += [f"formula: {declared.formula}", f"source: {cited(declared.source)}", "reads:"]
    lines += [f"  {read} [{bench.registry.unit(read)}]  {bench.registry.label(read)}" for read in quantity.reads]
    if quantity.terms:
        lines.append(f"sum of: {', '.join(quantity.terms)}")
    if declared.constraint:
        lines.append(f"condition: at least 0; {declared.constraint.message}")
    example = ", ".join(f"{key} = {value:g}" for key, value in quantity.example.items() if key not in ("expect", "rel"))
    for erratum in declared.errata:
        lines.append(f"erratum {erratum.number}: {erratum.wrong}; right: {erratum.right}")
        lines += [f"  {erratum.why}"] if erratum.why else []
    lines.append(f"example: {example} -> {declared.example['expect']:g}")
    return "\n".join(lines) + "\n"


def cited(source: str) -> str:
    """A source with its keys spelled out; a definition stays as it is."""
    if source.startswith("definition:"):
        return source
    parts = []
    for part in source.split("; "):
        key, _, where = part.partition(", ")
        parts.append(citation(key) + (f" ({where})" if where else "") if key in bibliography() else part)
    return "; ".join(parts)


def _leaf_text(leaf: Leaf, bench: Workbench) -> str:
    readers = sorted(q.name for q in bench.registry.quantities.values() if leaf.name in q.reads)
    lines = [
        f"{leaf.name}: {leaf.label}",
        f"unit: {leaf.unit}",
        f"domain: {leaf.domain()}",
        f"default: {_default(leaf)}",
    ]
    if leaf.reason:
        lines[-1] += f" ({leaf.reason})"
    if leaf.note:
        lines.append(f"note: {leaf.note}")
    if leaf.aliases:
        lines.append(f"also written: {', '.join(leaf.aliases)}")
    lines.append(f"read by: {', '.join(readers) or 'nothing'}")
    return "\n".join(lines) + "\n"


def _record_text(record: Record, bench: Workbench) -> str:
    lines = [f"{record.name}: {record.title}", f"  catalog: {record.catalog}", f"  confidence: {record.confidence}"]
    lines += [f"  {key}: {value}" for key, value in record.facts.items()]
    if record.network:
        lines.append(f"  network: {record.network}")
    for name, field in record.fields.items():
        note = f"; {field.note}" if field.note else ""
        lines.append(f"  {name} = {_number_text(bench.record_leaves[name], field.value)}  [{field.source}{note}]")
    lines.append("sources:")
    for key, source in record.sources.items():
        details = ", ".join(part for part in (source.title, source.date, source.url) if part)
        lines.append(f"  {key}: {details}")
    if record.notes:
        lines.append(f"notes: {record.notes.strip()}")
    return "\n".join(lines) + "\n"
