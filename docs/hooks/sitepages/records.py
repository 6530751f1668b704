"""The catalogs: models, machines, networks and the rest as tables, with the source of every number."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rooflax.inventory import shown_value
from rooflax.specs.vocabulary import CATALOGS

from .texts import Part, code, plain, table, titled

if TYPE_CHECKING:
    from rooflax.specs.records import Record, Source
    from rooflax.workbench import Workbench

_MOST_COLUMNS = 6
_USUAL = 0.8


def pages(bench: Workbench) -> Part:
    """A page for every catalog."""
    nav, texts = [], {}
    for catalog in CATALOGS:
        path = f"reference/catalogs/{catalog.value.replace('_', '-')}.md"
        nav.append({titled(catalog.value): path})
        records = [bench.catalogs.get(catalog.value, name) for name in bench.catalogs.names(catalog.value)]
        texts[path] = _page(catalog.value, records, bench)
    return Part(nav, texts)


def _page(catalog: str, records: Sequence[Record], bench: Workbench) -> str:
    fields = _columns(records, bench)
    rows = [
        (
            f"[`{one.name}`](#{one.name})",
            plain(one.title),
            one.confidence,
            *(_cell(one, name, bench) for name in fields),
        )
        for one in records
    ]
    lines = [
        f"# Catalog: {catalog.replace('_', ' ')}",
        f"The {len(records)} records of the catalog; a spec names one with `{catalog}: NAME`. Below the table every "
        "record has all of its fields, each with where it was read. *Confidence* tells how well they are founded.",
        table(("name", "title", "confidence", *map(code, fields)), rows),
        "## Records",
        *(_record(one, bench) for one in records),
    ]
    return "\n\n".join(lines) + "\n"


def _columns(records: Sequence[Record], bench: Workbench) -> list[str]:
    """The first fields of the vocabulary that most records state."""
    stated = Counter(name for one in records for name in one.fields)
    usual = [name for name in bench.record_leaves if stated[name] >= _USUAL * len(records)]
    return usual[:_MOST_COLUMNS]


def _cell(record: Record, name: str, bench: Workbench) -> str:
    return plain(shown_value(bench.registry, name, record.fields[name].value)) if name in record.fields else ""


def _record(record: Record, bench: Workbench) -> str:
    rows = [(key.replace("_", " "), str(value), "") for key, value in record.facts.items()]
    rows += [("network", record.network, "")] if record.network else []
    for name, field in record.fields.items():
        note = f"; {field.note}" if field.note else ""
        rows.append((name, shown_value(bench.registry, name, field.value), field.source + note))
    cells = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    sources = "".join(f"<li>{html.escape(key)}: {_cited(source)}</li>" for key, source in record.sources.items())
    notes = f"<p>{html.escape(' '.join(record.notes.split()))}</p>" if record.notes else ""
    summary = f"<summary>{html.escape(record.name)}: {html.escape(record.title)}</summary>"
    return (
        f'<details class="record" id="{html.escape(record.name)}">{summary}<table>{cells}</table>{notes}'
        f"<ul>{sources}</ul></details>"
    )


def _cited(source: Source) -> str:
    title = html.escape(source.title)
    told = f'<a href="{html.escape(source.url)}">{title}</a>' if source.url.startswith("http") else title
    return ", ".join(part for part in (told, html.escape(source.date)) if part)
