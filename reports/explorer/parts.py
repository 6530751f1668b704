"""Parts: pieces of the page that are made of what they show alone: its links, its table, small words."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from .slice_table import MOST_ROWS, frame

if TYPE_CHECKING:
    import xarray as xr

FILES = "files"
KINDS = ("png", "svg", "csv", "yaml")
TEXT = "overflow-wrap:anywhere;white-space:normal;"
ERROR = "background:#FBE9E7;border-left:4px solid #B03000;padding:10px 14px;white-space:pre-wrap;" + TEXT
_NAMES = {"png": "PNG", "svg": "SVG", "csv": "CSV", "yaml": "spec (YAML)"}
_SMALL_TABLE = ":host .tabulator { font-size: 12px; }"


def small(text: str) -> str:
    """Words beside a control."""
    return f'<div style="color:#555;font-size:12px;margin:-6px 0 4px 0">{escape(text)}</div>'


def links(query: str) -> str:
    """The addresses of the files of a view, and of the view itself."""
    files = " · ".join(
        f'<a href="{FILES}/view.{kind}?{escape(query)}" target="_blank">{_NAMES[kind]}</a>' for kind in KINDS
    )
    return f'<div style="{TEXT}">Save: {files} · <a href="?{escape(query)}">link to this view</a></div>'


def table(data: xr.Dataset) -> list[Any]:
    """The rows of a slice, or why they are not shown."""
    import panel as pn

    points = math.prod(data.sizes.values())
    if points > MOST_ROWS:
        return [pn.pane.HTML(f"This slice has {points:,} rows; {MOST_ROWS:,} are shown at most. Save the CSV instead.")]
    rows = frame(data, readable=True)
    titles = {name: escape(name) for name in rows.columns}
    return [
        pn.widgets.Tabulator(
            rows,
            titles=titles,
            show_index=False,
            disabled=True,
            pagination="local",
            page_size=15,
            stylesheets=[_SMALL_TABLE],
            sizing_mode="stretch_width",
        )
    ]


def counted(notes: int) -> str:
    """How many notes there are."""
    return "1 note" if notes == 1 else f"{notes} notes"
