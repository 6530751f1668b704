"""Stores in zip files, which are read and not written."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .guarded import check_size
from .location import ROOT, Location
from .problems import StoreError, file_errors, foreign_errors

if TYPE_CHECKING:
    import zarr.abc.store


class Archive(Location):
    """A zip file whose entries are the files of a store."""

    shared_by_processes = False

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def address(self) -> Path:
        """The path."""
        return self.path

    def zarr_store(self, *, read_only: bool = False) -> zarr.abc.store.Store:
        """The zarr store in the file."""
        from zarr.storage import ZipStore

        if not read_only:
            self._refuse()
        store = ZipStore(self.path.absolute(), mode="r")
        store.sizes = dict(self.keys(""))  # type: ignore[attr-defined]
        return store

    @contextmanager
    def errors(self, action: str, *, kept: bool = False) -> Iterator[None]:
        """Turns what the operating system refuses, or a damaged file, into a StoreError."""
        with file_errors(action, self.path, kept=kept):
            try:
                yield
            except zipfile.BadZipFile as error:
                raise StoreError(f"cannot {action} {self.path}: it is no zip file, or a damaged one") from error

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def instead(self) -> str:
        """A zip file of something else."""
        return (
            f"{self.path} has no {ROOT} at its top, so it is no rooflax store; zip what is inside of one: "
            f"cd x.zarr && zip -0 -r ../x.zip ."
        )

    def read(self, key: str) -> bytes | None:
        """The content of an entry, or None where there is none."""
        with zipfile.ZipFile(self.path) as file:
            if key not in file.namelist():
                return None
            with foreign_errors(self.path):
                check_size(key, file.getinfo(key).file_size)
            return file.read(key)

    def entries(self) -> list[str]:
        """The names on the first level."""
        return sorted({key.partition("/")[0] for key, _ in self.keys("")})

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The entries below a folder."""
        with zipfile.ZipFile(self.path) as file:
            for entry in file.infolist():
                if entry.filename.startswith(f"{prefix}/" if prefix else "") and not entry.is_dir():
                    yield entry.filename, entry.file_size

    def lock(self, owner: Location | None = None) -> NoReturn:  # noqa: ARG002 (nobody writes here)
        """Refuses: nobody writes here."""
        self._refuse()

    def recover(self) -> NoReturn:
        """Refuses: nobody writes here."""
        self._refuse()

    def created(self, *, replace: bool) -> NoReturn:  # noqa: ARG002 (nobody writes here)
        """Refuses: nobody writes here."""
        self._refuse()

    def refuse_links(self) -> NoReturn:
        """Refuses: nobody writes here."""
        self._refuse()

    def clear_torn(self) -> NoReturn:
        """Refuses: nobody writes here."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self.path} is a zip file, which is read only; give a folder or a URL to write to")
