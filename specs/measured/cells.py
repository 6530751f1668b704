"""Cells of a measured row: numbers and texts where they are stated, and what a mapping makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Row = Mapping[str, str]
UNSTATED = "medium"
"""The confidence of a row that states none."""

_FAMILIES = {"training_single_node_vtrain": "vtrain-a100-single"}
"""Files whose rows state no family, and the one they are known by."""


class Refused(Exception):
    """A row that cannot be predicted; the text says what is missing or cannot be expressed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Inputs read off some columns, and in words what was assumed where they state nothing."""

    inputs: Mapping[str, object] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    def __or__(self, other: Part) -> Part:
        """Both parts; where they name the same input the right one wins."""
        return Part({**self.inputs, **other.inputs}, (*self.assumed, *other.assumed))


def text(row: Row, column: str) -> str:
    """A cell without surrounding blanks; empty where the column is missing or states nothing."""
    return (row.get(column) or "").strip()


def family_of(file: str, row: Row) -> str:
    """The family of sources a row belongs to; the file's name where the row states none."""
    stem = file.removesuffix(".csv")
    return text(row, "source_family") or _FAMILIES.get(stem, stem)


def confidence_of(row: Row) -> str:
    """How far a row is to be trusted; medium where it does not say."""
    return text(row, "confidence").lower() or UNSTATED


def number(row: Row, column: str) -> float | None:
    """The number in a cell, or None where it states nothing. Raises Refused where it is no number."""
    cell = text(row, column)
    if not cell:
        return None
    try:
        return float(cell)
    except ValueError:
        raise Refused(f"`{column}` is {cell!r}; a number was expected") from None


def count(row: Row, column: str) -> int | None:
    """The whole number, at least 1, in a cell, or None where it states nothing. Raises Refused otherwise."""
    value = number(row, column)
    if value is None:
        return None
    if value < 1 or value != int(value):
        raise Refused(f"`{column}` is {text(row, column)}; a whole number of at least 1 was expected")
    return int(value)


def flag(row: Row, column: str) -> bool | None:
    """True or false as 1, 0, true, false, yes or no, or None where a cell states nothing. Raises Refused otherwise."""
    cell = text(row, column).lower()
    if not cell:
        return None
    if cell in ("1", "true", "yes", "1.0"):
        return True
    if cell in ("0", "false", "no", "0.0"):
        return False
    raise Refused(f"`{column}` is {cell!r}; 0 or 1 was expected")


def required(row: Row, column: str) -> int:
    """The whole number in a cell that a prediction cannot do without."""
    value = count(row, column)
    if value is None:
        raise Refused(f"`{column}` is not stated")
    return value
