"""Tasks: a few blocks of a run, computed in one piece by one process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

TASKS_PER_WORKER = 8
MOST_BLOCKS = 8


@dataclass(frozen=True)
class Task:
    """The numbers of the blocks to evaluate, and of those among them that are stored already and only searched."""

    blocks: tuple[int, ...]
    stored: frozenset[int]

    def __str__(self) -> str:
        first, last = self.blocks[0], self.blocks[-1]
        return f"block {first}" if first == last else f"blocks {first} to {last}"


def tasks_of(blocks: Sequence[int], stored: Collection[int], workers: int) -> list[Task]:
    """Runs of blocks: several tasks for each worker, so that none waits long for another at the end."""
    length = min(max(1, len(blocks) // (TASKS_PER_WORKER * max(workers, 1))), MOST_BLOCKS)
    runs = [tuple(blocks[start : start + length]) for start in range(0, len(blocks), length)]
    return [Task(run, frozenset(run).intersection(stored)) for run in runs]
