"""Labels: the texts at an axis, short enough to be read and few enough to stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...specs.units import format_quantity
from ..roles import members

if TYPE_CHECKING:
    import xarray as xr

LONGEST = 26
MOST_TEXTS = 30
_WIDE, _MOST_WIDE = 12, 14
MOST_CELLS = 300
MOST_CURVES = 24


def arranged(data: xr.Dataset, *dims: str, most: int = MOST_CELLS) -> xr.Dataset:
    """A dataset whose numbers grow along `dims`, with every so many of the labels where there are too many to see."""
    for dim in dims:
        labels = data[dim].to_numpy()
        order = np.argsort(labels, kind="stable") if labels.dtype.kind in "fiu" else np.arange(len(labels))
        data = data.isel({dim: order[:: -(-len(order) // most)]})
    return data


def few(data: xr.Dataset, dim: str, most: int = MOST_CURVES) -> tuple[xr.Dataset, str]:
    """A dataset with a curve for each label of a dim, of every so many where there are too many, and its title."""
    title = str(data[dim].attrs.get("long_name", dim))
    step = -(-data.sizes[dim] // most)
    if step == 1:
        return data, title
    return data.isel({dim: slice(None, None, step)}), f"{title}\n1 of {step} is drawn"


def zipped_texts(coordinate: xr.DataArray) -> tuple[str, tuple[str, ...]] | None:
    """What tells the labels of a zipped axis apart: a member of distinct texts, or all members; None for other axes."""
    found = members(coordinate)
    if not found:
        return None
    for member in found:
        texts = tuple(map(str, member.to_numpy()))
        if member.dtype.kind not in "fiu" and len(set(texts)) == len(texts):
            return str(member.attrs.get("long_name", member.name)), texts
    columns = [texts_of(member) for member in found]
    return ", ".join(str(member.name) for member in found), tuple(map(", ".join, zip(*columns, strict=True)))


def texts_of(labels: xr.DataArray) -> tuple[str, ...]:
    """Labels as they are read: numbers with their unit."""
    values, unit = labels.to_numpy(), str(labels.attrs.get("units", "1"))
    if values.dtype.kind not in "fiu":
        return tuple(map(str, values))
    return tuple(format_quantity(value, unit) for value in values.astype(float))


def spread(texts: Sequence[str], most: int = MOST_TEXTS) -> list[tuple[float, str]]:
    """Ticks at the places 0, 1, 2 … of texts: shortened, and every so many of them where there are too many.

    >>> spread(["a", "b", "c"], most=2)
    [(0.0, 'a'), (2.0, 'c')]
    """
    wide = max(map(len, texts), default=0) > _WIDE
    step = -(-len(texts) // (min(most, _MOST_WIDE) if wide else most))
    return [(float(place), text) for place, text in enumerate(shortened(texts))][::step]


def shortened(texts: Sequence[str], longest: int = LONGEST) -> tuple[str, ...]:
    """Texts of at most so many letters, without their middles; whole where that would make two of them alike.

    >>> shortened(["a-rather-long-name-of-a-machine", "short"], longest=13)
    ('a-rathe…chine', 'short')
    """
    tail = longest // 2 - 1
    short = tuple(
        text if len(text) <= longest else f"{text[: longest - tail - 1]}…{text[len(text) - tail :]}" for text in texts
    )
    return short if len(set(short)) == len(set(texts)) else tuple(texts)


def in_words(name: str) -> str:
    """A name that has no label, in words."""
    return name.replace("_", " ")
