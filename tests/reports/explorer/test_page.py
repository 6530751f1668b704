"""A page shows what its source says now, or what went wrong; never an old picture under new labels."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rooflax.reports.explorer.page import Page
from rooflax.reports.explorer.views import View
from rooflax.specs.problems import RooflaxError

# Bokeh asks pandas for what a later version of it will not do.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def control(page: Page, label: str) -> Any:
    return next(widget for widget in page.sidebar if getattr(widget, "label", "") == label)


def shown_table(page: Page) -> Any:
    return page.table[0]


def visible(page) -> dict[str, object]:
    parts = {"title": page.title, "saved": page.saved, "point": page.point, "spec": page.spec}
    return {name: part.object for name, part in parts.items()} | {"picture": page.picture.object}


def values(page: Page) -> np.ndarray:
    """The numbers behind the colours of a map."""
    figure: Any = page.picture.object
    return np.array(figure.renderers[0].data_source.data["value"])


def test_a_page_begins_with_a_picture(offer):
    page = Page(offer)
    assert page.picture.object is not None
    assert not page.alert.visible
    assert "Machine: slow" in page.title.object


def test_moving_a_slider_asks_for_that_place(offer, source):
    page = Page(offer)
    before, title = values(page), page.title.object
    select = control(page, "Machine")
    select.value = 1
    assert source.asked[-1].at == {"machine": 1}
    assert not np.array_equal(values(page), before)
    assert page.title.object != title
    assert "at.machine=fast" in page.saved.object


def test_taking_anothers_name_exchanges_the_two(offer):
    page = Page(offer)
    control(page, "x").value = "bandwidth"
    assert page.view.choice == {"quantity": "step_time", "x": "bandwidth", "y": "tp"}
    assert not page.alert.visible


def test_an_input_that_is_chosen_gets_a_slider(offer, source):
    page = Page(offer)
    chooser: Any = next(widget for widget in page.sidebar if type(widget).__name__ == "MultiChoice")
    chooser.value = ["mfu"]
    slider = control(page, "Utilisation")
    slider.value = slider.end
    assert source.asked[-1].dials == {"mfu": 1.0}
    assert "Utilisation = 1" in page.title.object


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (RooflaxError("the disk is <gone>"), ">the disk is &lt;gone&gt;<"),
        (ZeroDivisionError("oh"), ">This is a fault of the explorer: ZeroDivisionError: oh<"),
    ],
)
def test_what_goes_wrong_takes_the_picture_away(offer, source, fault, sentence, caplog):
    page = Page(offer)
    page.tabs.active = 1
    source.fault = fault
    with caplog.at_level(logging.CRITICAL):
        page.moved(replace(page.view, at={"machine": 1}))
    assert page.alert.visible
    assert sentence in page.alert.object
    assert visible(page) == {"title": "", "saved": "", "point": "", "spec": "", "picture": None}
    assert len(page.table) == 0
    page.tabs.active = 2
    assert page.spec.object == ""
    source.fault = None
    page.moved(replace(page.view, at={"machine": 0}))
    assert not page.alert.visible
    assert page.picture.object is not None


def test_a_link_that_cannot_be_shown_is_told_and_nothing_is_drawn(offer):
    page = Page(offer, "picture=cake")
    assert "the link asks for the picture `cake`" in page.alert.object
    assert page.picture.object is None


def test_a_point_is_explained_and_one_that_cannot_be_keeps_its_picture(offer, source):
    page = Page(offer)
    page.tapped({"tp": 1, "bandwidth": 2})
    quantity, place = source.asked[-1]
    assert (quantity, place.at) == ("step_time", {"machine": 0, "tp": 1, "bandwidth": 2})
    assert "25.0 %" in page.point.object
    page.changed(View("heat-map", {"quantity": "price"}))
    page.tapped({"tp": 1, "bandwidth": 2})
    assert "prices have no terms" in page.point.object
    assert page.picture.object is not None


def test_names_of_strangers_are_text(offer):
    page = Page(offer)
    page.tapped({"tp": 1, "bandwidth": 2})
    page.tabs.active = 2
    layout: Any = page.layout()
    head = layout[1][0].object
    for text in (head, *(part for part in visible(page).values() if isinstance(part, str))):
        assert not any(tag in text for tag in ("<script", "<i>", "<b>note", "<b>odd", "<spec>", "Utilisation <b>"))
    page.moved(replace(page.view, at={"machine": 2}))
    assert "&lt;b&gt;odd&lt;/b&gt;" in page.title.object
    page.tabs.active = 1
    assert shown_table(page).titles["Step <i>time</i> [s]"] == "Step &lt;i&gt;time&lt;/i&gt; [s]"


def test_a_long_table_is_not_shown(offer, source, monkeypatch):
    monkeypatch.setattr("rooflax.reports.explorer.parts.MOST_ROWS", 11)
    page = Page(offer)
    page.tabs.active = 1
    assert "This slice has 12 rows; 11 are shown at most" in shown_table(page).object


@pytest.mark.slow
def test_a_hundred_moves_leave_one_picture_in_memory(offer):
    from bokeh.document import Document

    page, document = Page(offer), Document()
    document.add_root(page.layout().get_root(document))

    def figures() -> int:
        gc.collect()
        return sum(type(one).__name__ == "figure" for one in gc.get_objects())

    page.redraw()
    document.models.flush_synced()
    before, models = figures(), len(document.models)
    for turn in range(100):
        page.moved(replace(page.view, at={"machine": turn % 2}))
        document.models.flush_synced()
    assert figures() <= before
    assert len(document.models) <= models + 5
