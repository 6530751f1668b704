"""The Python interface."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import rooflax
from rooflax.specs.problems import RooflaxError

POINT = {"model": "gpt-2", "hardware": "a100-sxm-80gb", "world_size": 8, "global_batch_size": 64, "seq_len": 1024}


def test_everything_promised_is_there():
    assert dir(rooflax) == sorted(rooflax.__all__)
    for name in rooflax.__all__:
        assert getattr(rooflax, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = rooflax.nothing


def test_scalars_give_variables_without_dims():
    data = rooflax.evaluate("step_time", **POINT)
    assert data["step_time"].shape == ()
    assert data["step_time"].dtype == np.float64
    assert int(data["status"]) == 0
    assert all("values pooled over others of its class" in notice for notice in data.attrs["notices"])


def test_inputs_take_units_numbers_lists_and_grid_forms():
    by_text = rooflax.evaluate("step_time", **POINT, scale_out_bandwidth="200 Gb/s")["step_time"]
    by_number = rooflax.evaluate("step_time", **POINT, scale_out_bandwidth=25e9)["step_time"]
    assert float(by_text) == float(by_number)
    grid = rooflax.evaluate("step_time", **POINT, scale_out_bandwidth={"min": "10 GB/s", "max": "40 GB/s", "num": 4})
    assert grid["step_time"].dims == ("scale_out_bandwidth",)
    assert list(grid["scale_out_bandwidth"].values) == [1e10, 2e10, 3e10, 4e10]


def test_all_problems_come_at_once():
    with pytest.raises(rooflax.SpecError) as error:
        rooflax.evaluate("step_time", **{**POINT, "tp": -1, "hardware": "a1000", "seq_len": "12 GB"})
    assert len(error.value.problems) == 3
    with pytest.raises(rooflax.SpecError) as error:
        rooflax.evaluate(["step_tme", "tp"], **POINT)
    assert len(error.value.problems) == 2


def test_a_wrong_dtype_is_refused():
    with pytest.raises(RooflaxError, match="dtype 'float16' is not one of float32, float64"):
        rooflax.evaluate("step_time", dtype="float16", **POINT)
    assert rooflax.evaluate("step_time", dtype="float32", **POINT)["step_time"].dtype == np.float32


def test_low_confidence_travels_with_the_results():
    data = rooflax.evaluate("step_time", **{**POINT, "hardware": "t4"})
    assert "hardware t4: confidence: low; `rooflax show t4` tells its sources" in data.attrs["notices"]


def test_evaluating_leaves_the_precision_of_jax_alone():
    import jax.numpy as jnp

    rooflax.evaluate("step_time", **POINT)
    assert jnp.zeros(1).dtype == np.float32


def test_a_run_is_told_and_can_be_opened(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "title: A\naxes: {tp: [1, 2, 4]}\nfixed: {model: gpt-2, hardware: t4, world_size: 8, global_batch_size: 64, "
        "seq_len: 1024, precision: fp16-mixed}\noutputs: [step_time]\nbest: {minimize: step_time, over: [tp]}\n"
    )
    store = tmp_path / "a.zarr"
    seen = []
    done = rooflax.run(
        spec, store=store, tp=np.array([1, 2]), seq_len="2000 tokens", micro_batch_size=(1, 2),
        progress=lambda *counts: seen.append(counts),
    )  # fmt: skip
    assert (done.path, done.blocks, done.resumed, done.points) == (store, 1, 0, 4)
    assert "hardware t4: confidence: low; `rooflax show t4` tells its sources" in done.notices
    assert seen == [(1, 1)]
    results = rooflax.open(store)
    assert dict(results.sizes) == {"tp": 2, "micro_batch_size": 2}
    assert results.attrs["overrides"] == ["tp=[1, 2]", 'seq_len="2000 tokens"', "micro_batch_size=[1, 2]"]
    assert rooflax.run(spec, store=store, tp=[1, 2], seq_len=2000, micro_batch_size=[1, 2]).resumed == 1
    direct = rooflax.best(spec, overrides=["tp=[1, 2]", "seq_len=2000", "micro_batch_size=[1, 2]"])
    xr.testing.assert_equal(direct, rooflax.best(store))
    assert direct["step_time"].dims == ("micro_batch_size",)


def test_a_value_that_yaml_cannot_hold_is_refused(tmp_path):
    with pytest.raises(RooflaxError, match="is no number, text, list or grid form: object was found"):
        rooflax.run("6nd", store=tmp_path / "x.zarr", tp=object())
