"""A YAML 1.2 document together with the place of every key and value, so that each error can point at its cause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .problems import Problem, SpecError

KeyPath = tuple[str | int, ...]
Mark = tuple[int, int]

LONGEST = 2**20
DEEPEST = 20
MOST_ALIASED = 100

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:(inf|Inf|INF)|(nan|NaN|NAN))")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 300


@dataclass(frozen=True)
class Document:
    """The plain data of a document and where its parts stand.

    `keys` and `values` map a path to line and column, both from 0. `problems` holds what is wrong with the document
    itself and did not keep it from being read, such as a key given twice.
    """

    data: Any
    text: str
    file: str
    keys: Mapping[KeyPath, Mark]
    values: Mapping[KeyPath, Mark]
    problems: tuple[Problem, ...]

    def problem(self, path: KeyPath, message: str, *, about_key: bool = False) -> Problem:
        """A problem located at the key or the value of `path`, or at what encloses it where the document ends above."""
        mark = self.keys.get(path) if about_key else None
        for length in range(len(path), -1, -1):
            mark = mark or self.values.get(path[:length])
        return _located(self.text, self.file, path, message, mark)


def document_text(path: Path) -> str:
    """The text of a file, or of as much of it as is too much. Raises SpecError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4 * LONGEST + 1).decode("utf-8")  # UTF-8 takes at most 4 bytes a character
    except FileNotFoundError:
        raise SpecError([Problem((), "there is no such file", str(path))]) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SpecError([Problem((), f"cannot be read as text: {error}", str(path))]) from None


def parse_document(text: str, file: str) -> Document:
    """The document in `text`. Raises SpecError where it cannot be read: wrong syntax, tags, or beyond the limits.

    Scalars follow the core schema of YAML 1.2: `1e9` is a number, `on` and `yes` are text, octal is written `0o17`.
    Tags, keys that are no scalars and merge keys are not accepted.
    """
    if len(text) > LONGEST:
        raise SpecError([Problem((), f"the text is longer than {LONGEST} characters, the most a spec may have", file)])
    reader = _Reader(text, file)
    data = reader.document()
    return Document(data, text, file, reader.keys, reader.values, tuple(reader.problems))


def plain(text: str) -> Any:
    """What an unquoted scalar means: None, a flag, a number, or the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if special := _SPECIAL.fullmatch(text):
        return float("nan" if special[3] else special[1] + "inf")
    if _INTEGER.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text, 8 if "o" in text else 16 if "x" in text else 10)
    return float(text) if _FLOAT.fullmatch(text) else text


def _located(text: str, file: str, path: KeyPath, message: str, mark: Mark | None) -> Problem:
    if mark is None:
        return Problem(path, message, file)
    lines = _lines(text)
    source = lines[mark[0]] if mark[0] < len(lines) else ""
    return Problem(path, message, file, mark[0] + 1, mark[1] + 1, source)


@lru_cache(maxsize=2)
def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text.removeprefix("\ufeff"))


class _Reader:
    """Builds plain data from the parser's events, one pass, keeping marks."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.keys: dict[KeyPath, Mark] = {}
        self.values: dict[KeyPath, Mark] = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.aliased = 0
        self.events = self._events()

    def document(self) -> Any:
        from ruamel.yaml.events import DocumentEndEvent, StreamEndEvent

        event = next(self.events)
        if isinstance(event, StreamEndEvent):
            return None
        data, _ = self._node(next(self.events), ())
        while not isinstance(event, StreamEndEvent):
            event = next(self.events)
            if not isinstance(event, DocumentEndEvent | StreamEndEvent):
                raise self._fatal((), "a second document begins here; a file holds one", event.start_mark)
        return data

    def _events(self) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
        from ruamel.yaml.events import StreamStartEvent
        from ruamel.yaml.reader import ReaderError

        try:
            for event in YAML(typ="safe", pure=True).parse(self.text):
                if not isinstance(event, StreamStartEvent):
                    yield event
        except MarkedYAMLError as error:
            reason = ", ".join(part for part in (error.context, error.problem) if part)
            raise self._fatal((), f"not valid YAML: {reason}", error.problem_mark or error.context_mark) from None
        except ReaderError as error:
            before = self.text[: error.position]
            mark = (before.count("\n"), len(before) - before.rfind("\n") - 1)
            message = f"not valid YAML: the character U+{ord(self.text[error.position]):04X} is not allowed"
            raise SpecError([_located(self.text, self.file, (), message, mark)]) from None
        except (YAMLError, ValueError) as error:
            raise SpecError([Problem((), f"not valid YAML: {error}", self.file)]) from None

    def _node(self, event: Any, path: KeyPath) -> tuple[Any, int]:
        """The data of one node and the number of nodes in it."""
        from ruamel.yaml.events import AliasEvent, ScalarEvent, SequenceStartEvent

        self.values[path] = (event.start_mark.line, event.start_mark.column)
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if event.ctag is not None and str(event.ctag) not in ("", "None"):
            raise self._fatal(path, f"tags are not accepted, found {event.ctag}", event.start_mark)
        if len(path) > DEEPEST:
            raise self._fatal(path[:3], f"nested more than {DEEPEST} deep", event.start_mark)
        if isinstance(event, ScalarEvent):
            self._refuse_surrogates(event, path)
            found = (plain(event.value) if event.style in (None, "") else event.value), 1
        elif isinstance(event, SequenceStartEvent):
            found = self._sequence(path)
        else:
            found = self._mapping(path)
        if event.anchor:
            self.anchors[event.anchor] = found
        return found

    def _alias(self, event: Any, path: KeyPath) -> tuple[Any, int]:
        if event.anchor not in self.anchors:
            raise self._fatal(path, f"*{event.anchor} refers to nothing that ends above it", event.start_mark)
        data, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            raise self._fatal(path, f"aliases repeat more than {MOST_ALIASED} values in all", event.start_mark)
        return data, size

    def _sequence(self, path: KeyPath) -> tuple[list[Any], int]:
        from ruamel.yaml.events import SequenceEndEvent

        items: list[Any] = []
        size = 1
        while not isinstance(event := next(self.events), SequenceEndEvent):
            item, inner = self._node(event, (*path, len(items)))
            items.append(item)
            size += inner
        return items, size

    def _mapping(self, path: KeyPath) -> tuple[dict[str, Any], int]:
        from ruamel.yaml.events import MappingEndEvent, ScalarEvent

        table: dict[str, Any] = {}
        size = 1
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._fatal(path, "a key must be a name", event.start_mark)
            self._refuse_surrogates(event, path)
            key, mark = event.value, (event.start_mark.line, event.start_mark.column)
            if key in table:
                first = self.keys[*path, key][0] + 1
                message = f"given twice; the first is on line {first}"
                self.problems.append(_located(self.text, self.file, (*path, key), message, mark))
                kept = self.keys, self.values
                self.keys, self.values = {}, {}
                self._node(next(self.events), (*path, key))
                self.keys, self.values = kept
                continue
            self.keys[*path, key] = mark
            table[key], inner = self._node(next(self.events), (*path, key))
            size += 1 + inner
        return table, size

    def _refuse_surrogates(self, event: Any, path: KeyPath) -> None:
        if _SURROGATE.search(event.value):
            raise self._fatal(path, "half a surrogate pair is no character", event.start_mark)

    def _fatal(self, path: KeyPath, message: str, mark: Any) -> SpecError:
        place = (mark.line, mark.column) if mark is not None else None
        return SpecError([_located(self.text, self.file, path, message, place)])
