"""Stores in folders of a file system."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..specs.limits import LONGEST_METADATA
from .guarded import check_file, refuse_links
from .location import ROOT, Location
from .locks import FileLock, locked_file
from .problems import MovedError, StoreError, file_errors, foreign_errors

if TYPE_CHECKING:
    import zarr.abc.store

# What zarr appends to the name of a file that it is writing.
_TORN = ".partial"
BESIDE = frozenset({".lock", ".partial", ".replaced"})
"""The endings of what lies beside a store."""
# How often, and how long apart in seconds, a folder that others still write to is deleted.
_TRIES, _PAUSE = 20, 0.05


class Folder(Location):
    """A folder. Beside it lie, while a run needs them, its lock, a store half made, and one about to be replaced."""

    def __init__(self, path: Path) -> None:
        """A link stands for what it links to, so that a store is replaced and not the link.

        Raises StoreError for what can have nothing beside it.
        """
        with file_errors("reach", path):
            self.path = path.resolve() if path.name in {"", ".."} or path.is_symlink() else path
        if not self.path.name:
            raise StoreError(f"{path} is the root of the file system; a folder in it was expected, such as runs/x.zarr")

    @property
    def address(self) -> Path:
        """The path."""
        return self.path

    def zarr_store(self, *, read_only: bool = False) -> zarr.abc.store.Store:
        """The zarr store in the folder."""
        return _zarr_store(self.path, read_only=read_only)

    def errors(self, action: str, *, kept: bool = False) -> AbstractContextManager[None]:
        """Turns what the operating system refuses into a StoreError."""
        return file_errors(action, self.path, kept=kept)

    def exists(self) -> bool:
        """Whether there is a folder or a file."""
        return self.path.exists()

    def instead(self) -> str:
        """Nothing, a file, or a folder without root metadata."""
        if not self.path.exists():
            return f"there is no store at {self.path}"
        if not self.path.is_dir():
            return f"{self.path} is a file, not a rooflax store"
        if not any(self.path.iterdir()):
            return f"{self.path} is an empty folder, not a rooflax store"
        return f"{self.path} is a folder of other files, not a rooflax store (it has no {ROOT})"

    def read(self, key: str) -> bytes | None:
        """The bytes of a file, or None where there is none."""
        with foreign_errors(self.path):
            check_file(self.path, key, LONGEST_METADATA)
        try:
            return (self.path / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def entries(self) -> list[str]:
        """The names of what lies in the folder."""
        return sorted(entry.name for entry in self.path.iterdir())

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The files below a folder inside this one, by their names from here."""
        for folder, _, names in os.walk(self.path / prefix):
            within = Path(folder)
            for name in names:
                if not name.endswith(_TORN):
                    file = within / name
                    yield file.relative_to(self.path).as_posix(), file.stat().st_size

    def lock(self, owner: Location | None = None) -> FileLock:
        """The lock beside the folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return locked_file(self._beside("lock"), owner or self)

    def recover(self) -> None:
        """Deletes a store half made; brings back a store moved aside to be replaced where nothing took its place."""
        shutil.rmtree(self._beside("partial"), ignore_errors=True)
        old = self._beside("replaced")
        if not self.path.exists() and old.exists():
            old.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def created(self, *, replace: bool) -> Iterator[zarr.abc.store.Store]:
        """The store is made beside its place and renamed; one that it replaces is deleted after that.

        A rename is atomic, so the place holds the whole old store, the whole new one or, between the two renames of a
        replacement, nothing; never a part. Whatever fails leaves the place as it was; what a killed process leaves,
        `recover` mends.
        """
        made = self._beside("partial")
        made.mkdir()
        try:
            yield _zarr_store(made)
            self._replace(made) if replace else made.rename(self.path)
        except BaseException:
            _discard(made)
            raise

    def refuse_links(self) -> None:
        """A link may lead out of the folder."""
        refuse_links(self.path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raises MovedError where the store is not here any more; zarr would make its folders anew."""
        if not self.path.exists():
            raise MovedError(
                f"{self.path} was moved or deleted while a run wrote to it; the finished blocks are in it, wherever "
                "it is now, and the same command resumes it there with another -o"
            )
        yield

    def clear_torn(self) -> None:
        """Deletes the half-written files of processes that were killed."""
        for torn in self.path.absolute().rglob(f"*{_TORN}"):
            torn.unlink(missing_ok=True)

    def _beside(self, role: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{role}")

    def _replace(self, made: Path) -> None:
        old = self._beside("replaced")
        self.path.rename(old)
        try:
            made.rename(self.path)
        except OSError:
            old.rename(self.path)
            raise
        shutil.rmtree(old)


def _zarr_store(path: Path, *, read_only: bool = False) -> zarr.abc.store.Store:
    import zarr.storage

    return zarr.storage.LocalStore(path.absolute(), read_only=read_only)


def _discard(folder: Path) -> None:
    """Deletes a folder into which zarr's other writes may still be under way when one of them has failed."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)
        if not folder.exists():
            return
