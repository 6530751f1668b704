"""Patching: a bokeh figure made to be what another one is, by changing only what differs.

A browser takes most of a second to build a figure and little to change one. Nothing is left out: both figures are
walked in parallel, and every property of every model is compared. Where they are not built alike, nothing is changed
and the new figure has to take the place of the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Seen = dict[str, dict[str, Any]]
_OWN = ("name", "tags")


class Figure:
    """A bokeh figure on a page, and the values that its models had when it was drawn.

    What the page or its reader changed since, such as a zoomed range, stays until the picture itself asks for another
    value.
    """

    def __init__(self, model: Any) -> None:
        """Takes a figure that has just been drawn."""
        self.model = model
        self._seen: Seen = {one.id: _values(one) for one in _models(model)}

    def become(self, new: Any) -> bool:
        """Changes the figure into a new one; False, and nothing is changed, where they are not built alike."""
        pairs = _paired(self.model, new)
        if pairs is None:
            return False
        for one, other in pairs:
            values, seen = _values(other), self._seen[one.id]
            for name in {*values, *seen}:
                value = getattr(other, name)
                if not _holds_models(value) and not _equal(seen.get(name, getattr(one, name)), value):
                    setattr(one, name, dict(value) if isinstance(value, Mapping) else value)
            self._seen[one.id] = values
        return True


def _values(model: Any) -> dict[str, Any]:
    """The properties of a model that are not as they are by default."""
    found = model.properties_with_values(include_defaults=False)
    return {name: value for name, value in found.items() if name not in _OWN}


def _inside(value: Any) -> Iterator[Any]:
    """The models in the value of a property."""
    from bokeh.model import Model

    if isinstance(value, Model):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _inside(part)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _inside(part)


def _holds_models(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and next(_inside(value), None) is not None


def _models(root: Any) -> list[Any]:
    """A model and all those below it, each once, in the order in which they are met."""
    found, waiting = {root.id: root}, [root]
    while waiting:
        for value in _values(waiting.pop()).values():
            for one in _inside(value):
                if one.id not in found:
                    found[one.id] = one
                    waiting.append(one)
    return list(found.values())


def _paired(old: Any, new: Any) -> list[tuple[Any, Any]] | None:
    """Every model below one figure with its counterpart below the other; None where they are not built alike."""
    pairs, waiting = {old.id: (old, new)}, [(old, new)]
    taken = {new.id: old.id}
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return None
        for name in {*_values(one), *_values(other)}:
            mine, theirs = list(_inside(getattr(one, name))), list(_inside(getattr(other, name)))
            if len(mine) != len(theirs):
                return None
            for part, counterpart in zip(mine, theirs, strict=True):
                if part.id not in pairs and counterpart.id not in taken:
                    pairs[part.id], taken[counterpart.id] = (part, counterpart), part.id
                    waiting.append((part, counterpart))
                elif taken.get(counterpart.id) != part.id:
                    return None
    return list(pairs.values())


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        first, second = np.asarray(one), np.asarray(other)
        floats = first.dtype.kind == "f" and second.dtype.kind == "f"
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=floats)
    return type(one) is type(other) and bool(one == other or (one != one and other != other))  # noqa: PLR0124 (NaN)
