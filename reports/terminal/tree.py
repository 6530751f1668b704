"""An explanation as a tree of text: what adds up to a quantity, and what each term is made of."""

from __future__ import annotations

import math
from typing import Any

from rich.text import Text
from rich.tree import Tree

from ...specs.terms import Term
from ...specs.units import format_quantity


def explanation(term: Term) -> Tree:
    """The tree of a term, with values, units, shares, formulas and sources."""
    tree = Tree(_line(term))
    _grow(tree, term)
    return tree


def _grow(tree: Tree, term: Term) -> None:
    """Adds the children, of a sum the largest first and those of value 0 by name alone."""
    nothing = [child.name for child in term.children if term.is_sum and child.value == 0]
    shown = [child for child in term.children if child.name not in nothing]
    for child in sorted(shown, key=lambda c: -abs(c.value)) if term.is_sum else shown:
        _grow(tree.add(_line(child)), child)
    if nothing:
        tree.add(Text(f"  0.0 %  nothing from {', '.join(nothing)}", style="dim"))


def _line(term: Term) -> Text:
    text = Text()
    if term.share is not None:
        text.append(f"{100 * term.share:5.1f} %  ", style="cyan")
    text.append(term.name, style="bold")
    text.append(f" = {value_text(term)}")
    if term.label.lower() != term.name:
        text.append(f"  {term.label}", style="italic")
    if term.formula:
        text.append(f"\n  {term.formula}\n  {term.source}", style="dim")
    elif term.origin:
        text.append(f"  ({term.origin})", style="dim")
    return text


def value_text(term: Term) -> str:
    """The value with its unit, or the option it stands for."""
    if not math.isfinite(term.value):
        return "no value"
    if term.options:
        return term.options[round(term.value)]
    return format_quantity(term.value, term.unit)


def as_mapping(term: Term) -> dict[str, Any]:
    """The tree as plain data: what `--json` prints."""
    return {
        "name": term.name,
        "label": term.label,
        "value": _plain(term),
        "unit": term.unit,
        "share": term.share if term.share is not None and math.isfinite(term.share) else None,
        "formula": term.formula,
        "source": term.source,
        "origin": term.origin,
        "terms" if term.is_sum else "inputs": [as_mapping(child) for child in term.children],
    }


def _plain(term: Term) -> str | float | None:
    if not math.isfinite(term.value):
        return None
    return term.options[round(term.value)] if term.options else term.value
