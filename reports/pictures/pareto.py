"""Pareto: the configurations that nothing beats in what was searched for, and how they trade it off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..registry import report
from ..roles import CONFIGURATION, NUMBER, objectives
from .fronts import more_is_better, staircase, wished
from .labels import texts_of
from .points import points
from .scales import label_of, values_scale
from .style import CATEGORIES, framed, library

if TYPE_CHECKING:
    import xarray as xr

POINT = "point"
_MOST_FRONTS, _MOST_COLORS = 40, 10


@report(
    title="Frontier: {y} against {x}",
    axes=[POINT],
    roles={"x": NUMBER, "y": NUMBER},
    group="pareto",
    whole=True,
)
def pareto(data: xr.Dataset, *, x: str, y: str) -> Any:
    """A point a configuration, which the mouse shows; lines join the points of one front where they are few."""
    if not data.sizes[POINT]:
        raise RooflaxError("no point is on a front: none is feasible")
    across, up = values_scale(data[x]), values_scale(data[y])
    places, heights = across.scaled(data[x].to_numpy()), up.scaled(data[y].to_numpy())
    kept = [str(name) for name, coord in data.coords.items() if coord.dims == (POINT,) and name != POINT]
    chosen = [str(name) for name in data.data_vars if data[name].attrs.get("role") == CONFIGURATION]
    shown = [name for name in dict.fromkeys([*kept, *chosen, x, y]) if data[name].dims == (POINT,)]
    columns = {label_of(data[name]): texts_of(data[name]) for name in shown}
    by, groups = _groups(data, kept)
    drawn = _lines(data, kept, places, heights, x, y, groups)
    for place, (label, own) in enumerate(groups.items()):
        rows = {name: [column[i] for i in own] for name, column in columns.items()}
        drawn.append(points(places[own], heights[own], label, place, rows))
    more_x, more_y = more_is_better(data, x), more_is_better(data, y)
    scales = wished(across, more=more_x), wished(up, more=more_y)
    return framed(library().Overlay(drawn), *scales, legend=by)


def _groups(data: xr.Dataset, kept: list[str]) -> tuple[str, dict[str, np.ndarray]]:
    """The points by the labels of the first kept axis that has a few, and what that axis is called."""
    for name in kept:
        labels = np.array(texts_of(data[name]))
        own = list(dict.fromkeys(labels.tolist()))
        if 1 < len(own) <= _MOST_COLORS:
            return label_of(data[name]), {label: np.flatnonzero(labels == label) for label in own}
    return "", {"points of the front": np.arange(data.sizes[POINT])}


def _lines(
    data: xr.Dataset,
    kept: list[str],
    places: np.ndarray,
    heights: np.ndarray,
    x: str,
    y: str,
    groups: dict[str, np.ndarray],
) -> list[Any]:
    """A line a front, where it is one of these two quantities alone and fronts are few."""
    if set(objectives(data)) != {x, y}:
        return []
    rows = list(zip(*(texts_of(data[name]) for name in kept), strict=True)) if kept else [()] * len(places)
    cells = {cell: np.array([i for i, row in enumerate(rows) if row == cell]) for cell in dict.fromkeys(rows)}
    if len(cells) > _MOST_FRONTS:
        return []
    group_of = {int(i): place for place, own in enumerate(groups.values()) for i in own}
    more_x = more_is_better(data, x)
    return [
        staircase(places[own], heights[own], more_x=more_x, color=CATEGORIES[group_of[int(own[0])] % len(CATEGORIES)])
        for own in cells.values()
    ]
