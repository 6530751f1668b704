"""Breakdown: a sum along an axis as the stack of its terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.units import format_quantity
from ..registry import report
from ..roles import AXIS, SUM
from .boxes import SHADED, Look, boxes, look_of
from .feasible import INFEASIBLE, along, feasible
from .labels import arranged, in_words
from .scales import Scale, axis_scale, label_of, values_scale
from .style import framed, library

if TYPE_CHECKING:
    import xarray as xr

REST = "other terms"
_SMALL = 0.01
_WIDE, _MANY = 0.84, 40


@report(title="{quantity} and its terms along {x}", roles={"quantity": SUM, "x": AXIS})
def breakdown(data: xr.Dataset, *, quantity: str, x: str) -> Any:
    """Terms in the order of the sum; small ones and those that the dataset lacks are one."""
    data = arranged(data, x)
    across, shown = axis_scale(data[x]), values_scale(data[quantity]).linear
    parts, total = terms(data, quantity, x), along(data, quantity, (x,)).astype(float)
    left, right = _sides(across)
    above, below = np.zeros_like(total), np.zeros_like(total)
    drawn = []
    order = [*(name for name in data[quantity].attrs["terms"] if name in data), REST]
    for name, part in parts.items():
        up = part >= 0
        start = np.where(up, above, below)
        stop = start + part
        above, below = np.where(up, stop, above), np.where(up, below, stop)
        there = np.flatnonzero(np.isfinite(part) & (part != 0))
        corners = [(left[i], start[i] / shown.factor, right[i], stop[i] / shown.factor) for i in there]
        columns = {
            "term": [label_of(data[name]) if name in data else name] * len(there),
            "at": [across.texts[i] for i in there],
            "value": [format_quantity(part[i], str(data[quantity].attrs.get("units", "1"))) for i in there],
            "share": [f"{100 * part[i] / total[i]:.1f} %" if total[i] else "none" for i in there],
        }
        tips = [("Term", "@term"), (across.label, "@at"), ("Value", "@value"), ("Share", "@share")]
        look = Look("#BBBBBB") if name == REST else look_of(order.index(name), len(parts))
        drawn.append(boxes(corners, in_words(name), look, columns, tips))
    blocked = np.flatnonzero(~feasible(data, (x,)) & np.isfinite(total))
    columns = [(left[i], below[i] / shown.factor, right[i], above[i] / shown.factor) for i in blocked]
    drawn += [boxes(columns, INFEASIBLE, SHADED)] if len(blocked) else []
    lowest = below.min() / shown.factor
    return framed(library().Overlay(drawn), across, shown, legend="Terms", options={"ylim": (lowest, None)})


def terms(data: xr.Dataset, quantity: str, x: str) -> dict[str, np.ndarray]:
    """The terms of a sum along x by their names, in base units; they add up to it."""
    total = along(data, quantity, (x,)).astype(float)
    names = [name for name in data[quantity].attrs["terms"] if name in data]
    parts = {name: along(data, name, (x,)).astype(float) for name in names}
    largest = np.nanmax(np.abs(np.where(np.isfinite(total), total, np.nan)))
    shown = {name: part for name, part in parts.items() if np.nanmax(np.abs(part), initial=0.0) >= _SMALL * largest}
    rest = total - sum(shown.values(), np.zeros_like(total))
    rest = np.where(np.abs(rest) > 1e-6 * largest, rest, 0.0)
    return {**shown, REST: rest} if np.nanmax(np.abs(rest)) > 0 else shown


def _sides(across: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Where the bar of each label begins and ends; bars touch where they are many."""
    edges = np.log(across.edges) if across.log else across.edges
    gap = (edges[1:] - edges[:-1]) * ((1 - _WIDE) / 2 if len(across.places) <= _MANY else 0.0)
    sides = edges[:-1] + gap, edges[1:] - gap
    return (np.exp(sides[0]), np.exp(sides[1])) if across.log else sides
