"""Findings say what the numbers say: every count and every name is compared with the dataset."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.page import findings as module
from rooflax.reports.page.findings import findings


def test_extent_and_feasibility_are_counted(results):
    told = findings(results)
    assert told[0] == "24 points: 2 of hardware, 3 of tensor parallel degree, 4 of GPUs."
    assert told[1] == (
        "67 % of the points are feasible; the first condition to fail is most often `fits_memory` (33 %)."
    )
    assert told[2] == "What the feasible points wait for most: `dp` at 38 %, `compute` at 38 %, `hbm` at 25 %."


def test_comparisons_are_told_as_they_were_written(results):
    flags = {"flag_values": [0, 1, 127], "flag_meanings": "feasible step_time_<_180_d not_computed"}
    told = findings(results.assign(status=results["status"].assign_attrs(flags)))
    assert "`step_time < 180 d` (33 %)" in told[1]


def test_points_that_nobody_computed_do_not_count(results):
    status = results["status"].copy()
    status[:, 1] = 127
    told = findings(results.assign(status=status))
    assert told[1].startswith("50 % of the points are feasible")
    nothing = results.assign(status=xr.full_like(results["status"], 127))
    assert "No point has been computed yet." in findings(nothing)


def test_a_store_that_is_half_filled_is_told_of_as_far_as_it_goes(results):
    half = results.copy(deep=True)
    for name in ("status", "binding"):
        half[name][0] = 127
    told = findings(half)
    assert told[1].startswith("67 % of the points are feasible")
    assert told[2].startswith("What the feasible points wait for most: ")
    half["status"][1] = 127
    assert findings(half)[1:] == ["No point has been computed yet."]


def test_slopes_are_told_where_there_are_any(results):
    values = np.stack([np.full((2, 3), 0.2), np.full((2, 3), -0.7)])
    about = {"long_name": "Elasticity of time", "units": "1"}
    slopes = xr.Dataset(
        {"step_time_elasticity": (("wrt", "a", "b"), values, about)}, {"wrt": ["hbm_bandwidth", "peak_flops"]}
    )
    told = findings(results, gradients=slopes)[-1]
    assert told == "Elasticity of time is largest by `peak_flops`: 0.7 at the median of all points."
    assert findings(results, gradients=slopes * np.nan)[-1] != told


def test_the_best_point_is_named_with_its_configuration(results, best):
    told = findings(results, best)
    assert told[2] == "The smallest time of one training step: 5 s, at hardware a100, GPUs 8, with `tp` = 2."
    assert told[3].startswith("What the best points wait for most: ")


def test_a_label_of_a_zipped_axis_is_told_by_what_it_stands_for(results, best):
    zipped = best.rename(hardware="pair").assign_coords(
        pair=[0.0, 1.0], hardware=("pair", ["a100", "h100"], {"long_name": "Hardware"})
    )
    assert "at pair a100, GPUs 8" in findings(results, zipped)[2]


def test_the_largest_is_sought_where_it_is_the_best(results, best):
    told = findings(results, best.assign_attrs(direction="largest"))
    assert told[2] == "The largest time of one training step: 20 s, at hardware h100, GPUs 64, with `tp` = 2."


def test_nothing_is_best_where_nothing_is_feasible(results, best):
    told = findings(results, best.assign(status=xr.ones_like(best["status"])))
    assert told[2] == "No point holds every condition, so there is no best time of one training step."
    assert not any("wait for" in sentence for sentence in told)


@pytest.fixture
def tornado() -> xr.Dataset:
    about = {"input_units": ("input", ["B/s", "1"]), "input_options": ("input", ["", "none full"])}
    data = {
        "step_time": ((), 10.0, {"long_name": "Time of one training step", "units": "s"}),
        "swing": ("input", [0.1, 0.3]),
        "low": ("input", [11.0, np.nan]),
        "high": ("input", [9.5, 13.0]),
        "high_input": ("input", [1e9, 1.0]),
    }
    return xr.Dataset(
        data, {"input": ["hbm_bandwidth", "recompute"], **about}, {"quantity": "step_time", "change": 0.1}
    )


def test_the_most_valuable_input_comes_first(results, best, tornado):
    told = findings(results, best, tornado)[-1]
    assert told == (
        "At that point, what moves the time of one training step most: `recompute` (at full: +30.0 %), "
        "`hbm_bandwidth` (10 % less of it: +10.0 %, more: -5.0 %)."
    )


def test_inputs_that_move_nothing_are_no_finding(results, best, tornado):
    told = findings(results, best, tornado.assign(swing=("input", [0.001, 0.0])))[-1]
    assert told == "No input moves time of one training step by as much as 1 % there."


def test_a_large_grid_is_sampled_and_says_so(results, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 10)
    told = findings(results)
    assert told[1].startswith("About ")
    assert told[2].startswith("What a sample of the feasible points wait for most")
