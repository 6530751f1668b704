"""The page about a store in a real browser without any network: it asks for nothing, shows pictures, and answers."""

from __future__ import annotations

import pytest

import rooflax as rx
from rooflax.queries.reporting import write_report
from rooflax.workbench import Workbench

pytestmark = pytest.mark.slow

SPEC = """\
title: A page
axes: {tp: [1, 2, 4, 8], world_size: {pow2: [64, 512]}, hardware: [a100-sxm-80gb, h100-sxm-80gb]}
fixed: {model: llama-2-70b, seq_len: 4096, global_batch_size: 1024}
outputs: [step_time, memory_per_gpu, binding]
where: [fits_memory]
best: {minimize: step_time, over: [tp]}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "it.yaml").write_text(SPEC)
    rx.run(folder / "it.yaml", store=folder / "it.zarr")
    size = write_report(folder / "it.zarr", folder / "it.html", Workbench(), attribution=False)
    assert size < 5_000_000
    return folder / "it.html"


@pytest.fixture
def offline(chromium, report):
    """The page in a browser whose network is cut, and all that it asked for and complained of."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page, asked, faults = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    page.goto(report.as_uri())
    page.wait_for_selector("canvas")
    yield page, asked, faults
    context.close()
    assert faults == []


def test_nothing_leaves_the_file(offline, report):
    page, asked, _ = offline
    page.wait_for_timeout(500)
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]


def test_every_picture_of_the_page_is_there(offline):
    page, _, _ = offline
    headings = page.locator("section.picture h3").all_inner_texts()
    assert len(headings) >= 5
    assert page.locator("figure").count() == len(headings) - page.locator("p.problem").count()
    for figure in page.locator("figure").all():
        assert figure.bounding_box()["height"] > 200


def test_a_selector_changes_its_picture(offline):
    page, _, _ = offline
    figure = page.locator("section.picture", has=page.locator("#heat-map"))
    figure.scroll_into_view_if_needed()
    before = figure.locator(".bk-Canvas").first.screenshot()
    select = figure.locator("select").first
    now = select.input_value()
    other = next(
        value for value in select.locator("option").evaluate_all("all => all.map(o => o.value)") if value != now
    )
    select.select_option(other)
    page.wait_for_timeout(400)
    assert figure.locator(".bk-Canvas").first.screenshot() != before


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_wider_than_the_window(offline, width):
    page, _, _ = offline
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
