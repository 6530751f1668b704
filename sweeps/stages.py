"""Stages: the graph cut by size, so that a small intermediate is computed once and not again at every point.

A compiler that fuses a quantity into its readers evaluates it as often as they have points. A quantity of a thousand
values read by one of a million would run a thousand times too often. So quantities are sorted by the number of values
they have in a block; each stage covers a factor of 32 and hands its values on in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..kernels.registry import Quantity
from .sweep import MARGIN, STATUS, Sweep

SMALL = 4096
FACTOR = 32


@dataclass(frozen=True)
class Stage:
    """One compiled step: the names it takes, the quantities it runs, and the names it hands on.

    `judges` is set on the stage that computes status and margin.
    """

    takes: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    judges: bool
    gives: tuple[str, ...]


def stages_of(sweep: Sweep, names: Sequence[str], lengths: Mapping[str, int]) -> tuple[Stage, ...]:
    """The stages that compute `names` in blocks of the given lengths, the ones with fewest values first."""
    wanted = _wanted(sweep, names)
    judging = STATUS in names or MARGIN in names
    levels = {quantity.name: _level(sweep, quantity.name, lengths) for quantity in wanted}
    if judging:
        levels[STATUS] = levels[MARGIN] = _level(sweep, STATUS, lengths)
    found = []
    for level in sorted(set(levels.values())):
        own = tuple(quantity for quantity in wanted if levels[quantity.name] == level)
        judges = judging and levels[STATUS] == level
        made = {quantity.name for quantity in own} | ({STATUS, MARGIN} if judges else set())
        reads = {read for quantity in own for read in quantity.reads}
        reads |= {check.reads for check in sweep.checks} if judges else set()
        later = {r for quantity in wanted if levels[quantity.name] > level for r in quantity.reads}
        if judging and levels[STATUS] > level:
            later |= {check.reads for check in sweep.checks}
        gives = tuple(name for name in sorted(made) if name in names or name in later)
        found.append(Stage(tuple(sorted(reads - made)), own, judges, gives))
    return tuple(found)


def _wanted(sweep: Sweep, names: Sequence[str]) -> list[Quantity]:
    """The quantities that the names depend on, in the order they run."""
    needed = set(names)
    if needed & {STATUS, MARGIN}:
        needed |= {check.reads for check in sweep.checks}
    wanted = []
    for quantity in reversed(sweep.graph.order):
        if quantity.name in needed:
            needed |= set(quantity.reads)
            wanted.append(quantity)
    return wanted[::-1]


def _level(sweep: Sweep, name: str, lengths: Mapping[str, int]) -> int:
    size = math.prod(lengths[dim] for dim in sweep.dims[name])
    return 0 if size <= SMALL else math.ceil(math.log(size / SMALL, FACTOR))
