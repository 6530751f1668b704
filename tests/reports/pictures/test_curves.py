"""Curves and points: ideals and efficiencies, bands, elasticities in their order, operators below their roofs."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.pictures import picture
from rooflax.reports.pictures.contour import levels, lines
from rooflax.reports.pictures.scales import axis_scale, values_scale
from rooflax.reports.pictures.tornado import ranked
from rooflax.reports.pictures.uncertainty_band import bands
from rooflax.specs.problems import RooflaxError


def texts(figure):
    return [text for glyph in figure.renderers for text in glyph.data_source.data.get("text", ())]


def test_the_ideal_starts_at_the_first_feasible_point(training, page):
    data = training.isel(tp=1)
    figure = page("scaling", data, quantity="tokens_per_second", x="world_size")
    ideal = figure.renderers[0].data_source.data
    values, gpus = data["tokens_per_second"].values, data["world_size"].values
    np.testing.assert_allclose(ideal["y"], np.where(gpus >= 128, values[1] * gpus / 128, np.nan))
    assert texts(figure) == [f"\u2002{100 * values[3] / (values[1] * 4):.0f} %"]


def test_a_time_scales_the_other_way(training, page):
    data = training.isel(tp=2)
    figure = page("scaling-efficiency", data, quantity="step_time", x="world_size")
    (whole, dotted, *_) = figure.renderers
    shown = dotted.data_source.data
    assert (whole.location, whole.dimension) == (100.0, "width")
    times, gpus = data["step_time"].values, data["world_size"].values
    np.testing.assert_allclose(shown["y"], 100 * times[0] * gpus[0] / (times * gpus))


def test_rates_of_one_gpu_are_ideal_where_they_stay(training, page):
    training["tokens_per_second_per_gpu"] = (training["tokens_per_second"] * 0 + 5).assign_attrs(units="1/s")
    figure = page("scaling", training.isel(tp=2), quantity="tokens_per_second_per_gpu", x="world_size")
    assert texts(figure) == ["\u2002100 %"]


def test_nothing_feasible_cannot_be_scaled(training, page):
    training["status"][:] = 1
    with pytest.raises(RooflaxError, match="Tokens per second: no point along GPUs is feasible, so none can be scaled"):
        page("scaling", training.isel(tp=0), quantity="tokens_per_second", x="world_size")


def test_scaling_is_offered_of_times_and_rates_only(training):
    from rooflax.reports.roles import PACE

    assert PACE.candidates(training) == [
        "step_time",
        "attention_time",
        "feed_forward_time",
        "tiny_time",
        "exposed_time",
        "tokens_per_second",
    ]


def test_bands_join_quantiles_from_both_ends():
    assert [pair[:2] for pair in bands(np.array([0.05, 0.25, 0.5, 0.75, 0.95]))] == [(0.05, 0.95), (0.25, 0.75)]
    assert bands(np.array([0.5])) == []


def test_a_band_has_the_quantiles_of_the_samples(page, legend):
    rows = np.array([[0.5, 1.0, 4.0], [1.0, 2.0, 8.0]])
    data = xr.Dataset(
        {"time": (("x", "quantile"), rows, {"units": "s", "long_name": "Time"})},
        {"x": ("x", [1.0, 2.0], {"units": "1"}), "quantile": [0.05, 0.5, 0.95]},
    )
    figure = page("uncertainty-band", data, quantity="time", x="x")
    assert legend(figure) == ["5 % to 95 %", "median"]
    band = figure.renderers[0].data_source.data
    assert sorted(band["y"]) == [0.5, 1.0, 4.0, 8.0]
    assert figure.renderers[1].data_source.data["y"].tolist() == [1.0, 2.0]


def test_a_tornado_is_sorted_by_size_and_split_by_sign(slopes, page, legend):
    names, values = ranked(slopes["slope"].isel(x=0, y=1))
    assert (names, values.tolist()) == (["price", "hbm_bandwidth"], [0.3, -0.1])
    figure = page("tornado", slopes.isel(x=0, y=1), slope="slope")
    assert legend(figure) == ["an increase lowers it", "an increase raises it"]
    assert texts(figure) == ["-0.1", "+0.3"]
    sides = [glyph.data_source.data for glyph in figure.renderers if "left" in glyph.data_source.data]
    assert [(side["left"].tolist(), side["right"].tolist()) for side in sides] == [([-0.1], [0]), ([0], [0.3])]


def test_a_tornado_without_effects_says_so(slopes, page):
    with pytest.raises(RooflaxError, match="Elasticity of it: no input has an effect at this point"):
        page("tornado", slopes.isel(x=1, y=1), slope="slope")


def test_lines_of_equal_value_lie_where_the_value_is(page):
    """z = x·y over logarithmic axes: along the line of 30, x·y is 30 wherever the line passes."""
    x, y = np.geomspace(1, 1000, 13), np.geomspace(1, 1000, 13)
    data = xr.Dataset(
        {"z": (("y", "x"), np.outer(y, x), {"units": "$"})},
        {"x": ("x", x, {"units": "1"}), "y": ("y", y, {"units": "1"})},
    )
    across, up, shown = axis_scale(data["x"]), axis_scale(data["y"]), values_scale(data["z"])
    assert (across.log, up.log, shown.log) == (True, True, True)
    (line,) = lines(shown.scaled(data["z"].values), 30 / shown.factor, across, up, shown)
    np.testing.assert_allclose(line.prod(axis=1) * across.factor * up.factor, 30, rtol=1e-9)
    assert all(shown.low < level < shown.high for level in levels(shown))
    figure = page("contour", data, quantity="z", x="x", y="y")
    assert "100" in texts(figure) or "0.1" in texts(figure)


def test_a_flat_quantity_has_no_lines(page, training):
    data = training.assign(flat=(training["step_time"] * 0 + 7.0).assign_attrs(long_name="Flat", units="s"))
    with pytest.raises(RooflaxError, match=r"Flat \[s\]: all values lie between two lines; a heat map shows them"):
        page("contour", data, quantity="flat", x="world_size", y="tp")


@pytest.fixture
def operators():
    """An operator bound by arithmetic and one by memory at 100 FLOP/s and 10 B/s; the loss makes the head's traffic."""
    numbers = {
        "projection": (1000.0, 10.0, 10.0),
        "attention_core": (50.0, 10.0, 1.0),
        "dense_feed_forward": (0.0, 10.0, 1.0),
    }
    units = ("FLOP", "B", "s")
    data = {
        f"{name}_{what}": ((), value, {"units": unit})
        for name, values in numbers.items()
        for what, value, unit in zip(("flops", "traffic", "time"), values, units, strict=True)
    }
    data |= {
        "lm_head_flops": ((), 40.0, {"units": "FLOP"}),
        "lm_head_traffic": ((), 10.0, {"units": "B"}),
        "lm_head_forward_time": ((), 2.0, {"units": "s"}),
        "attainable_flops": ((), 100.0, {"units": "FLOP/s"}),
        "attainable_hbm_bandwidth": ((), 10.0, {"units": "B/s"}),
    }
    return xr.Dataset(data)


def test_operators_lie_at_their_intensity_and_rate(operators, page, legend):
    figure = page("roofline", operators)
    assert legend(figure) == ["attainable roof", "attention projections", "attention core"]
    roof, projection, core = (glyph.data_source.data for glyph in figure.renderers)
    assert (projection["across"].tolist(), projection["up"].tolist()) == ([100.0], [100.0])
    assert (core["across"].tolist(), core["up"].tolist()) == ([5.0], [50.0])
    np.testing.assert_allclose(roof["y"], np.minimum(roof["x"] * 10, 100))
    assert 10.0 in roof["x"]


def test_the_head_is_drawn_with_the_traffic_of_its_loss(operators, page, legend):
    figure = page("roofline", operators.assign(loss_traffic=((), 10.0, {"units": "B"})))
    assert legend(figure)[-1] == "head and loss"
    head = figure.renderers[-1].data_source.data
    assert (head["across"].tolist(), head["up"].tolist()) == ([2.0], [20.0])


def test_a_roofline_keeps_further_operators_when_it_is_cut(operators):
    declared = picture("roofline")
    assert set(declared.cut(operators.assign(other=1.0), {}).data_vars) == set(operators.data_vars)


def test_best_configurations_are_lines_over_their_axes(best, page):
    from rooflax.reports.pictures.parallel_coordinates import column

    data = best.isel(model=0, hardware=0)
    figure = page("parallel-coordinates", data, quantity="step_time", over="world_size")
    paths = next(glyph.data_source.data for glyph in figure.renderers if "value" in glyph.data_source.data)
    assert [len(line) for line in paths["xs"]] == [5, 5, 5]
    assert list(paths["text_2"]) == ["0", "1", "2"]
    assert {"Time of one training step", "tp", "recompute"} <= set(figure.xaxis[0].major_label_overrides.values())
    assert column(data["recompute"], data["recompute"].values).heights.tolist() == [0.5, 0.5, 0.5]


def test_no_feasible_configuration_is_a_sentence(best, page):
    best["status"][:] = 1
    with pytest.raises(RooflaxError, match="no configuration along world_size is feasible, so there is none to draw"):
        page("parallel-coordinates", best.isel(model=0, hardware=0), quantity="step_time", over="world_size")


def test_predictions_lie_beside_the_line_of_equals(page, legend):
    data = xr.Dataset(
        {
            "measured": ("row", [1.0, 10.0, np.nan], {"units": "s", "long_name": "Step time"}),
            "predicted": ("row", [1.1, 9.0, 2.0], {"units": "s"}),
        },
        {"row": ["a", "b", "c"], "family": ("row", ["one", "two", "two"])},
    )
    figure = page("predicted-versus-measured", data)
    assert legend(figure) == ["within 25 %", "within 10 %", "predicted = measured", "one", "two"]
    points = [glyph.data_source.data for glyph in figure.renderers if "text_0" in glyph.data_source.data]
    assert [(list(found["across"]), list(found["up"])) for found in points] == [([1.0], [1.1]), ([10.0], [9.0])]
    assert list(points[0]["text_4"]) == ["+10.0 %"]


def test_texts_at_the_ends_of_curves_keep_apart():
    from rooflax.reports.pictures.scales import Values
    from rooflax.reports.pictures.scaling import apart

    linear = Values("V", 1.0, False, 0.0, 100.0)
    assert [spot[1] for spot in apart([(1, 51.0, "b"), (1, 50.0, "a"), (1, 90.0, "c")], linear)] == [50, 56, 90]
    log = Values("V", 1.0, True, 1.0, 100.0)
    assert [spot[1] for spot in apart([(1, 10.0, "a"), (1, 10.0, "b")], log)] == pytest.approx([10, 10 * 100**0.06])
