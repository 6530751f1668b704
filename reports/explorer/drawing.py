"""Drawings: a view's picture as a bokeh figure that tells which point was tapped, and that marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..figures import VERMILION
from ..pictures.style import library
from ..registry import Report
from .pointing import Spot, point_at, spot_of

if TYPE_CHECKING:
    import xarray as xr

HEIGHT = 540
Tapped = Callable[[dict[str, int]], None]


def figure_of(
    report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int], tapped: Tapped
) -> Any:
    """The picture of a cut; `tapped` is told the positions of a point that somebody taps, or none."""
    plot = library().renderer("bokeh").get_plot(report.draw(data, **choice))
    plot.cleanup()  # else the document keeps every plot that it ever had
    figure = plot.state
    figure.sizing_mode = "stretch_width"
    if hasattr(figure, "x_range"):
        figure.height = HEIGHT
        _touchable(figure, report, data, choice, point, tapped)
    return figure


def _touchable(
    figure: Any,
    report: Report,
    data: xr.Dataset,
    choice: Mapping[str, str],
    point: Mapping[str, int],
    tapped: Tapped,
) -> None:
    """Lets the figure tell what was tapped, with a ring around it that takes no part in the ranges."""
    from bokeh.events import Tap
    from bokeh.models import ColumnDataSource, GlyphRenderer, Scatter, TapTool

    # A selection would fade everything else.
    figure.toolbar.tools = [tool for tool in figure.toolbar.tools if not isinstance(tool, TapTool)]
    mark = ColumnDataSource(_columns(spot_of(report, data, choice, point)))
    ring = Scatter(x="x", y="y", size=18, fill_alpha=0.0, line_color=VERMILION, line_width=3)
    figure.renderers.append(GlyphRenderer(data_source=mark, glyph=ring, level="overlay"))

    def tell(event: Any) -> None:
        found = point_at(report, data, choice, figure, event.x, event.y)
        mark.data = _columns((spot_of(report, data, choice, found) or (event.x, event.y)) if found else None)
        tapped(found)

    figure.on_event(Tap, tell)


def _columns(spot: Spot | None) -> dict[str, Any]:
    return {"x": [spot[0]], "y": [spot[1]]} if spot else {"x": [], "y": []}
