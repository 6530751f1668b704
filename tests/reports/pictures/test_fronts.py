"""Fronts hold exactly the points that no other beats, and pictures of them mark those points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.pictures.fronts import front, more_is_better
from rooflax.specs.problems import RooflaxError

SEED = 8


def beaten(point, points, signs):
    """Whether one of the points is at least as good in both and better in one: the definition, in plain Python."""
    own = [sign * value for sign, value in zip(signs, point, strict=True)]
    for other in points:
        values = [sign * value for sign, value in zip(signs, other, strict=True)]
        if all(v <= o for v, o in zip(values, own, strict=True)) and any(
            v < o for v, o in zip(values, own, strict=True)
        ):
            return True
    return False


@pytest.mark.parametrize(("more_x", "more_y"), list(itertools.product([False, True], repeat=2)))
def test_a_front_is_what_the_definition_says(more_x, more_y):
    rng = np.random.default_rng(SEED)
    x, y = rng.integers(0, 12, 60).astype(float), rng.integers(0, 12, 60).astype(float)
    x[5], y[7] = np.nan, np.inf
    found = front(x, y, more_x=more_x, more_y=more_y)
    points = [(a, b) for a, b in zip(x, y, strict=True) if np.isfinite(a) and np.isfinite(b)]
    signs = (-1 if more_x else 1), (-1 if more_y else 1)
    expected = {point for point in points if not beaten(point, points, signs)}
    assert {(x[i], y[i]) for i in found} == expected
    assert len(found) == len(expected)


def test_which_way_is_better_is_what_was_searched_for_or_told_by_the_unit(training):
    assert more_is_better(training, "tokens_per_second")
    assert not more_is_better(training, "step_time")
    assert not more_is_better(training, "memory_per_gpu")
    searched = training.assign_attrs(objectives="step_time:max memory_per_gpu:min")
    assert more_is_better(searched, "step_time")


def test_a_trade_off_marks_the_front_of_the_feasible_points(training, page):
    figure = page("trade-off", training, x="step_time", y="memory_per_gpu")
    rest, line, best = (glyph.data_source.data for glyph in figure.renderers)
    feasible = training["status"].values == 0
    x, y = training["step_time"].values[feasible], training["memory_per_gpu"].values[feasible]
    chosen = front(x, y, more_x=False, more_y=False)
    np.testing.assert_allclose(sorted(best["across"]), sorted(x[chosen]))
    assert len(rest["across"]) + len(best["across"]) == feasible.sum()
    assert set(np.unique(line["x"])) == set(x[chosen])


def test_a_trade_off_of_no_feasible_point_says_so(training, page):
    training["status"][:] = 1
    with pytest.raises(RooflaxError, match="no point is feasible with both quantities"):
        page("trade-off", training, x="step_time", y="memory_per_gpu")


@pytest.fixture
def searched():
    """Two fronts along `point`, as a store's group has them."""
    about = {"role": "configuration", "units": "1", "long_name": "Tensor parallel degree"}
    return xr.Dataset(
        {
            "tp": ("point", [8.0, 4.0, 8.0], about),
            "cost": ("point", [7.0, 8.0, 9.0], {"units": "$", "long_name": "Cost"}),
            "time": ("point", [1.0, 2.0, 3.0], {"units": "s", "long_name": "Time"}),
            "memory": ("point", [5e9, 4e9, 9e9], {"units": "B", "long_name": "Memory"}),
        },
        {"hardware": ("point", ["a", "a", "b"], {"long_name": "Hardware"})},
        {"objectives": "time:min memory:min"},
    )


def test_a_pareto_picture_shows_configurations_of_each_front(searched, page, legend):
    from rooflax.reports.pictures import picture

    assert picture("pareto").choice(searched) == {"x": "time", "y": "memory"}
    figure = page("pareto", searched, x="time", y="memory")
    assert legend(figure) == ["a", "b"]
    tips = [dict(tool.tooltips) for tool in figure.toolbar.tools if hasattr(tool, "tooltips")]
    assert all(list(own) == ["Hardware", "Tensor parallel degree", "Time", "Memory"] for own in tips)
    points = [glyph.data_source.data for glyph in figure.renderers if "text_1" in glyph.data_source.data]
    assert [list(found["text_1"]) for found in points] == [["8", "4"], ["8"]]
    assert figure.xaxis[0].axis_label == "Time [s] (less is better)"


def test_a_front_without_points_says_so(searched, page):
    with pytest.raises(RooflaxError, match="no point is on a front"):
        page("pareto", searched.isel(point=[]), x="time", y="memory")
