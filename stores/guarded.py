"""A store that somebody else may have written, read so that nothing outside it is reached and nothing huge is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import zarr.abc.store
from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from ..specs.limits import LONGEST_METADATA
from .problems import StoreError

# What zarr asks for to learn of which format an array or group is; it need not be there.
_METADATA = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}


class LostFileError(ValueError):
    """A file that a finished store must have and has not; its key is the message."""


class EmptyFileError(ValueError):
    """A file that holds nothing."""


class GuardedStore(WrapperStore[zarr.abc.store.Store]):
    """A store whose keys stay inside it, and whose files are whole, of a bearable size and no links.

    A file that should hold values and does not is an error too; zarr would read fill values. An empty one is what a
    machine that stopped may leave of a file not yet on disk. A missing one means in a store that is not finished that
    its block is not computed, and in a finished store that it was lost.
    """

    def __init__(self, store: zarr.abc.store.Store, most: int = LONGEST_METADATA, *, finished: bool = False) -> None:
        """Of a file, or at once of a part of it, `most` bytes are read."""
        super().__init__(store)
        self._most, self._finished = most, finished

    def _with_store(self, store: zarr.abc.store.Store) -> GuardedStore:
        return GuardedStore(store, self._most, finished=self._finished)

    def holding(self, most: int) -> GuardedStore:
        """The same store for files of another size."""
        return GuardedStore(self._store, most, finished=self._finished)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes of a key, or None. Raises ValueError for what no store of ours has."""
        self._check(key, whole=byte_range is None)
        if _length(byte_range) > self._most:
            raise ValueError(f"{key}: more than {self._most:,} bytes are to be read at once")
        found = await super().get(key, prototype, byte_range)
        if found is None and self._finished and key.rpartition("/")[2] not in _METADATA:
            raise LostFileError(key)
        if found is not None and len(found) == 0:
            raise EmptyFileError(f"{key} is empty")
        return found

    def _check(self, key: str, *, whole: bool) -> None:
        most = self._most if whole else None
        root, sizes = getattr(self._store, "root", None), getattr(self._store, "sizes", None)
        if isinstance(root, Path):
            check_file(root, key, most)
        else:
            check_name(key)
        if isinstance(sizes, Mapping):  # of the files of an archive, which unpack to any size
            check_size(key, sizes.get(key, 0), most)


def check_name(key: str) -> None:
    """Raises ValueError for a key that leads out of its store."""
    if key.startswith("/") or ".." in key.split("/") or "\0" in key:
        raise ValueError(f"{key!r} is no name inside a store")


def check_file(root: Path, key: str, most: int | None) -> None:
    """Raises ValueError for a link below `root`, for what is no file, and for one of more than `most` bytes."""
    check_name(key)
    path = root
    for part in key.split("/"):
        path /= part
        if path.is_symlink():
            raise ValueError(f"{path.relative_to(root)} is a link, which no store holds")
    try:
        found = path.stat()
    except OSError:  # it is not there
        return
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{key} is no file")
    check_size(key, found.st_size, most)


def check_size(key: str, size: int, most: int | None = LONGEST_METADATA) -> None:
    """Raises ValueError for a file of more than `most` bytes."""
    if most is not None and size > most:
        raise ValueError(f"{key} has {size:,} bytes, more than the {most:,} that it may have")


def refuse_links(folder: Path) -> None:
    """Raises StoreError where a folder that is about to be written into holds a link, which may lead anywhere."""
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (path := Path(inside) / name).is_symlink():
                raise StoreError(f"{path} is a link, which no store holds; nothing was written")


def _length(asked: ByteRequest | None) -> int:
    if isinstance(asked, RangeByteRequest):
        return asked.end - asked.start
    return asked.suffix if isinstance(asked, SuffixByteRequest) else 0
