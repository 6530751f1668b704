"""Checking a store: every document, every mark and every chunk, and what of them is damaged."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import zarr.abc.store
from zarr.core.sync import sync

from ..specs.blocks import Regions
from ..specs.places import Place
from .damage import Damage, Soundness, Span
from .documents import Documents, content, documents_of, entries, octets, readable
from .files import ArrayFiles, Position, array_files
from .guarded import GuardedStore
from .labels import Labels
from .layout import BLOCKS, DONE, GRID
from .location import ROOT, located
from .problems import StoreError
from .provenance import FINISHED, VARIABLES

MARKS = f"{BLOCKS}/{DONE}"
TORN = ".partial"
_MARK = b"\x01"
# A file is read by one thread while others decode; each holds one file in memory.
_THREADS = min(8, 2 * (os.cpu_count() or 1))

Progress = Callable[[int, int], None]
In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class _Job:
    """A file to look at, or to tell that it is missing."""

    files: ArrayFiles
    place: Position
    block: int | None
    here: bool


def check_store(place: Place, *, progress: Progress | None = None, only: Collection[str] | None = None) -> Soundness:
    """What is damaged in the store at a path or URL; `only` limits it to some arrays, beside all documents.

    Every file is read and every chunk of it decoded once; memory holds a file for each of a few threads. Raises
    StoreError where there is no rooflax store.
    """
    source = located(place)
    with source.errors("check"):
        documents = documents_of(source)
        return _Check(readable(source), documents, only).result(str(source), progress)


class _Check:
    """One check of a store."""

    def __init__(self, store: GuardedStore, documents: Documents, only: Collection[str] | None) -> None:
        self.store, self.documents, self.only = store, documents, only
        self.damages = list(documents.damages)
        self.arrays = dict(self._arrays())
        self.torn: list[str] = []
        self.strays: list[str] = []
        attributes = documents.attributes
        marks = self.arrays.pop(MARKS, None)
        self.marked = self._found(marks) if marks else np.zeros(0, dtype=bool)
        self.marks = marks
        self.grid = self._grid()
        # Without the root's document the marks alone tell whether all blocks are due.
        self.complete = attributes.get(FINISHED) is True if attributes is not None else bool(self.marked.all())
        stated = attributes.get(VARIABLES, []) if attributes is not None else self.arrays
        self.results = set(map(str, stated))
        self.damages = [damage for damage in self.damages if self._due(damage.array)]

    def result(self, name: str, progress: Progress | None) -> Soundness:
        self._look_around()
        total = sum(int(np.prod(files.counts)) for files in self.arrays.values()) + len(self.marked)
        read = stored = 0
        with ThreadPoolExecutor(_THREADS) as pool:
            for done, (damages, size) in enumerate(_in_order(pool, self._judged, self._jobs()), start=1):
                self.damages += damages
                read, stored = read + (size > 0), stored + size
                if progress:
                    progress(done, max(total, done))
        labels = Labels(self.store, {damage.array for damage in self.damages})
        return Soundness(
            name,
            self.documents.format,
            self.complete,
            len(self.marked),
            int(self.marked.sum()),
            read,
            stored,
            tuple(replace(damage, spans=labels.named(damage.array, damage.spans)) for damage in self.damages),
            tuple(self.torn),
            tuple(self.strays),
        )

    def _arrays(self) -> Iterator[tuple[str, ArrayFiles]]:
        for path, document in sorted(self.documents.nodes.items()):
            if document.get("node_type") != "array":
                continue
            try:
                yield path, array_files(path, document)
            except StoreError as error:
                self.damages.append(Damage("metadata", path, f"{path}/{ROOT}", str(error)))

    def _grid(self) -> Regions | None:
        """The blocks, as the document of the marks tells them; None in stores that do not."""
        found: Any = (self.documents.nodes.get(MARKS, {}).get("attributes") or {}).get(GRID)
        if not found:
            return None
        return Regions({dim: size for dim, size, _ in found}, {dim: length for dim, _, length in found})

    def _jobs(self) -> Iterator[_Job]:
        if self.marks:
            due = self.marked | self.complete
            yield from (_Job(self.marks, (int(i),), int(i), bool(self.marked[i])) for i in np.flatnonzero(due))
        for path, files in self.arrays.items():
            if not self._due(path) or (self.only is not None and path not in self.only):
                continue
            here = self._found(files)
            for place in files.places:
                block = self._block(files, place)
                # What an unfinished block has written, or not yet, is no matter: it will be written again.
                if self.complete or path not in self.results or (block is not None and self.marked[block]):
                    yield _Job(files, place, block, bool(here[place]))

    def _due(self, path: str) -> bool:
        """Whether an array or group has its last form: a run that comes to its end writes best points and labels again.

        These are the groups without results of blocks, and what lies beside the results in others.
        """
        inside = "/" in path or self.documents.nodes.get(path, {}).get("node_type") == "group"
        return self.complete or not inside or path in self.results or path.partition("/")[0] == BLOCKS

    def _block(self, files: ArrayFiles, place: Position) -> int | None:
        if self.grid is None or files.path not in self.results:
            return None
        block = self.grid.writer({dim: start for dim, (start, _) in files.spans(place).items()})
        return block if block < len(self.marked) else None

    def _judged(self, job: _Job) -> tuple[list[Damage], int]:
        files, place = job.files, job.place
        key = files.key(place)
        is_mark = files.path == MARKS

        def damage(kind: str, what: str, chunk: Position | None = None) -> Damage:
            spans = {} if is_mark else {dim: Span(*ends) for dim, ends in files.spans(place, chunk).items()}
            at = None if chunk is None or not files.sharded else files.within(place, chunk)
            return Damage(kind, files.path, key, what, at, spans, job.block)

        try:
            found = octets(self.store.holding(files.most_bytes), key) if job.here else None
        except ValueError as error:
            return [damage("foreign", str(error))], 0
        if found is None:
            return [damage("missing", "the mark is missing" if is_mark else "the file is missing")], 0
        if is_mark:
            wrong = found.tobytes() != _MARK
            return ([damage("mark", "the mark is no mark")] if wrong else []), len(found)
        return [damage(fault.kind, fault.what, fault.chunk) for fault in files.faults(place, found)], len(found)

    def _found(self, files: ArrayFiles) -> np.ndarray:
        """Which files of an array are there; what else lies among them is noted."""
        found = np.zeros(files.counts, dtype=bool)
        for name in sync(_below(self.store, f"{files.path}/")):
            place = files.place_of(name)
            if place is not None:
                found[place] = True
            elif name != ROOT:
                self._note(f"{files.path}/{name}")
        return found

    def _look_around(self) -> None:
        """Notes what lies beside the groups and arrays."""
        groups = ["", *(path for path, node in self.documents.nodes.items() if node.get("node_type") == "group")]
        for group in groups:
            prefix = f"{group}/" if group else ""
            for name in entries(self.store, group):
                path = prefix + name
                if path not in self.documents.nodes and name != ROOT and not self._in_the_making(path):
                    self._note(path)

    def _in_the_making(self, path: str) -> bool:
        """Whether a run that has not come to its end may be writing this."""
        try:
            return not self.complete and content(self.store, f"{path}/{ROOT}") is not None
        except ValueError:
            return False

    def _note(self, key: str) -> None:
        (self.torn if key.endswith(TORN) else self.strays).append(key)


async def _below(store: zarr.abc.store.Store, prefix: str) -> list[str]:
    return [key.removeprefix(prefix) async for key in store.list_prefix(prefix)]


def _in_order(pool: ThreadPoolExecutor, act: Callable[[In], Out], over: Iterable[In]) -> Iterator[Out]:
    """What `act` finds for each in turn, with few of them under way."""
    waiting: deque[Future[Out]] = deque()
    for one in over:
        waiting.append(pool.submit(act, one))
        if len(waiting) > 2 * _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
