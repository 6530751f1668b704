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
        self._seen: Seen = {one.id: values_of(one) for one in models(model)}

    def become(self, new: Any) -> bool:
        """Changes the figure into a new one; False, and nothing is changed, where they are not built alike."""
        pairs = paired(self.model, new, self._seen)
        if pairs is None:
            return False
        for one, other, values in pairs:
            seen = self._seen.get(one.id, {})
            for name in {*values, *seen}:
                value = getattr(other, name)
                if not _holds_models(value) and not _equal(seen.get(name, getattr(one, name)), value):
                    setattr(one, name, dict(value) if isinstance(value, Mapping) else value)
            self._seen[one.id] = values
        return True


def values_of(model: Any) -> dict[str, Any]:
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


def models(root: Any) -> list[Any]:
    """A model and all those below it, each once, in the order in which they are met."""
    found, waiting = {root.id: root}, [root]
    while waiting:
        for value in values_of(waiting.pop()).values():
            for one in _inside(value):
                if one.id not in found:
                    found[one.id] = one
                    waiting.append(one)
    return list(found.values())


def paired(old: Any, new: Any, seen: Seen) -> list[tuple[Any, Any, dict[str, Any]]] | None:
    """Every model below one figure with its counterpart below the other, and the values of that.

    None where they are not built alike. `seen` are the values of the old one's models.
    """
    pairs: dict[str, tuple[Any, Any, dict[str, Any]]] = {}
    partner, waiting = {new.id: old.id}, [(old, new)]
    met = {old.id}
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return None
        mine, theirs = seen.get(one.id, {}), values_of(other)
        pairs[one.id] = one, other, theirs
        for name in {*mine, *theirs}:
            parts = list(_inside(getattr(one, name)))
            counterparts = list(_inside(theirs[name] if name in theirs else getattr(other, name)))
            if len(parts) != len(counterparts):
                return None
            for part, counterpart in zip(parts, counterparts, strict=True):
                if part.id not in met and counterpart.id not in partner:
                    met.add(part.id)
                    partner[counterpart.id] = part.id
                    waiting.append((part, counterpart))
                elif partner.get(counterpart.id) != part.id:
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
