"""What the outputs of a sweep need and nobody gave, and what was given and no output reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .axes import Axis
from .binder import Binder
from .documents import KeyPath
from .vocabulary import CATALOGS

_LISTED = {
    "model": "models",
    "hardware": "hardware",
    "network": "networks",
    "precision": "precisions",
    "software_stack": "software_stacks",
    "scaling_law": "scaling_laws",
}
_MOST_NAMED = 6


def report_missing(
    missing: Mapping[str, str], lacking: Mapping[str, tuple[str, ...]], binder: Binder, asked: Mapping[str, KeyPath]
) -> None:
    """Reports each required input that is missing at the output that needs it; the fields of one catalog together."""
    by_catalog: dict[str, dict[str, str]] = {}
    for name, output in missing.items():
        leaf = binder.known.vocabulary[name]
        need = f"`{output}` needs `{name}` ({leaf.label})"
        if name in lacking:
            records = ", ".join(lacking[name])
            advice = "give it under `fixed`, or leave these records out"
            binder.report(asked[output], f"{need}, which {records} do not state; {advice}")
        elif leaf.group in CATALOGS and leaf.group not in binder.columns:
            by_catalog.setdefault(leaf.group.value, {})[name] = output
        else:
            binder.report(asked[output], f"{need}, which has no default; give it under `fixed` or `axes`")
    for catalog, names in by_catalog.items():
        output = next(iter(names.values()))
        binder.report(asked[output], f"`{output}` needs {_whole(catalog, list(names))}")


def unread_axes(binder: Binder, read: set[str]) -> Iterator[tuple[Axis, KeyPath]]:
    """The axes along which nothing varies that is in `read`: what the outputs depend on, be it given or missing."""
    for axis in binder.axes.values():
        if read.isdisjoint(_carried(binder, axis.name)):
            yield axis, binder.places.get(axis.name, ("axes", axis.name))


def unread_values(binder: Binder, read: set[str]) -> Iterator[KeyPath]:
    """The places of inputs that no output depends on."""
    for name, path in binder.places.items():
        if not read & set(_fields(binder, name) if name in CATALOGS else [name]):
            yield path


def _carried(binder: Binder, dim: str) -> Iterator[str]:
    """The names that vary along a dimension."""
    for value in binder.values.values():
        if dim in value.dims:
            yield value.name
    for name, column in binder.columns.items():
        if column.dim == dim:
            yield from _fields(binder, name)


def _fields(binder: Binder, catalog: str) -> Iterator[str]:
    """The leaves that a catalog's records decide: not given beside it; with hardware, those of its own network."""
    catalogs = [catalog, "network"] if catalog == "hardware" and "network" not in binder.places else [catalog]
    for leaf in binder.known.vocabulary.values():
        if leaf.group in catalogs and leaf.name not in binder.places:
            yield leaf.name


def _whole(catalog: str, names: list[str]) -> str:
    fields = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
    give = f"give `{catalog}` under `fixed` or `axes` (`rooflax list {_LISTED[catalog]}` shows the names), or {fields}"
    if catalog == "network":
        return f"a network; give `hardware` whose record names one, or {give}"
    return f"a {catalog} record; {give}"
