"""The terms of a sum add up to it, in its order, and keep their colours; what is infeasible is marked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rooflax.reports.pictures.breakdown import REST, terms


def test_terms_add_up_and_keep_the_order_of_the_sum(training):
    data = training.isel(tp=1)
    parts = terms(data, "step_time", "world_size")
    assert list(parts) == ["attention_time", "feed_forward_time", "exposed_time", REST]
    np.testing.assert_allclose(sum(parts.values()), data["step_time"], rtol=1e-12)
    np.testing.assert_allclose(parts[REST], 0.501)


def test_no_rest_where_every_term_is_large(training):
    training["step_time"] = training["attention_time"] + training["feed_forward_time"]
    training["step_time"].attrs = {"terms": ["attention_time", "feed_forward_time"], "units": "s"}
    assert list(terms(training.isel(tp=0), "step_time", "world_size")) == ["attention_time", "feed_forward_time"]


def test_bars_stand_on_each_other(training, page, sources, legend):
    figure = page("breakdown", training.isel(tp=1), quantity="step_time", x="world_size")
    assert legend(figure) == [
        "attention time",
        "feed forward time",
        "exposed time",
        "other terms",
        "hatched: infeasible",
    ]
    stacks = sources(figure, "term")
    for below, above in itertools.pairwise(stacks):
        np.testing.assert_allclose(above["bottom"], below["top"])
    np.testing.assert_allclose(stacks[-1]["top"], training["step_time"].isel(tp=1))
    assert stacks[0]["share"].tolist()[0] == "31.9 %"
    marked = [found for found in sources(figure, "top") if "term" not in found]
    assert [len(found["top"]) for found in marked] == [1]
    assert marked[0]["top"][0] == pytest.approx(float(training["step_time"][0, 1]))


def test_a_term_keeps_its_colour_where_others_are_too_small_to_show(training, page, sources):
    def colour(data):
        figure = page("breakdown", data, quantity="step_time", x="world_size")
        return [
            glyph.glyph.fill_color for glyph in figure.renderers if "Communication" in glyph.data_source.data["term"]
        ]

    data = training.isel(tp=0).drop_vars(["status", "margin"])
    assert (
        terms(data.assign(attention_time=data["attention_time"] * 1e-6), "step_time", "world_size").keys()
        != terms(data, "step_time", "world_size").keys()
    )
    assert colour(data) == colour(data.assign(attention_time=data["attention_time"] * 1e-6)) != []


def test_negative_terms_hang_below_zero(training, page, sources):
    training["exposed_time"] *= -1
    training["step_time"] = (training["attention_time"] + training["exposed_time"]).assign_attrs(
        terms=["attention_time", "exposed_time"], units="s"
    )
    figure = page("breakdown", training.isel(tp=2), quantity="step_time", x="world_size")
    negative = next(found for found in sources(figure, "term") if "Communication" in found["term"])
    np.testing.assert_allclose(np.minimum(negative["bottom"], negative["top"]), -3.2)
