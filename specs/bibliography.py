"""The bibliography: the works that the cost models cite, by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from .problems import RooflaxError
from .vocabulary import nearest

_FILE = Path(__file__).with_name("sources.yaml")
_KEY = re.compile(r"(?<![\w-])[a-z][a-z0-9]*(?:-[a-z0-9]+)*-(?:19|20)\d\d(?![\w-])")


@dataclass(frozen=True, slots=True)
class Source:
    """One work: its key, and what a reader needs to find it."""

    key: str
    authors: str
    title: str
    year: int
    venue: str
    url: str


@cache
def bibliography() -> Mapping[str, Source]:
    """Every work by its key; the file is read when first asked for."""
    from ruamel.yaml import YAML

    table = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return MappingProxyType({key: Source(key, **fields) for key, fields in table.items()})


def citation(key: str) -> str:
    """One work as it stands in a list of references; RooflaxError where no work has that key."""
    works = bibliography()
    if key not in works:
        close = nearest(key, works)
        raise RooflaxError(f"unknown source `{key}`" + (f"; did you mean `{close}`?" if close else ""))
    work = works[key]
    return f"{work.authors} ({work.year}). {work.title}. {work.venue}. {work.url}"


def cited(text: str) -> tuple[str, ...]:
    """The keys that stand in the `source` of a cost model, in their order: `cited("dao-2023, sec. 4.1")`.

    A key ends in a year: `korthikanti-et-al-2022`. Text that begins "definition:" needs none.
    """
    return tuple(dict.fromkeys(_KEY.findall(text)))
