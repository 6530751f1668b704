"""Gradients of specs and keywords: stored beside the results, asked for at points, and refused in clear words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rooflax
from rooflax.specs.problems import RooflaxError, SpecError

SPEC = """\
title: How the time moves
axes:
  tp: [1, 2, 4]
  scale_out_bandwidth: [25 GB/s, 50 GB/s, 400 GB/s]
fixed: {{model: llama-2-13b, hardware: a100-sxm-80gb, world_size: 64, global_batch_size: 256, seq_len: 4096}}
outputs: [step_time, memory_per_gpu]
gradients: {gradients}
store: {{dtype: float64}}
"""
ASKED = "{elasticity: {of: [step_time, memory_per_gpu], wrt: [scale_out_bandwidth, hbm_bandwidth, loss_copies]}}"
POINT = {
    "model": "llama-2-13b",
    "hardware": "a100-sxm-80gb",
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
}


def written(folder: Path, gradients: str) -> Path:
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(gradients=gradients), encoding="utf-8")
    return path


@pytest.mark.parametrize("blocks", [False, True])
def test_stored_gradients_are_those_of_the_points(blocks, tmp_path, monkeypatch):
    if blocks:
        from rooflax.specs.blocks import block_grid
        from rooflax.sweeps import engine

        monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, 4))
        monkeypatch.setattr(engine, "is_small", lambda _: False)
    spec = written(tmp_path, ASKED)
    run = rooflax.run(spec, store=tmp_path / "x.zarr")
    monkeypatch.undo()
    assert run.blocks == (3 if blocks else 1)
    stored = rooflax.open(tmp_path / "x.zarr", "gradients")
    assert list(stored["wrt"].values) == ["scale_out_bandwidth", "hbm_bandwidth", "loss_copies"]
    assert list(stored["wrt_units"].values) == ["B/s", "B/s", "1"]
    wrt = [str(name) for name in stored["wrt"].values]
    asked = rooflax.elasticity(
        ["step_time", "memory_per_gpu"], wrt, **POINT, tp=[1, 2, 4], scale_out_bandwidth=[25e9, 50e9, 400e9]
    )
    for name in ("step_time", "memory_per_gpu"):
        found, expected = stored[f"{name}_elasticity"], asked[name]
        assert found.attrs["units"] == "1"
        missing = {dim: expected.sizes[dim] for dim in expected.dims if dim not in found.dims}
        np.testing.assert_allclose(
            found.expand_dims(missing).transpose(*expected.dims), expected, rtol=1e-9, atol=1e-15
        )
    assert "scale_out_bandwidth" not in stored["memory_per_gpu_elasticity"].dims
    assert (stored["step_time_elasticity"].sel(wrt="hbm_bandwidth") < -0.01).all()


def test_a_lost_shard_of_a_gradient_is_computed_again(tmp_path):
    spec, store = written(tmp_path, ASKED), tmp_path / "x.zarr"
    rooflax.run(spec, store=store)
    before = rooflax.open(store, "gradients")["step_time_elasticity"].to_numpy()
    shards = [path for path in (store / "gradients" / "step_time_elasticity" / "c").rglob("*") if path.is_file()]
    for path in shards:
        path.unlink()
    again = rooflax.run(spec, store=store)
    assert (len(shards), again.resumed) == (1, 0)
    np.testing.assert_array_equal(rooflax.open(store, "gradients")["step_time_elasticity"], before)


def test_derivatives_and_elasticities_share_their_inputs(tmp_path):
    both = "{derivative: {of: [step_time], wrt: [hbm_bandwidth]}, elasticity: {of: [step_time], wrt: [hbm_bandwidth]}}"
    rooflax.run(written(tmp_path, both), store=tmp_path / "x.zarr")
    stored = rooflax.open(tmp_path / "x.zarr", "gradients").isel(wrt=0)
    results = rooflax.open(tmp_path / "x.zarr")
    bandwidth = 2.039e12
    relative = stored["step_time_derivative"] * bandwidth / results["step_time"]
    np.testing.assert_allclose(stored["step_time_elasticity"], relative, rtol=1e-12)
    assert stored["step_time_derivative"].attrs["units"] == "s*s/B"


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ("{}", "gradients: give `derivative`, `elasticity` or both"),
        ("{slope: {of: [step_time], wrt: [tdp]}}", "gradients.slope: unknown key; the keys are derivative, elasticity"),
        (
            "{derivative: {of: [step_time]}}",
            "gradients.derivative.wrt: missing: continuous inputs, or quantities that are given a value.",
        ),
        (
            "{derivative: {of: [step_tme], wrt: [tdp]}}",
            "gradients.derivative.of[0]: unknown quantity `step_tme`; did you mean `step_time`?",
        ),
        (
            "{derivative: {of: [binding], wrt: [tdp]}}",
            "gradients.derivative.of[0]: `binding` is one of several options, which have no derivative",
        ),
        (
            "{derivative: {of: [step_time], wrt: [tpd]}}",
            "gradients.derivative.wrt[0]: unknown name; did you mean `tp`?",
        ),
        (
            "{derivative: {of: [step_time], wrt: [hardware]}}",
            "gradients.derivative.wrt[0]: `hardware` stands for many inputs; name one of them",
        ),
        (
            "{derivative: {of: [step_time], wrt: [tp]}}",
            "gradients.derivative.wrt[0]: `tp` is a count, by which there is no derivative; make it an axis, or ask "
            "`rooflax grad` for the difference to its next legal value",
        ),
        ("{derivative: {of: [step_time], wrt: [tdp, tdp]}}", "gradients.derivative.wrt[1]: `tdp` is listed twice"),
        (
            "{derivative: {of: [step_time], wrt: [tdp]}, elasticity: {of: [step_time], wrt: [hbm_bandwidth]}}",
            "gradients: `derivative` and `elasticity` lie along one list of inputs; give both the same `wrt`",
        ),
    ],
)
def test_mistakes_are_located(gradients, message, tmp_path):
    with pytest.raises(SpecError) as error:
        rooflax.run(written(tmp_path, gradients), store=tmp_path / "x.zarr")
    assert message in str(error.value)


def test_a_changed_question_is_another_store(tmp_path):
    spec = written(tmp_path, ASKED)
    rooflax.run(spec, store=tmp_path / "x.zarr")
    with pytest.raises(RooflaxError, match=r"the spec .* differ"):
        rooflax.run(written(tmp_path, ASKED.replace(", loss_copies", "")), store=tmp_path / "x.zarr")


def test_two_names_give_one_array():
    found = rooflax.derivative("step_time", "hbm_bandwidth", **POINT)
    assert found.dims == ()
    assert set(found.coords) == {"reading", "start", "stop"}
    assert found.attrs["long_name"] == "Derivative of Time of one training step"
    assert found.attrs["units"] == "s*s/B"


@pytest.mark.parametrize(
    ("of", "wrt", "message"),
    [
        (
            "binding",
            "tdp",
            "`binding` is one of compute, hbm, tp, cp, ep, pp, dp, host, capacity, which have no derivative",
        ),
        (
            "step_time",
            "num_micro_batches",
            "`num_micro_batches` is computed here; give it a value to ask how others would move with it",
        ),
        (
            "step_time",
            "model",
            "a catalog name stands for many inputs; name one, or differences between records are those of scenarios",
        ),
        ("step_time", "tpd", "unknown name; did you mean `tp`?"),
        ("step_tme", "tdp", "unknown quantity `step_tme`; did you mean `step_time`?"),
    ],
)
def test_what_has_no_derivative_is_refused(of, wrt, message):
    with pytest.raises(RooflaxError) as error:
        rooflax.derivative(of, wrt, **POINT)
    assert message in str(error.value)


def test_a_pinned_quantity_moves_others():
    found = rooflax.derivative("step_time", "num_micro_batches", **POINT, num_micro_batches=8)
    beside = rooflax.evaluate("step_time", **POINT, num_micro_batches=8.001)["step_time"]
    here = rooflax.evaluate("step_time", **POINT, num_micro_batches=8)["step_time"]
    assert float(found) == pytest.approx(float(beside - here) / 1e-3, rel=1e-6)


def test_an_input_that_is_not_read_moves_nothing():
    found = rooflax.elasticity("step_time", "prompt_len", **POINT)
    assert float(found) == 0


def test_second_derivatives_are_those_of_the_formula():
    inputs = {**{n: v for n, v in POINT.items() if n != "model"}, "num_parameters": 7e9, "mfu": [0.2, 0.4]}
    found = rooflax.second_derivative("step_time_6nd", ["mfu", "num_parameters", "tdp"], **inputs)["step_time_6nd"]
    time = rooflax.evaluate("step_time_6nd", **inputs)["step_time_6nd"]
    mfu, size = time["mfu"], 7e9
    twice = found.sel(wrt="mfu")
    np.testing.assert_allclose(twice.sel(wrt_again="mfu"), 2 * time / mfu**2, rtol=1e-12)
    np.testing.assert_allclose(twice.sel(wrt_again="num_parameters"), -time / mfu / size, rtol=1e-12)
    np.testing.assert_allclose(found.sel(wrt="num_parameters", wrt_again="mfu"), -time / mfu / size, rtol=1e-12)
    assert (found.sel(wrt="tdp") == 0).all()
    assert (found.sel(wrt="num_parameters", wrt_again="num_parameters") == 0).all()


def test_second_derivatives_by_counts_are_refused():
    with pytest.raises(RooflaxError) as error:
        rooflax.second_derivative("step_time", "tp", **POINT)
    assert str(error.value) == "`tp` is a count, by which there is no derivative"


def test_an_input_that_is_computed_is_refused_in_a_spec(tmp_path):
    spec = written(tmp_path, "{derivative: {of: [step_time], wrt: [num_micro_batches]}}")
    with pytest.raises(RooflaxError) as error:
        rooflax.run(spec, store=tmp_path / "x.zarr")
    assert str(error.value) == (
        "gradients: `num_micro_batches` is computed here; give it a value to ask how others would move with it"
    )
