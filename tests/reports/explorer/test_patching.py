"""A figure that became another one is that other one, in every property of every model."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import pytest

from rooflax.reports.explorer.drawing import Drawing
from rooflax.reports.explorer.patching import Figure, _equal, _holds_models, models, paired, values_of
from rooflax.reports.pictures import pictures
from rooflax.reports.registry import made_up

AXES = [one for one in pictures() if one.roles and not one.group]


def figure(report, data, choice):
    return hv.renderer("bokeh").get_plot(report.draw(report.cut(data, choice), **choice)).state


def pairs(one, other):
    return paired(one, other, {model.id: values_of(model) for model in models(one)})


def differences(one, other) -> list[str]:
    """The properties that two figures do not have in common; nothing is compared where they are not built alike."""
    found = []
    for mine, theirs, values in pairs(one, other) or []:
        for name in {*values_of(mine), *values}:
            value = getattr(theirs, name)
            if not _holds_models(value) and not _equal(getattr(mine, name), value):
                found.append(f"{type(mine).__name__}.{name}")
    return found


@pytest.mark.parametrize("report", AXES, ids=lambda report: report.name)
def test_it_is_the_other_one(report):
    data = made_up(report)
    choice = report.choice(data)
    other = data.map(lambda variable: variable**1.5 if variable.dtype.kind == "f" else variable, keep_attrs=True)
    for variable in other.data_vars.values():
        variable.attrs |= {"long_name": f"other {variable.name}"}
    standing = Figure(figure(report, data, choice))
    new = figure(report, other, choice)
    alike = pairs(standing.model, new) is not None
    assert not alike or differences(standing.model, new)
    assert standing.become(new) is alike
    assert differences(standing.model, new) == []


def test_a_map_is_changed_and_not_replaced(offer):
    report = next(one for one in AXES if one.name == "heat-map")
    choice = {"quantity": "step_time", "x": "bandwidth", "y": "tp"}
    told: list[dict[str, int]] = []
    drawing = Drawing(told.append)
    first = drawing.show(report, report.cut(offer.source.data, choice, {}), choice, {})
    data = offer.source.data
    scaled = data.assign(step_time=(data["step_time"] * 7).assign_attrs(data["step_time"].attrs))
    assert drawing.show(report, report.cut(scaled, choice, {}), choice, {}) is first


def test_another_picture_takes_its_place(offer):
    drawing = Drawing(lambda _: None)
    shown = []
    for name, choice in (
        ("heat-map", {"quantity": "step_time", "x": "bandwidth", "y": "tp"}),
        ("line", {"quantity": "step_time", "x": "bandwidth", "by": "tp"}),
    ):
        report = next(one for one in AXES if one.name == name)
        shown.append(drawing.show(report, report.cut(offer.source.data, choice, {}), choice, {}))
    assert shown[0] is not shown[1]


def test_what_a_reader_changed_stays_until_the_picture_changes_it():
    from bokeh.models import Range1d
    from bokeh.plotting import figure as plot

    def drawn(top: float, title: str) -> Any:
        made = plot(y_range=Range1d(start=0, end=top), title=title)
        made.line([1, 2], [3, 4])
        return made

    standing = Figure(drawn(5, "a"))
    shown: Any = standing.model
    shown.y_range.end = 4
    assert standing.become(drawn(5, "b"))
    assert (shown.y_range.end, shown.title.text) == (4, "b")
    assert standing.become(drawn(6, "b"))
    assert shown.y_range.end == 6


def test_figures_of_other_parts_are_left_alone():
    from bokeh.plotting import figure as plot

    one: Any = plot(title="a")
    other = plot(title="b")
    one.line([1], [2])
    other.line([1], [2])
    other.scatter([1], [2])
    assert not Figure(one).become(other)
    assert one.title.text == "a"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1.0]), np.array([2.0]), False),
        (np.array(["a"]), np.array(["a"]), True),
        ({"x": [1, 2]}, {"x": [1, 2]}, True),
        ({"x": [1, 2]}, {"x": [1, 3]}, False),
        ({"x": 1}, {"y": 1}, False),
        ([np.array([1.0])], [np.array([1.0])], True),
        (1, True, False),
        ("a", "a", True),
    ],
)
def test_equal_values_are_equal(one, other, same):
    assert _equal(one, other) is same
