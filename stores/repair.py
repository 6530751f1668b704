"""Repairing what needs no evaluation: documents, coordinates and marks as the layout of the store makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import zarr.abc.store
import zarr.storage
from zarr.core.buffer.core import default_buffer_prototype
from zarr.core.sync import sync

from ..specs.blocks import StoreLayout
from ..specs.places import Place
from .checksums import checksum
from .documents import Documents, content, documents_of
from .layout import create_layout
from .location import ROOT, located
from .provenance import DOCUMENTS, provenance_of
from .resume import locked
from .write import Store


def stored_documents(place: Place) -> Documents:
    """The documents of the store at a path or URL, damaged or not."""
    source = located(place)
    with source.errors("read"):
        return documents_of(source)


def provenance(documents: Documents) -> Mapping[str, object] | None:
    """What the store says of its origin: by its root's document or, where that is damaged, by the copy of it."""
    return documents.attributes if documents.attributes is not None else documents.copy


def templates(layout: StoreLayout, documents: Documents) -> dict[str, bytes]:
    """Every file of the store as it was before the first block: documents and coordinates, by key, the root's last.

    `layout` is that of the store's sweep; the provenance is taken from the store, since it tells what wrote the values.
    """
    made = zarr.storage.MemoryStore()
    create_layout(made, replace(layout, attrs=provenance_of(provenance(documents) or {})))
    keys = sorted(sync(_keys(made)), key=lambda key: (key == ROOT, key))
    return {key: content(made, key) or b"" for key in keys}


def recorded(documents: Documents, key: str) -> bytes | None:
    """A document as the root's repeats it; None where that does not give the bytes that were written."""
    text = json.dumps(documents.nodes.get(key.removesuffix(f"/{ROOT}")), indent=2).encode()
    return text if checksum(text) == (documents.attributes or {}).get(DOCUMENTS, {}).get(key) else None


def differing(place: Place, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of some files that a store does not hold as they should be."""
    source = located(place)
    with source.errors("read"):
        return {key: wanted for key, wanted in files.items() if source.read(key) != wanted}


@contextmanager
def opened_for_repair(place: Place, files: Mapping[str, bytes], given_up: Iterable[str]) -> Iterator[Store]:
    """The store, locked and open for writing, after groups are given up and files put back, each of them at once."""
    target = located(place)
    with locked(target, "open") as opened:
        with target.errors("repair", kept=True):
            target.recover()
            target.refuse_links()
            store = target.zarr_store()
            for group in given_up:
                sync(store.delete_dir(group))
            for key, wanted in files.items():
                sync(store.set(key, default_buffer_prototype().buffer.from_bytes(wanted)))
            target.publish("repair", now=True)
        with opened() as found:
            yield found


async def _keys(store: zarr.abc.store.Store) -> list[str]:
    return [key async for key in store.list()]
