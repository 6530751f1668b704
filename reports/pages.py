"""Pages: tables as CSV and Markdown, figures as PNG and PDF, and one page a document that links and shows them all."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..specs.scalars import printable
from .documents.contract import Cell, Figure, Item, KnownError, Table, TextFile, errata_of
from .figures import save

if TYPE_CHECKING:
    import xarray as xr

TABLES, FIGURES, FILES = "tables", "figures", "files"
_DIGITS = 6
_PAGE_ROWS = 40
_WHOLE = 1e15
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass(frozen=True)
class Formula:
    """What a page says of a quantity: its name, label, unit, formula and source."""

    name: str
    label: str
    unit: str
    formula: str
    source: str


@dataclass(frozen=True)
class Contents:
    """Everything on a document's page. `notes` stand below the title."""

    number: str
    title: str
    items: tuple[Item, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    files: tuple[TextFile, ...]
    errata: tuple[KnownError, ...]
    formulas: tuple[Formula, ...]
    notes: tuple[str, ...] = ()


def described(data: Iterable[xr.Dataset]) -> tuple[tuple[KnownError, ...], tuple[Formula, ...]]:
    """The errata and the formulas of all variables, each once, in the order of their names."""
    errata: dict[tuple[str, str], KnownError] = {}
    formulas: dict[str, Formula] = {}
    for dataset in data:
        for name, variable in dataset.variables.items():
            attrs = variable.attrs
            for known in errata_of(str(name), attrs):
                errata.setdefault((known.number, known.wrong), known)
            if "formula" in attrs:
                formulas[str(name)] = Formula(
                    str(name), attrs["long_name"], attrs["units"], attrs["formula"], attrs["source"]
                )
    ordered = sorted(errata.values(), key=lambda known: number_key(known.number))
    return tuple(ordered), tuple(formulas[name] for name in sorted(formulas))


def number_key(number: str) -> tuple[str, list[int]]:
    """What sorts S0.9 before S0.10."""
    letter = number[:1]
    digits = "".join(character if character.isdigit() else " " for character in number).split()
    return letter, [int(part) for part in digits]


def write_page(contents: Contents, folder: Path) -> Path:
    """Writes a document's tables, figures, files and page into a folder; the path of the page."""
    for name in (TABLES, FIGURES, *([FILES] if contents.files else [])):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for table in contents.tables:
        (folder / TABLES / f"{table.name}.csv").write_text(csv_text(table), encoding="utf-8")
        (folder / TABLES / f"{table.name}.md").write_text(_table_page(table), encoding="utf-8")
    for figure in contents.figures:
        save(figure, folder / FIGURES)
    for file in contents.files:
        (folder / FILES / file.name).write_text(file.text, encoding="utf-8")
    page = folder / "README.md"
    page.write_text("\n".join(_lines(contents)), encoding="utf-8")
    return page


def write_index(pages: Mapping[Path, Contents], folder: Path) -> Path:
    """Writes the page that links the documents' pages."""
    rows = [
        (
            f"[{contents.number}]({page.relative_to(folder).as_posix()})",
            contents.title,
            len(contents.items),
            len(contents.tables),
            len(contents.figures),
            len(contents.errata),
        )
        for page, contents in pages.items()
    ]
    columns = ("Document", "Title", "Items", "Tables", "Figures", "Known errors")
    index = folder / "README.md"
    text = ["# Source documents, reproduced and put right", "", *markdown_rows(columns, rows), ""]
    index.write_text("\n".join(text), encoding="utf-8")
    return index


def csv_text(table: Table) -> str:
    """The table as CSV, numbers with every digit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in table.rows])
    return out.getvalue()


def markdown_rows(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """A Markdown table, columns of numbers to the right."""
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row of {len(row)} cells under {len(columns)} columns: {row}")
    right = [all(_is_number(row[place]) or row[place] is None for row in rows) for place in range(len(columns))]
    rule = ["---:" if to_right and rows else "---" for to_right in right]
    lines = [[_escaped(name) for name in columns], rule, *([shown(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def shown(cell: Cell) -> str:
    """A cell as people read it: text as it is, numbers with six digits and thousands apart."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return _escaped(cell) if isinstance(cell, str) else _number_text(float(cell))


def _number_text(number: float) -> str:
    if math.isnan(number):
        return "no value"
    if number == 0:
        return "0"
    whole = number.is_integer() or abs(number) >= 10**_DIGITS
    return f"{number:,.0f}" if whole and abs(number) < _WHOLE else f"{number:,.{_DIGITS}g}"


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _escaped(text: str) -> str:
    """Text in a cell, in which nothing begins a tag: some comes from files that are not ours."""
    return _TAG.sub("&lt;", printable(text)).replace("|", "\\|").replace("\n", "<br>")


def _table_page(table: Table) -> str:
    note = ["", table.note] if table.note else []
    return "\n".join([f"# {table.title}", "", *markdown_rows(table.columns, table.rows), *note, ""])


def _lines(contents: Contents) -> Iterator[str]:
    yield f"# Document {contents.number}: {contents.title}"
    for note in contents.notes:
        yield from ("", note)
    yield from _checklist(contents)
    if contents.figures:
        yield from ("", "## Figures")
    for figure in contents.figures:
        yield from _figure(figure)
    if contents.tables:
        yield from ("", "## Tables")
    for table in contents.tables:
        yield from _table(table)
    yield from _files(contents.files)
    yield from _errata(contents.errata)
    yield from _formulas(contents.formulas)
    yield ""


def _checklist(contents: Contents) -> Iterator[str]:
    yield from ("", "## Checklist", "")
    links = _links(contents)
    rows = [
        (item.number, item.what, item.result, item.erratum, ", ".join(links[name] for name in item.see))
        for item in contents.items
    ]
    yield from markdown_rows(("Item", "What", "Result", "Erratum", "See"), rows)


def _links(contents: Contents) -> dict[str, str]:
    """A link to the place on the page, for the name of every table, figure and file."""
    links = {table.name: f"[{table.title}](#{anchor(table.name)})" for table in contents.tables}
    links |= {figure.name: f"[{figure.title}](#{anchor(figure.name)})" for figure in contents.figures}
    return links | {file.name: f"[{file.name}]({FILES}/{file.name})" for file in contents.files}


def anchor(name: str) -> str:
    """The anchor of a table or a figure on the page."""
    return name.lower().replace("_", "-").replace(".", "-")


def _figure(figure: Figure) -> Iterator[str]:
    place = f"{FIGURES}/{figure.name}"
    yield from ("", f'<a id="{anchor(figure.name)}"></a>', "", f"### {figure.title}", "")
    yield f"![{figure.title}]({place}.png)"
    yield from ("", f"{figure.note + ' ' if figure.note else ''}[PDF]({place}.pdf)")


def _table(table: Table) -> Iterator[str]:
    yield from ("", f'<a id="{anchor(table.name)}"></a>', "", f"### {table.title}", "")
    yield from markdown_rows(table.columns, table.rows[:_PAGE_ROWS])
    place = f"{TABLES}/{table.name}"
    if len(table.rows) > _PAGE_ROWS:
        yield from ("", f"The first {_PAGE_ROWS} of {len(table.rows):,} rows; the files have all of them.")
    yield from ("", f"{table.note + ' ' if table.note else ''}[CSV]({place}.csv), [Markdown]({place}.md)")


def _files(files: Sequence[TextFile]) -> Iterator[str]:
    if files:
        yield from ("", "## Files", "")
        yield from (f"- [{file.name}]({FILES}/{file.name})" for file in files)


def _errata(errata: Sequence[KnownError]) -> Iterator[str]:
    if errata:
        yield from ("", "## Known errors", "")
        rows = [(known.number, f"`{known.quantity}`", known.wrong, known.right, known.why) for known in errata]
        yield from markdown_rows(("Number", "Quantity", "As published", "Right", "Why"), rows)


def _formulas(formulas: Sequence[Formula]) -> Iterator[str]:
    if formulas:
        yield from ("", "## Formulas", "")
        rows = [(f"`{one.name}`", one.label, one.unit, f"$`{one.formula}`$", one.source) for one in formulas]
        yield from markdown_rows(("Quantity", "What", "Unit", "Formula", "Source"), rows)
