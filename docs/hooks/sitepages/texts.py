"""Texts: Markdown from plain parts, and where on the site every name is described."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from rooflax.specs.bibliography import bibliography

if TYPE_CHECKING:
    from rooflax.kernels.registry import Registry

WORKS = "reference/bibliography.md"
CONSTRAINTS = "reference/constraints.md"


@dataclass(frozen=True)
class Part:
    """What a generator gives: its entry in the navigation, and its files by their path."""

    nav: Any
    pages: Mapping[str, str | bytes] = field(default_factory=dict)


def plain(text: str) -> str:
    """A text of ours as Markdown: code between backticks stays, all else means what it says."""
    pieces = text.split("`")
    return "`".join(piece if place % 2 else _escaped(piece) for place, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    text = html.escape(text, quote=False)
    for mark in "\\*_[]|$":
        text = text.replace(mark, f"\\{mark}" if mark != "$" else "&#36;")
    return text


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`" if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a line break in a cell stays one."""
    lines = [_row(columns), _row(["---"] * len(columns)), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("\n", "<br>") for cell in cells) + " |"


def titled(name: str) -> str:
    """The name of a module or a folder as a heading."""
    return (name[:1].upper() + name[1:]).replace("_", " ")


def homes(registry: Registry) -> dict[str, str]:
    """The page on which every quantity and every input is described."""
    return {
        **{leaf.name: input_page(leaf.group.value) for leaf in registry.vocabulary.values()},
        **{
            name: CONSTRAINTS if one.declared.constraint else quantity_page(one.module)
            for name, one in registry.quantities.items()
        },
    }


@cache
def quantity_page(module: str) -> str:
    """The page of a module of cost models."""
    inside = module.partition("kernels.")[2]
    return f"reference/quantities/{inside.replace('.', '/')}.md"


def input_page(group: str) -> str:
    """The page of a group of inputs."""
    return f"reference/inputs/{group.replace('_', '-')}.md"


def link(name: str, homes: Mapping[str, str], here: str) -> str:
    """A name as a link to where it is described."""
    return f"[`{name}`]({_relative(homes[name], here)}#{name})" if name in homes else f"`{name}`"


def _relative(target: str, here: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(here))


def cited(source: str, here: str) -> str:
    """A source with its keys as references that lead to the bibliography."""
    if source.startswith("definition:"):
        return plain(source)
    parts = []
    for part in source.split("; "):
        key, comma, where = part.partition(", ")
        work = bibliography().get(key)
        if work is None:
            parts.append(plain(part))
        else:
            told = f"{plain(work.authors)} ({work.year}). *{plain(work.title)}*"
            parts.append(f"[{told}]({_relative(WORKS, here)}#{key})" + (f", {plain(where)}" if comma else ""))
    return "; ".join(parts)
