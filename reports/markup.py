"""Markup: tables, trees and facts as HTML for notebooks; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from .formulas import mathml
from .terminal.tree import value_text

if TYPE_CHECKING:
    from ..specs.terms import Term
    from .terminal.columns import Column

_LEFT, _RIGHT, _FAINT = "text-align:left", "text-align:right", "opacity:.55"


def facts_html(title: str, facts: Iterable[tuple[str, str]], notes: Sequence[str] = ()) -> str:
    """A heading with names and values below it, and notes."""
    rows = "".join(f'<tr><th style="{_LEFT}">{escape(name)}</th>{_cell(value)}</tr>' for name, value in facts)
    told = f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table>{told}</div>"


def table_html(columns: Sequence[Column], title: str = "", caption: str = "", faint: Iterable[int] = ()) -> str:
    """A table whose headers carry the units; rows in `faint` are dimmed."""
    dimmed = set(faint)
    heads = "".join(
        f'<th style="{_RIGHT if one.right else _LEFT}">{escape(one.name)}'
        + (f"<br><small>{escape(one.unit)}</small>" if one.unit not in ("", "1") else "")
        + "</th>"
        for one in columns
    )
    rows = "".join(
        f"<tr{f' style={_FAINT}' if place in dimmed else ''}>"
        + "".join(_cell(cell, right=one.right) for cell, one in zip(cells, columns, strict=True))
        + "</tr>"
        for place, cells in enumerate(zip(*(one.cells for one in columns), strict=True))
    )
    above = "<br>".join(f"<strong>{escape(line)}</strong>" for line in title.splitlines())
    below = "<br>".join(f"<small>{escape(line)}</small>" for line in caption.splitlines())
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div style="overflow-x:auto">{above}{body}{below}</div>'


def _cell(text: str, *, right: bool = False) -> str:
    return f'<td style="{_RIGHT if right else _LEFT}">{escape(text)}</td>'


def term_html(term: Term, *, opened: bool = True) -> str:
    """An explanation as a tree that opens and closes: terms of a sum by their size, with formulas and sources."""
    children = sorted(term.children, key=lambda one: -abs(one.value)) if term.is_sum else term.children
    shown = [child for child in children if not (term.is_sum and child.value == 0)]
    nothing = [child.name for child in children if child not in shown]
    inside = _formula(term) + "".join(term_html(child, opened=False) for child in shown)
    inside += f"<div><small>nothing from {escape(', '.join(nothing))}</small></div>" if nothing else ""
    if not inside:
        return f'<div style="margin-left:1.1em">{_line(term)}</div>'
    state = " open" if opened else ""
    return f'<details style="margin-left:1.1em"{state}><summary>{_line(term)}</summary>{inside}</details>'


def _line(term: Term) -> str:
    share = f"{100 * term.share:.1f} % " if term.share is not None else ""
    origin = f" <small>({escape(term.origin)})</small>" if term.origin and not term.formula else ""
    label = f" <em>{escape(term.label)}</em>" if term.label.lower() != term.name else ""
    return f"{share}<strong>{escape(term.name)}</strong> = {escape(value_text(term))}{label}{origin}"


def _formula(term: Term) -> str:
    """The formula as browsers draw it, or as it is written, and its source."""
    if not term.formula:
        return ""
    drawn = _drawn(term.formula) or f"<code>{escape(term.formula)}</code>"
    return f'<div style="margin-left:1.1em;overflow-x:auto">{drawn}<br><small>{escape(term.source)}</small></div>'


def _drawn(formula: str) -> str:
    try:
        return mathml(formula)
    except ImportError:  # the package for formulas is one of the extra `reports`
        return ""
