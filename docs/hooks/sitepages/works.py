"""The bibliography: every work that a formula cites, and the formulas that do."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rooflax.specs.bibliography import bibliography, cited

from .texts import WORKS, Part, homes, link, plain

if TYPE_CHECKING:
    from rooflax.workbench import Workbench

_FEW = 12


def pages(bench: Workbench) -> Part:
    """One page with all works."""
    users: dict[str, list[str]] = defaultdict(list)
    for quantity in bench.registry.quantities.values():
        for key in cited(quantity.declared.source):
            users[key].append(quantity.name)
    where = homes(bench.registry)
    lines = ["# Bibliography", "Works that cost models and calibrations cite, by the key that `source` gives them."]
    for key, work in sorted(bibliography().items()):
        names = sorted(users[key])
        by = ", ".join(link(name, where, WORKS) for name in names[:_FEW])
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        venue = f"{plain(work.venue)}. " if work.venue else ""
        lines.append(f"## `{key}` {{#{key}}}")
        lines.append(f"{plain(work.authors)} ({work.year}). *{plain(work.title)}*. {venue}<{work.url}>")
        lines += [f"Cited by {by}{more}."] if names else []
    return Part(WORKS, {WORKS: "\n\n".join(lines) + "\n"})
