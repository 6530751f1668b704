"""The loader: the text of a sweep spec to checked inputs, with every problem located and told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bind import collect
from .binder import Binder
from .boxes import faults
from .calibration import pooled_notices
from .catalog import Catalogs
from .conditions import Comparison, ConditionError, ConstraintName, read_condition
from .documents import Document, KeyPath, document_text, parse_document
from .goals import GoalError, check_order, parse_goal
from .known import Known, UnknownName, check_quantity, input_name, no_number, proper_name
from .layers import LayeredCatalogs
from .limits import MOST_CONDITIONS, MOST_FOLDERS, MOST_PROBLEMS
from .loaded import LoadedSpec
from .needs import report_missing, unread_axes, unread_values
from .overrides import apply_overrides
from .problems import SpecError, path_text
from .records import CatalogError
from .schema import Gradient, SweepSpec, check_shape

__all__ = ["LoadedSpec", "load_spec", "read_spec"]


def read_spec(path: Path | str, *, known: Known, catalogs: Catalogs, overrides: Sequence[str] = ()) -> LoadedSpec:
    """The spec in a file. Raises SpecError where it cannot be read or anything in it is wrong."""
    text = document_text(Path(path))
    return load_spec(text, file=str(path), known=known, catalogs=catalogs, overrides=overrides)


def load_spec(text: str, *, file: str, known: Known, catalogs: Catalogs, overrides: Sequence[str] = ()) -> LoadedSpec:
    """The spec in `text`, with `--set` overrides applied; `file` is what messages call it, and where paths begin.

    Raises SpecError with all problems at once.
    """
    document = parse_document(text, file)
    if not isinstance(document.data, dict):
        message = "a sweep spec is a mapping with the keys title, axes, fixed and outputs"
        raise SpecError([document.problem((), message)])
    return _Loading(document, known, catalogs, overrides).result()


class _Loading:
    """One run of the loader; every step reports what it finds and goes on with what is right."""

    def __init__(self, document: Document, known: Known, catalogs: Catalogs, overrides: Sequence[str]) -> None:
        self.document, self.known = document, known
        self.edited = apply_overrides(document.data, overrides, known)
        self.problems = [*document.problems, *self.edited.problems]
        self.data: dict[str, Any] = {key: value for key, value in self.edited.data.items() if value is not None}
        self.folder = Path(document.file).parent
        self.stated: list[tuple[KeyPath, ConstraintName | Comparison]] = []
        self.catalogs = self.with_folders(catalogs)

    def report(self, path: KeyPath, message: str, about_key: bool = False) -> None:
        self.problems.append(self.edited.locate(self.document, path, message, about_key))
        if len(self.problems) >= MOST_PROBLEMS:
            raise SpecError(self.problems)

    def result(self) -> LoadedSpec:
        spec = self.shape()
        binder = collect(self.table("axes"), self.table("fixed"), self.known, self.catalogs, self.report, self.folder)
        self.boxes(binder)
        inputs = binder.inputs()
        asked = self.outputs()
        conditions = self.conditions(asked)
        beside = {} if self.table("optimize") else asked
        over, front, gradients = self.best(asked), self.pareto(beside), self.gradients(beside)
        optimized = self.objective("optimize", asked)
        notices = [*self.edited.notices, *inputs.notices]
        if spec is not None:
            dropped = _dropped(spec, bool(front["over"]))
            notices += [f"{section}: dropped, since {reason}" for section, reason in dropped.items()]
            spec = spec.model_copy(update=dict.fromkeys(dropped))
        if asked:
            given = set(inputs.values) | binder.attempted
            missing = self.known.missing(list(asked), given)
            report_missing(missing, inputs.lacking, binder, asked)
            read = set(self.known.reads(list(asked), given))
            self.optimum(optimized, [box.name for box in inputs.boxes], given)
            for axis, path in unread_axes(binder, read | set(missing)):
                message = f"no output depends on `{axis.name}`; leave the axis out, or ask for an output that reads it"
                self.report(path, message, True)
            notices += [f"{path_text(path)}: no output depends on it" for path in unread_values(binder, read)]
            notices += pooled_notices(inputs, read)
        if self.problems or spec is None:
            raise SpecError(self.problems)
        if spec.best is not None:
            spec = spec.model_copy(update={"best": spec.best.model_copy(update={"over": over})})
        if spec.pareto is not None:
            spec = spec.model_copy(update={"pareto": spec.pareto.model_copy(update=front)})
        if spec.gradients is not None:
            spec = spec.model_copy(update={"gradients": spec.gradients.model_copy(update=gradients)})
        return LoadedSpec(spec, inputs, conditions, self.document.text, self.document.file, tuple(notices))

    def shape(self) -> SweepSpec | None:
        spec, wrong = check_shape(self.data)
        for path, message, about_key in wrong:
            self.report(path, self.hint(path) or message, about_key)
        return spec

    def hint(self, path: KeyPath) -> str | None:
        """What to say of an input that stands at the top level, and of an objective that YAML takes for a mapping."""
        key = str(path[0])
        if path[:2] == ("pareto", "objectives") and len(path) == 3:
            entry = self.table("pareto")["objectives"][path[2]]
            pairs = [f"`{name}:{way}`" for name, way in entry.items()] if isinstance(entry, Mapping) else []
            return f"write {', '.join(pairs)} without a blank behind the colon" if pairs else None
        if len(path) > 1 or key in SweepSpec.model_fields:
            return None
        if (name := proper_name(key, self.known)) is None:
            return None
        return f"unknown key; the input `{name}` belongs in `fixed` or `axes`"

    def table(self, section: str) -> Mapping[str, Any]:
        found = self.data.get(section)
        return found if isinstance(found, Mapping) else {}

    def texts(self, path: KeyPath, found: object) -> list[tuple[KeyPath, str]]:
        """The texts of a list with their places; whatever else stands there is the schema's to report."""
        entries = found if isinstance(found, list) else []
        return [((*path, index), entry) for index, entry in enumerate(entries) if isinstance(entry, str)]

    def with_folders(self, catalogs: Catalogs) -> Catalogs:
        folders = self.texts(("catalog",), self.data.get("catalog"))
        if len(folders) > MOST_FOLDERS:
            self.report(("catalog",), f"{len(folders):,} folders of records; there may be {MOST_FOLDERS}")
        for path, folder in folders[:MOST_FOLDERS]:
            try:
                catalogs = LayeredCatalogs(catalogs, [self.folder / folder], self.known.vocabulary)
            except (CatalogError, OSError, ValueError) as error:
                self.report(path, str(error))
        return catalogs

    def outputs(self) -> dict[str, KeyPath]:
        """The quantities asked for and where; conditions and the objective add theirs."""
        asked: dict[str, KeyPath] = {}
        for path, name in self.texts(("outputs",), self.data.get("outputs")):
            if name in asked:
                self.report(path, f"`{name}` is listed twice")
            elif self.is_quantity(name, path):
                asked[name] = path
        return asked

    def is_quantity(self, name: str, path: KeyPath) -> bool:
        try:
            check_quantity(name, self.known)
        except UnknownName as error:
            self.report(path, str(error))
            return False
        return True

    def conditions(self, asked: dict[str, KeyPath]) -> tuple[ConstraintName | Comparison, ...]:
        found: list[ConstraintName | Comparison] = []
        entries = self.texts(("where",), self.data.get("where"))
        if len(entries) > MOST_CONDITIONS:
            self.report(("where",), f"{len(entries):,} conditions; there may be {MOST_CONDITIONS}")
        for path, text in entries[:MOST_CONDITIONS]:
            try:
                conditions = read_condition(text, self.known)
            except ConditionError as error:
                self.report(path, str(error))
                continue
            for condition in conditions:
                asked.setdefault(condition.name, path)
                self.stated.append((path, condition))
            found += conditions
        return tuple(dict.fromkeys(found))

    def best(self, asked: dict[str, KeyPath]) -> tuple[str, ...]:
        """The axes that `best` reduces over, under their proper names."""
        self.objective("best", asked)
        return self.over("best", self.table("best").get("over"))

    def objective(self, section: str, asked: dict[str, KeyPath]) -> tuple[str, KeyPath] | None:
        """The quantity that a section minimizes or maximizes, and where; None where there is none to be had."""
        found: tuple[str, KeyPath] | None = None
        for key in ("minimize", "maximize"):
            name, path = self.table(section).get(key), (section, key)
            if not isinstance(name, str) or not self.is_quantity(name, path):
                continue
            if name in self.known.options:
                self.report(path, f"`{name}` is one of {', '.join(self.known.options[name])}, which have no order")
            else:
                asked.setdefault(name, path)
                found = name, path
        return found

    def boxes(self, binder: Binder) -> None:
        """The inputs that `optimize` leaves free."""
        over = self.table("optimize").get("over")
        for name, form in over.items() if isinstance(over, Mapping) else ():
            binder.add_box(name, form, ("optimize", "over", name))

    def optimum(self, objective: tuple[str, KeyPath] | None, boxes: list[str], given: set[str]) -> None:
        """Reports what keeps `optimize` from being answered."""
        if objective is None or not boxes:
            return
        name, path = objective
        keys = {self.canonical(key): key for key in self.table("optimize").get("over", {})}
        for place, message in faults(name, boxes, [condition for _, condition in self.stated], self.known, given):
            if place[0] == "over":
                self.report(("optimize", "over", keys.get(str(place[1]), place[1])), message, True)
            else:
                self.report(self.stated[int(place[1])][0] if place[0] == "where" else path, message)

    def pareto(self, asked: dict[str, KeyPath]) -> dict[str, tuple[str, ...]]:
        """The objectives of `pareto` as they are kept, and the axes that it chooses along, under their proper names."""
        pareto, goals = self.table("pareto"), dict[str, str]()
        for path, text in self.texts(("pareto", "objectives"), pareto.get("objectives")):
            try:
                goal = parse_goal(text)
                if self.is_quantity(goal.quantity, path):
                    check_order(goal.quantity, goals, self.known.options.get(goal.quantity, ()))
                    goals[goal.quantity] = str(goal)
                    asked.setdefault(goal.quantity, path)
            except GoalError as error:
                self.report(path, str(error))
        over = self.over("pareto", pareto.get("over"))
        return {"objectives": tuple(goals.values()), "over": over or tuple(map(self.canonical, self.table("axes")))}

    def gradients(self, asked: dict[str, KeyPath]) -> dict[str, Gradient]:
        """The parts of `gradients` with their inputs under their proper names."""
        parts: dict[str, Gradient] = {}
        for kind, part in self.table("gradients").items():
            if not isinstance(part, Mapping):
                continue
            path, of = ("gradients", kind), list[str]()
            for place, name in self.texts((*path, "of"), part.get("of")):
                if self.is_quantity(name, place):
                    if name in self.known.options:
                        self.report(place, f"`{name}` is one of several options, which have no derivative")
                    if name in of:
                        self.report(place, f"`{name}` is listed twice")
                    asked.setdefault(name, place)
                    of.append(name)
            wrt = [(place, self.mover(name, place)) for place, name in self.texts((*path, "wrt"), part.get("wrt"))]
            names = [name for _, name in wrt]
            for index, (place, name) in enumerate(wrt):
                if name and name in names[:index]:
                    self.report(place, f"`{name}` is listed twice")
            if of and names and all(names):
                parts[kind] = Gradient(of=tuple(of), wrt=tuple(filter(None, names)))
        return parts

    def mover(self, written: str, path: KeyPath) -> str | None:
        """The input to differentiate by that a name stands for; None after a report."""
        try:
            name = input_name(written, self.known)
            reason = no_number(name, self.known)
        except UnknownName as error:
            reason = str(error)
            name = written
        if reason:
            self.report(path, reason)
        return None if reason else name

    def over(self, section: str, found: object) -> tuple[str, ...]:
        """The axes that a section lists under `over`."""
        over: list[str] = []
        for path, written in self.texts((section, "over"), found):
            name = self.axis_name(written, path)
            if name in over:
                self.report(path, f"`{name}` is listed twice")
            over += [name] if name is not None else []
        return tuple(over)

    def axis_name(self, written: str, path: KeyPath) -> str | None:
        axes = {self.canonical(key): form for key, form in self.table("axes").items()}
        name = self.canonical(written)
        if name in axes:
            return name
        for dim, form in axes.items():
            members = form.get("zip") if isinstance(form, Mapping) else None
            if isinstance(members, Mapping) and name in map(self.canonical, members):
                self.report(path, f"`{name}` varies with the zip group `{dim}`; reduce over `{dim}`")
                return None
        self.report(path, f"`{name}` is not an axis; the axes are {', '.join(axes) or 'none'}")
        return None

    def canonical(self, written: str) -> str:
        return proper_name(written, self.known) or written


def _dropped(spec: SweepSpec, has_axes: bool) -> dict[str, str]:
    """The sections that a spec leaves unanswered, and why."""
    stated = [section for section in ("pareto", "gradients") if getattr(spec, section) is not None]
    if spec.optimize is not None:
        return dict.fromkeys(stated, "`optimize` leaves inputs free")
    return {"pareto": "there is no axis to choose along"} if "pareto" in stated and not has_axes else {}
