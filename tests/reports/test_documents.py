"""Every source document has its tables, figures and checklist, made from its specs."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

import pytest

import rooflax
from rooflax.reports.pages import csv_text, markdown_rows, number_key
from rooflax.reproduce import contents_of, document_modules
from rooflax.specs.examples import example_names

LAST_ITEM = {"000": 10, "001": 17, "002": 20, "003": 13, "004": 27}


@pytest.fixture(scope="module")
def contents():
    """What is on each document's page."""
    bench = rooflax.Workbench()
    return {number: contents_of(number, bench) for number in document_modules()}


def test_all_documents_are_there():
    assert list(document_modules()) == list(LAST_ITEM)


def test_every_spec_of_a_document_is_used_by_one():
    from rooflax.reproduce import modules_of

    asked = [spec for number in document_modules() for module in modules_of(number) for spec in module.SPECS]
    shipped = [name for name in example_names() if name.startswith("documents/")]
    assert sorted(set(asked)) == shipped


@pytest.mark.parametrize("number", LAST_ITEM)
def test_checklist_is_complete(contents, number):
    found = [item.number for item in contents[number].items]
    assert found == [f"S{int(number)}.{place}" for place in range(1, LAST_ITEM[number] + 1)]
    assert [item.number for item in contents[number].items if not item.result.strip()] == []


@pytest.mark.parametrize("number", LAST_ITEM)
def test_names_are_distinct_and_what_items_refer_to_exists(contents, number):
    page = contents[number]
    names = [one.name for one in (*page.tables, *page.figures, *page.files)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[\w.-]+", name)] == []
    assert sorted({name for item in page.items for name in item.see} - set(names)) == []
    assert page.tables
    assert page.figures


@pytest.mark.parametrize("number", LAST_ITEM)
def test_tables_have_rows_as_wide_as_their_header(contents, number):
    for table in contents[number].tables:
        lines = list(csv.reader(io.StringIO(csv_text(table))))
        assert len(lines) > 1, table.name
        assert {len(line) for line in lines} == {len(table.columns)}, table.name
        assert len(markdown_rows(table.columns, table.rows)) == len(table.rows) + 2


@pytest.mark.parametrize("number", LAST_ITEM)
def test_errata_are_numbered_after_their_document(contents, number):
    numbers = [known.number for known in contents[number].errata]
    assert [n for n in numbers if not re.fullmatch(rf"[IS]{int(number)}\.\d+|X\.\d+", n)] == []
    assert numbers == sorted(numbers, key=number_key)
