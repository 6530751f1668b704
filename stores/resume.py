"""Creating a store, whole or not at all, and coming back to one that an interrupted run has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..specs.blocks import StoreLayout
from ..specs.places import Place
from .folder import BESIDE
from .layout import create_layout
from .location import Location, located, own_attributes, refuse_foreign, refuse_older, root_attributes
from .locks import Lock
from .problems import StoreError
from .provenance import difference
from .read import is_finished
from .write import Store

_TABLES = {".csv", ".parquet", ".nc"}


def create_or_resume(place: Place, layout: StoreLayout, *, overwrite: bool = False) -> Store:
    """The store at a path or URL, open for writing: created where nothing is there, resumed where it is of this layout.

    `overwrite` replaces any other rooflax store. The store is locked until it is closed. Raises LockedError where
    another run writes to it, and StoreError where it is of another origin, naming what differs, and where there is
    anything but a rooflax store.
    """
    target = located(place)
    _refuse_names_of_files(target)
    with locked(target, "create") as opened:
        with target.errors("create"):
            target.recover()
            exists = target.exists()
        if overwrite or not exists:
            _create(target, layout, exists=exists)
        else:
            _refuse_others(target, layout)
        return opened()


def finished_store(place: Place, layout: StoreLayout) -> Store | None:
    """The store of this layout at a place where nothing may be written, if its run came to its end.

    Raises StoreError where it is of another origin.
    """
    target = located(place)
    with target.errors("read"):
        exists = target.exists()
    if not exists or not is_finished(target):
        return None
    _refuse_others(target, layout)
    return Store(target)


def create_store(place: Place, layout: StoreLayout, *, overwrite: bool = False) -> Store:
    """A new store with all its arrays, still empty, and its coordinates; locked until it is closed.

    Raises StoreError where something exists already, unless it is a rooflax store and `overwrite` is set.
    """
    target = located(place)
    with locked(target, "create") as opened:
        with target.errors("create"):
            target.recover()
            exists = target.exists()
        if exists and not overwrite:
            own_attributes(target)
            raise StoreError(f"{target} exists already; give --overwrite to replace it, or another -o")
        _create(target, layout, exists=exists)
        return opened()


def open_store(place: Place) -> Store:
    """An existing store, open for writing; locked until it is closed."""
    target = located(place)
    refuse_older(target, root_attributes(target))
    with locked(target, "open") as opened:
        return opened()


def _refuse_others(target: Location, layout: StoreLayout) -> None:
    """Raises StoreError where what is there is not of this layout."""
    if clause := difference(_writable(target), layout):
        raise StoreError(
            f"{target} holds the results of another sweep: {clause}; give --overwrite to replace it, or another -o"
        )


def _refuse_names_of_files(target: Location) -> None:
    """Raises StoreError where a new folder would be called what names something else."""
    path = target.address
    if not isinstance(path, Path) or path.exists():
        return
    ending = path.suffix.lower()
    if ending == ".zip":
        raise StoreError(
            f"{path}: a zip file is read only; run into a folder, such as -o {path.with_suffix('.zarr')}, then zip "
            f"what is inside of it: cd {path.with_suffix('.zarr')} && zip -0 -r ../{path.name} ."
        )
    if ending in _TABLES:
        raise StoreError(
            f"{path}: a run fills a store, a folder; run into one, such as -o {path.with_suffix('.zarr')}, then "
            f"`rooflax slice {path.with_suffix('.zarr')} -o {path}` writes a table"
        )
    if path.name.startswith(".") and ending in BESIDE:
        raise StoreError(f"{path}: names like this one are for what a run keeps beside its store; give another -o")


def _create(target: Location, layout: StoreLayout, *, exists: bool) -> None:
    if exists:
        refuse_foreign(target)
    with target.errors("create"), target.created(replace=exists) as made:
        create_layout(made, layout)


def _writable(target: Location) -> dict[str, Any]:
    """The root attributes of a store that is to be resumed. Raises StoreError where its format is an older one."""
    attributes = own_attributes(target)
    refuse_older(target, attributes)
    return attributes


@contextmanager
def locked(target: Location, action: str) -> Iterator[Callable[[], Store]]:
    """What opens the store with its lock; the lock is let go where that does not come to be."""
    with target.errors(action):
        lock: Lock = target.lock()

    def opened() -> Store:
        with target.errors("open"):
            target.refuse_links()
            return Store(target, lock)

    try:
        yield opened
    except BaseException:
        lock.release()
        raise
