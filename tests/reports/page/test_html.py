"""The page is one file: everything it shows is inside, and what a store says is text, never markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.reports.formulas import mathml
from rooflax.reports.page.contents import Study, tables
from rooflax.reports.page.html import page


@pytest.fixture
def study(results, best) -> Study:
    return Study({"": results, "best": best}, ("One `finding` & more.",), ("a notice",), "runs/it.zarr", "title: x\n")


def test_the_page_holds_what_it_was_given(study):
    text = page(study)
    for part in (
        "One <code>finding</code> &amp; more.",
        "a notice",
        "runs/it.zarr",
        "A &lt;small&gt; grid",
        "Narayanan",
    ):
        assert part in text
    assert "<math" in text


def test_few_points_are_a_table_and_many_are_none(study, results):
    assert [table.title for table in tables(study)][1:] == ["All points"]
    many = results.isel(world_size=[0, 1, 2, 3] * 10)
    assert len(list(tables(replace(study, groups={"": many})))) == 0


def test_a_cut_table_says_on_the_page_where_all_of_it_is(study, results, best):
    many = best.isel(world_size=[0, 1, 2, 3] * 10).assign_coords(world_size=[float(n) for n in range(40)])
    (table, *_) = tables(replace(study, groups={"": results, "best": many}))
    assert "the best 40 of 80 rows; `rooflax best runs/it.zarr --json` has all" in table.caption


def test_what_a_picture_is_cut_at_stands_below_its_title(study, results):
    results = results.drop_vars(["binding", "margin", "status"]).isel(world_size=[2])
    results = results.assign_coords(hardware=["<a>", "<b>"])
    text = page(replace(study, groups={"": results}))
    assert '<div class="soft">at GPUs 32</div>' in text
    assert '<div class="soft">at Hardware &lt;a&gt;, GPUs 32</div>' not in text


def test_the_page_links_nothing(study):
    text = page(study)
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r"<link[^>]+stylesheet|<script[^>]+src|<img|@import|url\((?!data:)", outside)
    assert "<script src" not in text


def test_text_of_a_store_is_no_markup(study, results):
    evil = "<script>alert(1)</script>"
    results.attrs["title"] = evil
    results["step_time"].attrs |= {"long_name": evil, "comment": evil, "source": evil}
    text = page(replace(study, findings=(evil,), notices=(evil,), source=evil, spec=evil))
    assert evil not in text


@pytest.mark.parametrize("formula", [r"\frac{a}{", r"x_1_2", r"\href{javascript:alert(1)}{x}", r"\left("])
def test_a_formula_that_cannot_be_drawn_is_left_out(formula):
    found = mathml(formula)
    assert "href" not in found
    assert found == "" or found.startswith("<math")


def test_every_formula_is_mathml_without_leftover_commands():
    formulas = {one.name: mathml(one.declared.formula) for one in shipped_registry().quantities.values()}
    assert [name for name, found in formulas.items() if not found or "\\" in found] == []


def test_a_formula_is_mathml():
    assert "<mfrac>" in mathml(r"\frac{a}{b}")
