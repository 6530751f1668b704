"""Where stores lie: the zarr store behind a path, what already stands there, and moves that are all or nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr.abc.store
import zarr.storage

from .problems import StoreError, file_errors

FORMAT = "rooflax_store"
FORMAT_VERSION = 1
# How often, and how long apart in seconds, a folder that others still write to is deleted.
_TRIES, _PAUSE = 20, 0.05


def zarr_store(path: Path, *, read_only: bool = False) -> zarr.abc.store.Store:
    """The zarr store behind a local path: the one place that knows how a store is reached."""
    return zarr.storage.LocalStore(path.absolute(), read_only=read_only)


def resolved(path: str | os.PathLike[str]) -> Path:
    """The folder a path means: what it links to where it is a link, so that a store is replaced and not the link."""
    return Path(path).resolve() if Path(path).is_symlink() else Path(path)


def root_attributes(path: Path) -> dict[str, Any]:
    """The root attributes of the rooflax store at `path`.

    Raises StoreError where nothing is there, or something that is not a rooflax store.
    """
    if not path.exists():
        raise StoreError(f"there is no store at {path}")
    if not path.is_dir():
        raise StoreError(f"{path} is a file, not a rooflax store")
    with file_errors("read", path):
        if not any(path.iterdir()):
            raise StoreError(f"{path} is an empty folder, not a rooflax store")
    attributes = _attributes(path)
    version = attributes.get(FORMAT)
    if not isinstance(version, int):
        raise StoreError(f"{path} is a zarr store, but not one of rooflax")
    if version > FORMAT_VERSION:
        raise StoreError(
            f"{path} was written by a later rooflax (store format {version}; this one reads {FORMAT_VERSION})"
        )
    return attributes


def refuse_foreign(path: Path) -> None:
    """Raises StoreError unless `path` holds a rooflax store and nothing else, so that it may be deleted."""
    try:
        root_attributes(path)
    except StoreError as error:
        raise StoreError(f"{error}; it is left as it is, give another -o") from error
    with file_errors("read", path):
        entries = sorted(path.iterdir())
    for entry in entries:
        if entry.name != "zarr.json" and not (entry / "zarr.json").is_file():
            raise StoreError(f"{path} also holds {entry.name}, which is no part of the store; move it elsewhere first")


@contextmanager
def moved_into_place(path: Path, *, replace: bool) -> Iterator[Path]:
    """An empty folder beside `path` that takes its name at the end; a store that it replaces is deleted after that.

    A rename is atomic, so `path` holds the whole old store, the whole new one or, between the two renames of a
    replacement, nothing; never a part. Whatever fails inside leaves `path` as it was; what a killed process leaves,
    `recover` mends.
    """
    with file_errors("create", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = _sibling(path, "partial")
        made.mkdir()
    try:
        yield made
        with file_errors("create", path):
            _replace(made, path) if replace else made.rename(path)
    except BaseException:
        _discard(made)
        raise


def _discard(folder: Path) -> None:
    """Deletes a folder into which zarr's other writes may still be under way when one of them has failed."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)
        if not folder.exists():
            return


def recover(path: Path) -> None:
    """Mends what processes of this machine left beside `path` when they were killed; of live or foreign ones, nothing.

    A store half made is deleted. A store moved aside to be replaced comes back where nothing has taken its place.
    """
    if not path.parent.is_dir():
        return
    with file_errors("create", path):
        for sibling in sorted(path.parent.iterdir()):
            role = _role_of_dead(sibling, path)
            if role == "replaced" and not path.exists():
                sibling.rename(path)
            elif role:
                shutil.rmtree(sibling, ignore_errors=True)


def _replace(made: Path, path: Path) -> None:
    old = _sibling(path, "replaced")
    path.rename(old)
    try:
        made.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _attributes(path: Path) -> dict[str, Any]:
    metadata = path / "zarr.json"
    try:
        document = json.loads(metadata.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path} is a folder of other files, not a rooflax store (it has no zarr.json)") from None
    except OSError as error:
        raise StoreError(f"cannot read {metadata}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        raise StoreError(f"{path} is damaged or not a rooflax store: its zarr.json is not valid JSON") from None
    attributes = document.get("attributes") if isinstance(document, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _sibling(path: Path, role: str) -> Path:
    return path.with_name(f".{path.name}.{role}.{uuid.uuid4().hex[:8]}.{os.getpid()}.{socket.gethostname()}")


def _role_of_dead(sibling: Path, path: Path) -> str:
    """What `sibling` was to `path`, where the process of this machine that made it lives no more; else empty."""
    for role in ("partial", "replaced"):
        start = f".{path.name}.{role}."
        if sibling.name.startswith(start):
            _, process, host = [*sibling.name.removeprefix(start).split(".", 2), "", ""][:3]
            return role if host == socket.gethostname() and process.isdecimal() and not _alive(int(process)) else ""
    return ""


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
