"""The binder: collects axes and single values one by one, reports what is wrong, and joins them into `Inputs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from .axes import Axis, Box, Inputs, Value
from .boxes import read_box, refusal
from .calibration_fields import FittedField, Lent
from .catalog import Catalogs
from .columns import Column, default_network, default_precision, default_stack, distinct_records
from .distribution_forms import DistributionError, is_distribution, read_distribution
from .distributions import Distribution
from .documents import KeyPath
from .domains import Domain, domain_of, shown
from .grid_size import excess, first_too_many
from .grids import GridError, Report, check_length, grid_numbers
from .known import Known, UnknownName, input_name
from .limits import MOST_RECORDS
from .problems import RooflaxError, path_text
from .records import CatalogError, Record
from .vocabulary import CATALOGS

_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RECORD_FILES = (".yaml", ".yml", ".json")


class Binder:
    """Inputs in the making. `report(path, message, about_key=False)` is told each problem, and nothing is raised.

    Paths to record files are relative to `folder`. `attempted` holds every name that somebody tried to give, so that
    a wrong value is not reported as a missing one as well.
    """

    def __init__(self, known: Known, catalogs: Catalogs, report: Report, folder: Path) -> None:
        self.known, self.catalogs, self.report, self.folder = known, catalogs, report, folder
        self.axes: dict[str, Axis] = {}
        self.values: dict[str, Value] = {}
        self.distributions: dict[str, Distribution] = {}
        self.columns: dict[str, Column] = {}
        self.boxes: dict[str, Box] = {}
        self.notices: list[str] = []
        self.places: dict[str, KeyPath] = {}
        self.without_default: set[str] = set()
        self.labels = 0

    @property
    def attempted(self) -> set[str]:
        """All names given, rightly or not, with the leaves of a catalog whose records could not be found."""
        broken = {name for name in self.places if name in CATALOGS and name not in self.columns} | self.without_default
        if "hardware" in broken:
            broken.add("network")
        leaves = {leaf.name for leaf in self.known.vocabulary.values() if leaf.group in broken}
        return {*self.places, *leaves} - set(CATALOGS)

    def name_of(self, written: str, path: KeyPath) -> str | None:
        """The name that `written` stands for, claimed for this place; None after a report."""
        try:
            name = input_name(written, self.known)
        except UnknownName as error:
            self.report(path, str(error), True)
            return None
        if name in self.places:
            also = f" as `{name}`" if name != written else ""
            self.report(path, f"given{also} in two places; the other is `{path_text(self.places[name])}`", True)
            return None
        if name != written:
            self.notices.append(f"{path_text(path)}: read as `{name}`")
        self.places[name] = path
        return name

    def add_axis(self, written: str, form: object, path: KeyPath) -> None:
        """One axis: a list or grid form of numbers, options or record names, or a zip group."""
        if isinstance(form, Mapping) and "zip" in form:
            self._add_zip(written, form, path)
        elif (name := self.name_of(written, path)) is None or not self._room(path):
            return
        elif name not in CATALOGS and is_distribution(form):
            self.report(path, "a distribution is what is known of one value; it belongs in `fixed`")
        elif name in CATALOGS:
            if (column := self._column(name, name, form, path)) is not None:
                self.columns[name] = column
                self.axes[name] = Axis(name, np.array(column.labels), unit="", label=name.capitalize())
        else:
            domain = domain_of(name, self.known)
            numbers = grid_numbers(form, domain, self.report, path)
            if numbers is not None and self._room(path, len(numbers)):
                self._add_numbers(domain, numbers)

    def add_fixed(self, written: str, value: object, path: KeyPath) -> None:
        """One single value, its distribution where it is not known exactly, or the name of one record."""
        if (name := self.name_of(written, path)) is None:
            return
        if name in CATALOGS and isinstance(value, dict) and is_distribution(value):
            self.report(path, f"a record of the {name} catalog has no distribution; only continuous inputs take one")
        elif name not in CATALOGS and is_distribution(value):
            self._add_distribution(domain_of(name, self.known), value, path)
        elif isinstance(value, list | tuple | dict):
            self.report(path, f"one value was expected, found {shown(value)}; an axis belongs in `axes`")
        elif name in CATALOGS:
            if (record := self._record(name, value, path)) is not None:
                self.columns[name] = Column.of(name, None, (record,))
        elif (number := self._number(domain_of(name, self.known), value, path)) is not None:
            self.values[name] = Value(name, (), np.asarray(number), "given")

    def _add_distribution(self, domain: Domain, value: object, path: KeyPath) -> None:
        try:
            found = read_distribution(value, domain)
        except DistributionError as error:
            self.report((*path, *error.path), str(error))
        else:
            self.distributions[domain.name] = found
            self.values[domain.name] = Value(domain.name, (), np.asarray(found.centre), "given")

    def add_box(self, written: str, form: object, path: KeyPath) -> None:
        """An input left free within a range; its value is the centre until an optimum is found."""
        if (name := self.name_of(written, path)) is None:
            return
        domain = domain_of(name, self.known)
        if (reason := refusal(name, domain)) is not None:
            self.report(path, reason, True)
        elif (box := read_box(form, domain, self.report, path)) is not None:
            self.boxes[name] = box
            self.values[name] = Value(name, (), np.asarray(box.centre), "optimize")

    def add_array(self, name: str, dims: tuple[str, ...], data: np.ndarray, path: KeyPath) -> None:
        """Values along dimensions whose axes are added elsewhere, for a name that `name_of` has accepted."""
        domain = domain_of(name, self.known)
        try:
            if data.dtype.kind in "biuf" and not domain.options:
                numbers = domain.read_numbers(data)
            else:
                numbers = np.array([domain.read(value) for value in data.flat], dtype=np.float64).reshape(data.shape)
        except ValueError as error:
            self.report(path, str(error))
        else:
            self.values[name] = Value(name, dims, numbers, "given")

    def add_column(self, catalog: str, dim: str, names: Iterable[object], path: KeyPath) -> None:
        """One record per label of a dimension whose axis is added elsewhere."""
        records = self._records(catalog, names, path)
        if records is not None:
            self.columns[catalog] = Column.of(catalog, dim, records)

    def inputs(self) -> Inputs:
        """Everything bound: what was given, then the fields of records, of the default ones too, then fitted values."""
        columns = self._with_defaults()
        values, lacking, lent = dict(self.values), dict[str, tuple[str, ...]](), dict[str, Lent]()
        for column in columns.values():
            lacking |= column.lacking(self.known.vocabulary, {*self.places, *values})
            for value in column.values(self.known.vocabulary, {*self.places, *values}):
                values[value.name] = value
                lent |= column.lent(value.name)
        for name, fitted in self.catalogs.calibration.everywhere.items():
            if name not in self.places and name not in values:
                values[name] = Value(name, (), np.asarray(fitted.value), "calibration")
                lent[name] = Lent((), (FittedField.everywhere(fitted),))
        if (found := first_too_many(self.axes.values())) is not None:
            name, reason = found
            self.report(self.places.get(name, ("axes", name)), reason, True)
        records = distinct_records(columns)
        return Inputs(
            tuple(self.axes.values()),
            values,
            records,
            tuple(self.notices),
            lacking,
            dict(self.distributions),
            lent,
            tuple(self.boxes.values()),
        )

    def _with_defaults(self) -> dict[str, Column]:
        columns = dict(self.columns)
        hardware = columns.get("hardware")
        for catalog, find in (
            ("network", lambda: default_network(hardware, self.catalogs) if hardware is not None else None),
            ("precision", lambda: default_precision(self.catalogs)),
            ("software_stack", lambda: default_stack(hardware, self.catalogs) if hardware is not None else None),
        ):
            if catalog in self.places:
                continue
            try:
                column = find()
            except CatalogError as error:
                self.without_default.add(catalog)
                self.report(self.places["hardware"] if catalog == "network" else (), str(error))
            else:
                columns |= {catalog: column} if column is not None else {}
        return columns

    def _room(self, path: KeyPath, labels: int = 0) -> bool:
        """Whether there may be one more axis or member of a zip group, of so many labels; reports where not."""
        self.labels += labels
        if reason := excess(len(self.axes), self.labels):
            self.report(path, reason, True)
        return not reason

    def _add_numbers(self, domain: Domain, numbers: np.ndarray) -> None:
        unit = "" if domain.options else domain.unit
        self.axes[domain.name] = Axis(domain.name, domain.labels(numbers), unit=unit, label=domain.label)
        self.values[domain.name] = Value(domain.name, (domain.name,), numbers, "axis")

    def _number(self, domain: Domain, value: object, path: KeyPath) -> float | None:
        try:
            return domain.read(value)
        except ValueError as error:
            self.report(path, str(error))
            return None

    def _column(self, catalog: str, dim: str, names: object, path: KeyPath, *, unique: bool = True) -> Column | None:
        if isinstance(names, np.ndarray) and names.ndim == 1:
            names = names.tolist()
        if not isinstance(names, list | tuple):
            found = shown(names)
            self.report(path, f"a list of {catalog} names was expected, found {found}; one name belongs in `fixed`")
            return None
        records = self._records(catalog, names, path)
        if records is None:
            return None
        found = [record.name for record in records]
        for position, name in enumerate(found):
            if unique and name in found[:position]:
                self.report((*path, position), f"the label `{name}` is on this axis twice")
                return None
        return Column.of(catalog, dim, records)

    def _records(self, catalog: str, names: Iterable[object], path: KeyPath) -> tuple[Record, ...] | None:
        names = list(names)
        try:
            check_length(len(names), MOST_RECORDS, f"records of the {catalog} catalog; an axis")
        except GridError as error:
            self.report(path, str(error))
            return None
        found = [self._record(catalog, name, (*path, position)) for position, name in enumerate(names)]
        records = tuple(record for record in found if record is not None)
        return records if len(records) == len(found) else None

    def _record(self, catalog: str, name: object, path: KeyPath) -> Record | None:
        if not isinstance(name, str) or not name:
            self.report(path, f"the name of a {catalog} was expected, found {shown(name)}")
            return None
        try:
            return self.catalogs.get(catalog, str(self.folder / name) if name.lower().endswith(_RECORD_FILES) else name)
        except (RooflaxError, ValueError) as error:  # ValueError: a path that no file system takes
            self.report(path, str(error))
            return None

    def _add_zip(self, dim: str, form: Mapping[str, object], path: KeyPath) -> None:
        members = form["zip"]
        if len(form) > 1 or not isinstance(members, Mapping) or not members:
            self.report(path, "a zip group is {zip: {NAME: LABELS, NAME: LABELS, …}} and nothing beside it")
            return
        if not self._dimension(dim, path) or not self._room(path):
            return
        coords: dict[str, np.ndarray] = {}
        pending: list[Callable[[], None]] = []
        for written, labels in members.items():
            self._add_member(dim, written, labels, (*path, "zip", written), coords, pending)
        sizes = {name: len(labels) for name, labels in coords.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            self.report(path, f"the members of a zip group are equally long, but {told}")
        elif len(coords) == len(members):
            self.axes[dim] = Axis(dim, np.arange(next(iter(sizes.values())), dtype=np.float64), coords, "1", dim)
            for add in pending:
                add()

    def _add_member(
        self,
        dim: str,
        written: str,
        labels: object,
        path: KeyPath,
        coords: dict[str, np.ndarray],
        pending: list[Callable[[], None]],
    ) -> None:
        """One member of a zip group: its labels to `coords`, its binding to `pending`, until all are found to fit."""
        if (name := self.name_of(written, path)) is None or not self._room(path):
            return
        if name in CATALOGS:
            if (column := self._column(name, dim, labels, path, unique=False)) is not None:
                coords[name] = np.array(column.labels)
                pending.append(lambda: self.columns.update({name: column}))
            return
        domain = domain_of(name, self.known)
        numbers = grid_numbers(labels, domain, self.report, path, unique=False)
        if numbers is not None and self._room(path, len(numbers)):
            coords[name] = domain.labels(numbers)
            pending.append(lambda: self.values.update({name: Value(name, (dim,), numbers, f"zip {dim}")}))

    def _dimension(self, dim: str, path: KeyPath) -> bool:
        """Whether `dim` may name a dimension of its own."""
        try:
            taken = input_name(dim, self.known)
        except UnknownName:
            taken = None
        if taken is not None:
            self.report(path, f"`{taken}` is an input; name the zip group otherwise, such as `layout`", True)
        elif not _DIMENSION.fullmatch(dim):
            self.report(path, "a dimension's name is made of letters, digits and _, and begins with no digit", True)
        elif dim in self.axes:
            self.report(path, f"there is another dimension `{dim}`", True)
        else:
            return True
        return False
