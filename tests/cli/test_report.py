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
    assert f"The smallest time of one training step: {smallest:.4g} s" in text
    assert "At that point, what moves the time of one training step most:" in text
    assert "What each input does at the best point" in text


def test_a_picture_is_a_file(rooflax, filled, tmp_path):
    for ending, first in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        done = rooflax(
            "report", filled, "-o", f"it{ending}", "--picture", "line", "--role", "x=world_size", "--sel", "tp=8"
        )
        assert done.code == 0, done.err
        assert done.told == (f"it{ending}: Time of one training step along GPUs; at Tensor parallel degree 8\n")
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


def test_what_is_not_chosen_is_the_objective_at_the_labels_asked_for(rooflax, filled, tmp_path):
    done = rooflax("report", filled, "-o", "it.svg", "--sel", "world_size=16")
    assert done.told == (
        "it.svg: Time of one training step over Tensor parallel degree and Pipeline parallel degree; at GPUs 16\n"
    )
    # The caption stands in the picture, in glyphs that its markup names by their text.
    assert "<!-- at GPUs 16 -->" in (tmp_path / "it.svg").read_text()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """The store of a spec with one axis."""
    folder = tmp_path_factory.mktemp("narrow")
    (folder / "it.yaml").write_text(
        "title: One axis\n"
        "axes: {tp: [1, 2, 4, 8]}\n"
        "fixed: {model: llama-2-13b, hardware: a100-sxm-80gb, seq_len: 2048, global_batch_size: 256, world_size: 64}\n"
        "outputs: [step_time]\n"
    )
    rx.run(folder / "it.yaml", store=folder / "it.zarr")
    return folder / "it.zarr"


def test_one_axis_is_drawn_as_a_line_where_no_picture_is_named(rooflax, narrow):
    done = rooflax("report", narrow, "-o", "it.png")
    assert done.told == "it.png: Time of one training step along Tensor parallel degree\n"
    done = rooflax("report", narrow, "-o", "it.png", "--picture", "heat-map")
    assert done.code == 2
    assert "heat-map cannot be drawn so: its roles need different axes or quantities, and there are too few" in done.err
    assert "; what can be drawn: line, " in done.err


@pytest.fixture(scope="module")
def frontier(tmp_path_factory):
    """The store of a spec whose frontier is of other quantities than its best point."""
    folder = tmp_path_factory.mktemp("frontier")
    (folder / "it.yaml").write_text(
        "title: A frontier\n"
        "axes: {tp: [1, 2, 4, 8], world_size: [16, 64], micro_batch_size: [1, 2]}\n"
        "fixed: {model: llama-2-13b, hardware: a100-sxm-80gb, seq_len: 2048, global_batch_size: 256}\n"
        "outputs: [step_time, memory_per_gpu, predicted_mfu]\n"
        "best: {maximize: predicted_mfu, over: [tp, micro_batch_size]}\n"
        "pareto: {objectives: ['step_time:min', 'memory_per_gpu:min'], over: [tp, micro_batch_size]}\n"
    )
    rx.run(folder / "it.yaml", store=folder / "it.zarr")
    return folder / "it.zarr"


def marks(path):
    """Where the points of a scatter lie from left to right, which a caption does not move."""
    return re.findall(r'<use [^>]*x="([^"]+)"[^>]*fill-opacity', path.read_text())


def test_a_picture_begins_with_the_objective(rooflax, frontier):
    done = rooflax("report", frontier, "-o", "it.svg")
    assert done.told.startswith(f"it.svg: {rx.open(frontier).predicted_mfu.long_name} over ")


def test_a_frontier_is_drawn_in_what_it_was_searched_for(rooflax, frontier, tmp_path):
    done = rooflax("report", frontier, "-o", "all.svg", "--picture", "pareto")
    assert done.told == (
        "all.svg: Frontier: Peak memory of training on one GPU of the worst stage against Time of one training step\n"
    )
    done = rooflax("report", frontier, "-o", "some.svg", "--picture", "pareto", "--sel", "world_size=64")
    assert done.told.endswith("; at GPUs 64\n")
    assert marks(tmp_path / "all.svg")
    assert marks(tmp_path / "some.svg") != marks(tmp_path / "all.svg")


def test_a_picture_of_all_points_keeps_to_the_labels_asked_for(rooflax, frontier, tmp_path):
    for name, more in (("all", ()), ("some", ("--sel", "tp=8"))):
        done = rooflax("report", frontier, "-o", f"{name}.svg", "--picture", "trade-off", *more)
        assert done.code == 0, done.err
    assert marks(tmp_path / "all.svg")
    assert marks(tmp_path / "some.svg") != marks(tmp_path / "all.svg")


def test_points_chosen_over_an_axis_have_no_label_of_it(rooflax, frontier):
    done = rooflax("report", frontier, "-o", "it.svg", "--picture", "parallel-coordinates", "--sel", "tp=8")
    assert done.code == 2
    assert "--sel tp: the picture parallel-coordinates shows points chosen over tp" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "it.gif"], "a name ending in .html was expected for a page, in .png, .svg, .pdf for one picture"),
        (["-o", "/proc/it.png"], "/proc/it.png cannot be written: no such file or directory"),
        (["-o", "it.png", "--picture", "heatmap"], "there is no picture heatmap; did you mean `heat-map`?"),
        (["-o", "it.png", "--role", "z=tp"], "z=tp: heat-map has no such role; its roles are quantity, x, y"),
        (["-o", "it.png", "--role", "x"], "--role x: ROLE=NAME was expected"),
        (["-o", "it.png", "--role", "x=dp"], "x=dp: an axis was expected; here that is pp, world_size, tp"),
        (["-o", "it.png", "--role", "x=tp", "--sel", "tp=8"], "x=tp: an axis was expected; here that is"),
        (["-o", "it.png", "--role", "x=tp", "--role", "y=tp"], "cannot be drawn so: one name cannot take two roles"),
        (["-o", "it.png", "--sel", "tp=[1, 2]"], "--sel tp: one label was expected, since a picture shows one"),
        (["-o", "it.png", "--sel", "dp=1"], "there is no axis `dp`"),
        (["-o", "it.png", "--picture", "tornado"], "picture tornado shows; a spec that asks for `gradients` makes one"),
        (["-o", "it.png", "--picture", "effects"], "the page has it, -o NAME.html, for a spec that asks for `best`"),
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
        "roles": "quantity: a variable of numbers; x: an axis; y: an axis",
    }
    assert len(rows) >= 12
