"""A tap means the nearest point, on the scale of its axes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rooflax.reports.explorer.drawing import Drawing
from rooflax.reports.explorer.pointing import point_at, spot_of
from rooflax.reports.explorer.views import View


def drawn(offer, name, **choice):
    view = offer.settled(View(name, choice))
    report = offer.report(view)
    data = offer.source.cut(report, view.choice, view.place)
    return report, data, view.choice, Drawing(lambda _: None).show(report, data, view.choice, {})


def test_cells_reach_halfway_on_a_logarithmic_axis(offer):
    report, data, choice, figure = drawn(offer, "heat-map", quantity="price", x="bandwidth", y="tp")
    # 4 GB/s is nearer to 1 than to 10 on a linear axis, and beyond the middle on the picture's.
    assert point_at(report, data, choice, figure, 4.0, 1.3) == {"bandwidth": 1, "tp": 0}
    assert point_at(report, data, choice, figure, 0.001, 1e9) == {"bandwidth": 0, "tp": 3}


def test_a_place_outside_of_a_plot_means_none(offer):
    report, data, choice, figure = drawn(offer, "heat-map")
    assert point_at(report, data, choice, figure, None, None) == {}


@pytest.mark.parametrize("machine", [0, 1, 2])
def test_the_nearest_curve_tells_its_label(offer, machine):
    report, data, choice, figure = drawn(offer, "line", quantity="price", x="tp", by="machine")
    height = float(data["price"].isel(machine=machine, tp=1))
    assert point_at(report, data, choice, figure, 2.1, height * 1.04) == {"tp": 1, "machine": machine}


def test_every_feasible_point_of_a_plane_is_found_where_it_lies(offer):
    report, data, choice, figure = drawn(offer, "trade-off", x="step_time", y="price")
    for point in ({"machine": 1, "tp": 1, "bandwidth": 0}, {"machine": 2, "tp": 0, "bandwidth": 2}):
        spot = spot_of(report, data, choice, point)
        assert spot is not None
        assert point_at(report, data, choice, figure, *spot) == point


def test_a_figure_tells_what_was_tapped_and_marks_it(offer):
    from bokeh.events import Tap

    view = offer.first()
    report = offer.report(view)
    told = []
    data = offer.source.cut(report, view.choice, view.place)
    figure = Drawing(told.append).show(report, data, view.choice, {"tp": 1, "bandwidth": 1})
    ring = figure.renderers[-1].data_source
    assert ring.data == {"x": [2.0], "y": [10.0]}
    figure._trigger_event(Tap(figure, x=7.9, y=1.1))
    assert told == [{"tp": 3, "bandwidth": 0}]
    assert ring.data == {"x": [8.0], "y": [1.0]}


@pytest.mark.parametrize("name", ["heat-map", "line", "contour", "trade-off", "feasibility-map", "scaling"])
def test_what_the_mouse_shows_are_columns_of_the_picture(offer, name):
    from bokeh.models import GlyphRenderer, HoverTool

    figure: Any = drawn(offer, name)[-1]
    for tool in (tool for tool in figure.toolbar.tools if isinstance(tool, HoverTool)):
        shown = tool.renderers if isinstance(tool.renderers, list) else figure.renderers
        sources: list[Any] = [one.data_source for one in shown if isinstance(one, GlyphRenderer)]
        columns = {column for source in sources for column in source.data}
        tips: Any = tool.tooltips or []
        for _, text in tips:
            named = re.fullmatch(r"@\{?(.+?)\}?(\{.*\})?", text)
            assert named, text
            assert named[1] in columns, text
