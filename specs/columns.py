"""Catalog columns: the records behind a catalog name, and the leaves they carry along one labelled dimension."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from .axes import Value
from .calibration import class_of
from .calibration_fields import FittedField, Lent
from .catalog import Catalogs
from .records import Record
from .vocabulary import Leaf, Vocabulary

DEFAULT_PRECISION = "bf16-mixed"
_DEFAULT_STACKS = {"tpu": "pooled-xla"}
_DEFAULT_STACK = "pooled-torch"


@dataclass(frozen=True)
class Column:
    """The records of one catalog: a single one (`dim` None), or one per label of the dimension `dim`.

    A label whose hardware names no default network has no record in the network column. `labels` are what messages
    call the entries, and `origin` who chose the records; where they follow from the records of another catalog,
    `follows` names it.
    """

    catalog: str
    dim: str | None
    records: tuple[Record | None, ...]
    labels: tuple[str, ...]
    origin: str
    follows: str = ""

    @classmethod
    def of(cls, catalog: str, dim: str | None, records: tuple[Record, ...]) -> Column:
        """The column of records that the user named."""
        origin = f"{catalog} {records[0].name}" if dim is None else f"{catalog} of each `{dim}`"
        return cls(catalog, dim, records, tuple(record.name for record in records), origin)

    def values(self, vocabulary: Vocabulary, skip: Container[str]) -> Iterator[Value]:
        """The leaves that every record states, or some do and the rest have by default; those in `skip` left out."""
        for leaf in self._leaves(vocabulary):
            stated = self._stated(leaf.name)
            if leaf.name in skip or not any(stated) or (leaf.required and not all(stated)):
                continue
            data = [
                record.fields[leaf.name].value if record is not None and given else leaf.default_value
                for record, given in zip(self.records, stated, strict=True)
            ]
            by_default = ", ".join(label for label, given in zip(self.labels, stated, strict=True) if not given)
            origin = f"{self.origin}; default for {by_default}" if by_default else self.origin
            dims = () if self.dim is None else (self.dim,)
            yield Value(leaf.name, dims, np.array(data if dims else data[0]), origin, self.follows or self.catalog)

    def lacking(self, vocabulary: Vocabulary, skip: Container[str]) -> dict[str, tuple[str, ...]]:
        """The leaves without default that not every record states, with the labels that lack them."""
        found: dict[str, tuple[str, ...]] = {}
        for leaf in self._leaves(vocabulary):
            stated = self._stated(leaf.name)
            if leaf.required and leaf.name not in skip and not all(stated):
                found[leaf.name] = tuple(label for label, given in zip(self.labels, stated, strict=True) if not given)
        return found

    def lent(self, leaf: str) -> dict[str, Lent]:
        """What the calibration lends the records of a leaf, by its name; empty where all state it themselves."""
        fields = [record.fields.get(leaf) if record is not None else None for record in self.records]
        fitted = tuple(field if isinstance(field, FittedField) else None for field in fields)
        return {leaf: Lent(() if self.dim is None else (self.dim,), fitted)} if any(fitted) else {}

    def _leaves(self, vocabulary: Vocabulary) -> Iterator[Leaf]:
        for leaf in vocabulary.values():
            if leaf.group == self.catalog or any(self._stated(leaf.name)):
                yield leaf

    def _stated(self, leaf: str) -> list[bool]:
        return [record is not None and leaf in record.fields for record in self.records]


def default_network(hardware: Column, catalogs: Catalogs) -> Column | None:
    """The network that each hardware record names, or None where none does. Raises CatalogError."""
    names = [record.network if record is not None else None for record in hardware.records]
    if not any(names):
        return None
    records = tuple(catalogs.get("network", name) if name is not None else None for name in names)
    if hardware.dim is not None:
        origin = f"default network of each `{hardware.dim}`"
    else:
        origin = f"network {names[0]}, the default of {hardware.labels[0]}"
    return Column("network", hardware.dim, records, hardware.labels, origin, follows="hardware")


def default_precision(catalogs: Catalogs) -> Column:
    """The precision where none is given. Raises CatalogError."""
    record = catalogs.get("precision", DEFAULT_PRECISION)
    return Column("precision", None, (record,), (record.name,), f"default precision {DEFAULT_PRECISION}")


def default_stack_name(hardware: Record | None) -> str:
    """The name of the software stack that stands where none is given on a chip."""
    return _DEFAULT_STACKS.get(class_of(hardware), _DEFAULT_STACK) if hardware is not None else _DEFAULT_STACK


def default_stack(hardware: Column, catalogs: Catalogs) -> Column | None:
    """The software stack where none is given, which has the values pooled over those that run on each chip.

    None where nothing was fitted, so that the declared defaults stand. Raises CatalogError.
    """
    if not catalogs.calibration:
        return None
    names = [default_stack_name(record) for record in hardware.records]
    records = tuple(catalogs.get("software_stack", name) for name in names)
    of_each = f" of each `{hardware.dim}`" if hardware.dim is not None else ""
    origin = f"default software_stack{of_each or f' {names[0]}'}"
    return Column("software_stack", hardware.dim, records, tuple(names), origin, follows="hardware")


def distinct_records(columns: Mapping[str, Column]) -> tuple[Record, ...]:
    """The records of all columns, each once, in order."""
    found: dict[tuple[str, str, str], Record] = {}
    for column in columns.values():
        for record in column.records:
            if record is not None:
                found[column.catalog, record.name, record.path] = record
    return tuple(found.values())
