"""Steps: the operations of a block sorted by size, so that nothing is computed more often than it has values.

A compiler that fuses an operation into its readers runs it as often as they have points: a thousand values read by a
million would be computed a thousand times too often, and what two results share once for each. So operations are sorted
by the number of values they make; each level covers a factor of 8. Within a level of large arrays, what several
results share is computed in a step before theirs, unless that is cheaper to do again. Steps hand values on in memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .operations import Operation, Traced

SMALL = 4096
FACTOR = 8
LARGE = 2**14
"""Values from which on it pays to hand on what results of the same level share."""
AGAIN = 64
"""Operations that are rather run again than handed on."""
_COSTS = {"div": 4, "exp": 8, "log": 8, "log2": 8, "log1p": 8, "expm1": 8, "pow": 16, "rem": 8, "sqrt": 4}


@dataclass(frozen=True)
class Step:
    """Operations that are compiled together: the values they take from outside, and those they hand on."""

    takes: tuple[int, ...]
    operations: tuple[Operation, ...]
    gives: tuple[int, ...]


def steps_of(traced: Traced) -> tuple[Step, ...]:
    """The steps that compute the results of traced operations, those of fewest values first."""
    return _Plan(traced).steps()


class _Plan:
    """Which operations run in which step; an operation is known by its position.

    Those that only move values belong to whoever reads them. All others are *solid*: they have a level, and those that
    somebody outside of their step reads are *handed on*.
    """

    def __init__(self, traced: Traced) -> None:
        self.operations, self.shapes = traced.operations, traced.shapes
        self.maker = {value: i for i, operation in enumerate(self.operations) for value in operation.makes}
        self.results = {self.maker[value] for value in traced.results if value in self.maker}
        self.sources = self._sources()

    def steps(self) -> tuple[Step, ...]:
        """The steps in order."""
        sinks = defaultdict[tuple[int, int], list[int]](list)
        for i, rank in self.ranks.items():
            sinks[rank].append(i)
        inside = {rank: self._inside(found, rank) for rank, found in sinks.items()}
        return tuple(self._step(inside[rank], sinks[rank]) for rank in sorted(sinks))

    def solid(self, i: int) -> bool:
        """Whether an operation belongs to a level."""
        return i in self.results or not self.operations[i].moves

    def size(self, i: int) -> int:
        """How many values an operation makes."""
        return max(math.prod(self.shapes[value].shape) for value in self.operations[i].makes)

    def _sources(self) -> list[frozenset[int]]:
        """The solid operations that each one reads, through those that move values."""
        found: list[frozenset[int]] = []
        for operation in self.operations:
            read = {self.maker[value] for value in operation.values if value in self.maker}
            found.append(frozenset().union(*({i} if self.solid(i) else found[i] for i in read)))
        return found

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The solid operations that read each solid one."""
        found = defaultdict[int, list[int]](list)
        for i in filter(self.solid, range(len(self.operations))):
            for source in self.sources[i]:
                found[source].append(i)
        return found

    @cached_property
    def levels(self) -> dict[int, int]:
        """The level of each solid operation, no lower than those of what it reads."""
        found: dict[int, int] = {}
        for i in filter(self.solid, range(len(self.operations))):
            size = self.size(i)
            own = 0 if size <= SMALL else math.ceil(math.log(size / SMALL, FACTOR))
            found[i] = max([own, *(found[source] for source in self.sources[i])])
        return found

    @cached_property
    def large(self) -> frozenset[int]:
        """The levels that have large arrays."""
        return frozenset(level for i, level in self.levels.items() if self.size(i) >= LARGE)

    @cached_property
    def handed_on(self) -> frozenset[int]:
        """Results, what a higher level reads, and what several of these share at a large level."""
        levels, sink = self.levels, dict[int, int]()
        shared = set[int]()
        for i in sorted(levels, reverse=True):
            readers = self.readers[i]
            sinks = {sink[reader] for reader in readers}
            own = i in self.results or any(levels[reader] > levels[i] for reader in readers)
            if not own and levels[i] in self.large and len(sinks) > 1:
                shared.add(i)
            sink[i] = i if own or i in shared or not sinks else min(sinks)
        members = defaultdict[int, list[int]](list)
        for i in levels:
            members[sink[i]].append(i)
        kept = {i for i in members if i not in shared}
        costs: dict[int, int] = {}
        for i in sorted(shared):
            again = {s for m in members[i] for s in self.sources[m] if s in costs}
            cost = sum(map(self._cost, members[i])) + sum(costs[s] for s in again)
            if cost > AGAIN:
                kept.add(i)
            else:
                costs[i] = cost
        return frozenset(kept)

    def _cost(self, i: int) -> int:
        return _COSTS.get(self.operations[i].primitive.name, 1)

    @cached_property
    def ranks(self) -> dict[int, tuple[int, int]]:
        """The step of each operation that is handed on: its level, and how many steps of that level are before it."""
        found: dict[int, tuple[int, int]] = {}
        depths: dict[int, int] = {}
        for i, level in sorted(self.levels.items()):
            inner = [s for s in self.sources[i] if self.levels[s] == level and level in self.large]
            depths[i] = max((depths[s] + (s in self.handed_on) for s in inner), default=0)
            if i in self.handed_on:
                found[i] = (level, depths[i])
        return found

    def _inside(self, sinks: Iterable[int], rank: tuple[int, int]) -> list[int]:
        """The operations of a step in order: what its sinks need and no earlier step hands on."""
        found, due = set(sinks), list(sinks)
        while due:
            for value in self.operations[due.pop()].values:
                i = self.maker.get(value)
                if i is not None and i not in found and self.ranks.get(i, rank) >= rank:
                    found.add(i)
                    due.append(i)
        return sorted(found)

    def _step(self, inside: Sequence[int], sinks: Sequence[int]) -> Step:
        operations = tuple(self.operations[i] for i in inside)
        made = {value for operation in operations for value in operation.makes}
        takes = {value for operation in operations for value in operation.values} - made
        gives = [value for i in sorted(sinks) for value in self.operations[i].makes]
        return Step(tuple(sorted(takes)), operations, tuple(gives))
