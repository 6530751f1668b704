"""Catalogs with the record folders of one spec, or a fit that is in no file, laid over them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

from .calibration import Calibration
from .calibration_files import NAME, read_calibration
from .catalog import Catalogs, open_catalogs
from .records import CatalogError, Record
from .vocabulary import Vocabulary


class LayeredCatalogs(Catalogs):
    """The records of `base`, where none of the folders has one of that name; likewise its fitted values."""

    def __init__(
        self, base: Catalogs, folders: Sequence[Path], vocabulary: Vocabulary, left_out: Collection[str] = ()
    ) -> None:
        """Leaves that are `left_out` take no fitted values. Raises CatalogError where a folder holds no records."""
        self._base, self._vocabulary, self._left_out = base, vocabulary, frozenset(left_out)
        self._folders = tuple(folder.absolute() for folder in folders)
        self._over = open_catalogs(*folders, vocabulary=vocabulary)

    @cached_property
    def calibration(self) -> Calibration:
        """The fitted values of `base`, those of the folders over them. Raises CatalogError where a file is wrong."""
        found = self._base.calibration
        for path in (folder / NAME for folder in self._folders):
            found = found.overlaid(read_calibration(path, self._vocabulary)) if path.is_file() else found
        return found.without(self._left_out)

    def without(self, leaves: Collection[str]) -> LayeredCatalogs:
        """These catalogs with no fitted values of `leaves`."""
        return LayeredCatalogs(self._base, self._folders, self._vocabulary, {*self._left_out, *leaves})

    def names(self, catalog: str) -> tuple[str, ...]:
        """The names of all records of a catalog, sorted."""
        return tuple(sorted({*self._base.names(catalog), *self._over.names(catalog)}))

    def get(self, catalog: str, name: str) -> Record:
        """The record of that name from the folders, or from `base`. Raises CatalogError."""
        return self.calibration.completed(self._found(catalog, name))

    def _found(self, catalog: str, name: str) -> Record:
        try:
            record = self._over.get(catalog, name)
        except CatalogError as error:
            try:
                return self._base.get(catalog, name)
            except CatalogError:
                raise error from None  # this message knows the names of both
        path = Path(record.path).absolute()
        return record if any(path.is_relative_to(folder) for folder in self._folders) else self._base.get(catalog, name)


class RecalibratedCatalogs(Catalogs):
    """The records of `base`, with fitted values laid over its own."""

    def __init__(self, base: Catalogs, fitted: Calibration) -> None:
        """`fitted` is in no file, as a fit leaves it."""
        self._base, self._fitted = base, fitted

    @cached_property
    def calibration(self) -> Calibration:
        """The fitted values of `base`, those given over them. Raises CatalogError where a file is wrong."""
        return self._base.calibration.overlaid(self._fitted)

    def without(self, leaves: Collection[str]) -> RecalibratedCatalogs:
        """These catalogs with no fitted values of `leaves`."""
        return RecalibratedCatalogs(self._base.without(leaves), self._fitted.without(leaves))

    def names(self, catalog: str) -> tuple[str, ...]:
        """The names of all records of a catalog, sorted."""
        return self._base.names(catalog)

    def get(self, catalog: str, name: str) -> Record:
        """The record of that name from `base`, with the fitted values. Raises CatalogError."""
        return self.calibration.completed(self._base.get(catalog, name))
