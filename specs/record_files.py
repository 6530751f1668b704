"""Record files: one YAML file per catalog record, checked against the vocabulary, all problems reported at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .documents import Document, KeyPath, parse_document
from .problems import SpecError
from .records import CatalogError, Field, Record, Source, field_value, written
from .text_files import TextError
from .text_files import read_text as text_of
from .vocabulary import CATALOGS, Group, Leaf, Vocabulary, nearest, shipped

CONFIDENCES = ("high", "medium", "low")
_TOP_LEVEL = frozenset(
    ("name", "title", "confidence", "network", "facts", "sources", "source", "fields", "notes", "aliases", "catalog")
)
_SOURCE_KEYS = frozenset(("title", "url", "date"))
_FIELD_KEYS = frozenset(("value", "source", "note"))
_SCALARS = (str, int, float, bool)

Report = Callable[[KeyPath, str], None]


def read_record(path: Path, catalog: str | None = None, vocabulary: Vocabulary | None = None) -> Record:
    """The record in one YAML file, or a model record from a Hugging Face `config.json`.

    `catalog` is taken from the file's `catalog` key, or the folder it lies in, where it is not given. Raises
    CatalogError with every problem of the file, each with its field, its line and what was expected.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        if catalog not in (None, "model"):
            raise CatalogError(f"{path}: a .json file is a model's config.json; a {catalog} record is a .yaml file")
        from .huggingface import record_from_config

        return record_from_config(path)
    document = parse_yaml(read_text(path), path)
    table = document.data
    problems: list[tuple[KeyPath, str]] = []

    def report(where: KeyPath, message: str) -> None:
        problems.append((where, message))

    found = _catalog_of(table, path, catalog, report)
    record = _record(table, path, found, vocabulary or shipped(), report) if found else None
    if problems or record is None:
        raise told(document, problems)
    return record


def read_text(path: Path) -> str:
    """The text of a record file."""
    try:
        return text_of(path, regular=True)
    except TextError as error:
        raise CatalogError(f"{path}: {error}") from None


def parse_yaml(text: str, path: Path) -> Document:
    """The mapping in the text of a record file, with its places. Tags and repeated keys are errors."""
    try:
        document = parse_document(text, str(path))
        if document.problems:
            raise SpecError(document.problems)
    except SpecError as error:
        raise CatalogError(str(error)) from None
    if not isinstance(document.data, Mapping):
        raise CatalogError(f"{path}: a record is a mapping with `name`, `title`, `sources` and `fields`")
    return document


def _catalog_of(table: Mapping[str, Any], path: Path, catalog: str | None, report: Report) -> str | None:
    """The catalog a file belongs to: given, named inside, or the folder's name; these must agree."""
    names = [group.value for group in CATALOGS]
    inside = table.get("catalog")
    found = catalog or inside or (path.parent.name if path.parent.name in names else None)
    if found is None:
        report((), f"which catalog is this? Add a top-level key `catalog:`, one of {', '.join(names)}")
    elif found not in names:
        report(("catalog",), f"unknown catalog {found!r}; it is one of {', '.join(names)}")
    elif inside not in (None, found):
        report(("catalog",), f"says {inside!r}, but this file is read as a {found} record")
    else:
        return found
    return None


def _record(table: Mapping[str, Any], path: Path, catalog: str, vocabulary: Vocabulary, report: Report) -> Record:
    """The record of a parsed file; problems go to `report` and leave a part out."""
    for key in table:
        if key not in _TOP_LEVEL:
            report((str(key),), f"unknown key{_did_you_mean(str(key), _TOP_LEVEL)}")
    name, title = _text(table, "name", report), _text(table, "title", report)
    if name and name != path.stem:
        report(("name",), f"{name!r} is not the file's name; {path.stem!r} was expected")
    confidence = table.get("confidence", "")
    if confidence not in CONFIDENCES:
        report(("confidence",), f"{confidence!r} was given; one of {', '.join(CONFIDENCES)} was expected")
    network = table.get("network")
    if network is not None and (catalog != "hardware" or not isinstance(network, str)):
        report(("network",), "only a hardware record names its default network, by the name of a network record")
    sources = dict(_sources(_mapping(table, "sources", report), report))
    return Record(
        catalog=catalog,
        name=name,
        title=title,
        confidence=str(confidence),
        fields=dict(_fields(table, catalog, sources, vocabulary, report)),
        facts=_facts(_mapping(table, "facts", report), report),
        network=network,
        sources=sources,
        notes=_text(table, "notes", report, default=""),
        path=str(path),
        aliases=_aliases(table.get("aliases"), report),
    )


def _mapping(table: Mapping[str, Any], key: str, report: Report) -> Mapping[str, Any]:
    value = table.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        report((key,), "a mapping was expected")
        return {}
    return value


def _text(table: Mapping[str, Any], key: str, report: Report, default: str | None = None) -> str:
    value = table.get(key, default)
    if isinstance(value, str) and (value or default is not None):
        return value
    report((key,), "missing; a text was expected" if value in (None, "") else f"a text was expected, not {value!r}")
    return ""


def _facts(table: Mapping[str, Any], report: Report) -> dict[str, Any]:
    for key, value in table.items():
        if not isinstance(value, _SCALARS):
            report(("facts", str(key)), "a fact is a text, a number, or true or false")
    return {str(key): value for key, value in table.items()}


def _aliases(value: Any, report: Report) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(alias, str) for alias in value):
        report(("aliases",), "a list of names was expected")
        return ()
    return tuple(value)


def _sources(table: Mapping[str, Any], report: Report) -> Iterator[tuple[str, Source]]:
    for key, value in table.items():
        where = ("sources", str(key))
        if not isinstance(value, Mapping):
            report(where, "a mapping with `title`, and `url` and `date` where known, was expected")
            continue
        for extra in sorted(set(map(str, value)) - _SOURCE_KEYS):
            report((*where, extra), f"unknown key{_did_you_mean(extra, _SOURCE_KEYS)}")
        if not isinstance(value.get("title"), str) or not value["title"]:
            report((*where, "title"), "missing; a source needs a title to cite")
        yield str(key), Source(str(key), *(str(value.get(part) or "") for part in ("title", "url", "date")))


def _fields(
    table: Mapping[str, Any], catalog: str, sources: Mapping[str, Source], vocabulary: Vocabulary, report: Report
) -> Iterator[tuple[str, Field]]:
    """The fields that can be read; the others are reported."""
    known = {leaf.name: leaf for leaf in vocabulary.values() if leaf.group == catalog}
    default = table.get("source")
    if default is not None and not _is_key(default, sources):
        report(("source",), f"{default!r} is not a key of `sources`{_did_you_mean(str(default), sources)}")
    fields = _mapping(table, "fields", report)
    if not fields and catalog != Group.SOFTWARE:  # what a stack reaches is fitted, not stated
        report(("fields",), f"missing; a {catalog} record has fields such as `{next(iter(known))}`")
    for name, given in fields.items():
        where = ("fields", str(name))
        if name not in known:
            report(where, _unknown_field(str(name), catalog, known, vocabulary))
            continue
        whole = given if isinstance(given, Mapping) else {"value": given}
        for extra in sorted(set(map(str, whole)) - _FIELD_KEYS):
            report((*where, extra), f"unknown key{_did_you_mean(extra, _FIELD_KEYS)}")
        source = whole.get("source", default)
        if source is None:
            report(where, "no source; name one here, or a default with the top-level key `source`")
        elif not _is_key(source, sources) and not (source == default and "source" not in whole):
            report((*where, "source"), f"{source!r} is not a key of `sources`{_did_you_mean(str(source), sources)}")
        try:
            value = field_value(known[name], whole.get("value"))
        except ValueError as error:
            report(where, str(error))
        else:
            yield str(name), Field(value, written(whole["value"]), str(source), str(whole.get("note", "")))


def _is_key(name: object, known: Collection[str]) -> bool:
    return isinstance(name, str) and name in known


def _unknown_field(name: str, catalog: str, known: Mapping[str, Leaf], vocabulary: Vocabulary) -> str:
    alias = vocabulary.aliases.get(name)
    if alias in known:
        return f"unknown field; the glossary calls it `{alias}`"
    if name in vocabulary:
        return f"is a {vocabulary[name].group} input, not a field of a {catalog} record"
    return f"unknown field of a {catalog} record{_did_you_mean(name, known)}"


def _did_you_mean(name: str, known: Collection[str]) -> str:
    found = nearest(name, known)
    return f"; did you mean `{found}`?" if found else f"; known: {', '.join(sorted(known))}" if len(known) < 12 else ""


def told(document: Document, problems: Iterable[tuple[KeyPath, str]]) -> CatalogError:
    """All problems of one file, each at the nearest enclosing key."""
    return CatalogError(str(SpecError(document.problem(where, what, about_key=True) for where, what in problems)))
