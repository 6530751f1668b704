"""An explanation as a page: the tree of what adds up to a quantity, with values, shares, formulas and sources."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...specs.terms import Term
from ..terminal.tree import value_text
from .source import Explanation

STYLE = """
.tree, .tree ul { list-style: none; margin: 0; padding-left: 1.1em; }
.tree { padding-left: 0; }
.tree li { margin: 3px 0; }
.tree summary { cursor: pointer; }
.leaf { padding-left: 1.0em; }
.bar { display: inline-block; height: 0.65em; background: #0072B2; margin-right: 0.4em; vertical-align: baseline; }
.share { display: inline-block; min-width: 3.6em; text-align: right; margin-right: 0.6em; color: #555; }
.about { color: #555; font-size: 90%; margin-left: 1.2em; overflow-wrap: anywhere; }
.about code { font-size: 95%; }
.name { color: #777; font-size: 90%; }
.state { margin: 0 0 8px 0; font-weight: 600; }
.bad { color: #B03000; }
.good { color: #00674F; }
"""
_WIDEST = 90


def explanation_page(found: Explanation, where: str) -> str:
    """The tree of an explanation as HTML; `where` tells the point."""
    state = (
        f'<p class="state bad">Infeasible: {escape(found.failure)}</p>'
        if found.failure
        else '<p class="state good">Feasible: every condition holds.</p>'
    )
    notes = "".join(f'<p class="about">{escape(note)}</p>' for note in found.notices)
    return f'<p class="name">{escape(where)}</p>{state}<ul class="tree">{"".join(_branch(found.term, 0))}</ul>{notes}'


def _branch(term: Term, depth: int) -> Iterator[str]:
    nothing = [child for child in term.children if term.is_sum and child.value == 0]
    shown = [child for child in term.children if child not in nothing]
    if term.is_sum:
        shown.sort(key=lambda child: -abs(child.value))
    if not term.children:
        yield f'<li class="leaf">{_line(term)}{_about(term)}</li>'
        return
    opened = " open" if depth == 0 or term.is_sum else ""
    yield f"<li><details{opened}><summary>{_line(term)}</summary>{_about(term)}<ul>"
    for child in shown:
        yield from _branch(child, depth + 1)
    if nothing:
        yield f'<li class="leaf about">nothing from {escape(", ".join(child.label for child in nothing))}</li>'
    yield "</ul></details></li>"


def _line(term: Term) -> str:
    share = ""
    if term.share is not None:
        width = round(_WIDEST * min(max(term.share, 0.0), 1.0))
        share = f'<span class="share">{100 * term.share:.1f} %</span><span class="bar" style="width:{width}px"></span>'
    return (
        f'{share}{escape(term.label)} = <b>{escape(value_text(term))}</b> <span class="name">{escape(term.name)}</span>'
    )


def _about(term: Term) -> str:
    if term.formula:
        return f'<div class="about"><code>{escape(term.formula)}</code> · {escape(term.source)}</div>'
    return f'<div class="about">{escape(term.origin)}</div>' if term.origin else ""
