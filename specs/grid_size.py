"""The size of the grid that axes span, and why it is too large."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from .axes import Axis
from .limits import MOST_AXES, MOST_LABELS_IN_ALL, MOST_POINTS


def excess(axes: int, labels: int) -> str:
    """Why there may be no further axis beside so many, or no more labels than so many in all; empty where there may."""
    if axes >= MOST_AXES:
        return f"there are {axes} axes before it; a sweep has at most {MOST_AXES}"
    if labels > MOST_LABELS_IN_ALL:
        told = f"{labels:,} labels; a sweep has at most {MOST_LABELS_IN_ALL:,}, so give them fewer"
        return f"with it the axes and zip groups have {told}"
    return ""


def first_too_many(axes: Iterable[Axis]) -> tuple[str, str] | None:
    """The axis with which the grid has more points than any run could fill, and a sentence; None where none has."""
    sizes: dict[str, int] = {}
    for axis in axes:
        sizes[axis.name] = axis.size
        if math.prod(sizes.values()) > MOST_POINTS:
            told = f"with it the grid has {_product(sizes)} points; a sweep has at most {MOST_POINTS:.0e}"
            return axis.name, f"{told}, so give the axes fewer labels"
    return None


def _product(sizes: Mapping[str, int]) -> str:
    return f"{' x '.join(f'{size:,}' for size in sizes.values())} = {math.prod(sizes.values()):.3g}"
