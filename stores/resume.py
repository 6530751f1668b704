"""Creating a store, whole or not at all, and coming back to one that an interrupted run has left."""

from __future__ import annotations

import os
from pathlib import Path

from ..specs.blocks import StoreLayout
from .layout import create_layout
from .location import moved_into_place, recover, refuse_foreign, resolved, root_attributes, zarr_store
from .problems import StoreError, file_errors
from .provenance import difference
from .write import Store


def create_or_resume(path: str | os.PathLike[str], layout: StoreLayout, *, overwrite: bool = False) -> Store:
    """The store at `path`, open for writing: created where nothing is there, resumed where it is of the same layout.

    `overwrite` replaces any other rooflax store. Raises StoreError where the store is of another origin, naming what
    differs, and where `path` is anything but a rooflax store.
    """
    place = _settled(path)
    if overwrite or not place.exists():
        return create_store(place, layout, overwrite=overwrite)
    clause = difference(_own_attributes(place), layout)
    if clause:
        raise StoreError(
            f"{place} holds the results of another sweep: {clause}; give --overwrite to replace it, or another -o"
        )
    return open_store(place)


def create_store(path: str | os.PathLike[str], layout: StoreLayout, *, overwrite: bool = False) -> Store:
    """A new store with all its arrays, still empty, and its coordinates.

    It is made beside `path` and moved there when complete. Raises StoreError where `path` exists, unless it is a
    rooflax store and `overwrite` is set.
    """
    place = _settled(path)
    exists = place.exists()
    if exists:
        refuse_foreign(place)
        if not overwrite:
            raise StoreError(f"{place} exists already; give --overwrite to replace it, or another -o")
    with moved_into_place(place, replace=exists) as made, file_errors("create", place):
        create_layout(zarr_store(made), layout)
    return Store(place)


def open_store(path: str | os.PathLike[str]) -> Store:
    """An existing store, open for writing."""
    place = _settled(path)
    root_attributes(place)
    with file_errors("open", place):
        return Store(place)


def _settled(path: str | os.PathLike[str]) -> Path:
    place = resolved(path)
    recover(place)
    return place


def _own_attributes(place: Path) -> dict[str, object]:
    try:
        return root_attributes(place)
    except StoreError as error:
        raise StoreError(f"{error}; it is left as it is, give another -o") from error
