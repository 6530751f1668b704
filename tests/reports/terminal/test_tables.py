from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.terminal.columns import Columns, number_column, text_column
from rooflax.reports.terminal.tables import best_table, front_table, listing, records, results_table


@pytest.mark.parametrize("width", [60, 80, 120, 160, 300])
def test_no_value_is_cut_at_any_width(width, best, printed):
    lines = printed(best_table(best), width=width)
    words = {word for line in lines for word in line.split()}
    assert max(map(len, lines)) <= width
    for value in (*best["model"].values, *best["hardware"].values, "16384", "64", "compute", "0.744", "139.5", "85.2"):
        assert str(value) in words


@pytest.mark.parametrize("width", [80, 120, 160])
def test_headers_break_behind_underscores_only(width, best, printed):
    lines = printed(best_table(best.assign_attrs(over="tp")), width=width)
    rule = next(i for i, line in enumerate(lines) if line.startswith("──"))
    pieces = {
        piece
        for name in ("model", "hardware", "world_size", "memory_per_gpu", "tokens_per_second_per_gpu", "cost_per_token")
        for piece in ("_".join(name.split("_")[i:j]) + ("_" if j < len(name.split("_")) else "")
                      for i in range(9) for j in range(i + 1, len(name.split("_")) + 1))
    }  # fmt: skip
    header = [word for line in lines[2:rule] for word in line.split()]
    known = pieces | {"step_time", "step_", "time", "binding", "feasible", "tp", "s", "GB", "/s", "$/token"}
    assert header
    assert set(header) <= known


def test_a_column_says_its_unit_once_and_all_numbers_share_it(best, printed):
    text = "\n".join(printed(best_table(best), width=200))
    assert "63.73" in text
    assert "GB" in text.split("──")[0]
    assert "63.73 GB" not in text
    assert "min" not in text  # 139.5 s beside 0.744 s, not 2.325 min


def test_what_is_the_same_in_every_row_is_told_below(best, printed):
    lines = printed(best_table(best), width=200)
    assert "in every row: micro_batch_size = 1, recompute = selective" in lines
    assert not any("micro_" in line for line in lines[2:5])


def test_a_selected_label_is_told_above(best, printed):
    assert printed(best_table(best), width=200)[:2] == [
        "Time of one training step (step_time): smallest over micro_batch_size, tp, recompute",
        "at scale_out_bandwidth = 52.36 GB/s",
    ]


def test_a_row_that_is_not_feasible_says_which_condition_fails(best, printed):
    rows = [line for line in printed(best_table(best), width=200) if line.startswith("gpt-3-175b")]
    assert [row.split("no: ")[-1].strip() for row in rows[-3:-1]] == ["fits_memory", "memory_per_gpu <= 70 GiB"]
    assert rows[-1].rstrip().endswith("not computed")
    assert rows[0].rstrip().endswith("yes")


def test_ties_are_shown_where_there_are_some(best, printed):
    counts = np.ones((2, 2, 3), dtype="int64")
    alone = best.assign(ties=(best["step_time"].dims, counts, {"units": "1"}))
    assert "ties" not in "\n".join(printed(best_table(alone), width=200))
    counts[0, 0, 1] = 12
    tied = best.assign(ties=(best["step_time"].dims, counts, {"units": "1"}))
    lines = printed(best_table(tied), width=200)
    assert "ties" in "\n".join(lines)
    assert [row["ties"] for row in records(tied)] == counts.ravel().tolist()
    (row,) = [line.split() for line in lines if line.startswith("llama-2-70b") and " 12 " in line]
    assert row[:3] == ["llama-2-70b", "a100-sxm-80gb", "1024"]


@pytest.fixture
def front() -> xr.Dataset:
    """Two frontiers as a reader of a store gets them."""
    role = {"role": "configuration", "units": "1"}
    data = {
        "tp": ("point", [1.0, 2.0, 4.0], role),
        "binding": ("point", np.zeros(3, "int8"), {"flag_values": [0, 1], "flag_meanings": "compute hbm"}),
        "predicted_mfu": ("point", [0.5, 0.4, 0.3], {"units": "1", "long_name": "Predicted MFU"}),
        "step_time": ("point", [1.0, 2.0, 3.0], {"units": "s", "long_name": "Time of one training step"}),
        "status": ("point", np.zeros(3, "int8")),
        "margin": ("point", np.zeros(3)),
    }  # fmt: skip
    coords = {"world_size": ("point", [64.0, 64.0, 128.0], {"units": "1"})}
    attrs = {"objectives": "step_time:min predicted_mfu:max", "over": "tp pp"}
    return xr.Dataset(data, coords, attrs)


def test_a_frontier_shows_labels_configuration_objectives_and_outputs(front, printed):
    lines = printed(front_table(front))
    assert lines[0] == (
        "Frontier of smallest Time of one training step (step_time) and largest Predicted MFU (predicted_mfu) "
        "over tp, pp"
    )
    assert [line.split() for line in lines[-4:-1]] == [
        ["64", "1", "1", "0.5"], ["64", "2", "2", "0.4"], ["128", "4", "3", "0.3"],
    ]  # fmt: skip
    assert lines[-1] == "in every row: binding = compute"
    header = "\n".join(lines[1:-4])
    columns = [
        next(line.index(word) for line in header.splitlines() if word in line)
        for word in ("world_", "tp", "step_", "predicted_")
    ]
    assert columns == sorted(columns)
    cut = printed(front_table(front, most=1))
    assert cut[-1] == "1 of 3 rows; narrow with --sel, or read all with --json"
    assert printed(front_table(front.isel(point=slice(0))))[0] == lines[0]


def test_a_record_of_a_ragged_dimension_has_no_number(front):
    (first, *_) = records(front.reset_coords())
    assert first == {
        "tp": 1.0, "binding": "compute", "predicted_mfu": 0.5, "step_time": 1.0, "status": 0, "margin": 0.0,
        "world_size": 64.0,
    }  # fmt: skip


def test_long_results_are_cut_and_say_so(best, printed):
    lines = printed(best_table(best, most=5), width=200)
    assert lines[-1] == "the best 5 of 12 rows; narrow with --sel, or read all with --json"
    assert len([line for line in lines if "sxm" in line]) == 5
    assert (
        printed(results_table(best, most=5), width=200)[-1] == "5 of 12 rows; narrow with --sel, or write all with -o"
    )


@pytest.mark.parametrize("direction", ["smallest", "largest"])
def test_of_many_best_points_those_that_lead_are_shown_in_the_order_of_the_grid(best, direction):
    time = best["step_time"] + 0.001 * np.arange(12.0).reshape(best["step_time"].shape)
    best = best.assign(step_time=time.assign_attrs(best["step_time"].attrs)).assign_attrs(direction=direction)
    found = best_table(best, most=4)
    (shown,) = [column for column in found.columns if column.name == "step_time"]
    good = best["step_time"].where(best["status"] == 0).to_numpy().ravel()
    order = np.argsort(good if direction == "smallest" else -good)[:4]
    assert len(shown.cells) == 4
    np.testing.assert_allclose([float(cell) for cell in shown.cells], good[np.sort(order)], rtol=1e-3)


def test_a_margin_is_in_the_unit_of_its_condition(printed):
    attrs = {"flag_values": [0, 1, 2], "flag_meanings": "feasible divides_batch fits_memory"}
    margin = {"units": "B", "condition_units": ["1", "B"]}
    data = xr.Dataset(
        {"status": ("tp", np.array([0, 1, 2], "int8"), attrs), "margin": ("tp", [1e9, -1024.0, -2e9], margin)},
        {"tp": [1.0, 2.0, 4.0]},
    )
    lines = printed(results_table(data))
    assert [line.split()[1] for line in lines[-3:]] == ["1", "-1024", "-2"]
    assert lines[-3].split()[2] == "GB"
    assert lines[-2].rstrip().endswith("no: divides_batch")


def test_one_point_keeps_all_its_columns(best, printed):
    lines = printed(best_table(best.isel(model=0, hardware=0, world_size=0)), width=200)
    assert sorted(lines[1].removeprefix("at ").split(", ")) == [
        "hardware = a100-sxm-80gb",
        "model = llama-2-70b",
        "scale_out_bandwidth = 52.36 GB/s",
        "world_size = 64",
    ]
    assert lines[-1].split()[-1] == "yes"


def test_records_are_json_with_codes_spelled_out(best):
    rows = records(best)
    assert len(rows) == 12
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[0] == {
        "model": "llama-2-70b", "hardware": "a100-sxm-80gb", "world_size": 64.0, "scale_out_bandwidth": 52.36e9,
        "micro_batch_size": 1.0, "tp": 0.0, "recompute": "selective", "binding": "compute", "step_time": 0.744,
        "memory_per_gpu": 63.73e9, "tokens_per_second_per_gpu": pytest.approx(400 / 0.744),
        "cost_per_token": pytest.approx(0.744e-8), "status": 0, "margin": -1.5e9,
    }  # fmt: skip
    assert records(xr.Dataset({"a": ((), np.nan), "b": ((), np.inf)})) == [{"a": None, "b": None}]


@pytest.mark.parametrize(
    ("values", "unit", "cells", "shared"),
    [
        ([63.73e9, 85.2e9], "B", ("63.73", "85.2"), "GB"),
        ([0.744, 139.5, 12.0], "s", ("0.744", "139.5", "12"), "s"),
        ([64, 16384], "1", ("64", "16384"), ""),
        ([1e9, 1e12], "1", ("1", "1000"), "G"),
        ([1.5e-6, 2.5e-6], "$/token", ("1.5e-6", "2.5e-6"), "$/token"),
        ([1e-9, 5.0], "s", ("1 ns", "5 s"), ""),
        ([0.0, 5.0], "s", ("0", "5"), "s"),
        ([0.0], "s", ("0 s",), ""),
        ([float("nan"), 5e9], "B", ("nan", "5"), "GB"),
        ([-3e9, 5e9], "B", ("-3", "5"), "GB"),
        ([], "s", (), ""),
    ],
)
def test_numbers_share_a_prefix_where_they_are_near(values, unit, cells, shared):
    column = number_column("x", values, unit)
    assert (column.cells, column.unit) == (cells, shared)


def test_text_wraps_at_blanks_and_columns_without_room_go_below(printed):
    texts = text_column("note", ["several words that make a long line " * 3])
    lines = printed(Columns([text_column("name", ["first-and-long-label"]), texts], keys=1), width=60)
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(line.split()) for line in lines[2:]).count("several words") == 3
    wide = [text_column(f"column_{i}", ["x" * 20], wraps=False) for i in range(6)]
    lines = printed(Columns([text_column("key", ["k1"]), *wide], "A title", "the end", keys=1), width=70)
    assert sum(line.startswith("k1") for line in lines) == 2
    assert "".join(lines).count("x" * 20) == 6
    assert (lines[0], lines[-1]) == ("A title", "the end")


def test_a_listing_shows_every_row(printed):
    lines = printed(listing("things", [("a", "first [of all]"), ("b", "second")], ("name", "title")))
    assert lines[0] == "things"
    assert any("first [of all]" in line for line in lines)  # brackets are text, not markup
