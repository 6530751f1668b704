"""What a notebook shows is HTML in which every text is text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import rooflax as rx
from rooflax.reports.markup import facts_html, term_html
from rooflax.reports.terminal.columns import Columns, number_column, text_column
from rooflax.runs import Run

HOSTILE = '<script>alert("&")</script>'
POINT: dict[str, Any] = dict(model="llama-2-70b", hardware="h100-sxm-80gb", world_size=512, tp=8, pp=2)


class Tags(HTMLParser):
    """The tags of a text, and whether each that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 (overrides)
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def term():
    return rx.explain("step_time", **POINT, global_batch_size=1024, seq_len=4096)


def test_an_explanation_opens_and_closes(term):
    html = term._repr_html_()
    tags = Tags(html)
    assert {"details", "summary", "math"} <= tags.seen
    assert tags.open == []
    assert html.count("<details") > len([child for child in term.children if child.value])
    assert html.index("feed_forward_time") < html.index("vector_time")


def test_an_explanation_escapes_what_it_is_told(term):
    hostile = replace(term, name=HOSTILE, label=HOSTILE, formula=f"\\bad{HOSTILE}", source=HOSTILE)
    tags = Tags(term_html(hostile))
    assert "script" not in tags.seen


def test_a_run_tells_its_store():
    html = Run(Path(f"runs/{HOSTILE}"), 3, 1, 24_000, (HOSTILE,))._repr_html_()
    assert "script" not in Tags(html).seen
    assert "24,000" in html
    assert "3, 1 of them there already" in html


def test_a_table_has_its_units_and_escapes():
    columns = [text_column(HOSTILE, [HOSTILE, "b"]), number_column("step_time", [1.0, 2.0], "s")]
    html = Columns(columns, title=HOSTILE, caption=HOSTILE, faint=frozenset({1}))._repr_html_()
    tags = Tags(html)
    assert "script" not in tags.seen
    assert tags.open == []
    assert html.count("<tr") == 3
    assert "<small>s</small>" in html
    assert html.count("opacity") == 1


def test_a_workbench_counts_what_it_has():
    bench = rx.Workbench()
    html = bench._repr_html_()
    assert f"{len(bench.registry.constraints)}" in html
    assert "catalog hardware" in html


def test_facts_are_escaped():
    assert "script" not in Tags(facts_html(HOSTILE, [(HOSTILE, HOSTILE)], [HOSTILE])).seen
