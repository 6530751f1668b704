"""Comparisons: contributions add up over points and grids, and every input is told with what it was and is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import rooflax as rx

TOYS = Path(__file__).parents[1] / "sweeps" / "contribution_models.py"
RULE: dict[str, Any] = {
    "hardware": "a100-sxm-80gb", "num_parameters": 7e9, "world_size": 64, "global_batch_size": 256, "seq_len": 4096,
    "mfu": 0.4,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "model": "llama-2-13b", "hardware": "a100-sxm-80gb", "world_size": 64, "global_batch_size": 256, "seq_len": 4096,
    "tp": 4,
}  # fmt: skip


def adds_up(found: xr.Dataset, quantity: str, rel: float = 1e-6) -> None:
    total = found[f"{quantity}_contribution"].sum("input")
    xr.testing.assert_allclose(total, found[f"{quantity}_change"].transpose(*total.dims), rtol=rel, atol=0)


def test_the_rule_adds_up_over_scenarios_with_records_counts_and_numbers():
    found = rx.compare(
        ["training_time_6nd", "dp_step_time_6nd"],
        {
            "now": {},
            "next": {
                "hardware": "h100-sxm-80gb",
                "mfu": 0.5,
                "n_gpus": 128,
                "num_parameters": "14 G",
                "dp_overlap": 0.3,
            },
            "wide": {"scale_out_bandwidth": "800 Gb/s", "network": "dgx-h100"},
        },
        **RULE,
    )
    assert found["scenario"].values.tolist() == ["now", "next", "wide"]
    assert found.attrs["base"] == "now"
    for quantity in ("training_time_6nd", "dp_step_time_6nd"):
        adds_up(found, quantity)
        single = rx.evaluate(
            quantity,
            **{
                **RULE,
                "hardware": "h100-sxm-80gb",
                "mfu": 0.5,
                "world_size": 128,
                "num_parameters": 14e9,
                "dp_overlap": 0.3,
            },
        )
        assert float(found[quantity].sel(scenario="next")) == pytest.approx(float(single[quantity]), rel=1e-12)
        changes = found[quantity] - found[quantity].sel(scenario="now")
        np.testing.assert_allclose(found[f"{quantity}_change"], changes)
    part = found["training_time_6nd_contribution"].sel(scenario="next")
    assert float(part.sel(input="dp_overlap")) == 0.0
    assert float(part.sel(input="num_parameters")) > 0 > float(part.sel(input="hardware"))
    labels = found["input_label"]
    assert labels.sel(input="hardware").values.tolist() == ["a100-sxm-80gb", "h100-sxm-80gb", "a100-sxm-80gb"]
    assert labels.sel(input="network").values.tolist() == ["dgx-a100", "dgx-h100", "dgx-h100"]
    assert labels.sel(input="world_size").values.tolist() == ["64", "128", "64"]
    assert found["input_value"].sel(input="mfu").values.tolist() == [0.4, 0.5, 0.4]
    assert np.isnan(found["input_value"].sel(input="hardware")).all()
    units = dict(zip(found["input"].values.tolist(), found["input_unit"].values.tolist(), strict=True))
    assert (units["scale_out_bandwidth"], units["mfu"], units["hardware"]) == ("B/s", "1", "")
    changed = {
        str(name): set(found["input"].values[found["changed"].sel(scenario=name).values].tolist())
        for name in found["scenario"].values
    }
    assert changed == {
        "now": set(),
        "next": {"hardware", "mfu", "world_size", "num_parameters", "dp_overlap"},
        "wide": {"scale_out_bandwidth", "network"},
    }
    assert float(abs(found["dp_step_time_6nd_contribution"].sel(scenario="wide", input="mfu"))) == 0.0


def test_the_training_model_adds_up():
    found = rx.compare(
        ["step_time", "memory_per_gpu"],
        {
            "next": {
                "hardware": "h100-sxm-80gb", "tp": 8, "micro_batch_size": 2, "recompute": "full",
                "scale_out_bandwidth": "800 Gb/s", "dp_overlap": 0.9, "tp_overlap": 0.6,
            }
        },
        **TRAINING,
    )  # fmt: skip
    assert found["scenario"].values.tolist() == ["base", "next"]
    adds_up(found, "step_time")
    adds_up(found, "memory_per_gpu")
    assert "jumps" not in found["input"].values
    memory = found["memory_per_gpu_contribution"].sel(scenario="next")
    assert float(memory.sel(input="dp_overlap")) == float(memory.sel(input="hardware")) == 0.0
    assert found["status"].values.tolist() == [0, 0]
    assert found.attrs["failures"] == ["", ""]


def test_a_grid_is_the_loop_over_its_points():
    scenarios = {"next": {"x0": 3, "x1": 0.5, "mode": "most"}}
    axes: dict[str, Any] = {"n1": [1, 4], "n0": [1, 2, 3]}
    grid = rx.compare(["mixed", "product"], scenarios, models=[TOYS], x0=0.5, x1=2, **axes)
    assert grid["mixed_contribution"].dims == ("scenario", "input", "n1", "n0")
    assert grid["product_contribution"].dims == ("scenario", "input")
    adds_up(grid, "mixed")
    for n0 in axes["n0"]:
        for n1 in axes["n1"]:
            point = rx.compare(["mixed", "product"], scenarios, models=[TOYS], x0=0.5, x1=2, n0=n0, n1=n1)
            assert point["mixed_contribution"].dims == ("scenario", "input")
            at = grid.sel(n0=n0, n1=n1)
            for name in ("mixed", "mixed_change", "mixed_contribution", "product_contribution"):
                np.testing.assert_allclose(at[name], point[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_an_input_may_vary_along_the_grid():
    varying = xr.DataArray([2.0, 4.0], dims="n0", coords={"n0": [1, 2]})
    found = rx.compare("mixed", {"next": {"x1": varying}}, models=[TOYS], n0=[1, 2])
    assert found["mixed_contribution"].sel(scenario="next", input="x1").values.tolist() == [1.0, 6.0]
    assert found["input_label"].sel(input="x1").values.tolist() == ["1", "2 … 4"]
    assert np.isnan(found["input_value"].sel(input="x1")[1])


def test_jumps_and_pins_are_told():
    found = rx.compare("jumping", {"next": {"x0": 2, "x1": 4}}, models=[TOYS])
    assert found["input"].values.tolist() == ["x0", "x1", "jumps"]
    assert found["jumping_contribution"].sel(scenario="next").values == pytest.approx([1, 6, 10])
    pinned = rx.compare("twice", {"next": {"mixed": 5, "mode": "most"}}, models=[TOYS])
    assert pinned["input_label"].sel(input="mixed").values.tolist() == ["computed", "5"]
    assert pinned["input_label"].sel(input="mode").values.tolist() == ["sum", "most"]
    adds_up(pinned, "twice")


def test_scenarios_that_do_not_differ_have_no_inputs():
    found = rx.compare("product", {"a": {}, "b": {"x0": 1.0}}, models=[TOYS])
    assert dict(found.sizes) == {"scenario": 2, "input": 0}
    assert found["product_change"].values.tolist() == [0.0, 0.0]
    assert found.attrs["notices"] == ["b: changes nothing against a"]


def test_what_has_no_value_on_the_way_is_not_attributed():
    found = rx.compare("quotient", {"next": {"x0": 2, "x1": 5, "n0": 2}}, models=[TOYS], x0=1, x1=3)
    adds_up(found, "quotient")
    assert found.attrs["notices"] == []
    beyond = rx.compare("product", {"next": {"x0": 1, "x1": 1e200}}, models=[TOYS], x0=1e200, x1=1)
    assert beyond["product_change"].sel(scenario="next") == 0.0
    assert np.isnan(beyond["product_contribution"].sel(scenario="next")).all()
    assert beyond.attrs["notices"] == [
        "product: not finite while only some of the inputs are as in next, so its change is not attributed there"
    ]


def test_a_spec_and_files_of_scenarios(tmp_path):
    (tmp_path / "small.yaml").write_text(
        "title: T\naxes: {world_size: [64, 128]}\nfixed: {hardware: a100-sxm-80gb, num_parameters: 7 G, mfu: 0.4, "
        "global_batch_size: 256, seq_len: 4096}\noutputs: [training_time_6nd]\nwhere: ['training_time_6nd < 5 d']\n"
    )
    (tmp_path / "next.yaml").write_text("title: Next\nset: {hardware: h100-sxm-80gb, mfu: 0.5}\n")
    found = rx.compare("training_time_6nd", [tmp_path / "next.yaml"], spec=tmp_path / "small.yaml", mfu=0.3)
    assert found["scenario"].values.tolist() == ["small", "next"]
    assert found.attrs["titles"] == ["", "Next"]
    assert found["training_time_6nd_contribution"].dims == ("scenario", "input", "world_size")
    adds_up(found, "training_time_6nd")
    assert found["input_value"].sel(input="mfu").values.tolist() == [0.3, 0.5]
    assert found["status"].attrs["flag_meanings"].split()[-2:] == ["training_time_6nd_<_5_d", "not_computed"]
    assert meaning(found, "small", world_size=64) == "training_time_6nd_<_5_d"
    assert found["status"].sel(scenario="next", world_size=128) == 0


def meaning(found: xr.Dataset, scenario: str, **at: float) -> str:
    """The condition that a status stands for."""
    attrs = found["status"].attrs
    code = int(found["status"].sel({"scenario": scenario, **at}))
    return dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))[code]


def test_a_status_means_the_same_in_all_scenarios():
    # Where the memory is given, nothing asks whether it fits: the base has fewer conditions than the others.
    scenarios = {"given": {"memory_per_gpu": "9 GB"}, "odd": {"tp": 3}, "full": {"hbm_capacity": "10 GB"}}
    found = rx.compare(["step_time", "memory_per_gpu"], scenarios, **TRAINING)
    assert [meaning(found, name) for name in ("given", "full")] == ["feasible", "fits_memory"]
    one = rx.evaluate(["step_time", "memory_per_gpu"], **{**TRAINING, "tp": 3})
    assert meaning(found, "odd") == one["status"].attrs["flag_meanings"].split()[int(one["status"])] != "feasible"
    adds_up(found, "memory_per_gpu")


@pytest.mark.parametrize(
    ("scenarios", "told"),
    [
        ({}, "no scenario is given; one is held against the inputs as they are, several against the first"),
        ({"base": {"x0": 2}}, "two scenarios are called `base`; a file is called by its name without its ending"),
        ({"a": 3}, "scenario a: a mapping of inputs was expected, found 3"),
        ("a.yaml", "scenarios: a mapping of names to inputs or a list of files was expected, found 'a.yaml'"),
    ],
)
def test_what_is_no_scenario_is_refused(scenarios, told):
    with pytest.raises(rx.RooflaxError) as error:
        rx.compare("product", scenarios, models=[TOYS])
    assert str(error.value) == told


def test_mistakes_of_a_scenario_name_it():
    with pytest.raises(rx.SpecError) as error:
        rx.compare("product", {"big": {"n0": 0.5, "hardware": "h1000"}}, models=[TOYS])
    assert [(p.location, p.where) for p in error.value.problems] == [
        ("scenario big", "n0"),
        ("scenario big", "hardware"),
    ]
    with pytest.raises(rx.RooflaxError, match="`binding` is one of several options; differences are those of numbers"):
        rx.compare("binding", {"next": {"tp": 8}}, **TRAINING)


def test_contributions_that_do_not_add_up_are_refused(monkeypatch):
    from rooflax.queries import comparison_results

    monkeypatch.setattr(comparison_results, "contributions", lambda *_: {("product", "x0"): np.array([1.0 + 1e-5])})
    with pytest.raises(rx.RooflaxError, match="`product`: the contributions do not add up to the change"):
        rx.compare("product", {"next": {"x0": 2}}, models=[TOYS])


def test_a_scenario_in_which_a_quantity_has_no_value_is_told():
    found = rx.compare("quotient", {"none": {"x0": 0, "x1": 1}, "some": {"x0": 2, "x1": 3}}, models=[TOYS])
    assert np.isnan(found["quotient_change"].sel(scenario="some"))
    assert found.attrs["notices"] == ["quotient: no value in none"]


def test_distributions_count_at_their_centres_and_are_told():
    found = rx.compare("product", {"next": {"x1": 2}}, models=[TOYS], x0="3 ± 0.5", x2="3 ± 0.5")
    assert found["product"].values.tolist() == [3.0, 6.0]
    assert found.attrs["notices"] == ["x0: 3 ± 0.5 counts at its centre here; `rooflax uncertainty` uses the whole"]
