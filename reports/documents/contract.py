"""What a document's module hands over: tables, figures and checklist items, as plain data and plots.

A module `dNNN.py` (or `dNNN_part.py`, where several share a document) beside this file has

- `NUMBER`, `TITLE`: the document's number, "004", and its title;
- `SPECS`: names of shipped specs ("documents/004-training-time"), which are run in float64;
- `SAMPLES` (optional): what is read from files instead, by the name under which the data is handed over;
- `tables(data)` and `items(data)`: iterators over `Table` and `Item`;
- functions declared with `reports.registry.report(spec=…, quantities=…, axes=…)`, one a figure, each from the dataset
  of its spec to a plot; and `figures(data)`, an iterator over `Figure`, for what draws from several specs or samples;
- `files(data)` (optional): an iterator over `TextFile`, for texts that the document writes beside its tables.

`data` maps every name of SPECS and SAMPLES to its labelled dataset. Labels, units, formulas, sources and errata are in
the attributes of its variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import xarray as xr

Cell = str | float | int | bool | None


@dataclass(frozen=True)
class Table:
    """A table: a CSV with every digit, and a table of a page with the digits people read.

    `name` is the file's stem. A cell that is text is shown as it is, so a table with a document's own rounding gives
    text; a number gets 6 significant digits on the page, and all of them in the CSV. None is an empty cell.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure: a plot made with `reports.figures` (or any holoviews object) and the size at which it is read.

    `name` is the stem of its PNG and PDF, `note` the caption below it.
    """

    name: str
    title: str
    plot: Any
    size_inches: tuple[float, float] = (6.4, 4.0)
    note: str = ""


@dataclass(frozen=True)
class TextFile:
    """A text that a document writes, such as a summary of a run: its file name and what is in it."""

    name: str
    text: str


@dataclass(frozen=True)
class Item:
    """One item of a document's checklist: its number, what was asked, what came of it, and the erratum if any.

    `number` is one number, "S4.1". `erratum` is what is wrong in the document, with its number ("I4.9: …"). `see`
    names the tables and figures that show the result.
    """

    number: str
    what: str
    result: str
    erratum: str = ""
    see: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Sample:
    """Data read from files: the name of a reader of the composition root, and files below the shipped examples.

    Readers are `agent-runs` (one CSV) and `measured-runs` (a folder a run). `options` are the reader's keyword
    arguments, such as the spec whose speedup is `predicted`. `synthetic` says what the data is where it is no
    measurement; the page of the document repeats it.
    """

    reader: str
    paths: tuple[str, ...]
    synthetic: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class Document(Protocol):
    """A document's module, as the composition root sees it; the other members are optional."""

    NUMBER: str
    TITLE: str
    SPECS: tuple[str, ...]
    tables: Callable[[Mapping[str, xr.Dataset]], Iterator[Table]]
    items: Callable[[Mapping[str, xr.Dataset]], Iterator[Item]]


@dataclass(frozen=True)
class KnownError:
    """An erratum as it stands in a variable's attributes."""

    number: str
    wrong: str
    right: str
    why: str
    quantity: str


def errata_of(name: str, attrs: Mapping[Any, Any]) -> tuple[KnownError, ...]:
    """The errata in a variable's attributes, where they are one JSON text or a list of them."""
    found = attrs.get("errata", ())
    entries = json.loads(found) if isinstance(found, str) else found
    return tuple(KnownError(e["number"], e["wrong"], e["right"], e.get("why", ""), name) for e in entries)
