"""Trade-off: two quantities of all feasible points, and the front of those that none beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..registry import report
from ..roles import JUDGED, NUMBER
from .feasible import FEASIBLE, along
from .fronts import front, more_is_better, staircase, wished
from .points import points
from .scales import Values, axis_scale, values_scale
from .style import framed, library

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 3000
_FAINT = "#9AA5B1"


@report(title="{y} against {x}", roles={"x": NUMBER, "y": NUMBER}, whole=True)
def trade_off(data: xr.Dataset, *, x: str, y: str) -> Any:
    """Which way is better is said at the axes; of many points some are drawn, those of the front among them."""
    names = [x, y, *(name for name in JUDGED[:1] if name in data)]
    dims = tuple(str(dim) for dim in data[names].dims)
    one, other = (along(data, name, dims).astype(float).ravel() for name in (x, y))
    good = np.isfinite(one) & np.isfinite(other)
    if "status" in data:
        good &= along(data, "status", dims).ravel() == FEASIBLE
    where = np.flatnonzero(good)
    if not len(where):
        raise RooflaxError("no point is feasible with both quantities, so there is nothing to draw")
    more_x, more_y = more_is_better(data, x), more_is_better(data, y)
    best = where[front(one[where], other[where], more_x=more_x, more_y=more_y)]
    rest = np.setdiff1d(where[:: -(-len(where) // MOST_POINTS)], best)
    across, up = values_scale(_of(data, x, one[where])), values_scale(_of(data, y, other[where]))
    shape = tuple(data.sizes[dim] for dim in dims)
    drawn = [
        points(
            across.scaled(one[rest]), up.scaled(other[rest]), "feasible", 0, _told(data, rest, dims, shape), **_REST
        ),
        staircase(across.scaled(one[best]), up.scaled(other[best]), more_x=more_x, name="nothing beats these"),
        points(
            across.scaled(one[best]),
            up.scaled(other[best]),
            "nothing beats these",
            5,
            {**_told(data, best, dims, shape), **_values(across, one[best]), **_values(up, other[best])},
        ),
    ]
    scales = wished(across, more=more_x), wished(up, more=more_y)
    return framed(library().Overlay(drawn), *scales, legend=" ")


_REST: dict[str, Any] = {"color": _FAINT, "size": 4, "alpha": 0.6}


def _of(data: xr.Dataset, name: str, values: np.ndarray) -> xr.DataArray:
    import xarray as xr

    return xr.DataArray(values, attrs=data[name].attrs, name=name)


def _told(data: xr.Dataset, chosen: np.ndarray, dims: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, list[str]]:
    """The labels of the chosen points along every axis."""
    scales = [axis_scale(data[dim]) for dim in dims if dim in data.coords]
    places = dict(zip(dims, np.unravel_index(chosen, shape), strict=True)) if dims else {}
    return {scale.label: [scale.texts[i] for i in places[scale.name]] for scale in scales}


def _values(scale: Values, numbers: np.ndarray) -> dict[str, list[str]]:
    return {scale.title: [f"{number / scale.factor:.4g}" for number in numbers]}
