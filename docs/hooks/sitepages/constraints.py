"""The conditions that points must meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .quantities import entry, read_by
from .texts import CONSTRAINTS, Part, homes

if TYPE_CHECKING:
    from rooflax.workbench import Workbench


def pages(bench: Workbench) -> Part:
    """One page with every constraint."""
    registry = bench.registry
    readers = read_by(registry)
    found = sorted(registry.constraints.values(), key=lambda one: one.name)
    where = homes(registry)
    lines = [
        "# Constraints",
        "A constraint is a quantity that is at least 0 where a point is feasible. `status` names the first that fails, "
        "`margin` is its value there. `where: [fits_memory]` in a spec asks for one that does not always apply.",
        *(entry(one, registry, readers, where, CONSTRAINTS) for one in found),
    ]
    return Part(CONSTRAINTS, {CONSTRAINTS: "\n\n".join(lines) + "\n"})
