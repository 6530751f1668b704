"""The documents of a store: the root's, held against its own checksum, and all others, against what the root's says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr.abc.store
from zarr.core.buffer.core import default_buffer_prototype
from zarr.core.sync import sync

from .checksums import checksum, holds
from .damage import Damage
from .guarded import EmptyFileError, GuardedStore
from .layout import BLOCKS
from .location import FORMAT, ROOT, SEALED_SINCE, Location, root_attributes
from .problems import DamagedError
from .provenance import DOCUMENTS, copied
from .sealed import nodes


@dataclass(frozen=True)
class Documents:
    """The documents of a store.

    `attributes` are the root's, None where its document is damaged; `copy` what the copy of the provenance holds, None
    where that is damaged too. `nodes` are the documents of all groups and arrays: as the root's repeats them or, where
    there is no trusting it, as they stand. `damages` are those of documents.
    """

    attributes: Mapping[str, Any] | None
    copy: Mapping[str, Any] | None
    nodes: Mapping[str, Mapping[str, Any]]
    damages: tuple[Damage, ...]

    @property
    def format(self) -> int:
        """The format that the store was written in."""
        return int((self.attributes or self.copy or {}).get(FORMAT, SEALED_SINCE))


def documents_of(place: Location) -> Documents:
    """The documents of the store at a place. Raises StoreError where there is no rooflax store, damaged or not."""
    with suppress(DamagedError):
        root_attributes(place)
    store = readable(place)
    text = content(store, ROOT)
    root, sealed = _parsed(text), holds(text or b"")
    attributes = root.get("attributes") or {}
    if place.keeps_documents:
        return Documents(attributes, None, dict(_walked(store)), ())
    copy = copied((_parsed(content(store, f"{BLOCKS}/{ROOT}"))).get("attributes") or {})
    version = attributes.get(FORMAT)
    older = sealed is None and isinstance(version, int) and version < SEALED_SINCE
    if sealed or older:
        known = {path: _own(document) for path, document in nodes(root).items()}
        return Documents(attributes, copy, known, tuple(_differing(store, attributes, known)))
    found = dict(_walked(store))
    lost = [Damage("metadata", "", ROOT, _lost(text, root))]
    lost += [
        Damage("metadata", path, f"{path}/{ROOT}", "the document is missing or no valid JSON")
        for path, document in found.items()
        if not document
    ]
    return Documents(None, copy, {path: document for path, document in found.items() if document}, tuple(lost))


def readable(place: Location) -> GuardedStore:
    """The zarr store at a place, guarded and opened: that of a zip file must be before anything is read."""
    store = place.zarr_store(read_only=True)
    sync(store._ensure_open())
    return GuardedStore(store)


def content(store: zarr.abc.store.Store, key: str) -> bytes | None:
    """The bytes of a file; None where there is none."""
    found = octets(store, key)
    return None if found is None else found.tobytes()


def octets(store: zarr.abc.store.Store, key: str) -> np.ndarray | None:
    """The bytes of a file as an array, which costs no copy; None where there is none.

    Raises ValueError for what no store holds, such as a link.
    """
    try:
        found = sync(store.get(key, default_buffer_prototype()))
    except EmptyFileError:
        return np.empty(0, dtype=np.uint8)
    return None if found is None else found.as_numpy_array().view(np.uint8)


def entries(store: zarr.abc.store.Store, path: str) -> list[str]:
    """The names of what lies directly below a path, in order."""
    return sorted(sync(_listed(store, path)))


async def _listed(store: zarr.abc.store.Store, path: str) -> list[str]:
    return [name async for name in store.list_dir(path)]


def _differing(
    store: zarr.abc.store.Store, attributes: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[Damage]:
    """The documents that are not as the root's says."""
    checksums = attributes.get(DOCUMENTS)
    for path, document in known.items():
        key = f"{path}/{ROOT}"
        try:
            text = content(store, key)
        except ValueError as error:
            yield Damage("foreign", path, key, str(error))
            continue
        if text is None:
            yield Damage("missing", path, key, "the document is missing")
        elif not text:
            yield Damage("empty", path, key, "the document is empty")
        elif (checksum(text) != checksums.get(key)) if checksums is not None else (_own(_parsed(text)) != document):
            yield Damage("metadata", path, key, "the document is not the one that the root's document records")


def _walked(store: zarr.abc.store.Store, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The documents below a path as they stand, empty where they cannot be read; chunks are no nodes.

    A store has arrays and groups of arrays, and nothing below them.
    """
    for name in entries(store, prefix.rstrip("/")):
        try:
            text = content(store, f"{prefix}{name}/{ROOT}")
        except ValueError:
            text = b""
        inside = entries(store, prefix + name) if text is None else []
        if text is None and not {"c", ROOT} & set(inside):
            continue
        document = _parsed(text)
        yield prefix + name, document
        if not prefix and document.get("node_type") == "group":
            yield from _walked(store, f"{prefix}{name}/")


def _parsed(text: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _own(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what a group repeats of its members."""
    return {name: value for name, value in document.items() if name != "consolidated_metadata"}


def _lost(text: bytes | None, root: Mapping[str, Any]) -> str:
    if text is None:
        return "the root's document is missing"
    if not text:
        return "the root's document is empty"
    return "the root's document does not match its checksum" if root else "the root's document is no valid JSON"
