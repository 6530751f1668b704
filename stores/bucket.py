"""Stores below a prefix of an object store: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..specs.places import scheme_of
from .guarded import check_size
from .lease import PATIENCE, Lease, leased
from .location import ROOT, Location
from .problems import StoreError, foreign_errors, remote_errors

if TYPE_CHECKING:
    import zarr.abc.store
    from obstore.store import ObjectStore, RetryConfig
    from zarr.core.buffer import Buffer

RETRY: RetryConfig = {"max_retries": 10, "retry_timeout": timedelta(seconds=PATIENCE)}
# A lock is renewed again soon, so a renewal that fails is no reason to wait.
_BRIEF: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
# How many objects of a new store are put at the same time.
_PUTS = 16

_MISSING = "obstore is not installed, which reaches object stores; pip install 'rooflax[cloud]'"


class Bucket(Location):
    """A prefix; nothing there can be renamed, so a store begins to be one when its root metadata is put, at the end.

    Beside it lie, while a run needs them, its lock and the sign that it is being made.
    """

    def __init__(self, url: str) -> None:
        """Raises StoreError for a URL without a name for the store."""
        self._scheme = scheme_of(url)
        self.bucket, _, prefix = url.partition("://")[2].rstrip("/").partition("/")
        parts = prefix.split("/")
        if not self.bucket or not prefix or not {"", ".", ".."}.isdisjoint(parts) or re.search(r"[?#%\s]", url):
            raise StoreError(
                f"{url}: {self._scheme}://BUCKET/NAME was expected, such as {self._scheme}://bucket/runs/x.zarr"
            )
        self.prefix = prefix
        self._parent, self._name = "/".join(parts[:-1]), parts[-1]
        self._inside = self._objects(prefix)
        self._around = self._objects(self._parent)

    @property
    def address(self) -> str:
        """The URL."""
        return "/".join(part for part in (f"{self._scheme}://{self.bucket}", self._parent, self._name) if part)

    def zarr_store(self, *, read_only: bool = False) -> zarr.abc.store.Store:
        """The zarr store below the prefix."""
        from zarr.storage import ObjectStore

        return ObjectStore(self._inside, read_only=read_only)

    @contextmanager
    def errors(self, action: str, *, kept: bool = False) -> Iterator[None]:
        """Turns what the server or the network refuses into a StoreError."""
        with remote_errors(action, self.address, self.bucket, kept=kept):
            yield

    def exists(self) -> bool:
        """Whether any object has the prefix."""
        return any(len(batch) for batch in self._inside.list(chunk_size=1))

    def instead(self) -> str:
        """Nothing, a store half made, or other objects."""
        if self.half_made():
            return f"{self} is half made; the command that began it makes it anew"
        if not self.exists():
            return f"there is no store at {self}"
        return f"{self} holds other objects, not a rooflax store (it has no {ROOT})"

    def read(self, key: str) -> bytes | None:
        """The content of an object, or None where there is none."""
        try:
            found = self._inside.get(key)
            with foreign_errors(self.address):
                check_size(key, found.meta["size"])
            return bytes(found.bytes())
        except FileNotFoundError:
            return None

    def entries(self) -> list[str]:
        """The names of the first level below the prefix."""
        found = self._inside.list_with_delimiter()
        return sorted([*map(str, found["common_prefixes"]), *(str(entry["path"]) for entry in found["objects"])])

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The objects below a prefix within this one."""
        for batch in self._inside.list(prefix):
            for entry in batch:
                yield entry["path"], entry["size"]

    def lock(self, owner: Location | None = None) -> Lease:
        """The lock beside the store."""
        return leased(self._objects(self._parent, _BRIEF), self._beside("lock"), owner or self)

    def recover(self) -> None:
        """Deletes what a killed run has made of a store that it did not complete."""
        if not self.half_made():
            return
        if self.read(ROOT) is None:
            self._clear()
        self._around.delete(self._beside("partial"))

    @contextmanager
    def created(self, *, replace: bool) -> Iterator[zarr.abc.store.Store]:
        """The store is made in memory and put object by object, its root metadata last.

        A store that it replaces is deleted first, its root metadata before the rest. A sign beside it tells the next
        run that what lies there was ours.
        """
        from obstore.exceptions import BaseError
        from zarr.storage import MemoryStore

        content: dict[str, Buffer] = {}
        yield MemoryStore(content)
        self._around.put(self._beside("partial"), b"")
        try:
            if replace:
                self._clear()
            root = content.pop(ROOT)
            with ThreadPoolExecutor(_PUTS) as pool:
                list(pool.map(lambda key: self._inside.put(key, content[key].to_bytes()), sorted(content)))
            self._inside.put(ROOT, root.to_bytes())
        except BaseException:
            # Where the server is what failed, the next run recovers.
            with suppress(BaseError, OSError):
                self.recover()
            raise
        self._around.delete(self._beside("partial"))

    def refuse_links(self) -> None:
        """An object store has none."""

    def clear_torn(self) -> None:
        """An object is there whole or not at all."""

    def _clear(self) -> None:
        """Deletes everything below the prefix, first what makes it a store."""
        with suppress(FileNotFoundError):
            self._inside.delete(ROOT)
        for batch in self._inside.list():
            self._inside.delete([entry["path"] for entry in batch])

    def half_made(self) -> bool:
        """Whether the sign of it lies beside the store."""
        try:
            self._around.head(self._beside("partial"))
        except FileNotFoundError:
            return False
        return True

    def _beside(self, role: str) -> str:
        return f".{self._name}.{role}"

    def _objects(self, prefix: str, retry: RetryConfig | None = None) -> ObjectStore:
        try:
            from obstore.store import AzureStore, GCSStore, S3Store
        except ImportError:
            raise StoreError(f"{self._scheme}://{self.bucket}: {_MISSING}") from None
        kind: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[self._scheme]
        # Credentials, endpoint and region come from the environment.
        with remote_errors("reach", f"{self._scheme}://{self.bucket}/{self.prefix}", self.bucket):
            return kind(self.bucket, prefix=prefix or None, retry_config=retry or RETRY)
