"""The files of an array: where they lie, what they cover, and what is wrong with the bytes of one.

The bytes are judged by themselves, without zarr, so that every chunk of a file is looked at once and each fault has its
place. Known are the codecs that `layout` gives: bytes or texts of variable length, Blosc, CRC-32C, and shards of these.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import Blosc

from ..specs.limits import LARGEST_CHUNK, LARGEST_LABELS, MOST_CHUNKS, MOST_FILES
from .problems import StoreError

Position = tuple[int, ...]
_NOWHERE = 2**64 - 1
_CHECKSUM_BYTES, _ENTRY_BYTES, _BLOSC_HEADER = 4, 16, 16
_KNOWN = {"bytes", "vlen-utf8", "blosc", "crc32c"}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file: its kind, a clause for the user, and the chunk inside the file, None for all."""

    kind: str
    what: str
    chunk: Position | None = None


@dataclass(frozen=True)
class ArrayFiles:
    """The files of one array, as its document describes them."""

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    file_shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: str
    codecs: tuple[str, ...]
    sharded: bool

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many files there are along each dim."""
        return tuple(-(-size // length) for size, length in zip(self.shape, self.file_shape, strict=True))

    @property
    def places(self) -> Iterator[Position]:
        """The position of every file among the files."""
        return itertools.product(*map(range, self.counts))

    def key(self, place: Position) -> str:
        """The name of a file in the store."""
        return "/".join((self.path, "c", *map(str, place)))

    def place_of(self, name: str) -> Position | None:
        """The position of the file with a name below the array's; None where it is no file of the array."""
        head, *parts = name.split("/")
        if head != "c" or len(parts) != len(self.shape) or not all(part.isdecimal() for part in parts):
            return None
        place = tuple(map(int, parts))
        within = all(at < count for at, count in zip(place, self.counts, strict=True))
        return place if within and self.key(place) == f"{self.path}/{name}" else None

    def spans(self, place: Position, chunk: Position | None = None) -> dict[str, tuple[int, int]]:
        """Where a file, or a chunk inside it, starts and stops along each dim."""
        found = {}
        for axis, (dim, size) in enumerate(zip(self.dims, self.shape, strict=True)):
            start, length = place[axis] * self.file_shape[axis], self.file_shape[axis]
            if chunk is not None:
                start, length = start + chunk[axis] * self.chunk_shape[axis], self.chunk_shape[axis]
            found[dim] = (start, min(start + length, size))
        return found

    def within(self, place: Position, chunk: Position) -> Position:
        """The position of a chunk of a file among all chunks of the array."""
        return tuple(
            at * (whole // part) + inner
            for at, whole, part, inner in zip(place, self.file_shape, self.chunk_shape, chunk, strict=True)
        )

    @cached_property
    def chunk_bytes(self) -> int | None:
        """The bytes of a decoded chunk; None for texts, whose length varies."""
        return None if self.dtype == "string" else math.prod(self.chunk_shape) * np.dtype(self.dtype).itemsize

    @property
    def _most_decoded(self) -> int:
        """The bytes that a decoded chunk may have; labels are one chunk."""
        return LARGEST_LABELS if self.chunk_bytes is None else self.chunk_bytes

    @cached_property
    def most_bytes(self) -> int:
        """The most bytes that a file may have; what does not compress takes a little more than it is."""
        return (2 * self._most_decoded + 100) * math.prod(self._grid)

    @cached_property
    def _grid(self) -> Position:
        return tuple(whole // part for whole, part in zip(self.file_shape, self.chunk_shape, strict=True))

    def faults(self, place: Position, view: np.ndarray) -> list[Fault]:
        """What is wrong with the bytes of a file."""
        if not len(view):
            return [Fault("empty", "the file is empty")]
        if not self.sharded:
            fault = self._chunk_fault(view)
            return [Fault(*fault, (0,) * len(self.shape))] if fault else []
        size = math.prod(self._grid) * _ENTRY_BYTES + _CHECKSUM_BYTES
        if len(view) < size:
            return [Fault("truncated", f"the file is cut short: {len(view)} bytes cannot hold its index")]
        if not _checked(view[-size:]):
            return [Fault("index", "the index at its end is damaged, or the file is cut short")]
        index = view[-size:-_CHECKSUM_BYTES].view("<u8").reshape(*self._grid, 2)
        return list(self._shard_faults(place, view[:-size], index))

    def _shard_faults(self, place: Position, view: np.ndarray, index: np.ndarray) -> Iterator[Fault]:
        used = 0
        for chunk in np.ndindex(*self._grid):
            start, length = map(int, index[chunk])
            if start == _NOWHERE and length == _NOWHERE:
                # Chunks of the last file along a dim may lie beyond the end of the array.
                if all(first < last for first, last in self.spans(place, chunk).values()):
                    yield Fault("missing", "the chunk is missing in the file", chunk)
                continue
            used += length
            if start + length > len(view):
                yield Fault("truncated", "the file ends before the chunk does", chunk)
            elif fault := self._chunk_fault(view[start : start + length]):
                yield Fault(*fault, chunk)
        if used != len(view):
            yield Fault("index", f"the file holds {len(view)} bytes of chunks where its index tells of {used}")

    def _chunk_fault(self, view: np.ndarray) -> tuple[str, str] | None:
        if self.codecs[-1] == "crc32c":
            if not _checked(view):
                return "checksum", "its checksum does not match"
            view = view[:-_CHECKSUM_BYTES]
        length = len(view)
        if "blosc" in self.codecs:
            # Blosc believes its header: it reads as many bytes as that says, and takes as much memory.
            length, _, stored = _header(view)
            if stored != len(view) or (self.chunk_bytes is None and length > LARGEST_LABELS):
                return "undecodable", "it cannot be decoded"
            if self.chunk_bytes in (None, length) and not _decodes(view):
                return "undecodable", "it cannot be decoded"
        if self.chunk_bytes not in (None, length):
            return "undecodable", f"it holds {length} bytes where {self.chunk_bytes} were expected"
        return None


def array_files(path: str, document: Mapping[str, Any]) -> ArrayFiles:
    """The files of the array at `path`. Raises StoreError where its document asks for what no rooflax has written."""
    try:
        file_shape = tuple(map(int, document["chunk_grid"]["configuration"]["chunk_shape"]))
        codecs: Sequence[Mapping[str, Any]] = document["codecs"]
        sharded = codecs[0]["name"] == "sharding_indexed"
        inner = codecs[0]["configuration"] if sharded else {"chunk_shape": file_shape, "codecs": codecs}
        chunk_shape = tuple(map(int, inner["chunk_shape"]))
        names = tuple(str(codec["name"]) for codec in inner["codecs"])
        dims = tuple(map(str, document.get("dimension_names") or ()))
        found = ArrayFiles(
            path, dims, tuple(document["shape"]), file_shape, chunk_shape, str(document["data_type"]), names, sharded
        )
        usual = _is_usual(found)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreError(f"the document of array {path} describes no array of numbers or texts") from error
    if not usual:
        raise StoreError(f"the document of array {path} asks for codecs or chunks that no rooflax has written")
    return found


def _is_usual(files: ArrayFiles) -> bool:
    """Whether a rooflax may have written this: codecs, chunks that divide files, and sizes that can be."""
    if len({len(files.dims), len(files.shape), len(files.file_shape), len(files.chunk_shape)}) > 1:
        return False
    if any(
        part < 1 or whole < part or whole % part
        for whole, part in zip(files.file_shape, files.chunk_shape, strict=True)
    ):
        return False
    if min((0, *files.shape)) < 0 or (files.dtype != "string" and np.dtype(files.dtype).kind not in "fiub"):
        return False
    # Coordinates are one chunk, however many labels they have.
    largest = LARGEST_CHUNK if files.sharded else LARGEST_LABELS
    inside = math.prod(whole // part for whole, part in zip(files.file_shape, files.chunk_shape, strict=True))
    fits = math.prod(files.counts) <= MOST_FILES and inside <= MOST_CHUNKS and (files.chunk_bytes or 0) <= largest
    return fits and set(files.codecs) <= _KNOWN


def _checked(view: np.ndarray) -> bool:
    """Whether some bytes end with their CRC-32C."""
    if len(view) < _CHECKSUM_BYTES:
        return False
    return google_crc32c.value(view[:-_CHECKSUM_BYTES]) == int.from_bytes(view[-_CHECKSUM_BYTES:].tobytes(), "little")


def _header(view: np.ndarray) -> tuple[int, ...]:
    """The bytes of a Blosc chunk decoded, of one of its blocks, and as they are stored; -1 without a header."""
    return tuple(map(int, view[4:_BLOSC_HEADER].view("<u4"))) if len(view) >= _BLOSC_HEADER else (0, 0, -1)


def _decodes(view: np.ndarray) -> bool:
    try:
        Blosc().decode(view)
    except (RuntimeError, ValueError):
        return False
    return True
