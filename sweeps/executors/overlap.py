"""One thread evaluates blocks while others use them: the two take turns at nothing but memory.

An evaluation leaves its block in buffers that are reused once the block is released. As many blocks as are in flight
bound the memory, and the evaluation waits while all of them are out: whichever side is slower sets the pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ..engine import Block

Found = TypeVar("Found")


def overlapped(blocks: Iterable[Block], use: Callable[[Block], Found], threads: int) -> Iterator[Found]:
    """What `use` returns for each block, as they are done; every block is released after its use.

    `blocks` come from `evaluate_blocks` with more than one of them in flight. An error in `use` ends the evaluation.
    When the caller stops early, blocks under way are used to their end and
    no other is begun.
    """
    pending: set[Future[Found]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="blocks") as pool:
        try:
            for block in blocks:
                pending.add(pool.submit(_used, block, use))
                done, pending = wait(pending, 0 if len(pending) <= threads else None, FIRST_COMPLETED)
                yield from (future.result() for future in done)
            while pending:
                done, pending = wait(pending, None, FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _used(block: Block, use: Callable[[Block], Found]) -> Found:
    with block:
        return use(block)
