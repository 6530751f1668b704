"""The explorer: how soon its page shows a picture, and how soon a picture follows a slider, in a browser and without.

A move is timed from the call of the slider's callback to the picture being ready to be sent; in the browser, from the
key to the words below the title being those of the new place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import rooflax
from rooflax.exploring import source_of
from rooflax.reports.explorer.page import Page
from rooflax.reports.explorer.views import Offer

from .grids import SPEC, refined

TITLE = "The explorer on a stored grid of six axes, and on the training model evaluated as one looks"
CAPTION = "medians of 9 moves; a cut is what the picture needs, read or evaluated; a move draws it too"
COLUMNS = ("what", "points", "first picture", "cut", "move", "processor time")
POINTS = float(os.environ.get("ROOFLAX_BENCH_POINTS", "1e8"))
LIVE = "llama-70b-parallelism"
_MOVES = 9


def rows() -> Iterator[tuple[str, ...]]:
    """A row for the callbacks of a store and of a spec, then both in a browser where there is one."""
    import panel as pn

    pn.extension("tabulator")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zarr"
        points = rooflax.run(SPEC, store=path, overrides=[refined(POINTS)]).points
        for what, given in (("store", str(path)), ("spec", LIVE)):
            yield _callbacks(what, given, points if what == "store" else 0)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        for what, given in (("store", str(path)), ("spec", LIVE)) if chromium else ():
            yield _in_browser(f"{what}, in a browser", given, str(chromium))


def _callbacks(what: str, given: str, points: int) -> tuple[str, ...]:
    page, first = _timed(lambda: Page(Offer(source_of(given, rooflax.Workbench()))))
    offer, view = page.offer, page.view
    report, dim = offer.report(view), max(view.at, key=lambda dim: offer.data(view).sizes[dim])
    size = offer.data(view).sizes[dim]
    places = [replace(view, at={**view.at, dim: at % size}) for at in range(_MOVES)]
    cuts = [_timed(lambda one=one: offer.source.cut(report, one.choice, one.place))[1] for one in places]
    before = time.process_time()
    moves = [_timed(lambda one=one: page.moved(one))[1] for one in places]
    worked = (time.process_time() - before) / _MOVES
    shown = page.cut[view.choice["quantity"]].size if page.cut is not None else 0
    counted = f"{shown:,} of {points:.1e}" if points else f"{shown:,}"
    return what, counted, f"{first:.2f} s", _ms(median(cuts)), _ms(median(moves)), _ms(worked)


def _in_browser(what: str, given: str, chromium: str) -> tuple[str, ...]:
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "rooflax", "explore", given, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            with sync_playwright() as driver:
                flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
                browser = driver.chromium.launch(executable_path=chromium, args=flags)
                page = browser.new_page()
                _, first = _timed(lambda: (page.goto(url), page.locator(".bk-Figure canvas").first.wait_for()))
                page.wait_for_timeout(2000)
                moves = [_timed(lambda at=at: _pressed(page, at))[1] for at in range(_MOVES)]
                browser.close()
        finally:
            server.terminate()
    return what, "", f"{first:.2f} s", "", _ms(median(moves)), ""


def _pressed(page: Any, turn: int) -> None:
    """A key on the first slider, until the words below the title are others."""
    words = page.locator("h2 + div")
    before = words.inner_text()
    page.locator(".noUi-handle").first.press("ArrowLeft" if turn % 2 else "ArrowRight")
    for _ in range(1000):
        if words.inner_text() != before:
            return
        page.wait_for_timeout(5)


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = act()
    return found, time.perf_counter() - start


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
