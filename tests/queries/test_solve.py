"""Solving for an input: what is found gives the value that was asked for, at points and over grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import rooflax as rx
from rooflax.reports.terminal.solve import sentence

TOYS = Path(__file__).parents[1] / "sweeps" / "root_models.py"
TRAINING = {
    "model": "llama-2-13b",
    "hardware": "a100-sxm-80gb",
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
    "tp": 4,
}
SERVING = {
    "model": "llama-3-8b", "hardware": "h100-sxm-80gb", "prompt_len": 1024, "output_len": 256, "concurrency": 8,
}  # fmt: skip
RULE = {
    "hardware": "a100-sxm-80gb", "num_parameters": 7e9, "world_size": 64, "global_batch_size": 256, "seq_len": 4096,
}  # fmt: skip
POINTS = 24


def around(seed: int, **centres: tuple[float, float]) -> dict[str, Any]:
    """Random values of inputs along one dim of points, between bounds; the first point is in the middle."""
    random = np.random.default_rng(seed)
    columns = {}
    for name, (low, high) in centres.items():
        values = random.uniform(low, high, POINTS)
        values[0] = (low + high) / 2
        columns[name] = xr.DataArray(values, dims="point")
    return columns


ROUND_TRIPS = {
    "training: mfu by network": (
        "predicted_mfu", "scale_out_bandwidth", 20e9, TRAINING,
        {"compute_efficiency": (0.6, 0.9), "hbm_bandwidth": (1e12, 3e12), "dp_overlap": (0, 0.9)},
    ),
    "training: memory by fragmentation": (
        "memory_per_gpu", "fragmentation_share", 0.1, TRAINING,
        {"overhead_memory": (1e9, 3e9), "optimizer_width": (4, 12), "activation_width": (1, 2)},
    ),
    "serving: time per token by memory": (
        "tpot", "hbm_bandwidth", 2e12, SERVING,
        {"scale_up_bandwidth": (1e11, 9e11), "hbm_efficiency": (0.5, 1), "kv_width": (1, 2)},
    ),
    "rule: training time by mfu": (
        "dp_training_time_6nd", "mfu", 0.4, RULE,
        {"peak_flops_bf16": (3e14, 1e15), "tokens_per_parameter": (10, 30), "dp_overlap": (0, 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROUND_TRIPS)
def test_the_quantity_at_the_solution_is_the_value_asked_for(case):
    quantity, unknown, true, base, spread = ROUND_TRIPS[case]
    inputs: dict[str, Any] = {**base, **around(20270115, **spread)}
    middle = {name: float(column[0]) for name, column in around(20270115, **spread).items()}
    target = float(rx.evaluate(quantity, **{**base, **middle, unknown: true})[quantity])
    found = rx.solve(f"{quantity} = {target!r}", unknown, **inputs)
    assert float(found["solution"][0]) == pytest.approx(true, rel=1e-9)
    solved = np.flatnonzero(found["solutions"].values)
    assert len(solved) > POINTS // 3
    part = {
        name: value.isel(point=solved) if isinstance(value, xr.DataArray) else value for name, value in inputs.items()
    }
    again = rx.evaluate(quantity, **{**part, unknown: xr.DataArray(found["solution"].values[solved], dims="point")})
    assert again[quantity].values == pytest.approx(target, rel=1e-9)
    np.testing.assert_array_equal(again["status"].broadcast_like(again[quantity]), found["status"].values[solved])


def test_the_implicit_derivative_is_that_of_solving_again():
    step = 1e-4
    base = {"peak_flops_bf16": 312e12, "tokens_per_parameter": 20.0, "dp_overlap": 0.5}
    inputs: dict[str, Any] = {**RULE, **base}
    equation = "dp_training_time_6nd = 30 d"
    found = rx.solve(equation, "mfu", wrt=list(base), **inputs)
    for name, value in base.items():
        sides = rx.solve(equation, "mfu", **{**inputs, name: [value * (1 - step), value * (1 + step)]})["solution"]
        expected = float(sides[1] - sides[0]) / (2 * step * value)
        assert float(found["d_solution"].sel(wrt=name)) == pytest.approx(expected, rel=1e-6)
    assert found["wrt_units"].values.tolist() == ["FLOP/s", "1", "1"]
    assert found["d_solution"].attrs["quantity_units"] == "1"


def test_the_implicit_derivative_holds_for_training_too():
    inputs: dict[str, Any] = {**TRAINING, "compute_efficiency": [0.7 * (1 - 1e-4), 0.7, 0.7 * (1 + 1e-4)]}
    found = rx.solve("predicted_mfu = 0.45", "scale_out_bandwidth", wrt="compute_efficiency", **inputs)
    low, _, high = found["solution"].values
    slope = float(found["d_solution"].isel(wrt=0, compute_efficiency=1))
    assert slope == pytest.approx((high - low) / (0.7 * 2e-4), rel=1e-6)


def test_a_field_of_a_record_is_solved_for_beside_its_catalog():
    networks = ["dgx-a100", "dgx-h100", "aws-p5-efa"]
    base: dict[str, Any] = {**RULE, "mfu": 0.4}
    found = rx.solve("dp_comm_time_6nd = 2 s", "scale_out_bandwidth", network=networks, **base)
    assert found["solution"].dims == ("network",)
    assert found["solution"].attrs["units"] == "B/s"
    again = rx.evaluate(
        "dp_comm_time_6nd", network=networks, **base, scale_out_bandwidth=found["solution"].drop_attrs()
    )
    assert again["dp_comm_time_6nd"].values == pytest.approx(2, rel=1e-9)


def test_a_required_input_needs_no_value_and_one_that_is_given_makes_no_difference():
    by_text = rx.solve("training_time_6nd = 30 d", "mfu", **RULE)
    given = rx.solve("training_time_6nd == 2592000", "mfu", **RULE, mfu=0.1)
    assert float(by_text["solution"]) == float(given["solution"])
    assert given.attrs["notices"] == ["mfu: solved for, so what is given for it is set aside"]
    assert by_text.attrs["notices"] == []


def test_an_input_with_a_distribution_counts_at_its_centre_and_says_so():
    inputs = {**RULE, "tokens_per_parameter": "20 ± 2", "mfu": "0.4 ± 0.1"}
    found = rx.solve("training_time_6nd = 30 d", "mfu", **inputs)
    assert float(found["solution"]) == float(rx.solve("training_time_6nd = 30 d", "mfu", **RULE)["solution"])
    assert found.attrs["notices"] == [
        "mfu: solved for, so what is given for it is set aside",
        "tokens_per_parameter: 20 ± 2 counts at its centre here; `rooflax uncertainty` uses the whole",
    ]


def test_a_spec_gives_the_rest_and_its_conditions():
    small: dict[str, Any] = {"num_parameters": [7e9, 7e10], "world_size": 1024, "global_batch_size": 1024}
    small |= {"network": "dgx-a100", "hardware": ["a100-sxm-80gb", "h100-sxm-80gb"]}
    found = rx.solve("training_time_6nd = 30 d", "mfu", spec="6nd", **small)
    assert found["solution"].dims == ("hardware", "num_parameters")
    needed = 6 * 20 * np.array([7e9, 7e10]) ** 2 / (1024 * np.array([[312e12], [989.4e12]]) * 30 * 86400)
    assert found["solution"].values == pytest.approx(np.where(needed <= 1, needed, np.nan), rel=1e-3, nan_ok=True)
    assert "dp_training_time_6nd_<_180_d" in found["status"].attrs["flag_meanings"]


def test_models_of_a_users_own(tmp_path):
    found = rx.solve("eq_line = 7", "eq_x", models=[TOYS], eq_a=1, eq_b=3)
    assert sentence(found) == "eq_x = 2"


MISTAKES = {
    "`step_tme`": ("step_tme = 1 s", "hbm_bandwidth", {}, "unknown name `step_tme`; did you mean `step_time`?"),
    "no equation": ("mfu < 1", "hbm_bandwidth", {}, "`mfu < 1` is not an equation; write `name = value`"),
    "a wrong unit": (
        "step_time = 1 GB", "hbm_bandwidth", {},
        "`step_time`: 1 GB is a size; a time was expected (s, for example 10 us)",
    ),
    "a category": ("binding = compute", "tp", {}, "`binding` is one of several options; an equation takes a number"),
    "an input": ("mfu = 0.4", "tp", {}, "1 problem\n  `mfu` is an input, not a computed quantity"),
    "the target itself": (
        "step_time = 1", "step_time", {},
        "`step_time` is the target and cannot be solved for; name an input that it depends on",
    ),
    "one bound": ("step_time = 1", "mfu", {"between": [1]}, "between takes a lower and an upper bound, found [1]"),
    "a count to derive by": (
        "training_time_6nd = 30 d", "mfu", {**RULE, "wrt": "world_size"},
        "1 problem\n  `world_size` is a whole number, so there is no derivative by it; give it as an axis and compare "
        "its values",
    ),
    "several wrong inputs to derive by": (
        "training_time_6nd = 30 d", "peak_flops_bf16", {**RULE, "mfu": 0.4, "wrt": ["tp", "nosuch", "mfu", "mfu"]},
        "3 problems\n  `tp` is a whole number, so there is no derivative by it; give it as an axis and compare its "
        "values\n  `nosuch`: unknown name; `rooflax list inputs` shows what may be given\n"
        "  `mfu` is named twice; once is enough",
    ),
    "an input that is missing": (
        "training_time_6nd = 30 d", "mfu", {"hardware": "a100-sxm-80gb", "num_parameters": 7e9},
        "1 problem\n  world_size: `training_time_6nd` needs it and it has no default",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_in_a_sentence(case):
    equation, unknown, inputs, message = MISTAKES[case]
    with pytest.raises(rx.RooflaxError) as error:
        rx.solve(equation, unknown, **inputs)
    assert str(error.value) == message
