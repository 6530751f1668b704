"""HTML: the page as one file that asks nothing of any network, with bokeh's scripts, all data and all styles inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..formulas import mathml
from ..pictures.style import library, missing
from ..terminal.columns import Columns
from .contents import Progress, Shown, Study, references, shown, tables

if TYPE_CHECKING:
    import xarray as xr

_LONG = 32
_TEMPLATE = Path(__file__).with_name("page.html")
_PARTS = ("device", "version", "registry_digest", "spec_digest", "layout_digest")


@dataclass(frozen=True)
class Row:
    """One quantity of the page's catalogue."""

    name: str
    label: str
    unit: str
    formula: str
    source: str
    comment: list[tuple[bool, str]]


def page(study: Study, progress: Progress | None = None) -> str:
    """The whole page as text; `progress` is told of every picture.

    Raises RooflaxError where the packages for pictures are not installed.
    """
    library()
    try:
        from bokeh.embed import components
        from bokeh.resources import Resources
        from jinja2 import Environment
    except ImportError as error:
        raise missing(error) from error
    parts = shown(study, progress)
    layouts = {part.name: part.layout for part in parts if part.layout is not None}
    script, places = components(layouts) if layouts else ("", {})
    # Not `render_js`: it also links scripts that other packages have registered.
    libraries = Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw if layouts else []
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(**_variables(study, parts), libraries=libraries, script=script, places=places)


def _title(study: Study) -> str:
    return str(study.results.attrs.get("title", study.source))


def _variables(study: Study, parts: Sequence[Shown]) -> dict[str, Any]:
    attrs = study.results.attrs
    return {
        "heading": _title(study),
        "description": study.source,
        "findings": [_marked(text) for text in study.findings],
        "notices": study.notices,
        "pictures": parts,
        "tables": [_table(table) for table in tables(study)],
        "quantities": list(quantities(study.results)),
        "errata": list(_errata(study.results)),
        "references": references(study.results),
        "spec": study.spec,
        "provenance": _provenance(attrs),
        "records": [
            {
                "name": str(one.get("name", "")),
                "title": str(one.get("title", "")),
                "kind": str(one.get("catalog", "")),
                "confidence": str(one.get("confidence", "")),
            }
            for one in attrs.get("records", ())
            if isinstance(one, Mapping)
        ],
    }


def _marked(text: str) -> list[tuple[bool, str]]:
    """A sentence in pieces, those between backticks marked as names."""
    return [(bool(place % 2), piece) for place, piece in enumerate(text.split("`"))]


def _table(table: Columns) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "unit": f"1{column.unit}" if column.unit.startswith("/") else column.unit,
            "right": column.right,
            "long": any(len(cell) > _LONG for cell in column.cells),
        }
        for column in table.columns
    ]
    rows = [list(cells) for cells in zip(*(column.cells for column in table.columns), strict=True)]
    return {"title": table.title, "caption": table.caption, "columns": columns, "rows": rows, "faint": table.faint}


def quantities(results: xr.Dataset) -> Iterable[Row]:
    """Every variable and label of a dataset with its unit, formula and source."""
    for name, variable in results.variables.items():
        attrs = variable.attrs
        yield Row(
            str(name),
            str(attrs.get("long_name", name)),
            str(attrs.get("units", "")),
            mathml(str(attrs["formula"])) if "formula" in attrs else "",
            str(attrs.get("source", "")),
            _marked(str(attrs.get("comment", ""))),
        )


def _errata(results: xr.Dataset) -> Iterable[Mapping[str, Any]]:
    for name, variable in results.variables.items():
        for erratum in variable.attrs.get("errata", ()):
            yield {"quantity": str(name), **erratum}


def _provenance(attrs: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = attrs.get("rooflax_run", {})
    found = [(name.replace("_", " "), str(attrs[name])) for name in _PARTS if name in attrs]
    found += [(f"version of {name}", str(value)) for name, value in dict(attrs.get("versions", {})).items()]
    found += [
        (name, str(run[name])) for name in ("started", "finished", "host") if isinstance(run, Mapping) and name in run
    ]
    overrides = attrs.get("overrides", ())
    return [*found, *([("--set", json.dumps(list(overrides)))] if overrides else [])]
