"""Fronts: the points that nothing beats in two quantities at once, and the line that joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import BLACK
from ..roles import is_pace, objectives
from .scales import Values, label_of
from .style import library, styled

if TYPE_CHECKING:
    import xarray as xr

_GOOD_WORDS = ("utilisation", "efficiency", "goodput")


def more_is_better(data: xr.Dataset, name: str) -> bool:
    """Whether the larger value is the better one: as the dataset was searched, or true of rates and utilisations."""
    goals, unit = objectives(data), str(data[name].attrs.get("units", "1"))
    if name in goals:
        return goals[name]
    rate = is_pace(unit) and unit != "s" and not unit.startswith("$")
    return rate or any(word in label_of(data[name]).lower() for word in _GOOD_WORDS)


def wish(*, more: bool) -> str:
    """Which way a quantity should go, in words."""
    return "more is better" if more else "less is better"


def front(x: np.ndarray, y: np.ndarray, *, more_x: bool, more_y: bool) -> np.ndarray:
    """The positions of the points that no other beats, from the best x to the best y.

    >>> front(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 1.0]), more_x=False, more_y=False).tolist()
    [0, 2]
    """
    costs = np.stack([-x if more_x else x, -y if more_y else y]).astype(float)
    finite = np.flatnonzero(np.isfinite(costs).all(axis=0))
    order = finite[np.lexsort((costs[1, finite], costs[0, finite]))]
    heights = costs[1, order]
    before = np.concatenate([[np.inf], np.minimum.accumulate(heights)[:-1]])
    return order[heights < before]


def staircase(x: np.ndarray, y: np.ndarray, *, more_x: bool, name: str = "", color: str = BLACK) -> Any:
    """The line along a front: what is the best y for each x."""
    order = np.argsort(x, kind="stable")
    steps = {"interpolation": "steps-pre" if more_x else "steps-post"}
    return styled(
        library().Curve((x[order], y[order]), label=name),
        bokeh={"color": color, "line_width": 1.6, **steps},
        matplotlib={"color": color, "linewidth": 1.2, **steps},
    )


def wished(scale: Values, *, more: bool) -> Values:
    """A scale whose title says which way is better."""
    from dataclasses import replace

    return replace(scale, title=f"{scale.title} ({wish(more=more)})")
