"""A view settles on names that can play their parts, and its link brings all of it back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from rooflax.reports.explorer.source import Dial
from rooflax.reports.explorer.views import LONGEST_LINK, Offer, View, link, linked, steps
from rooflax.specs.problems import RooflaxError


def test_the_first_view_has_the_longest_axes_of_numbers(offer):
    view = offer.first()
    assert view == View("heat-map", {"quantity": "step_time", "x": "tp", "y": "bandwidth"}, {"machine": 0}, {}, {})


def test_every_picture_comes_back_by_its_link(offer):
    assert {"heat-map", "line", "contour", "trade-off", "feasibility-map"} <= set(offer.pictures)
    for name in offer.pictures:
        view = offer.settled(View(name, {}, {"tp": 3, "machine": 2, "bandwidth": 0}, {"mfu": 0.1 + 0.2}))
        view = replace(view, point=dict.fromkeys(offer.report(view).dims(offer.data(view), view.choice), 1))
        assert linked(offer, "?" + link(view, offer.data(view))) == offer.settled(view) == view


def test_names_that_are_asked_for_win_and_no_two_are_alike(offer):
    for x, y in itertools.permutations(("machine", "tp", "bandwidth"), 2):
        view = offer.settled(View("heat-map", {"quantity": "price", "x": x, "y": y}))
        assert view.choice == {"quantity": "price", "x": x, "y": y}
        assert set(view.at) == {"machine", "tp", "bandwidth"} - {x, y}
    assert len(set(offer.settled(View("heat-map", {"x": "tp", "y": "tp"})).choice.values())) == 3


def test_what_was_left_empty_stays_empty(offer):
    full = offer.settled(View("line", {}))
    assert full.choice.keys() == {"quantity", "x", "by"}
    without = offer.settled(View("line", {"quantity": "price", "x": "tp"}))
    assert without.choice.keys() == {"quantity", "x"}
    assert linked(offer, link(without, offer.data(without))) == without


def test_names_that_cannot_play_a_part_are_replaced_as_if_nobody_had_asked(offer):
    other = offer.settled(View("heat-map", {"x": "step_time", "y": "price"}))
    assert other == offer.first()


def test_positions_stay_within_their_dims(offer):
    assert offer.settled(View("heat-map", {}, {"machine": 99})).at == {"machine": 2}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("picture=cake", "the link asks for the picture `cake`; here are "),
        ("picture=line&x=machine", "x=machine, which cannot be the x of line here"),
        ("at.mood=1", "the link asks for mood=1; there is no axis `mood` here"),
        ("at.tp=3", "the link asks for tp=3, and there is no such label here"),
        ("at.tp=many", "the link has `many` where a number was expected"),
        ("at.machine=quick", "the link asks for machine=quick, and there is no such label here"),
        ("set.tp=1", "the link sets `tp`, which cannot be moved here"),
        ("set.mfu=2", "the link sets mfu=2; it can be moved from 0 to 1"),
        ("set.mfu=nan", "the link sets mfu=nan; it can be moved from 0 to 1"),
        ("x=" + "t" * LONGEST_LINK, "characters; 8,000 are read"),
    ],
)
def test_a_link_that_asks_for_what_is_not_here_says_so(offer, query, sentence):
    with pytest.raises(RooflaxError, match=r"^the link") as told:
        linked(offer, query)
    assert sentence in str(told.value)


def test_nothing_to_draw_is_a_sentence(source):
    source.data = source.data.isel(tp=[0], machine=[0], bandwidth=[0])[["price"]]
    with pytest.raises(
        RooflaxError, match="there is nothing to draw; a picture needs a quantity and an axis of several"
    ):
        Offer(source)


@pytest.mark.parametrize(
    ("low", "value", "high", "log"), [(1.0, 4.0, 16.0, True), (0.0, 0.3, 1.0, False), (2.0, 2.0, 5.0, True)]
)
def test_a_dial_stops_at_its_ends_and_at_its_own_value(low, value, high, log):
    found = steps(Dial("x", "X", "1", value, low, high, log))
    assert found[0] == low
    assert found[-1] == high
    assert value in found
    assert (found[1:] > found[:-1]).all()
