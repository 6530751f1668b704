"""Errors addressed to the user: what was found, where, what was expected and what to do."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from .limits import MOST_PROBLEMS
from .scalars import printable

_PLAIN_KEY = re.compile(r"[\w-]+")
_SHOWN_WIDTH = 100
_LONGEST_LINE = 2000
_CARET_INDENT = " " * 6


class RooflaxError(Exception):
    """Bad input: `str(error)` is the whole message for the user, `exit_code` what the command line returns."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong with what the user wrote, and where it stands.

    `path` leads through mappings (keys) and lists (positions from 0), empty for the document itself. `line` and
    `column` count from 1. `source_line` is the text that `column` points into; without `line` it may hold a
    command-line argument (then `file` names the option, such as `--set`).
    """

    path: tuple[str | int, ...]
    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None
    source_line: str | None = None

    @property
    def where(self) -> str:
        """The path as text, `axes.tp[2]`."""
        return path_text(self.path)

    @property
    def location(self) -> str:
        """File, line and column as far as they are known, `sweep.yaml:7:3`."""
        parts = [self.file] if self.file else []
        if self.line is not None:
            parts.append(str(self.line) if self.file else f"line {self.line}")
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class SpecError(RooflaxError):
    """Everything wrong with a spec, all problems at once, in the order in which they stand in their files.

    Of very many, which one mistake may cause, only the first are kept.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        if not found:
            raise ValueError("a SpecError needs at least one problem")
        self.problems = _in_order(found)[:MOST_PROBLEMS]
        super().__init__(self.problems)

    def __str__(self) -> str:
        width = max(len(problem.location) for problem in self.problems)
        return "\n".join([_header(self.problems), *(_paragraph(problem, width) for problem in self.problems)])


def path_text(path: Iterable[str | int]) -> str:
    """A path as the user would write it: `axes.tp[2]`, with odd keys in quotes, `fixed["a b"]`."""
    text = ""
    for step in path:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def _in_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    files = list(dict.fromkeys(problem.file for problem in problems))
    return tuple(sorted(problems, key=lambda p: (files.index(p.file), p.line or 0, p.column or 0)))


def _header(problems: tuple[Problem, ...]) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    count = f"the first {count}" if len(problems) == MOST_PROBLEMS else count
    files = ", ".join(dict.fromkeys(problem.file for problem in problems if problem.file))
    return printable(f"{count} in {files}") if files else count


def _paragraph(problem: Problem, width: int) -> str:
    location = printable(f"{problem.location:<{width}}  ") if width else ""
    where = printable(f"{problem.where}: ") if problem.path else ""
    message = printable(problem.message).replace("\n", "\n" + _CARET_INDENT)
    lines = [f"  {location}{where}{message}"]
    if problem.source_line is not None and problem.column is not None:
        lines += [_CARET_INDENT + line for line in _caret(problem.source_line, problem.column)]
    return "\n".join(lines)


def _caret(source: str, column: int) -> tuple[str, str]:
    """The source line and a caret under its `column`, without the indentation and cut to a readable width."""
    if len(source) > _LONGEST_LINE:
        first = max(column - _LONGEST_LINE // 2, 0)
        source, column = source[first : first + _LONGEST_LINE], column - first
    shown = "".join(char if char.isprintable() else " " for char in source).rstrip()
    at = max(column - 1, 0)
    start = min(len(shown) - len(shown.lstrip()), at)
    if len(shown) - start <= _SHOWN_WIDTH:
        return shown[start:], _pad(shown[start:at]) + "^"
    start = max(start, min(at - _SHOWN_WIDTH // 2, len(shown) - _SHOWN_WIDTH))
    stop = start + _SHOWN_WIDTH
    before = "… " if shown[:start].strip() else ""
    after = " …" if stop < len(shown) else ""
    return before + shown[start:stop] + after, _pad(before + shown[start:at]) + "^"


def _pad(text: str) -> str:
    """Blanks as wide as `text` is on a terminal, where East Asian wide characters take two columns."""
    return " " * sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
