"""Prefixes: the one unit, such as GB/s, in which numbers that belong together are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..specs.units import UnitError, format_quantity, parse_quantity

SHARED = (1e-2, 1e4)
_HANDY = (1.0, 1e3)


def shared_prefix(values: Iterable[float], unit: str) -> tuple[str, float] | None:
    """The unit in which all values are easy to read and what one of it is worth in `unit`; None where there is none.

    >>> shared_prefix([25e9, 400e9], "B/s")
    ('GB/s', 1000000000.0)
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    scales = {suffix: _scale(suffix, unit) for suffix in {_suffix(size, unit) for size in sizes}}
    if not scales or math.inf in scales.values():
        return None
    low, high = min(sizes), max(sizes)
    fitting = [
        suffix
        for suffix, scale in scales.items()
        if len(scales) == 1 or (SHARED[0] <= low / scale and high / scale < SHARED[1])
    ]
    if not fitting:
        return None
    handy = {suffix: sum(_HANDY[0] <= size / scales[suffix] < _HANDY[1] for size in sizes) for suffix in fitting}
    best = max(sorted(fitting), key=lambda suffix: (handy[suffix], scales[suffix] == 1))
    return best, scales[best]


def _suffix(size: float, unit: str) -> str:
    """The unit with which a value is shown."""
    return format_quantity(size, unit).partition(" ")[2]


def _scale(suffix: str, unit: str) -> float:
    """What a unit as it is shown is worth in `unit`; infinite where it cannot be read."""
    try:
        return parse_quantity(f"1 {suffix}", unit) if suffix else 1.0
    except UnitError:
        return math.inf
