"""Creating a store, whole or not at all, and coming back to one that an interrupted run has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..specs.blocks import StoreLayout
from ..specs.places import Place
from .layout import create_layout
from .location import Location, located, own_attributes, refuse_foreign, refuse_older, root_attributes
from .locks import Lock
from .problems import StoreError
from .provenance import difference
from .write import Store


def create_or_resume(place: Place, layout: StoreLayout, *, overwrite: bool = False) -> Store:
    """The store at a path or URL, open for writing: created where nothing is there, resumed where it is of this layout.

    `overwrite` replaces any other rooflax store. The store is locked until it is closed. Raises LockedError where
    another run writes to it, and StoreError where it is of another origin, naming what differs, and where there is
    anything but a rooflax store.
    """
    target = located(place)
    with locked(target, "create") as opened:
        with target.errors("create"):
            target.recover()
            exists = target.exists()
        if overwrite or not exists:
            _create(target, layout, exists=exists)
        elif clause := difference(_writable(target), layout):
            raise StoreError(
                f"{target} holds the results of another sweep: {clause}; give --overwrite to replace it, or another -o"
            )
        return opened()


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
