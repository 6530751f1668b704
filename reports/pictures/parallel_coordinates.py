"""Parallel coordinates: the best configurations as lines over the axes they were chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..figures import BLACK
from ..registry import report
from ..roles import AXIS, CONFIGURATION, NUMBER, RANK
from .feasible import FEASIBLE, along
from .labels import arranged, shortened
from .scales import Scale, Values, axis_scale, grows_by_factors, label_of, values_scale
from .style import SEQUENTIAL, coloured, framed, library, styled
from .texts import texts

if TYPE_CHECKING:
    import xarray as xr

_MOST_LABELS, _MOST_TEXTS, _LONGEST = 60, 9, 30
_VALUE = "value"
_ROOM, _LETTER = 0.3, 0.016
_MOST_LEVEL = 3


@dataclass(frozen=True)
class Column:
    """One of the parallel axes: where each line crosses it, between 0 and 1, and the text of that place."""

    label: str
    heights: np.ndarray
    texts: tuple[str, ...]


@report(
    title="Best configurations along {over}, coloured by {quantity}",
    roles={"quantity": NUMBER, "over": AXIS},
    group="best",
)
def parallel_coordinates(data: xr.Dataset, *, quantity: str, over: str) -> Any:
    """A line a configuration: the best for each label, and those of the next ranks where they were kept."""
    data = arranged(data, over, most=_MOST_LABELS)
    dims = (over, RANK) if RANK in data.dims else (over,)
    goal = along(data, quantity, dims).astype(float).ravel()
    good = np.isfinite(goal)
    if "status" in data:
        good &= along(data, "status", dims).ravel() == FEASIBLE
    rows = np.flatnonzero(good)
    if not len(rows):
        raise RooflaxError(f"no configuration along {label_of(data[over])} is feasible, so there is none to draw")
    scale, shown = axis_scale(data[over]), values_scale(data[quantity])
    places = np.repeat(np.arange(data.sizes[over]), goal.size // data.sizes[over])[rows]
    columns = [
        Column(scale.label, _heights(scale.places[places], log=scale.log), tuple(scale.texts[i] for i in places))
    ]
    names = [str(name) for name in data.data_vars if data[name].attrs.get("role") == CONFIGURATION and name != quantity]
    columns += [column(data[name], along(data, name, dims).ravel()[rows]) for name in names]
    return _drawn([*columns, column(data[quantity], goal[rows])], goal[rows], shown)


def column(variable: xr.DataArray, values: np.ndarray) -> Column:
    """The axis of a variable: numbers at their values or their logarithms, all else in the order of appearance."""
    if values.dtype.kind not in "fiu":
        order = list(dict.fromkeys(map(str, values)))
        heights = np.array([order.index(str(value)) for value in values], dtype=float)
        return Column(label_of(variable), _heights(heights, log=False), tuple(map(str, values)))
    numbers, unit = values.astype(float), str(variable.attrs.get("units", "1"))
    log = grows_by_factors(np.unique(numbers))
    return Column(label_of(variable), _heights(numbers, log=log), tuple(format_quantity(v, unit) for v in numbers))


def _heights(numbers: np.ndarray, *, log: bool) -> np.ndarray:
    numbers = np.log(numbers) if log else numbers.astype(float)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    return (numbers - low) / (high - low) if high > low else np.full(len(numbers), 0.5)


def _drawn(columns: list[Column], goal: np.ndarray, shown: Values) -> Any:
    """Lines from the worst to the best drawn last, axes, and texts at the places that lines cross."""
    holoviews = library()
    across = np.arange(len(columns), dtype=float)
    heights = np.stack([one.heights for one in columns], axis=-1)
    told = [f"text_{number}" for number in range(len(columns))]
    lines = [
        {
            ("across", "up"): np.stack([across, heights[row]], axis=-1),
            _VALUE: float(shown.scaled(goal[[row]])[0]),
            **{name: one.texts[row] for name, one in zip(told, columns, strict=True)},
        }
        for row in range(len(goal))
    ]
    look = coloured(shown, SEQUENTIAL)
    tips = [(one.label, f"@{name}") for name, one in zip(told, columns, strict=True)]
    paths = styled(
        holoviews.Contours(lines, ["across", "up"], [_VALUE, *told]),
        bokeh={**look["bokeh"], "color": _VALUE, "line_width": 2, "tools": ["hover", "tap"], "hover_tooltips": tips},
        matplotlib={**look["matplotlib"], "color": _VALUE, "linewidth": 1.3},
    )
    axes = styled(
        holoviews.Segments([(place, 0.0, place, 1.0) for place in across], ["left", "bottom", "right_end", "top_end"]),
        bokeh={"color": BLACK, "line_width": 1, "default_tools": []},
        matplotlib={"color": BLACK, "linewidth": 0.8},
    )
    sides = [
        ("right" if not place else "left", [(place, *spot) for spot in _spots(one)])
        for place, one in enumerate(columns)
    ]
    beside = [
        texts([(place, height, f"\u2002{text}\u2002") for place, height, text in spots], align=side, grounded=True)
        for side, spots in sides
    ]
    titles = shortened([one.label for one in columns], _LONGEST)
    ticks = tuple(zip(across.tolist(), titles, strict=True))
    bottom = Scale("across", "", across, titles, ticks=ticks)
    side = Values("", 1.0, False, 0.0, 1.0)
    left, right = (_ROOM + _LETTER * len(columns) * max(map(len, columns[end].texts)) for end in (0, -1))
    limits = {"xlim": (-left, across[-1] + right), "ylim": (-0.06, 1.06), "yaxis": None, "show_grid": False}
    limits |= {"xrotation": 20} if len(columns) > _MOST_LEVEL else {}
    return framed(holoviews.Overlay([axes, paths, *beside]), bottom, side, options=limits)


def _spots(one: Column) -> list[tuple[float, str]]:
    """The heights and texts to write at an axis: all of them, or the ends and some between where they are many."""
    distinct = sorted(dict(zip(one.heights.tolist(), one.texts, strict=True)).items())
    chosen: list[tuple[float, str]] = []
    for height, text in distinct:
        if not chosen or height - chosen[-1][0] >= 1 / _MOST_TEXTS:
            chosen.append((height, text))
    if chosen[-1] != distinct[-1]:
        chosen[-1 if len(chosen) > 1 else 0 :] = [distinct[-1]]
    return list(zip([height for height, _ in chosen], shortened([text for _, text in chosen]), strict=True))
