"""Drawings: a view's picture as a bokeh figure that tells which point was tapped, and that marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import VERMILION
from ..pictures.feasible import along
from ..pictures.scales import Scale, axis_scale, values_scale
from ..pictures.style import library
from ..registry import Report
from ..roles import Kind

if TYPE_CHECKING:
    import xarray as xr

HEIGHT = 540
_AXES = (Kind.AXIS, Kind.NUMERIC)
Tapped = Callable[[dict[str, int]], None]


def figure_of(
    report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int], tapped: Tapped
) -> Any:
    """The picture of a cut; `tapped` is told the positions of a point that somebody taps, or none."""
    from bokeh.events import Tap

    plot = library().renderer("bokeh").get_plot(report.draw(data, **choice))
    plot.cleanup()  # else the document keeps every plot that it ever had
    figure = plot.state
    figure.height, figure.sizing_mode = HEIGHT, "stretch_width"
    if hasattr(figure, "x_range"):
        mark = _mark(figure, place_of(report, data, choice, point))

        def tell(event: Any) -> None:
            found = point_at(report, data, choice, event.x, event.y)
            mark.data = _columns(place_of(report, data, choice, found))
            tapped(found)

        figure.on_event(Tap, tell)
    return figure


def point_at(
    report: Report, data: xr.Dataset, choice: Mapping[str, str], x: float | None, y: float | None
) -> dict[str, int]:
    """The positions along a picture's axes that are nearest to a place in it; none where its axes are no dims."""
    axes = _axes(report, choice)
    if x is None or y is None or "x" not in axes:
        return {}
    found = {axes["x"]: _nearest(axis_scale(data[axes["x"]]), x)}
    if "y" in axes:
        return found | {axes["y"]: _nearest(axis_scale(data[axes["y"]]), y)}
    if "by" in axes:
        heights = _heights(data.isel(found), choice["quantity"], axes["by"])
        shown = values_scale(data[choice["quantity"]])
        gaps = np.abs(np.log(heights) - np.log(y)) if shown.log and y > 0 else np.abs(heights - y)
        if np.isfinite(gaps).any():
            found[axes["by"]] = int(np.nanargmin(gaps))
    return found


def place_of(
    report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int]
) -> tuple[float, float] | None:
    """Where a point lies in a picture; None where that cannot be told."""
    axes = _axes(report, choice)
    if not point or "x" not in axes or axes["x"] not in point:
        return None
    x = float(axis_scale(data[axes["x"]]).places[point[axes["x"]]])
    if "y" in axes:
        return (x, float(axis_scale(data[axes["y"]]).places[point[axes["y"]]])) if axes["y"] in point else None
    if "quantity" not in choice or choice["quantity"] not in data:
        return None
    one = data[choice["quantity"]].isel({dim: at for dim, at in point.items() if dim in data[choice["quantity"]].dims})
    height = values_scale(data[choice["quantity"]]).scaled(one.to_numpy())
    return (x, float(height)) if height.ndim == 0 and np.isfinite(height) else None


def _axes(report: Report, choice: Mapping[str, str]) -> dict[str, str]:
    return {name: choice[name] for name, role in report.roles.items() if role.kind in _AXES and name in choice}


def _heights(data: xr.Dataset, quantity: str, dim: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return values_scale(data[quantity]).scaled(along(data[[quantity]], quantity, (dim,)))


def _nearest(scale: Scale, place: float) -> int:
    if scale.log:
        return int(np.abs(np.log(scale.places) - np.log(place)).argmin()) if place > 0 else 0
    return int(np.abs(scale.places - place).argmin())


def _mark(figure: Any, place: tuple[float, float] | None) -> Any:
    """A ring around the point that was tapped, which takes no part in the ranges and the hovering."""
    from bokeh.models import ColumnDataSource, GlyphRenderer, Scatter

    source = ColumnDataSource(_columns(place))
    ring = Scatter(x="x", y="y", size=18, fill_alpha=0.0, line_color=VERMILION, line_width=3)
    figure.renderers.append(GlyphRenderer(data_source=source, glyph=ring, level="overlay"))
    return source


def _columns(place: tuple[float, float] | None) -> dict[str, Any]:
    return {"x": [place[0]], "y": [place[1]]} if place else {"x": [], "y": []}
