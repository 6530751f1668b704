"""Drawings: a view's picture as a bokeh figure that tells which point was tapped, and that marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..figures import VERMILION
from ..pictures.style import library
from ..registry import Report
from .patching import Figure
from .pointing import Spot, point_at, spot_of

if TYPE_CHECKING:
    import xarray as xr

HEIGHT = 540
Tapped = Callable[[dict[str, int]], None]


class Drawing:
    """The picture on a page. `tapped` is told the positions of a point that somebody taps, or none."""

    def __init__(self, tapped: Tapped) -> None:
        """Nothing is drawn yet."""
        self._tapped = tapped
        self._figure: Figure | None = None
        self._ring: Any = None
        self._shown: tuple[Report, xr.Dataset, Mapping[str, str]] | None = None

    def show(self, report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int]) -> Any:
        """The bokeh figure of a cut: the one that stands, changed, where the new one is built like it."""
        drawn, ring = self._drawn(report, data, choice, point)
        self._shown = report, data, choice
        if self._figure is None or not self._figure.become(drawn):
            self._figure, self._ring = Figure(drawn), ring
        return self._figure.model

    def clear(self) -> None:
        """Forgets the figure, which is no longer shown."""
        self._figure = self._ring = self._shown = None

    def _drawn(
        self, report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int]
    ) -> tuple[Any, Any]:
        plot = library().renderer("bokeh").get_plot(report.draw(data, **choice))
        plot.cleanup()  # else the document keeps every plot that it ever had
        figure = plot.state
        figure.sizing_mode = "stretch_width"
        if not hasattr(figure, "x_range"):
            return figure, None
        figure.height = HEIGHT
        return figure, self._touchable(figure, spot_of(report, data, choice, point))

    def _touchable(self, figure: Any, spot: Spot | None) -> Any:
        """Lets the figure tell what was tapped, with a ring around it that takes no part in the ranges."""
        from bokeh.events import Tap
        from bokeh.models import ColumnDataSource, GlyphRenderer, Scatter, TapTool

        # A selection would fade everything else.
        figure.toolbar.tools = [tool for tool in figure.toolbar.tools if not isinstance(tool, TapTool)]
        mark = ColumnDataSource(_columns(spot))
        ring = Scatter(x="x", y="y", size=18, fill_alpha=0.0, line_color=VERMILION, line_width=3)
        figure.renderers.append(GlyphRenderer(data_source=mark, glyph=ring, level="overlay"))
        figure.on_event(Tap, self._tell)
        return mark

    def _tell(self, event: Any) -> None:
        if self._shown is None or self._figure is None:
            return
        found = point_at(*self._shown, self._figure.model, event.x, event.y)
        self._ring.data = _columns((spot_of(*self._shown, found) or (event.x, event.y)) if found else None)
        self._tapped(found)


def _columns(spot: Spot | None) -> dict[str, Any]:
    return {"x": [spot[0]], "y": [spot[1]]} if spot else {"x": [], "y": []}
