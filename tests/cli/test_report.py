"""`rooflax report`: the page, single pictures, and what is said of mistakes."""

from __future__ import annotations

import re

import numpy as np
import pytest

import rooflax as rx


@pytest.mark.slow
def test_a_page_tells_what_the_store_holds(rooflax, filled, tmp_path):
    done = rooflax("report", filled, "-o", "deep/page.html")
    assert done.code == 0, done.err
    assert re.search(r"deep/page\.html: \d\.\d MB; open it in a browser, no network is needed", done.told)
    text = (tmp_path / "deep/page.html").read_text()
    results, best = rx.open(filled).load(), rx.open(filled, "best").load()
    feasible = 100 * float((results["status"] == 0).mean())
    assert f"{feasible:.0f} % of the points are feasible" in text
    smallest = float(np.nanmin(best["step_time"].where(best["status"] == 0)))
    assert f"The smallest Time of one training step is {smallest:.4g} s" in text
    assert "At that point Time of one training step depends most on" in text
    assert "What each input does at the best point" in text


def test_a_picture_is_a_file(rooflax, filled, tmp_path):
    for ending, first in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        done = rooflax(
            "report", filled, "-o", f"it{ending}", "--picture", "line", "--role", "x=world_size", "--sel", "tp=8"
        )
        assert done.code == 0, done.err
        assert done.told == f"it{ending}: Time of one training step along GPUs\n"
        assert (tmp_path / f"it{ending}").read_bytes().startswith(first)


def test_a_picture_shows_the_labels_asked_for(rooflax, filled, tmp_path):
    texts = []
    for tp in (1, 8):
        assert (
            rooflax(
                "report", filled, "-o", f"{tp}.svg", "--role", "x=pp", "--role", "y=world_size", "--sel", f"tp={tp}"
            ).code
            == 0
        )
        texts.append((tmp_path / f"{tp}.svg").read_text())
    assert texts[0] != texts[1]
    again = rooflax("report", filled, "-o", "again.svg", "--role", "x=pp", "--role", "y=world_size", "--sel", "tp=8")
    assert again.code == 0
    assert (tmp_path / "again.svg").read_text() == texts[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "it.gif"], "it.gif: a name ending in .png, .svg, .pdf was expected"),
        (["-o", "it.png", "--picture", "heatmap"], "there is no picture heatmap; did you mean `heat-map`?"),
        (["-o", "it.png", "--role", "z=tp"], "ROLE=NAME was expected; the roles of heat-map are quantity, x, y"),
        (["-o", "it.png", "--role", "x"], "--role x: ROLE=NAME was expected"),
        (["-o", "it.png", "--role", "x=dp"], "--role x=dp: a dim was expected; here that is pp, world_size, tp"),
        (["-o", "it.png", "--role", "x=tp", "--role", "y=tp"], "cannot be drawn so: one name cannot take two roles"),
        (["-o", "it.png", "--sel", "tp=[1, 2]"], "--sel tp: one label was expected, since a picture shows one"),
        (["-o", "it.png", "--sel", "dp=1"], "there is no axis `dp`"),
        (["-o", "it.png", "--picture", "tornado"], "has no group gradients, which the picture tornado shows"),
        (["-o", "it.html", "--picture", "line"], "--picture, --role and --sel are of single pictures"),
    ],
)  # fmt: skip
def test_mistakes_are_told(rooflax, filled, arguments, message, tmp_path):
    done = rooflax("report", filled, *arguments)
    assert done.code == 2
    assert message in done.err
    assert not list(tmp_path.glob("it.*"))


def test_no_store_is_told(rooflax):
    done = rooflax("report", "nothing.zarr", "-o", "it.html")
    assert done.code == 2
    assert "there is no store at nothing.zarr" in done.err


def test_reports_are_listed_with_their_roles(rooflax):
    rows = {row["name"]: row for row in rooflax("list", "reports", "--json").json}
    assert rows["heat-map"] == {
        "name": "heat-map",
        "title": "quantity over x and y",
        "group": "",
        "roles": "quantity: a variable of numbers; x: a dim; y: a dim",
    }
    assert len(rows) >= 12
