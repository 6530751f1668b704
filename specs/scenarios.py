"""Scenarios: named sets of inputs that take the place of those of one spec or one call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .documents import Document, document_text, parse_document
from .domains import shown
from .known import Known, UnknownName, input_name
from .overrides import OPTION
from .problems import Problem, SpecError
from .vocabulary import nearest

_KEYS = {"title": "one line that says what the scenario is about", "set": "the inputs it changes, name by name"}
_Report = Callable[[str, str, bool], None]


@dataclass(frozen=True)
class Scenario:
    """Inputs by their proper names, as `--set` takes them, with the name and the title of the whole.

    `written` has the key under which each input stands; `document` is the file it was read from, if any.
    """

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    written: Mapping[str, str] = field(default_factory=dict)
    document: Document | None = None

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.document.file if self.document is not None else f"scenario {self.name}"

    def overrides(self) -> list[str]:
        """The inputs as `--set` texts. Raises SpecError for a value that is no number, text or flag."""
        return list(self._texts())

    def located(self, error: SpecError) -> SpecError:
        """The problems of a spec with these overrides, each at the input of the scenario that it is about."""
        texts = self._texts()
        return SpecError(self._relocated(problem, texts) for problem in error.problems)

    def noticed(self, notice: str) -> str:
        """A notice about one of the overrides, with the scenario in its place."""
        for text, name in self._texts().items():
            notice = notice.replace(f"{OPTION} {text}: ", f"{self.place}: `{self.written[name]}`: ")
        return notice

    def _texts(self) -> dict[str, str]:
        problems, texts = [], {}
        for name, value in self.settings.items():
            try:
                texts[f"{name}={json.dumps(value, default=_plain)}"] = name
            except (TypeError, ValueError):
                problems.append(self._problem(name, f"one value was expected, found {shown(value)}"))
        if problems:
            raise SpecError(problems)
        return texts

    def _relocated(self, problem: Problem, texts: Mapping[str, str]) -> Problem:
        name = texts.get(problem.source_line or "") if problem.file == OPTION else None
        if name is not None:
            return self._problem(name, problem.message, about_key=problem.column == 1)
        if problem.file:
            return replace(problem, message=f"{problem.message} (with {self.place})")
        if problem.path and problem.path[0] in self.settings:
            return self._problem(str(problem.path[0]), problem.message)
        return replace(problem, file=self.place)

    def _problem(self, name: str, message: str, *, about_key: bool = False) -> Problem:
        written = self.written[name]
        if self.document is None:
            return Problem((written,), message, self.place)
        return self.document.problem(("set", written), message, about_key=about_key)


def _plain(value: Any) -> object:
    """A number of numpy, or an array of one value, as Python's own."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    raise TypeError


def scenario_of(name: str, settings: Mapping[str, object], known: Known) -> Scenario:
    """The scenario that a mapping of inputs describes. Raises SpecError with every unknown name."""
    problems: list[Problem] = []

    def report(written: str, message: str, about_key: bool) -> None:  # noqa: ARG001 (the signature of a report)
        problems.append(Problem((written,), message, f"scenario {name}"))

    written = _names(settings, known, report)
    if problems:
        raise SpecError(problems)
    return Scenario(name, {own: settings[key] for own, key in written.items()}, written=written)


def read_scenario(path: Path, known: Known) -> Scenario:
    """The scenario in a YAML file, named like the file. Raises SpecError with all problems, each at its place.

    ```yaml
    title: The next machine
    set: {hardware: h200-sxm-141gb, scale_out_bandwidth: 800 Gb/s, tp: 4}
    ```
    """
    if path.is_dir():
        raise SpecError([Problem((), "is a folder; a scenario is a YAML file with `set:`", str(path))])
    document = parse_document(document_text(path), str(path))
    data = document.data
    if not isinstance(data, dict):
        raise SpecError([document.problem((), "a scenario is a mapping with the key set, and perhaps a title")])
    problems = [*document.problems, *_misshapen(document, data, known)]

    def report(written: str, message: str, about_key: bool) -> None:
        problems.append(document.problem(("set", written), message, about_key=about_key))

    given = data.get("set")
    settings: dict[str, object] = given if isinstance(given, dict) else {}
    written = _names(settings, known, report)
    for key, value in settings.items():
        if isinstance(value, list | Mapping):
            report(key, f"one value was expected, found {shown(value)}; axes are those of the spec", False)
    if problems:
        raise SpecError(problems)
    named = {own: settings[key] for own, key in written.items()}
    return Scenario(path.stem, named, data.get("title") or "", written, document)


def _misshapen(document: Document, data: Mapping[str, Any], known: Known) -> list[Problem]:
    problems = [document.problem((key,), _unknown_key(key, known), about_key=True) for key in data if key not in _KEYS]
    if "set" not in data:
        problems.append(document.problem((), f"`set` is missing: {_KEYS['set']}"))
    elif not isinstance(data["set"], dict):
        problems.append(document.problem(("set",), f"a mapping was expected, found {shown(data['set'])}"))
    if not isinstance(data.get("title"), str | None):
        problems.append(document.problem(("title",), f"text was expected, found {shown(data['title'])}"))
    return problems


def _unknown_key(key: str, known: Known) -> str:
    try:
        return f"unknown key; the input `{input_name(key, known)}` belongs under `set`"
    except UnknownName:
        found = nearest(key, _KEYS)
        return "unknown key; " + (f"did you mean `{found}`?" if found else f"the keys are {', '.join(_KEYS)}")


def _names(settings: Mapping[str, object], known: Known, report: _Report) -> dict[str, str]:
    """The key of each input by its proper name; what is unknown or there twice is reported."""
    written: dict[str, str] = {}
    for key in settings:
        try:
            name = input_name(key, known)
        except UnknownName as error:
            report(key, str(error), True)
            continue
        if name in written:
            report(key, f"given as `{name}` in two places; the other is `{written[name]}`", True)
        else:
            written[name] = key
    return written
