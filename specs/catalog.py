"""Catalogs of models, machines, precisions, software and scaling laws: records by name, parsed when first asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from .calibration import Calibration
from .calibration_files import NAME, SHIPPED, read_calibration
from .record_files import parse_yaml, read_record, read_text
from .records import CatalogError, Field, Record, Source, normalised
from .vocabulary import CATALOGS, Vocabulary, nearest, shipped

__all__ = ["CatalogError", "Catalogs", "Field", "Record", "Source", "open_catalogs", "read_record"]

_SHIPPED = Path(__file__).with_name("catalog")
_PLURAL = {
    "model": "models",
    "hardware": "hardware",
    "network": "networks",
    "precision": "precisions",
    "software_stack": "software_stacks",
    "scaling_law": "scaling_laws",
}
_SUFFIXES = (".yaml", ".yml", ".json")


class Catalogs:
    """Records by catalog and name. Lookup ignores case and separators, and accepts a path to a file."""

    def __init__(
        self,
        index: Mapping[str, Mapping[str, Path]],
        vocabulary: Vocabulary,
        calibrations: Sequence[Path] = (),
        left_out: Collection[str] = (),
    ) -> None:
        """`index` holds, for each catalog, the file of each record by its name without case and separators.

        Of the files in `calibrations` the later wins; leaves that are `left_out` take no fitted values.
        """
        self._index = index
        self._vocabulary = vocabulary
        self._calibrations, self._left_out = tuple(calibrations), frozenset(left_out)
        self._records: dict[Path, Record] = {}
        self._aliases: dict[str, dict[str, Path]] = {}

    @cached_property
    def calibration(self) -> Calibration:
        """The fitted values that records without own ones take. Raises CatalogError where a file is wrong."""
        found = Calibration()
        for path in self._calibrations:
            found = found.overlaid(read_calibration(path, self._vocabulary))
        return found.without(self._left_out)

    def without(self, leaves: Collection[str]) -> Catalogs:
        """These catalogs with no fitted values of `leaves`."""
        return Catalogs(self._index, self._vocabulary, self._calibrations, {*self._left_out, *leaves})

    def names(self, catalog: str) -> tuple[str, ...]:
        """The names of all records of a catalog, sorted."""
        return tuple(sorted(path.stem for path in self._files(catalog).values()))

    def get(self, catalog: str, name: str) -> Record:
        """The record called `name`, or in the file `name` where that ends in .yaml, .yml or .json, with fitted values.

        Raises CatalogError where no record has that name or alias, or its file is wrong.
        """
        files = self._files(catalog)
        if name.lower().endswith(_SUFFIXES):
            path = Path(name)
        else:
            path = _match(files, name) or _match(self._aliases_of(catalog), name)
        if path is None:
            raise CatalogError(self._unknown(catalog, name))
        return self.calibration.completed(self._read(path, catalog))

    def _files(self, catalog: str) -> Mapping[str, Path]:
        if catalog not in self._index:
            raise CatalogError(f"there is no catalog {catalog!r}; the catalogs are {', '.join(self._index)}")
        return self._index[catalog]

    def _read(self, path: Path, catalog: str) -> Record:
        if path not in self._records:
            self._records[path] = read_record(path, catalog, self._vocabulary)
        return self._records[path]

    def _aliases_of(self, catalog: str) -> Mapping[str, Path]:
        """The file of each alias; reads the whole catalog, so it is asked only when no name fits."""
        if catalog not in self._aliases:
            files, found = self._files(catalog), dict[str, Path]()
            for path in files.values():
                for alias in self._read(path, catalog).aliases:
                    key = normalised(alias)
                    other = files.get(key) or found.get(key)
                    if other is not None:
                        raise CatalogError(
                            f"{path}: alias {alias!r} is already a name or alias of {other.stem} ({other})"
                        )
                    found[key] = path
            self._aliases[catalog] = found
        return self._aliases[catalog]

    def _unknown(self, catalog: str, name: str) -> str:
        known = {normalised(stem): stem for stem in self.names(catalog)}
        known |= {alias: path.stem for alias, path in self._aliases_of(catalog).items()}
        close = nearest(normalised(name), known)
        meant = f"; did you mean `{known[close]}`?" if close else "."
        what = f"{catalog} record" if catalog == "hardware" else catalog
        return f"unknown {what} {name!r}{meant} `rooflax list {_PLURAL[catalog]}` shows all {len(self.names(catalog))}."


def open_catalogs(*extra_dirs: Path, vocabulary: Vocabulary | None = None) -> Catalogs:
    """The shipped catalogs and those in `extra_dirs`; a user's record wins over a shipped one of its name.

    A directory holds the folders model/, hardware/, network/, precision/, software_stack/ and scaling_law/, or record
    files with a top-level key `catalog`; a file calibration.yaml holds fitted values of records that state none. Of
    several directories the later wins. Files are listed, and parsed only when a record is asked for.
    """
    index: dict[str, dict[str, Path]] = {group.value: {} for group in CATALOGS}
    calibrations = [*SHIPPED]
    for folder in (_SHIPPED, *map(Path, extra_dirs)):
        found = _listed(folder)
        calibrations.append(folder / NAME)
        if folder is not _SHIPPED and not any(found.values()) and not calibrations[-1].is_file():
            raise CatalogError(
                f"catalog directory {folder}: no records found; it holds the folders {', '.join(found)}, "
                "or *.yaml files with a top-level key `catalog`"
            )
        for catalog, files in found.items():
            index[catalog] |= files
    return Catalogs(index, vocabulary or shipped(), [path for path in calibrations if path.is_file()])


def _listed(folder: Path) -> dict[str, dict[str, Path]]:
    """The record files of one directory by catalog and normalised name."""
    if not folder.is_dir():
        raise CatalogError(f"catalog directory {folder}: there is no such directory")
    found: dict[str, dict[str, Path]] = {group.value: {} for group in CATALOGS}
    for catalog, files in found.items():
        for path in _record_files(folder / catalog):
            _add(files, path)
    for path in _record_files(folder):
        _add(found[_stated_catalog(path)], path)
    return found


def _match(files: Mapping[str, Path], name: str) -> Path | None:
    """The file of the record called `name`; a dot left out is forgiven where only one record can be meant."""
    key = normalised(name)
    if key in files:
        return files[key]
    near = sorted({path for known, path in files.items() if known.replace(".", "") == key.replace(".", "")})
    if len(near) > 1:
        raise CatalogError(f"{name!r} fits several records: {', '.join(path.stem for path in near)}; write one in full")
    return near[0] if near else None


def _record_files(folder: Path) -> list[Path]:
    found = (path for pattern in ("*.yaml", "*.yml") for path in folder.glob(pattern))
    return sorted(path for path in found if path.name != NAME)


def _add(files: dict[str, Path], path: Path) -> None:
    other = files.setdefault(normalised(path.stem), path)
    if other is not path:
        raise CatalogError(f"{path} and {other} have the same name: case and separators do not count")


def _stated_catalog(path: Path) -> str:
    """The catalog a loose record file says it belongs to."""
    catalog = parse_yaml(read_text(path), path).data.get("catalog")
    names = [group.value for group in CATALOGS]
    if catalog not in names:
        raise CatalogError(
            f"{path}: a record outside those folders needs a top-level key `catalog:`, one of {', '.join(names)}"
        )
    return str(catalog)
