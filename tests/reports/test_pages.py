"""Tables keep every digit in the CSV and read well on the page; the page links what it shows."""

from __future__ import annotations

import pytest
import xarray as xr

from rooflax.reports import pages
from rooflax.reports.documents.contract import Figure, Item, Table, TextFile
from rooflax.reports.figures import Series, bars, curves, panels, save
from rooflax.specs.problems import RooflaxError

TABLE = Table("times", "Times", ("Layer", "Time [ms]", "Fits"), [("DP|8", 1 / 3, True), ("TP", None, False)], "A note.")
ERRATUM = {"number": "I9.2", "wrong": "512", "right": "521", "why": "rounds down"}


def data() -> xr.Dataset:
    attrs = {"long_name": "Managers", "units": "1", "formula": "|n|", "source": "definition: a count"}
    return xr.Dataset({"b": ((), 1.0, {**attrs, "errata": [ERRATUM]}), "a": ((), 2.0, attrs), "c": ((), 3.0)})


def contents(**changed):
    errata, formulas = pages.described([data()])
    plot = curves([Series("time", [1, 2], [3, 4])], x="x", y="y [s]")
    given = {
        "number": "009",
        "title": "A document",
        "items": (Item("S9.1", "Times", "as printed", "I9.2: rounds down", ("times", "a_figure", "run.txt")),),
        "tables": (TABLE,),
        "figures": (Figure("a_figure", "A figure", plot, (3.0, 2.0), "A caption."),),
        "files": (TextFile("run.txt", "text\n"),),
    }
    return pages.Contents(**{**given, **changed}, errata=errata, formulas=formulas, notes=("About it.",))


def test_csv_keeps_every_digit():
    assert pages.csv_text(TABLE) == "Layer,Time [ms],Fits\nDP|8,0.3333333333333333,True\nTP,,False\n"


def test_page_shows_digits_that_people_read():
    shown = [pages.shown(cell) for cell in (1 / 3, 1234567.8, 12, 1e20, -0.0, float("nan"), float("inf"), "a|b", True)]
    assert shown == ["0.333333", "1,234,568", "12", "1e+20", "0", "no value", "inf", "a\\|b", "yes"]


def test_nothing_in_a_cell_begins_a_tag():
    told = pages.shown("a <script>alert(1)</script> <b\x1b[31m 1 < 2 <- x")
    assert told == "a &lt;script>alert(1)&lt;/script> &lt;b�[31m 1 < 2 <- x"


def test_columns_of_numbers_are_to_the_right():
    lines = pages.markdown_rows(TABLE.columns, TABLE.rows)
    assert lines[1:3] == ["| --- | ---: | --- |", "| DP\\|8 | 0.333333 | yes |"]


def test_ragged_row_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells under 2 columns"):
        pages.markdown_rows(("a", "b"), [(1,)])


def test_errata_and_formulas_come_from_attributes():
    errata, formulas = pages.described([data(), data()])
    assert [(known.number, known.quantity, known.why) for known in errata] == [("I9.2", "b", "rounds down")]
    assert [formula.name for formula in formulas] == ["a", "b"]


def test_numbers_sort_as_people_count():
    assert sorted(["S0.10", "S0.9", "I4.2", "I0.1"], key=pages.number_key) == ["I0.1", "I4.2", "S0.9", "S0.10"]


def test_page_links_what_is_written(tmp_path):
    page = pages.write_page(contents(), tmp_path)
    text = page.read_text(encoding="utf-8")
    for name in (
        "figures/a_figure.png",
        "figures/a_figure.pdf",
        "tables/times.csv",
        "tables/times.md",
        "files/run.txt",
    ):
        assert f"({name})" in text
        assert (tmp_path / name).stat().st_size > 0
    see = "[Times](#times), [A figure](#a-figure), [run.txt](files/run.txt)"
    assert f"| S9.1 | Times | as printed | I9.2: rounds down | {see} |" in text
    assert '<a id="a-figure"></a>' in text
    assert "| I9.2 | `b` | 512 | 521 | rounds down |" in text
    assert "| `a` | Managers | 1 | $`\\|n\\|`$ | definition: a count |" in text


def test_long_table_is_cut_on_the_page_alone(tmp_path):
    rows = [(place,) for place in range(41)]
    page = pages.write_page(contents(tables=(Table("times", "Times", ("n",), rows),)), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "The first 40 of 41 rows" in text
    assert "| 39 |\n| 40 |" not in text
    assert (tmp_path / "tables" / "times.md").read_text(encoding="utf-8").count("\n| ") == 43
    assert (tmp_path / "tables" / "times.csv").read_text(encoding="utf-8").count("\n") == 42


def test_index_links_the_pages(tmp_path):
    page = pages.write_page(contents(), tmp_path / "009")
    index = pages.write_index({page: contents()}, tmp_path)
    assert "| [009](009/README.md) | A document | 1 | 1 | 1 | 1 |" in index.read_text(encoding="utf-8")


def test_figures_are_equal_when_drawn_again(tmp_path):
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        plot = panels(
            curves([Series("a", [1, 2], [3, 4], "published"), Series("b", [1, 2], [3, 5])], x="x", y="y", log="xy"),
            bars(["a", "b"], {"published": [1.0, 2.0], "right": [3.0, 1.0]}, y="y", values="{:.1f}"),
        )
        written.append([path.read_bytes() for path in save(Figure("f", "F", plot, (6.0, 3.0)), tmp_path / name)])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"\x89PNG")
    assert written[0][1].startswith(b"%PDF")


def test_bars_stand_in_the_order_given(tmp_path):
    import holoviews as hv

    plot = bars(["z", "a"], {"published": [1.0, 2.0], "corrected": [3.0, 4.0]}, y="y", published=["published"])
    axes = hv.render(plot, backend="matplotlib").axes[0]
    assert [patch.get_height() for patch in axes.patches] == [1.0, 2.0, 3.0, 4.0]
    left, right = axes.get_xlim()
    assert all(left < patch.get_x() and patch.get_x() + patch.get_width() < right for patch in axes.patches)
    assert [patch.get_hatch() for patch in axes.patches] == ["////", "////", None, None]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["z", "a"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["published", "corrected"]


def test_missing_libraries_are_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hvplot", None)
    with pytest.raises(RooflaxError, match=r"hvplot is not installed; figures need pip install 'rooflax\[reports\]'"):
        curves([Series("a", [1], [1])], x="x", y="y")
