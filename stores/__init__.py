"""Labelled blocks in and out of zarr: a store is created whole, written block by block, resumed, and read lazily."""

from .problems import DiskFullError, LockedError, OutageError, StoreError
from .read import is_finished, open_results
from .resume import create_or_resume, create_store, open_store
from .write import Store

__all__ = [
    "DiskFullError",
    "LockedError",
    "OutageError",
    "Store",
    "StoreError",
    "create_or_resume",
    "create_store",
    "is_finished",
    "open_results",
    "open_store",
]
