"""Stores in Icechunk repositories, where readers see what was committed and nothing else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from zarr.storage import WrapperStore

from ..specs.places import scheme_of
from .bucket import Bucket
from .folder import Folder
from .location import ROOT, Location, located
from .locks import Lock
from .problems import DiskFullError, LostLockError, OutageError, StoreError

if TYPE_CHECKING:
    import icechunk
    import zarr.abc.store

SCHEMES = {"icechunk": "", "icechunk+s3": "s3://"}
BRANCH = "main"
# A run that is killed loses what it has done since its last commit, at most so many seconds of work.
COMMIT_SECONDS = 20.0

_MISSING = "icechunk is not installed, which keeps repositories; pip install 'rooflax[cloud]'"
_NO_SPACE = ("no space left", "os error 28", "disk quota exceeded")


class Repository(Location):
    """A repository in a folder or below a prefix of S3, with one run that commits.

    What a run writes belongs to one session and becomes visible with its commit, marks and values together.
    """

    shared_by_processes = False
    keeps_documents = True

    def __init__(self, url: str) -> None:
        """Raises StoreError for a URL without a place."""
        self._scheme, rest = scheme_of(url), url.partition("://")[2]
        if self._scheme not in SCHEMES or not rest:
            raise StoreError(f"{url}: icechunk://PATH or icechunk+s3://BUCKET/NAME was expected")
        if find_spec("icechunk") is None:
            raise StoreError(f"{url}: {_MISSING}")
        base = located(SCHEMES[self._scheme] + rest)
        assert isinstance(base, Folder | Bucket)
        self._base = base
        self._session: _Session | None = None

    @property
    def address(self) -> str:
        """The URL."""
        return f"{self._scheme}://{str(self._base).removeprefix(SCHEMES[self._scheme])}"

    def zarr_store(self, *, read_only: bool = False) -> zarr.abc.store.Store:
        """The last commit, or a session that begins with it; from then on this place shows what the session holds."""
        if read_only:
            return self._opened().readonly_session(BRANCH).store
        self._session = _Session(self._opened)
        return self._session.store

    @contextmanager
    def errors(self, action: str, *, kept: bool = False) -> Iterator[None]:
        """Turns what the repository or what lies under it refuses into a StoreError."""
        import icechunk

        with self._base.errors(action, kept=kept):
            try:
                yield
            except icechunk.ConflictError as error:
                raise LostLockError(
                    f"another run has committed to {self} since this one's last commit; what was committed is kept, "
                    "and nothing more is written here"
                ) from error
            except icechunk.IcechunkError as error:
                raise _told(str(error), action, self.address, kept=kept) from error

    def exists(self) -> bool:
        """Whether there is a store, or something that is no repository; an empty repository is nothing yet."""
        return self.read(ROOT) is not None if self._is_repository() else self._base.exists()

    def instead(self) -> str:
        """Nothing, or something else."""
        if self._is_repository():
            return f"{self} is an empty Icechunk repository, not a rooflax store"
        return f"{self} is no Icechunk repository" if self._base.exists() else f"there is no store at {self}"

    def read(self, key: str) -> bytes | None:
        """The value of a key in the session, or in the last commit."""
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.sync import sync

        if self._session is None and not self._is_repository():
            return None
        found = sync(self._present().get(key, default_buffer_prototype()))
        return None if found is None else found.to_bytes()

    def entries(self) -> list[str]:
        """The names on the first level."""
        return sorted(_collected(self._present().list_dir("")))

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The keys below a prefix; a chunk of a repository is never torn, so each counts as one byte or more."""
        return ((key, 1) for key in _collected(self._present().list_prefix(prefix)))

    def lock(self, owner: Location | None = None) -> Lock:
        """The lock of the place under the repository, so that a second run is refused before it has done its work."""
        return self._base.lock(owner or self)

    def recover(self) -> None:
        """What a killed run has not committed is not there."""

    @contextmanager
    def created(self, *, replace: bool) -> Iterator[zarr.abc.store.Store]:
        """A new store is one commit; a store that it replaces stays in the history."""
        import icechunk

        if not self._is_repository():
            icechunk.Repository.create(self._storage)
        session = self._opened().writable_session(BRANCH)
        if replace:
            session.store.sync_clear()
        yield session.store
        session.commit("store created")

    def refuse_links(self) -> None:
        """A repository has none of its own."""

    def clear_torn(self) -> None:
        """Chunks that no commit refers to are Icechunk's to collect."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps commits out while a thread writes, so that no thread writes to a session that has ended."""
        if self._session is None:
            yield
            return
        with self._session.shared():
            yield

    def publish(self, message: str, *, now: bool = False) -> None:
        """Commits what was written, at once or where the last commit is some time ago."""
        if self._session is not None:
            self._session.commit(message, now=now)

    def _present(self) -> zarr.abc.store.Store:
        return self._session.store if self._session is not None else self.zarr_store(read_only=True)

    def _opened(self) -> icechunk.Repository:
        import icechunk

        return icechunk.Repository.open(self._storage)

    def _is_repository(self) -> bool:
        import icechunk

        # Icechunk makes the folder that it looks for.
        return self._base.exists() and icechunk.Repository.exists(self._storage)

    @cached_property
    def _storage(self) -> icechunk.Storage:
        import icechunk

        if isinstance(self._base, Folder):
            # It warns that commits to a file system exclude each other badly; the lock does that here.
            icechunk.set_logs_filter("error")
            return icechunk.local_filesystem_storage(str(self._base.path.absolute()))
        return icechunk.s3_storage(bucket=self._base.bucket, prefix=self._base.prefix, from_env=True, **_s3_options())


class _Continued(WrapperStore[Any]):
    """The zarr store of one session after another."""

    @property
    def supports_consolidated_metadata(self) -> bool:
        """As the session's store has it."""
        return self._store.supports_consolidated_metadata


class _Session:
    """A writable session that goes on after each commit; the zarr store stays the same throughout."""

    def __init__(self, opened: Callable[[], icechunk.Repository]) -> None:
        self._repository = opened()
        self._session = self._repository.writable_session(BRANCH)
        self.store = _Continued(self._session.store)
        self._committed = time.monotonic()
        self._writers, self._committing, self._change = 0, False, threading.Condition()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While somebody is inside, nothing is committed."""
        with self._change:
            self._change.wait_for(lambda: not self._committing)
            self._writers += 1
        try:
            yield
        finally:
            with self._change:
                self._writers -= 1
                self._change.notify_all()

    def commit(self, message: str, *, now: bool) -> None:
        """Commits and goes on with a new session. Raises ConflictError where somebody else has committed."""
        with self._change:
            if self._committing or (not now and time.monotonic() - self._committed < COMMIT_SECONDS):
                return
            self._committing = True
            try:
                self._change.wait_for(lambda: self._writers == 0)
                if self._session.has_uncommitted_changes:
                    self._session.commit(message)
                    self._session = self._repository.writable_session(BRANCH)
                    self.store._store = self._session.store
                self._committed = time.monotonic()
            finally:
                self._committing = False
                self._change.notify_all()


def _collected(names: AsyncIterator[str]) -> list[str]:
    from zarr.core.sync import sync

    async def collected() -> list[str]:
        return [name async for name in names]

    return sync(collected())


def _s3_options() -> dict[str, Any]:
    """What obstore reads from the environment by itself, for Icechunk, which reads credentials alone."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next((value for name in names if (value := os.environ.get(name))), None)
    return {
        "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        "endpoint_url": endpoint,
        "allow_http": _is_true("AWS_ALLOW_HTTP"),
        "force_path_style": bool(endpoint) and not _is_true("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
    }


def _is_true(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _told(text: str, action: str, url: str, *, kept: bool) -> StoreError:
    """What Icechunk reports, which says the reason in its first line, in one sentence."""
    reason = text.strip().partition("\n")[0].strip(" x×") or "no reason is given"
    if any(sign in text.lower() for sign in _NO_SPACE):
        return DiskFullError(f"disk full: cannot {action} {url}; what was committed is kept")
    rest = "; what was committed is kept, run the same command to resume" if kept else ""
    return OutageError(f"cannot {action} {url}: {reason}{rest}")
