"""A film shows, for each combination of labels, what its picture would show alone."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

from rooflax.reports.page.film import MOST_STATES, film, selectors, unoffered
from rooflax.reports.pictures import picture
from rooflax.specs.problems import RooflaxError

CHOICE = {"quantity": "step_time", "x": "world_size", "y": "tp"}


def parts(layout):
    from bokeh.models import CustomJS, Select

    selects = list(layout.select({"type": Select}))
    (callback,) = {call.id: call for call in layout.select({"type": CustomJS}) if "states" in call.args}.values()
    return selects, callback.args


def test_every_combination_has_the_columns_of_its_own_picture(results):
    report = picture("heat-map")
    selects, given = parts(film(report, results, CHOICE, {"hardware": 1}, "it"))
    assert [(select.title, select.value, select.options) for select in selects] == [
        ("Hardware", "1", [("0", "a100"), ("1", "h100")])
    ]
    for key, position in (("0", 0), ("1", 1)):
        state = given["states"][key]
        sources = given["sources"][state["figure"]]
        alone = hv.renderer("bokeh").get_plot(
            report.draw(report.cut(results, CHOICE, {"hardware": position}), **CHOICE)
        )
        expected = alone.state.renderers[0].data_source.data
        found = {**sources[0].data, **state["columns"][0]}
        for name, values in expected.items():
            np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(values))


def test_what_does_not_change_is_kept_once(results):
    _, given = parts(film(picture("heat-map"), results, CHOICE, {}, "it"))
    assert set(given["states"]["0"]["columns"][0]) == {"value"}


def test_combinations_with_other_words_in_their_legends_have_figures_of_their_own(results):
    other = {"flag_values": [0, 1, 2, 127], "flag_meanings": "feasible fits_memory divides_batch not_computed"}
    status = results["status"].copy().assign_attrs(other)
    status[1] *= 2
    choice = {"x": "world_size", "y": "tp"}
    _, given = parts(film(picture("feasibility-map"), results.assign(status=status), choice, {}, "it"))
    named = [[item.label.value for item in figure.legend[0].items] for figure in given["figures"]]
    assert named == [["feasible", "not: fits memory"], ["feasible", "not: divides batch"]]
    assert [given["states"][key]["figure"] for key in ("0", "1")] == [0, 1]


def test_colours_mean_the_same_in_all_combinations(results):
    from bokeh.models import LinearColorMapper, LogColorMapper

    layout = film(picture("heat-map"), results, CHOICE, {}, "it")
    (mapper,) = {
        m.id: m for kind in (LinearColorMapper, LogColorMapper) for m in layout.select({"type": kind})
    }.values()
    assert (mapper.low, mapper.high) == (1.0, 24.0)


def test_a_picture_that_no_other_axis_moves_has_no_selector(results):
    data = results.assign(step_time=results["step_time"].isel(hardware=0), status=results["status"].isel(hardware=0))
    layout = film(picture("heat-map"), data.drop_vars(["binding", "margin"]), CHOICE, {}, "it")
    from bokeh.models import Select

    assert not list(layout.select({"type": Select}))


def test_a_combination_without_a_picture_says_why(results):
    status = results["status"].copy()
    status[1] = 1
    choice = {"quantity": "step_time", "x": "world_size"}
    layout = film(picture("scaling"), results.isel(tp=[1]).assign(status=status[:, [1]]), choice, {}, "it")
    from bokeh.models import PreText

    _, given = parts(layout)
    assert given["states"]["0"]["problem"] == ""
    assert given["states"]["1"]["figure"] == -1
    assert "no point along GPUs is feasible" in given["states"]["1"]["problem"]
    (message,) = layout.select({"type": PreText})
    assert not message.visible


def test_nothing_to_show_is_an_error(results):
    with pytest.raises(RooflaxError, match="no point along GPUs is feasible"):
        film(picture("scaling"), results.isel(tp=[0]), {"quantity": "step_time", "x": "world_size"}, {}, "it")


def test_many_categories_are_thinned_too(results):
    import xarray as xr

    data = xr.Dataset(coords={"a": list("abcd"), "b": list("efgh"), "c": [1.0, 2.0, 4.0], "d": [3.0]})
    found = selectors(data, ["a", "b", "c", "d"], {"a": 1, "c": 1})
    assert [(one.dim, one.positions) for one in found] == [("a", (1, 3)), ("b", (0, 1, 2, 3))]


def test_labels_that_no_selector_offers_are_told(results):
    report, choice = picture("line"), {"quantity": "step_time", "x": "tp"}
    assert unoffered(report, results, choice, {"world_size": 3}) == ""
    assert unoffered(report, results.isel(world_size=[2]), choice, {}) == "at GPUs 32"
    many = results.isel(hardware=[0, 1] * 6).assign_coords(hardware=list("abcdefghijkl"))
    assert unoffered(report, many, choice, {"world_size": 3}) == "at GPUs 64"


def test_a_combination_that_would_look_the_same_all_over_has_colours_of_its_own(results):
    from bokeh.models import LinearColorMapper

    spread = results["step_time"].copy()
    spread[1] += 1000 * (spread[1] - 13)
    layout = film(picture("heat-map"), results.assign(step_time=spread + 1e4), CHOICE, {}, "it")
    _, given = parts(layout)
    assert [given["states"][key]["figure"] for key in ("0", "1")] == [0, 1]
    ends = [figure.select_one({"type": LinearColorMapper}) for figure in given["figures"]]
    assert [(one.low, one.high) for one in ends] == [
        pytest.approx((10001 / 3600, 10012 / 3600)),
        pytest.approx((10013 / 3600, 21024 / 3600)),
    ]


@pytest.mark.parametrize("at", [0, 5, 39])
def test_long_axes_are_thinned_around_the_label_shown_first(at):
    import xarray as xr

    data = xr.Dataset(coords={"a": np.arange(40.0), "b": ["x", "y", "z"]})
    one, two = selectors(data, ["a", "b"], {"a": at})
    assert len(one.positions) * len(two.positions) <= MOST_STATES
    assert len(two.positions) == 3
    assert one.positions[one.first] == at
