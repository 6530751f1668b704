"""The catalogue of quantities: a page for every module of cost models, and one with all names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rooflax.inventory import shown_value
from rooflax.kernels.registry import Quantity, Registry

from .formula_marks import shown
from .texts import Part, cited, code, homes, link, plain, quantity_page, table, titled

if TYPE_CHECKING:
    from rooflax.workbench import Workbench

INDEX = "reference/quantities/index.md"


def pages(bench: Workbench) -> Part:
    """Every quantity that is no constraint, by the folder and the module that declare it."""
    registry = bench.registry
    found = [one for one in registry.quantities.values() if not one.declared.constraint]
    modules: dict[str, list[Quantity]] = defaultdict(list)
    for quantity in found:
        modules[quantity.module].append(quantity)
    readers = read_by(registry)
    where = homes(registry)
    texts = {
        quantity_page(module): _page(module, members, registry, readers, where)
        for module, members in sorted(modules.items())
    }
    nav: list[object] = [INDEX]
    for folder, below in _folders(sorted(modules)).items():
        nav.append({folder: [{_heading(module): quantity_page(module)} for module in below]})
    return Part(nav, {INDEX: _index(modules, where), **texts})


def read_by(registry: Registry) -> dict[str, list[str]]:
    """The quantities that read each name."""
    readers: dict[str, list[str]] = defaultdict(list)
    for quantity in registry.quantities.values():
        for name in quantity.reads:
            readers[name].append(quantity.name)
    return readers


def _folders(modules: Sequence[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        *inside, _ = module.partition("kernels.")[2].split(".")
        folders[": ".join(titled(name) if not place else name for place, name in enumerate(inside))].append(module)
    return {name: folders[name] for name in sorted(folders, key=lambda name: name.startswith("Published"))}


def _heading(module: str) -> str:
    return titled(module.rpartition(".")[2])


def _index(modules: Mapping[str, Sequence[Quantity]], where: Mapping[str, str]) -> str:
    count = sum(map(len, modules.values()))
    lines = [
        "# Quantities",
        "",
        f"All {count} computed quantities, each declared once, in the module that its page is named after. The "
        "formula, the unit, the source and the worked example are those of the declaration; the tests compute it anew. "
        "`rooflax show NAME` tells the same, `rooflax explain NAME` with the values of a point.",
        "",
        "Quantities in a namespace, such as `rules.training_days`, are formulas of other documents exactly as printed, "
        "with their errata.",
    ]
    for folder, below in _folders(sorted(modules)).items():
        members = [quantity for module in below for quantity in modules[module]]
        rows = [(link(one.name, where, INDEX), code(one.unit), plain(one.label)) for one in members]
        lines += ["", f"## {folder}", "", table(("name", "unit", "what"), rows)]
    return "\n".join(lines)


def _page(
    module: str,
    members: Sequence[Quantity],
    registry: Registry,
    readers: Mapping[str, Sequence[str]],
    where: Mapping[str, str],
) -> str:
    here = quantity_page(module)
    parts = [f"# {_heading(module)}", f"Declared in `{module.partition('rooflax.')[2].replace('.', '/')}.py`."]
    return "\n\n".join([*parts, *(entry(one, registry, readers, where, here) for one in members)]) + "\n"


def entry(
    quantity: Quantity,
    registry: Registry,
    readers: Mapping[str, Sequence[str]],
    where: Mapping[str, str],
    here: str,
) -> str:
    """Everything there is to say about one quantity."""
    declared = quantity.declared

    def links(names: Sequence[str]) -> str:
        return ", ".join(link(name, where, here) for name in names)

    options = f"; one of {', '.join(map(code, quantity.options))}" if quantity.options else ""
    facts = [f"**Unit**: {code(quantity.unit)}{options}", f"**Source**: {cited(declared.source, here)}"]
    if declared.constraint:
        when = "always applies" if declared.constraint.legal else "applies where it is asked for"
        facts.append(
            f"**Holds** where it is at least 0; it {when}. Where it fails: “{plain(declared.constraint.message)}”"
        )
    if quantity.terms:
        facts.append(f"**Sum of**: {links(quantity.terms)}")
    others = [name for name in quantity.reads if name not in quantity.terms]
    facts += [f"**Reads**{' also' if quantity.terms else ''}: {links(others)}"] if others else []
    facts += [f"**Read by**: {links(sorted(readers[quantity.name]))}"] if readers.get(quantity.name) else []
    facts.append(f"**Worked example**: {_example(quantity, registry)}")
    if declared.undefined:
        facts.append(f"**No value** where {plain(declared.undefined)}")
    for one in declared.errata:
        why = f" {plain(one.why)}" if one.why else ""
        facts.append(f"**Erratum {plain(one.number)}**: {plain(one.wrong)}; right: {plain(one.right)}.{why}")
    lines = [f"## `{quantity.name}` {{#{quantity.name}}}", f"{plain(quantity.label)}.", shown(declared.formula)]
    lines += [_described(quantity.description)] if quantity.description else []
    return "\n\n".join([*lines, "\n".join(f"- {fact}" for fact in facts)])


def _described(text: str) -> str:
    """The words of a docstring; what stands between dollar signs is a formula."""
    pieces = text.split("$")
    return "$".join(piece if place % 2 else plain(piece) for place, piece in enumerate(pieces))


def _example(quantity: Quantity, registry: Registry) -> str:
    example = quantity.example
    given = [
        f"`{name}` = {plain(shown_value(registry, name, float(value)))}"
        for name, value in example.items()
        if name in quantity.reads
    ]
    return f"{', '.join(given)} gives **{plain(shown_value(registry, quantity.name, float(example['expect'])))}**"
