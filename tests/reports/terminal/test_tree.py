from __future__ import annotations

import math

import pytest

from rooflax.reports.terminal.tree import as_mapping, explanation
from rooflax.specs.terms import Term


def term(name, value, *children, total=3.0, is_sum=False, **more):
    fields = {"label": name.title(), "unit": "s", "formula": "", "source": "", "origin": "computed", "options": ()}
    return Term(name=name, value=value, share=value / total, is_sum=is_sum, children=children, **{**fields, **more})


@pytest.fixture
def root():
    return term(
        "step_time",
        3.0,
        term("short_time", 1.0),
        term("long_time", 2.0, formula="a b", source="someone-2020, sec. 3"),
        term("no_time", 0.0),
        term("none_at_all", 0.0),
        is_sum=True,
    )


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_largest_term_comes_first_and_those_of_nothing_last(width, root, printed):
    lines = printed(explanation(root), width=width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("100.0 %  step_time = 3 s")
    places = [
        text.index(part) for part in ("66.7 %  long_time", "33.3 %  short_time", "nothing from no_time, none_at_all")
    ]
    assert places == sorted(places)
    assert "someone-2020, sec. 3" in text


def test_a_value_that_is_not_finite_is_none_in_json(root):
    found = as_mapping(term("odd", math.nan, total=math.nan))
    assert (found["value"], found["share"]) == (None, None)
    assert [part["name"] for part in as_mapping(root)["terms"]] == ["short_time", "long_time", "no_time", "none_at_all"]


def test_a_choice_is_shown_by_its_option(printed):
    (line,) = printed(explanation(term("recompute", 1.0, options=("none", "selective"), unit="1", origin="default")))
    assert line.endswith("recompute = selective  (default)")
    assert as_mapping(term("recompute", 1.0, options=("none", "selective")))["value"] == "selective"
