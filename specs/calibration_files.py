"""Calibration files: fitted values in a first YAML document, and in a second one what they were fitted on.

Values are read with every record; the second document is long, is read when somebody asks, and names the rows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .calibration import OWNERS, STAGES, Calibrated, Calibration
from .documents import KeyPath
from .record_files import parse_yaml, read_text, told
from .scalars import as_float
from .vocabulary import Leaf, Vocabulary, nearest

NAME = "calibration.yaml"
SHIPPED = tuple(Path(__file__).with_name(stage.file) for stage in STAGES.values())
"""The files of the shipped calibration, one a stage."""
_SEPARATOR = "\n---\n"
_TOP_LEVEL = ("title", "date", "pooled", "records", "everywhere")
_PARTS = ("value", "error", "rows", "families", "records")
_HEAD = "# Written by `rooflax fit`: fitted values with standard errors, then what they were fitted on.\n"


def read_calibration(path: Path, vocabulary: Vocabulary) -> Calibration:
    """The fitted values in a file. Raises CatalogError with every problem, each with its line."""
    document = parse_yaml(read_text(path).partition(_SEPARATOR)[0], path)
    reader = _Reader(vocabulary)
    found = reader.calibration(document.data)
    if reader.problems:
        raise told(document, reader.problems)
    return found


def read_provenance(path: Path) -> Mapping[str, Any]:
    """What the values in a file were fitted on; empty where the file does not say."""
    tail = read_text(path).partition(_SEPARATOR)[2]
    return parse_yaml(tail, path).data if tail.strip() else {}


class _Reader:
    """The reading of one file; what is wrong is left out and kept in `problems`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.problems: list[tuple[KeyPath, str]] = []

    def calibration(self, table: Mapping[str, Any]) -> Calibration:
        for key in table:
            if key not in _TOP_LEVEL:
                self.problems.append(((str(key),), f"unknown key; known: {', '.join(_TOP_LEVEL)}"))
        return Calibration(
            {c: self._pooled(c, found) for c, found in self._catalogs(table, "pooled")},
            {c: self._records(c, found) for c, found in self._catalogs(table, "records")},
            dict(self._values(self._mapping(table.get("everywhere", {}), ("everywhere",)), ("everywhere",))),
            str(table.get("date", "")),
        )

    def _catalogs(self, table: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for catalog, found in self._mapping(table.get(key, {}), (key,)).items():
            if catalog in OWNERS:
                yield str(catalog), self._mapping(found, (key, catalog))
            else:
                self.problems.append(((key, str(catalog)), f"is none of {', '.join(OWNERS)}"))

    def _pooled(self, catalog: str, table: Mapping[str, Any]) -> dict[str, dict[str, Calibrated]]:
        found = {}
        for name, classes in table.items():
            where = ("pooled", catalog, str(name))
            if (leaf := self._leaf(name, where, catalog)) is None:
                continue
            values = self._mapping(classes, where).items()
            read = ((str(kind), self._value(leaf, value, (*where, str(kind)))) for kind, value in values)
            found[leaf.name] = {kind: value for kind, value in read if value is not None}
        return found

    def _records(self, catalog: str, table: Mapping[str, Any]) -> dict[str, dict[str, Calibrated]]:
        found = {}
        for record, leaves in table.items():
            where = ("records", catalog, str(record))
            found[str(record)] = dict(self._values(self._mapping(leaves, where), where, catalog))
        return found

    def _values(
        self, table: Mapping[str, Any], where: KeyPath, catalog: str | None = None
    ) -> Iterator[tuple[str, Calibrated]]:
        for name, given in table.items():
            leaf = self._leaf(name, (*where, str(name)), catalog)
            if leaf is not None and (value := self._value(leaf, given, (*where, leaf.name))) is not None:
                yield leaf.name, value

    def _leaf(self, name: object, where: KeyPath, catalog: str | None) -> Leaf | None:
        leaf = self.vocabulary.get(str(name))
        if leaf is None:
            close = nearest(str(name), self.vocabulary)
            self.problems.append((where, f"unknown input{f'; did you mean `{close}`?' if close else ''}"))
        elif catalog is not None and leaf.group != catalog:
            self.problems.append((where, f"is a {leaf.group} input, not a field of a {catalog} record"))
        else:
            return leaf
        return None

    def _value(self, leaf: Leaf, given: object, where: KeyPath) -> Calibrated | None:
        table = self._mapping(given, where)
        unknown = [str(key) for key in table if key not in _PARTS]
        numbers = {key: table.get(key, 1 if key == "records" else 0) for key in _PARTS}
        wrong = [k for k, x in numbers.items() if isinstance(x, bool) or not isinstance(x, int | float) or not x >= 0]
        if unknown or wrong or "value" not in table:
            self.problems.append((where, f"a mapping of numbers {', '.join(_PARTS)} was expected"))
        elif not all(math.isfinite(as_float(number)) for number in numbers.values()):
            self.problems.append((where, "finite numbers were expected"))
        elif not leaf.admits(float(numbers["value"])):
            self.problems.append((where, f"{numbers['value']:g} was given; {leaf.domain()} was expected"))
        else:
            counts = (int(numbers[key]) for key in ("rows", "families", "records"))
            return Calibrated(float(numbers["value"]), float(numbers["error"]), *counts)
        return None

    def _mapping(self, value: object, where: KeyPath) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.problems.append((where, "a mapping was expected"))
        return {}


def written(calibration: Calibration, provenance: Mapping[str, Any], title: str = "Fitted values") -> str:
    """The text of a calibration file."""
    values = {
        "title": title,
        "date": calibration.date,
        "pooled": {
            str(catalog): {leaf: {kind: _parts(v, True) for kind, v in by.items()} for leaf, by in found.items()}
            for catalog, found in calibration.pooled.items()
            if found
        },
        "records": {
            str(catalog): {name: {leaf: _parts(v) for leaf, v in by.items()} for name, by in sorted(found.items())}
            for catalog, found in calibration.records.items()
            if found
        },
        "everywhere": {leaf: _parts(value) for leaf, value in calibration.everywhere.items()},
    }
    return _HEAD + _dumped({key: value for key, value in values.items() if value}) + "---\n" + _dumped(provenance)


def _parts(found: Calibrated, pooled: bool = False) -> dict[str, float]:
    parts = {"value": float(f"{found.value:.6g}"), "error": float(f"{found.error:.2g}"), "rows": found.rows}
    return {**parts, "families": found.families, **({"records": found.records} if pooled else {})}


def _dumped(content: Mapping[str, Any]) -> str:
    """YAML in block style, with mappings of plain values and lists on one line each, wrapped."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 118
    out = io.StringIO()
    yaml.dump(_styled(content), out)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _styled(content: Any) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(content, Mapping):
        found = CommentedMap((key, _styled(value)) for key, value in content.items())
        if content and not any(isinstance(value, Mapping | list | tuple) for value in content.values()):
            found.fa.set_flow_style()
        return found
    if isinstance(content, list | tuple):
        found = CommentedSeq(map(_styled, content))
        found.fa.set_flow_style()
        return found
    return content
