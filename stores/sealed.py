"""Sealed stores: whenever the root's document is written, checksums of all documents go into it, and its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import zarr.abc.store
from zarr.core.buffer import Buffer
from zarr.core.buffer.core import default_buffer_prototype
from zarr.storage import WrapperStore

from .checksums import checksum, with_own
from .location import ROOT
from .provenance import DOCUMENTS, RUN


def sealed(store: zarr.abc.store.Store) -> zarr.abc.store.Store:
    """A store whose root's document is sealed, where that repeats the others; elsewhere the store itself."""
    return Sealed(store) if store.supports_consolidated_metadata else store


class Sealed(WrapperStore[zarr.abc.store.Store]):
    """A store open for writing that seals the root's document on its way, in the same atomic write."""

    async def set(self, key: str, value: Buffer) -> None:
        """Puts a file in place; the root's document is sealed."""
        await super().set(key, await self._sealed(value) if key == ROOT else value)

    async def _sealed(self, value: Buffer) -> Buffer:
        document: dict[str, Any] = json.loads(value.to_bytes())
        attributes = document["attributes"]
        found = await self._checksums(nodes(document))
        document["attributes"] = dict(sorted({**attributes, DOCUMENTS: found}.items()))
        return default_buffer_prototype().buffer.from_bytes(with_own(document, document["attributes"][RUN]))

    async def _checksums(self, paths: Iterable[str]) -> dict[str, str]:
        keys = [f"{path}/{ROOT}" for path in sorted(paths)]
        texts = await asyncio.gather(*(self.get(key, default_buffer_prototype()) for key in keys))
        return {key: checksum(text.to_bytes()) for key, text in zip(keys, texts, strict=True) if text is not None}


def nodes(document: dict[str, Any]) -> dict[str, Any]:
    """The documents of all groups and arrays below the root, as the root's repeats them."""
    return dict((document.get("consolidated_metadata") or {}).get("metadata") or {})
