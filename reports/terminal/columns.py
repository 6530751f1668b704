"""Columns of text: numbers that share a unit, headers that break at underscores, and tables as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ...specs.units import format_quantity
from ..prefixes import shared_prefix

GAP = 2


@dataclass(frozen=True)
class Column:
    """One column: its name, the unit its numbers share, and a text for every row."""

    name: str
    cells: tuple[str, ...]
    unit: str = ""
    right: bool = False
    wraps: bool = False

    @property
    def narrowest(self) -> int:
        """The width below which a word would be cut."""
        words = [word for cell in self.cells for word in (cell.split() if self.wraps else [cell])]
        return max(map(len, [*words, *_pieces(self.name), self.unit]), default=1)

    @property
    def widest(self) -> int:
        """The width at which no cell wraps, and the header has two lines at most."""
        pieces = _pieces(self.name)
        halves = [max(len("".join(pieces[:cut])), len("".join(pieces[cut:]))) for cut in range(len(pieces))]
        return max(self.narrowest, *(len(line) for cell in self.cells for line in cell.splitlines()), min(halves))

    def header(self, width: int) -> Text:
        """The name, broken at underscores to fit the width, and the unit below it."""
        lines = [""]
        for piece in _pieces(self.name):
            if lines[-1] and len(lines[-1]) + len(piece) > width:
                lines.append("")
            lines[-1] += piece
        return Text("\n".join([*lines, *([self.unit] if self.unit else [])]))


def _pieces(name: str) -> list[str]:
    """The parts of a name, each with the underscore behind it."""
    parts = name.split("_")
    return [f"{part}_" for part in parts[:-1]] + parts[-1:]


def text_column(name: str, cells: Iterable[str], *, wraps: bool = True) -> Column:
    """A column of text, which wraps at blanks or not at all."""
    return Column(name, tuple(cells), wraps=wraps)


def number_column(name: str, values: Sequence[float], unit: str) -> Column:
    """A column of numbers in one unit with one prefix, or each with its own where they are too far apart."""
    shared = shared_prefix(values, unit)
    if shared is None:
        return Column(name, tuple(format_quantity(value, unit) for value in values), right=True)
    shown, scale = shared
    return Column(name, tuple(format_quantity(value / scale, "1") for value in values), shown, right=True)


@dataclass(frozen=True)
class Columns:
    """A table that fits its terminal: text wraps at blanks only, and columns that find no room go below.

    The first `keys` columns are repeated in every part. Rows in `faint` are dimmed.
    """

    columns: Sequence[Column]
    title: str = ""
    caption: str = ""
    keys: int = 0
    faint: frozenset[int] = frozenset()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The parts of the table, one below the other."""
        parts = list(self._parts(options.max_width))
        if self.title:
            yield Text(self.title, style="bold")
        for position, part in enumerate(parts):
            if position:
                yield Text()
            yield self._table(part, options.max_width)
        if self.caption:
            yield Text(self.caption, style="italic")

    def _repr_html_(self) -> str:
        """The table as a notebook shows it."""
        from ..markup import table_html

        return table_html(self.columns, self.title, self.caption, self.faint)

    def _parts(self, width: int) -> Iterator[list[Column]]:
        keys, rest = list(self.columns[: self.keys]), list(self.columns[self.keys :])
        part = list(keys)
        for column in rest:
            if len(part) > len(keys) and _total([c.narrowest for c in (*part, column)]) > width:
                yield part
                part = list(keys)
            part.append(column)
        yield part

    def _table(self, columns: Sequence[Column], width: int) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        widths = _shared_out(columns, width)
        for column, own in zip(columns, widths, strict=True):
            justify = "right" if column.right else "left"
            table.add_column(column.header(own), justify=justify, width=own, overflow="fold")
        for row, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
            table.add_row(*map(Text, cells), style="dim" if row in self.faint else "")
        return table


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * len(widths) - 1


def _shared_out(columns: Sequence[Column], width: int) -> list[int]:
    """The columns' widths: what each wants where there is room; else the narrowest, and the rest shared out."""
    widths = [column.narrowest for column in columns]
    spare = width - _total(widths)
    wants = [column.widest - column.narrowest for column in columns]
    if spare >= sum(wants):
        return [column.widest for column in columns]
    if spare > 0:
        widths = [own + spare * want // sum(wants) for own, want in zip(widths, wants, strict=True)]
    return widths
