"""Where stores lie: a folder, or a prefix of an object store, behind one small interface."""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from ..specs.places import Place, is_archive, scheme_of
from .checksums import holds
from .problems import DamagedError, StoreError, remedy

if TYPE_CHECKING:
    import zarr.abc.store

    from .locks import Lock

FORMAT = "rooflax_store"
FORMAT_VERSION = 2
# The first format whose documents have checksums.
SEALED_SINCE = 2
ROOT = "zarr.json"
# The group that every store of ours has, and nobody else's.
MARKS = "_blocks"

_CLIPPED = re.compile(r"(file|s3|gs|az|icechunk(\+s3)?):/(?!/)", re.IGNORECASE)
_SCHEMES = "s3://BUCKET/NAME, gs://BUCKET/NAME, az://CONTAINER/NAME, icechunk://PATH, icechunk+s3://BUCKET/NAME or file:///PATH"


class Location(ABC):
    """A place where a store lies or may lie; as text it is what the user gave.

    Keys name what a store holds, `step_time/c/0/1`. Errors of the operating system or the network leave its methods as
    they come; `errors` turns them into sentences.
    """

    shared_by_processes: ClassVar[bool] = True
    """Whether several processes of one run may write there, each through a Store of its own."""
    keeps_documents: ClassVar[bool] = False
    """Whether documents are kept by something that writes them in its own words and vouches for them itself."""

    @property
    @abstractmethod
    def address(self) -> Path | str:
        """The path or URL that leads here."""

    def __str__(self) -> str:
        return str(self.address)

    @abstractmethod
    def zarr_store(self, *, read_only: bool = False) -> zarr.abc.store.Store:
        """The zarr store there."""

    @abstractmethod
    def errors(self, action: str, *, kept: bool = False) -> AbstractContextManager[None]:
        """Turns what fails while we `action` the store into a StoreError; `kept`: finished blocks stay in it."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything is there, of whatever origin."""

    @abstractmethod
    def instead(self) -> str:
        """What is there where no root metadata is, in one sentence."""

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """What is kept under a key, or None."""

    @abstractmethod
    def entries(self) -> list[str]:
        """The names on the first level."""

    @abstractmethod
    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every key of an array or group with its size in bytes; of half-written files, none."""

    @abstractmethod
    def lock(self, owner: Location | None = None) -> Lock:
        """Takes the lock of the one run that may write there, or to what an owner keeps there. Raises LockedError."""

    @abstractmethod
    def recover(self) -> None:
        """Mends what a killed run has left of creating or replacing a store; to be called with the lock held."""

    @abstractmethod
    def created(self, *, replace: bool) -> AbstractContextManager[zarr.abc.store.Store]:
        """An empty zarr store that takes this place at the end, whole or not at all; to be used with the lock held."""

    @abstractmethod
    def refuse_links(self) -> None:
        """Raises StoreError where a store that is to be written holds a link, which may lead anywhere."""

    @abstractmethod
    def clear_torn(self) -> None:
        """Deletes what killed runs have half written, where that can be; while nobody writes."""

    def half_made(self) -> bool:
        """Whether a run was killed while it made a store there, or is making it."""
        return False

    def writing(self) -> AbstractContextManager[None]:
        """To be entered by a thread while it writes; `publish` waits for it where it must."""
        return nullcontext()

    def publish(self, message: str, *, now: bool = False) -> None:  # noqa: B027 (mostly, there is nothing to do)
        """Makes visible what was written so far, at once or when it is due; where that is not so anyway."""


def located(place: Place | Location) -> Location:
    """The location that a path or URL names. Raises StoreError for a URL of no known kind."""
    if isinstance(place, Location):
        return place
    text = os.fspath(place)
    if _CLIPPED.match(text):
        raise StoreError(f"{text}: a URL has two slashes after the colon; give it as text, since a Path drops one")
    scheme = scheme_of(text)
    if scheme in {"", "file"}:
        return _on_disk(_path_of(text) if scheme else Path(text))
    if scheme.startswith("icechunk"):
        from .repository import Repository

        return Repository(text)
    if scheme not in {"s3", "gs", "az"}:
        raise StoreError(f"{text}: `{scheme}` is no place for a store; a path was expected, or {_SCHEMES}")
    from .bucket import Bucket

    return Bucket(text)


def _on_disk(path: Path) -> Location:
    if is_archive(path):
        from .archive import Archive

        return Archive(path)
    from .folder import Folder

    return Folder(path)


def root_attributes(place: Location) -> dict[str, Any]:
    """The root attributes of the rooflax store at a place.

    Raises StoreError where nothing is there, or something that is not a rooflax store.
    """
    with place.errors("read"):
        content = place.read(ROOT)
        if content is None and _has_marks(place) and not place.half_made():
            raise DamagedError(f"{place} is damaged: its {ROOT} is missing; {remedy(place)}")
        if content is None:
            raise StoreError(place.instead())
    attributes = _attributes(content, place)
    version = attributes.get(FORMAT)
    if not isinstance(version, int) or version < 1:
        raise StoreError(f"{place} is a zarr store, but not one of rooflax")
    if version > FORMAT_VERSION:
        raise StoreError(
            f"{place} was written by a later rooflax (store format {version}; this one reads {FORMAT_VERSION})"
        )
    return attributes


def refuse_older(place: Location, attributes: Mapping[str, Any]) -> None:
    """Raises StoreError where the store has an older format: all are read, but only the present one is written."""
    if attributes[FORMAT] != FORMAT_VERSION:
        raise StoreError(
            f"{place} was written by rooflax {attributes.get('version', 'of an unknown version')} in store format "
            f"{attributes[FORMAT]}; this one reads it, but writes format {FORMAT_VERSION} alone: give --overwrite to "
            "compute it anew, or another -o"
        )


def refuse_foreign(place: Location) -> None:
    """Raises StoreError unless a place holds a rooflax store and nothing else, so that it may be deleted."""
    with suppress(DamagedError):
        own_attributes(place)
    with place.errors("read"):
        for entry in place.entries():
            if entry != ROOT and place.read(f"{entry}/{ROOT}") is None:
                raise StoreError(f"{place} also holds {entry}, which is no part of the store; move it elsewhere first")


def own_attributes(place: Location) -> dict[str, Any]:
    """The root attributes of a store that is to be resumed or replaced. Raises StoreError where it is none of ours."""
    try:
        return root_attributes(place)
    except StoreError as error:
        if error.exit_code != StoreError.exit_code:
            raise
        raise StoreError(f"{error}; it is left as it is, give another -o") from error


def _attributes(content: bytes, place: Location) -> dict[str, Any]:
    whole = None if place.keeps_documents else holds(content)
    try:
        document = json.loads(content) if whole is not False else None
    except (ValueError, RecursionError):
        with place.errors("read"):
            ours = _has_marks(place)
        if ours:
            raise DamagedError(f"{place} is damaged: its {ROOT} is not valid JSON; {remedy(place)}") from None
        raise StoreError(f"{place} is damaged or not a rooflax store: its {ROOT} is not valid JSON") from None
    attributes = document.get("attributes") if isinstance(document, dict) else None
    found = attributes if isinstance(attributes, dict) else {}
    version = found.get(FORMAT)
    sealed = not place.keeps_documents and isinstance(version, int) and SEALED_SINCE <= version <= FORMAT_VERSION
    if whole is False or (sealed and whole is None):
        raise DamagedError(f"{place} is damaged: its {ROOT} does not match its checksum; {remedy(place)}")
    return found


def _has_marks(place: Location) -> bool:
    return place.read(f"{MARKS}/{ROOT}") is not None


def _path_of(url: str) -> Path:
    """The local path of a `file://` URL. Raises StoreError where it names a host or no absolute path."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise StoreError(f"{url}: file:///PATH with an absolute path was expected")
    return Path(unquote(parts.path))
