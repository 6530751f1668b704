"""Catalogs with the record folders of one spec laid over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .catalog import Catalogs, open_catalogs
from .records import CatalogError, Record
from .vocabulary import Vocabulary


class LayeredCatalogs(Catalogs):
    """The records of `base`, where none of the folders has one of that name."""

    def __init__(self, base: Catalogs, folders: Sequence[Path], vocabulary: Vocabulary) -> None:
        """Raises CatalogError where a folder holds no records."""
        self._base = base
        self._folders = tuple(folder.absolute() for folder in folders)
        self._over = open_catalogs(*folders, vocabulary=vocabulary)

    def names(self, catalog: str) -> tuple[str, ...]:
        """The names of all records of a catalog, sorted."""
        return tuple(sorted({*self._base.names(catalog), *self._over.names(catalog)}))

    def get(self, catalog: str, name: str) -> Record:
        """The record of that name from the folders, or from `base`. Raises CatalogError."""
        try:
            record = self._over.get(catalog, name)
        except CatalogError as error:
            try:
                return self._base.get(catalog, name)
            except CatalogError:
                raise error from None  # this message knows the names of both
        path = Path(record.path).absolute()
        return record if any(path.is_relative_to(folder) for folder in self._folders) else self._base.get(catalog, name)
