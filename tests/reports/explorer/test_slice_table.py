"""The table of a slice: every point once, in units that are said."""

from __future__ import annotations

import numpy as np

from rooflax.reports.explorer.slice_table import frame


def test_numbers_for_machines_are_in_base_units(source):
    rows = frame(source.data.isel(machine=1))
    assert list(rows) == ["tp", "bandwidth [B/s]", "step_time [s]", "price [$]", "feasibility"]
    assert len(rows) == 12
    np.testing.assert_array_equal(rows["step_time [s]"], source.data["step_time"].isel(machine=1).to_numpy().ravel())
    assert set(rows["feasibility"][rows["tp"] > 4]) == {"not: fits memory"}
    assert set(rows["feasibility"][rows["tp"] <= 4]) == {"feasible"}


def test_numbers_for_readers_have_prefixes_and_few_digits(source):
    part = source.data.isel(machine=0)
    part["price"] = part["price"] * 1234.5678
    rows = frame(part.assign_coords(tp=("tp", [1.0, 2.0, 4.0, 16384.0], part["tp"].attrs)), readable=True)
    assert list(rows) == ["Tp", "Bandwidth [GB/s]", "Step <i>time</i> [s]", "Price [k$]", "Feasibility"]
    assert rows["Bandwidth [GB/s]"].tolist()[:3] == [1, 10, 100]
    assert max(rows["Tp"]) == 16384
    assert rows["Price [k$]"].iloc[0] == 1.389


def test_a_quantity_is_repeated_along_what_it_does_not_depend_on(source):
    part = source.data.isel(machine=0)
    part["price"] = part["price"].isel(tp=0)
    rows = frame(part)
    assert len(rows) == 12
    assert len(set(rows["price [$]"])) == 1
