"""Labels of damaged parts, as far as the coordinates are sound."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import zarr
import zarr.abc.store

from .damage import Label, Span


class Labels:
    """The labels along the dims of a store; those of damaged arrays are left out."""

    def __init__(self, store: zarr.abc.store.Store, damaged: Collection[str]) -> None:
        self._store, self._damaged = store, damaged
        self._read = cache(self._coordinate)

    def named(self, array: str, spans: Mapping[str, Span]) -> dict[str, Span]:
        """The spans of an array with their first and last labels."""
        group = array.rpartition("/")[0]
        return {dim: self._named(group, dim, span) for dim, span in spans.items()}

    def _named(self, group: str, dim: str, span: Span) -> Span:
        for path in dict.fromkeys([f"{group}/{dim}" if group else dim, dim]):
            found = self._read(path)
            if found is not None and len(found[0]) >= span.stop:
                values, unit = found
                return replace(span, first=_plain(values[span.start]), last=_plain(values[span.stop - 1]), unit=unit)
        return span

    def _coordinate(self, path: str) -> tuple[np.ndarray, str] | None:
        if "" in self._damaged or path in self._damaged:
            return None
        try:
            found: Any = zarr.open_array(self._store, path=path, mode="r")
            return np.atleast_1d(np.asarray(found[...])), str(found.attrs.get("units", "1"))
        except (OSError, ValueError, RuntimeError, KeyError, TypeError):
            return None


def _plain(value: Any) -> Label:
    return str(value) if isinstance(value, str) else float(value)
