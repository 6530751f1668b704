"""Labels that a spreadsheet would take for formulas."""

from __future__ import annotations

import csv

import numpy as np
import xarray as xr

from rooflax.slices import write_slice
from rooflax.specs.text_files import given_cell, shown_cell

LABELS = ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "\tx", "a100", "'=1", "it's", "-5"]


def test_labels_are_quoted_and_numbers_are_not(tmp_path):
    data = xr.Dataset(
        {"=cost": (("hardware", "tp"), -np.arange(18.0).reshape(9, 2))}, {"hardware": LABELS, "tp": [-1.0, 2.0]}
    )
    write_slice(data, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["hardware", "tp", "'=cost"]
    shown = ["'=HYPERLINK(1)", "'+1", "'-2+3", "'@SUM(A1)", "'\tx", "a100", "''=1", "it's", "'-5"]
    assert [row[0] for row in rows] == [label for label in shown for _ in range(2)]
    assert [float(row[1]) for row in rows] == [-1.0, 2.0] * 9
    assert [float(row[2]) for row in rows] == list(-np.arange(18.0))
    assert [given_cell(row[0]) for row in rows[::2]] == LABELS


def test_a_quoted_cell_is_read_as_it_was():
    for text in (*LABELS, "", "'", "''", "'a", "''=1"):
        assert given_cell(shown_cell(text)) == text


def test_a_table_takes_quoted_cells_and_leaves_numbers(rooflax, tmp_path):
    (tmp_path / "cases.csv").write_text("num_parameters,tokens\n'+7e9,1e12\n+7e9,1e12\n")
    done = rooflax("table", "cases.csv", "training_flops_6nd")
    first, second = list(csv.DictReader(done.out.splitlines()))
    assert (first["num_parameters"], second["num_parameters"]) == ("'+7e9", "+7e9")
    assert float(first["training_flops_6nd"]) == float(second["training_flops_6nd"]) == 6 * 7e9 * 1e12
