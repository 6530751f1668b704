"""A YAML 1.2 document together with the place of every key and value, so that each error can point at its cause."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .limits import DEEPEST, LONGEST_NAME, LONGEST_SCALAR, LONGEST_TEXT, MOST_ALIASED, MOST_NODES, MOST_PROBLEMS
from .problems import Problem, SpecError
from .scalars import plain, unprintable
from .text_files import TextError, read_text

KeyPath = tuple[str | int, ...]
Mark = tuple[int, int]


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
    """The text of a file. Raises SpecError where it cannot be read, or is more than a document may have."""
    try:
        return read_text(path)
    except TextError as error:
        raise SpecError([Problem((), str(error), str(path))]) from None


def parse_document(text: str, file: str) -> Document:
    """The document in `text`. Raises SpecError where it cannot be read: wrong syntax, tags, or beyond the limits.

    Scalars follow the core schema of YAML 1.2: `1e9` is a number, `on` and `yes` are text, octal is written `0o17`.
    Tags, keys that are no scalars, merge keys and control characters are not accepted.
    """
    if len(text) > LONGEST_TEXT:
        message = f"the text is longer than {LONGEST_TEXT:,} characters, the most a document may have"
        raise SpecError([Problem((), message, file)])
    reader = _Reader(text, file)
    data = reader.document()
    return Document(data, text, file, reader.keys, reader.values, tuple(reader.problems))


def document_yaml(data: Mapping[str, Any]) -> str:
    """The text of a document that holds this data; keys stay in their order."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(dict(data), text)
    return text.getvalue()


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
        self.aliased = self.nodes = 0
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

        read: Any = None
        try:
            for event in YAML(typ="safe", pure=True).parse(self.text):
                read = event.end_mark
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
        except (YAMLError, ValueError, OverflowError) as error:
            raise self._fatal((), f"not valid YAML behind this: {error}", read) from None

    def _node(self, event: Any, path: KeyPath) -> tuple[Any, int]:
        """The data of one node and the number of nodes in it."""
        from ruamel.yaml.events import AliasEvent, ScalarEvent, SequenceStartEvent

        self.values[path] = (event.start_mark.line, event.start_mark.column)
        self.nodes += 1
        if self.nodes > MOST_NODES:
            message = f"more than {MOST_NODES:,} keys and values; give the labels of a long axis by a grid form"
            raise self._fatal(path[:3], message, event.start_mark)
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if event.ctag is not None and str(event.ctag) not in ("", "None"):
            raise self._fatal(path, f"tags are not accepted, found {event.ctag}", event.start_mark)
        if len(path) > DEEPEST:
            raise self._fatal(path[:3], f"nested more than {DEEPEST} deep", event.start_mark)
        if isinstance(event, ScalarEvent):
            self._check_text(event, path, LONGEST_SCALAR)
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
            self._check_text(event, path, LONGEST_NAME)
            self.nodes += 1
            key, mark = event.value, (event.start_mark.line, event.start_mark.column)
            if key in table:
                first = self.keys[*path, key][0] + 1
                message = f"given twice; the first is on line {first}"
                self.problems.append(_located(self.text, self.file, (*path, key), message, mark))
                if len(self.problems) == MOST_PROBLEMS:
                    raise SpecError(self.problems)
                kept = self.keys, self.values
                self.keys, self.values = {}, {}
                self._node(next(self.events), (*path, key))
                self.keys, self.values = kept
                continue
            self.keys[*path, key] = mark
            table[key], inner = self._node(next(self.events), (*path, key))
            size += 1 + inner
        return table, size

    def _check_text(self, event: Any, path: KeyPath, longest: int) -> None:
        """Refuses a key or value that is too long, or holds what no text may hold, such as an escape of a terminal."""
        if len(event.value) > longest:
            what = "a key" if longest == LONGEST_NAME else "a value"
            message = f"{len(event.value):,} characters; {what} has at most {longest:,}"
            raise self._fatal(path, message, event.start_mark)
        if found := unprintable(event.value):
            half = "\ud800" <= chr(int(found[2:], 16)) <= "\udfff"
            message = "half a surrogate pair is no character" if half else f"the control character {found} is not read"
            raise self._fatal(path, message, event.start_mark)

    def _fatal(self, path: KeyPath, message: str, mark: Any) -> SpecError:
        place = (mark.line, mark.column) if mark is not None else None
        return SpecError([_located(self.text, self.file, path, message, place)])
