"""Examples of documentation pages: the blocks of a Markdown text, and the commands in them.

A comment before a block says what is not run, and why: `<!-- not run: all (reason) -->`, or `<!-- not run: TEXT
(reason); TEXT (reason) -->` for the commands that contain a text. `<!-- run with: TEXT (options) -->` gives such
commands further options, so that they take less time. `<!-- file: NAME -->` names the file that a block is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^```(\w*)")
_COMMENT = re.compile(r"^<!-- (not run|run with|file): (.*) -->$")
_REASON = re.compile(r"^(.+?) \((.+)\)$")
_VARIABLE = re.compile(r'^([A-Z]+)="([^"]*)"$', re.MULTILINE)
ALL = "all"


@dataclass(frozen=True)
class Block:
    """One fenced block: its line, language, text and file, what of it is not run, and further options of commands."""

    line: int
    language: str
    text: str
    file: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether anything in the block is run: Python that is no file, or commands of ours."""
        return ALL not in self.skipped and not self.file and (self.language == "python" or bool(self.commands))

    @property
    def commands(self) -> list[Command]:
        """The commands of a block that begins with one, with the lines that are printed under those after a `$`."""
        first = _VARIABLE.sub("", self.text).lstrip().removeprefix("$ ")
        return list(_commands(self.text)) if self.language in ("", "sh") and first.startswith("rooflax ") else []


@dataclass(frozen=True)
class Command:
    """One command by its words, and the lines that it is said to print."""

    words: tuple[str, ...]
    printed: tuple[str, ...]
    text: str


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    told: dict[str, str] = {}
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        comment, fence = _COMMENT.match(line), _FENCE.match(line)
        if comment:
            told[comment[1]] = comment[2]
        elif fence:
            inside = _inside(lines)
            skipped, options = _entries(told.get("not run", "")), _entries(told.get("run with", ""))
            yield Block(number, fence[1], "\n".join(inside), told.get("file", ""), skipped, options)
            told = {}
        elif line.strip():
            told = {}


def _inside(lines: Iterator[tuple[int, str]]) -> list[str]:
    found = []
    for _, line in lines:
        if line.startswith("```"):
            return found
        found.append(line)
    raise ValueError("a block is not closed")


def _entries(text: str) -> dict[str, str]:
    """The texts of a comment, each with what stands in parentheses behind it."""
    entries = [_REASON.match(entry) for entry in text.split("; ")] if text else []
    if not all(entries):
        raise ValueError(f"<!-- … {text} --> was found; TEXT (reason); TEXT (reason) was expected")
    return {entry[1]: entry[2] for entry in entries if entry}


def _commands(text: str) -> Iterator[Command]:
    variables = {name: " ".join(value.split()) for name, value in _VARIABLE.findall(text)}
    joined = _VARIABLE.sub("", text).replace("\\\n", " ")
    for name, value in variables.items():
        joined = joined.replace(f"${name}", value)
    current, printed = "", []
    for line in [*joined.splitlines(), "rooflax"]:
        if line.removeprefix("$ ").startswith("rooflax"):
            if current:
                yield Command(tuple(shlex.split(current, comments=True))[1:], tuple(printed), current)
            current, printed = line.removeprefix("$ "), []
        elif line.strip():
            printed.append(line)
