"""One catalog record: named facts with their sources, and the numbers that its fields state."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .problems import RooflaxError
from .scalars import as_float
from .vocabulary import Kind, Leaf


class CatalogError(RooflaxError):
    """A catalog record that is unknown, ambiguous or wrong; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number was read: its key inside the record, and what to cite."""

    key: str
    title: str
    url: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record: the number in the leaf's unit, as it was written, the source's key and a note."""

    value: float
    text: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One model, accelerator, network, precision, software stack or scaling law.

    `fields` are leaves, `facts` is everything else worth telling.
    """

    catalog: str
    name: str
    title: str
    confidence: str
    fields: Mapping[str, Field]
    facts: Mapping[str, Any] = field(default_factory=dict)
    network: str | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    notes: str = ""
    path: str = ""
    aliases: tuple[str, ...] = ()

    def source_of(self, leaf: str) -> Source:
        """The source of one field."""
        return self.sources[self.fields[leaf].source]


def field_value(leaf: Leaf, given: object) -> float:
    """The number that `given` (a number, a text with unit, an option, true or false) is in the leaf's unit.

    Raises ValueError with what was expected.
    """
    value = _number(leaf, given)
    if not math.isfinite(value) or not leaf.admits(value):
        raise ValueError(f"{written(given)} was given; {_expected(leaf)} was expected")
    return value


def _number(leaf: Leaf, given: object) -> float:
    wrong = ValueError(f"{written(given)} was given; {_expected(leaf)} was expected")
    if leaf.kind is Kind.CHOICE:
        if given not in leaf.options:
            raise wrong
        return float(leaf.options.index(str(given)))
    if leaf.kind is Kind.FLAG or isinstance(given, bool):
        if leaf.kind is not Kind.FLAG or not isinstance(given, bool):
            raise wrong
        return float(given)
    if isinstance(given, int | float):
        return as_float(given)
    if not isinstance(given, str):
        raise wrong
    from .units import parse_quantity

    return parse_quantity(given, leaf.unit)


def _expected(leaf: Leaf) -> str:
    unit = "" if leaf.unit == "1" or leaf.kind in (Kind.CHOICE, Kind.FLAG) else f" in {leaf.unit}"
    return leaf.domain() + unit


def written(given: object) -> str:
    """A value as a record file writes it."""
    if given is None:
        return "nothing"
    return str(given).lower() if isinstance(given, bool) else str(given)


def normalised(name: str) -> str:
    """A record's name without case and separators, which is what lookup compares.

    A dot between digits stays, for it tells 1.3b from 13b.
    """
    return re.sub(r"(?!(?<=\d)\.(?=\d))[\W_]", "", name.casefold())
