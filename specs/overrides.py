"""Overrides: `--set KEY=VALUE` applied to the data of a spec before it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .distribution_forms import is_distribution
from .documents import Document, KeyPath, parse_document
from .domains import shown
from .known import Known, UnknownName, input_name, proper_name
from .limits import DEEPEST, MOST_PROBLEMS
from .problems import Problem, SpecError
from .vocabulary import nearest

OPTION = "--set"
_ROOTS = (
    "title",
    "description",
    "axes",
    "fixed",
    "outputs",
    "where",
    "best",
    "pareto",
    "optimize",
    "gradients",
    "store",
    "catalog",
)


@dataclass
class Edited:
    """A spec's data after its overrides, and which parts of it they wrote.

    `written` maps a path to the override that stands there; `moved` maps the path of an entry whose position changed
    to the path it has in the file.
    """

    data: dict[str, Any]
    known: Known
    written: dict[KeyPath, str] = field(default_factory=dict)
    moved: dict[KeyPath, KeyPath] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def locate(self, document: Document, path: KeyPath, message: str, about_key: bool = False) -> Problem:
        """A problem located in the file, or at the override that wrote what `path` leads to."""
        for length in range(len(path), 0, -1):
            if (override := self.written.get(path[:length])) is not None:
                return _problem(path, message, override, about_key=about_key)
        place = self.moved.get(path, path)
        found = document.problem(place, message, about_key=about_key)
        return Problem(path, message, found.file, found.line, found.column, found.source_line)


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str], known: Known) -> Edited:
    """The data with every `KEY=VALUE` set in turn; the values are YAML, and `data` itself is not changed.

    A key that names an input sets it wherever it stands: one value or its distribution makes it fixed, a list or grid
    form an axis. Any
    other key is a dotted path, such as `best.over` or `store.dtype`.
    """
    edited = Edited(dict(data), known)
    for override in overrides:
        try:
            _apply(edited, override)
        except _OverrideError as error:
            edited.problems.append(_problem((), str(error), override, about_key=error.about_key))
            if len(edited.problems) >= MOST_PROBLEMS:
                break
    return edited


class _OverrideError(ValueError):
    def __init__(self, message: str, *, about_key: bool = True) -> None:
        super().__init__(message)
        self.about_key = about_key


def _problem(path: KeyPath, message: str, override: str, *, about_key: bool) -> Problem:
    column = 1 if about_key else min(override.find("=") + 2, len(override))
    return Problem(path, message, OPTION, None, column, override)


def _apply(edited: Edited, override: str) -> None:
    key, sign, text = override.partition("=")
    key = key.strip()
    if not sign or not key:
        raise _OverrideError("KEY=VALUE was expected, such as tp=8 or best.over=[tp,pp]")
    try:
        document = parse_document(text, OPTION)
        if document.problems:
            raise SpecError(document.problems)
    except SpecError as error:
        raise _OverrideError(error.problems[0].message, about_key=False) from None
    value = document.data
    if isinstance(value, Mapping) and "zip" in value and _dotted(key) == [key] and key not in _ROOTS:
        _place(edited, "axes", key, key, value, override)
        return
    try:
        name = input_name(key, edited.known)
    except UnknownName as error:
        _set_path(edited, key, value, override, str(error))
        return
    if name != key:
        edited.notices.append(f"{OPTION} {override}: `{key}` read as `{name}`")
    _set_input(edited, name, value, override)


def _set_input(edited: Edited, name: str, value: Any, override: str) -> None:
    for dim, form in _section(edited, "axes").items():
        members = form.get("zip") if isinstance(form, Mapping) else None
        if isinstance(members, Mapping) and any(_canonical(member, edited.known) == name for member in members):
            raise _OverrideError(f"`{name}` is a member of the zip group `{dim}`; set the group, {dim}={{zip: …}}")
    _drop_from_optimize(edited, name, override)
    in_axes, in_fixed = (_written(edited, section, name) for section in ("axes", "fixed"))
    if isinstance(value, list | Mapping) and not is_distribution(value):
        _drop(edited, "fixed", in_fixed)
        _place(edited, "axes", in_axes, name, value, override)
    else:
        _drop(edited, "axes", in_axes)
        _place(edited, "fixed", in_fixed, name, value, override)
        if in_axes is not None:
            edited.notices.append(f"{OPTION} {override}: the axis `{name}` is now one value")
            for section in ("best", "pareto"):
                _drop_from(section, edited, name, override)


def _section(edited: Edited, section: str) -> dict[str, Any]:
    """`axes` or `fixed`; empty where the file has something else there, which the schema reports."""
    found = edited.data.get(section)
    return found if isinstance(found, dict) else {}


def _written(edited: Edited, section: str, name: str) -> str | None:
    """The key under which an input stands in a section: its name or an alias."""
    return next((key for key in _section(edited, section) if _canonical(key, edited.known) == name), None)


def _canonical(written: str, known: Known) -> str:
    return proper_name(written, known) or written


def _place(edited: Edited, section: str, old: str | None, name: str, value: Any, override: str) -> None:
    """Sets `name` in a section: in the place of the key `old`, or behind the others."""
    if edited.data.get(section) is not None and not isinstance(edited.data[section], dict):
        return
    entries = [(name, value) if key == old else (key, kept) for key, kept in _section(edited, section).items()]
    edited.data[section] = {**dict(entries), name: value}
    edited.written[section, name] = override


def _drop(edited: Edited, section: str, key: str | None) -> None:
    if key is not None:
        edited.data[section] = {other: kept for other, kept in _section(edited, section).items() if other != key}


def _drop_from(section: str, edited: Edited, name: str, override: str) -> None:
    """A dimension that is one value now is no longer reduced over; without any left, nothing is."""
    found = edited.data.get(section)
    if not isinstance(found, Mapping) or not isinstance(over := found.get("over"), list):
        return
    kept = [i for i, dim in enumerate(over) if not isinstance(dim, str) or _canonical(dim, edited.known) != name]
    if len(kept) == len(over):
        return
    if not kept:
        del edited.data[section]
        edited.notices.append(f"{OPTION} {override}: `{section}` is dropped, since no axis is left to reduce over")
        return
    edited.data[section] = {**found, "over": [over[i] for i in kept]}
    base: KeyPath = (section, "over")
    edited.moved |= {(*base, new): edited.moved.get((*base, old), (*base, old)) for new, old in enumerate(kept)}
    edited.notices.append(f"{OPTION} {override}: `{name}` is dropped from `{section}.over`")


def _drop_from_optimize(edited: Edited, name: str, override: str) -> None:
    """An input that is given is no longer free; without any left, nothing is optimized."""
    optimize = edited.data.get("optimize")
    if not isinstance(optimize, Mapping) or not isinstance(over := optimize.get("over"), Mapping):
        return
    kept = {key: form for key, form in over.items() if _canonical(key, edited.known) != name}
    if len(kept) == len(over):
        return
    if kept:
        edited.data["optimize"] = {**optimize, "over": kept}
        edited.notices.append(f"{OPTION} {override}: `{name}` is dropped from `optimize.over`")
    else:
        del edited.data["optimize"]
        edited.notices.append(f"{OPTION} {override}: `optimize` is dropped, since no input is left free")


def _dotted(key: str) -> list[str]:
    return key.split(".")


def _set_path(edited: Edited, key: str, value: Any, override: str, unknown: str) -> None:
    steps = _dotted(key)
    if steps[0] not in _ROOTS:
        if len(steps) == 1:
            raise _OverrideError(f"{shown(key)}: {unknown}")
        found = nearest(steps[0], _ROOTS)
        meant = f"did you mean `{found}`?" if found else f"a path begins with one of {', '.join(_ROOTS)}"
        raise _OverrideError(f"{shown(key)}: unknown path; {meant}")
    if len(steps) > DEEPEST:
        raise _OverrideError(f"the path has {len(steps):,} steps; there may be {DEEPEST}")
    path: list[str | int] = []
    edited.data = _replaced(edited.data, steps, value, path)
    for inner in [place for place in edited.written if place[: len(path)] == tuple(path)]:
        del edited.written[inner]
    edited.written[tuple(path)] = override


def _replaced(table: Any, steps: list[str], value: Any, path: list[str | int]) -> Any:
    """A copy of `table` with `value` where `steps` lead; the path taken is appended to `path`."""
    if not steps:
        return value
    step, *rest = steps
    if isinstance(table, list):
        if not step.isdecimal() or len(step) > len(str(len(table))) or int(step) >= len(table):
            raise _OverrideError(f"{shown(step)} is not a position in a list of {len(table)} entries, counted from 0")
        path.append(int(step))
        return [_replaced(old, rest, value, path) if i == int(step) else old for i, old in enumerate(table)]
    if table is not None and not isinstance(table, Mapping):
        raise _OverrideError(f"{shown(step)} leads into a single value, which has no parts")
    path.append(step)
    entries: dict[str, Any] = dict(table or {})
    return {**entries, step: _replaced(entries.get(step), rest, value, path)}
