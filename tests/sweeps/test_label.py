from __future__ import annotations

import json

import rooflax
from rooflax.sweeps.label import attributes


def test_every_variable_carries_label_unit_formula_and_source(base):
    data = rooflax.evaluate(["step_time", "memory_per_gpu"], **base["training"], tp=[1, 2])
    assert data["step_time"].attrs["long_name"] == "Time of one training step"
    assert data["step_time"].attrs["units"] == "s"
    assert "t_{" in data["step_time"].attrs["formula"]
    assert data["step_time"].attrs["source"].startswith("narayanan-et-al-2021")
    assert data["memory_per_gpu"].attrs["units"] == "B"
    assert data["tp"].attrs == {"long_name": "Tensor parallel degree", "units": "1"}


def test_codes_are_cf_flags(base):
    data = rooflax.evaluate("binding", **base["training"], tp=[1, 3])
    for name in ("binding", "status"):
        attrs = data[name].attrs
        meanings = attrs["flag_meanings"].split(" ")
        assert len(meanings) == len(attrs["flag_values"]) == len(set(meanings))
        assert set(data[name].values.ravel().tolist()) <= set(attrs["flag_values"])
        assert data[name].dtype == "int8"
    status = dict(zip(data["status"].attrs["flag_values"], data["status"].attrs["flag_meanings"].split(), strict=True))
    assert status[0] == "feasible"
    assert status[127] == "not_computed"
    assert status[int(data["status"].sel(tp=3))] == "fills_world"


def test_the_meaning_of_a_comparison_is_one_word(base, make_sweep):
    sweep = make_sweep(["step_time"], ("memory_per_gpu < 70 GiB",), **base["training"])
    attrs = attributes(sweep, "status")
    assert "memory_per_gpu_<_70_GiB" in attrs["flag_meanings"].split()
    assert len(attrs["flag_values"]) == len(attrs["flag_meanings"].split())
    assert attributes(sweep, "margin")["condition_units"][-1] == "B"
    assert len(attributes(sweep, "margin")["condition_units"]) == len(sweep.checks)


def test_a_pinned_output_says_so(base):
    data = rooflax.evaluate(["step_time", "num_micro_batches"], **base["training"], num_micro_batches=[4, 8])
    assert data["num_micro_batches"].attrs["long_name"] != "num_micro_batches"
    pinned = rooflax.evaluate("exposed_dp_comm_time", **base["training"], exposed_dp_comm_time=0.5)
    assert float(pinned["exposed_dp_comm_time"]) == 0.5
    assert pinned["exposed_dp_comm_time"].attrs["comment"] == "pinned: given instead of computed"
    assert "formula" not in pinned["exposed_dp_comm_time"].attrs


def test_the_members_of_a_zipped_axis_are_coordinates(base):
    data = rooflax.evaluate("step_time", **base["training"], layout={"zip": {"tp": [1, 2], "pp": [2, 1]}})
    assert data["pp"].dims == ("layout",)
    assert data["pp"].attrs["long_name"] == "Pipeline parallel degree"


def test_all_attributes_are_json(base):
    data = rooflax.evaluate(["step_time", "binding"], **base["training"], tp=[1, 2])
    json.dumps([data.attrs, *(variable.attrs for variable in data.variables.values())], allow_nan=False)
