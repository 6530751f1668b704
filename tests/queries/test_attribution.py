"""Attributions: each effect against evaluations one by one, and asked at the best points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rooflax
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps.gradients.derivatives import Reading

POINT = {
    "model": "llama-2-13b",
    "hardware": "a100-sxm-80gb",
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
    "tp": 2,
    "pp": 2,
}
SPEC = """\
title: The best layout
axes: {world_size: [32, 64], tp: [1, 2, 4], pp: [1, 2]}
fixed: {model: llama-2-13b, hardware: a100-sxm-80gb, global_batch_size: 256, seq_len: 4096}
outputs: [step_time]
where: [fits_memory]
best: {minimize: step_time, over: [tp, pp]}
"""


def time_at(**changed) -> float:
    return float(rooflax.evaluate("step_time", **{**POINT, **changed})["step_time"])


def test_every_effect_is_an_evaluation_of_its_own():
    inputs = ["hbm_bandwidth", "tp_overlap", "tp", "recompute", "sequence_parallel", "world_size"]
    found = rooflax.attribute("step_time", inputs=inputs, change=0.2, tp_overlap=0.9, **POINT)
    assert set(found["input"].values) == set(inputs)
    base = time_at(tp_overlap=0.9)
    assert float(found["step_time"]) == pytest.approx(base, rel=1e-12)
    bandwidth = found.sel(input="hbm_bandwidth")
    for side, factor in (("low", 0.8), ("high", 1.2)):
        wanted = time_at(tp_overlap=0.9, hbm_bandwidth=2.039e12 * factor)
        assert float(bandwidth[side]) == pytest.approx(wanted, rel=1e-12)
    overlap = found.sel(input="tp_overlap")
    assert float(overlap["high_input"]) == 1
    assert float(overlap["high"]) == pytest.approx(time_at(tp_overlap=1.0), rel=1e-12)
    assert float(overlap["low"]) == pytest.approx(time_at(tp_overlap=0.9 * 0.8), rel=1e-12)
    for name, following in (("tp", 4), ("recompute", "selective"), ("sequence_parallel", False), ("world_size", 128)):
        one = found.sel(input=name)
        assert np.isnan(float(one["low"]))
        assert float(one["high"]) == pytest.approx(time_at(tp_overlap=0.9, **{name: following}), rel=1e-12), name
    swings = found["swing"].to_numpy()
    assert (np.diff(swings) <= 0).all()
    assert float(bandwidth["swing"]) == pytest.approx(max(abs(float(bandwidth[s]) / base - 1) for s in ("low", "high")))


def test_by_default_it_is_asked_of_everything_but_the_model():
    found = rooflax.attribute("step_time", **POINT)
    names = set(found["input"].values)
    assert {"hbm_bandwidth", "tp", "world_size", "scale_out_bandwidth", "compute_efficiency"} <= names
    assert not {"num_layers", "hidden_size", "vocab_size", "hbm_capacity"} & names
    assert "binding" in found
    assert int(found["status"]) == 0


def test_a_grid_has_the_effects_of_its_points():
    axes = {"tp": [1, 2], "scale_out_bandwidth": [25e9, 400e9]}
    given = {**{n: v for n, v in POINT.items() if n != "tp"}, **axes}
    inputs = ["hbm_bandwidth", "scale_out_bandwidth", "tp", "micro_batch_size"]
    grid = rooflax.attribute("step_time", inputs=inputs, **given)
    for tp in axes["tp"]:
        for bandwidth in axes["scale_out_bandwidth"]:
            place = {"tp": tp, "scale_out_bandwidth": bandwidth}
            point = rooflax.attribute("step_time", inputs=inputs, **{**POINT, **place})
            cell = grid.sel(place).sel(input=point["input"].values)
            for name in ("elasticity", "low", "high", "swing", "low_input", "high_input"):
                np.testing.assert_allclose(cell[name], point[name], rtol=1e-12, err_msg=name)


def test_at_the_best_points_it_is_that_of_the_winners(tmp_path: Path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    found = rooflax.attribute("step_time", inputs=["hbm_bandwidth", "micro_batch_size"], spec=spec, best=True)
    winners = rooflax.best(spec)
    assert found["step_time"].dims == ("world_size",)
    for gpus in (32, 64):
        winner = winners.sel(world_size=gpus)
        at = {"tp": float(winner["tp"]), "pp": float(winner["pp"]), "world_size": gpus}
        point = rooflax.attribute("step_time", inputs=["hbm_bandwidth", "micro_batch_size"], **{**POINT, **at})
        cell = found.sel(world_size=gpus).sel(input=point["input"].values)
        np.testing.assert_allclose(cell["high"], point["high"], rtol=1e-12)
        assert float(cell["step_time"]) == pytest.approx(float(winner["step_time"]), rel=1e-5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"quantity": "binding"},
            "`binding` is one of compute, hbm, tp, cp, ep, pp, dp, host, capacity, which have no order",
        ),
        ({"quantity": "step_time", "change": 0.0}, "a change of 0; a share of the input between 0 and 1 was expected"),
        ({"quantity": "step_time", "best": True}, "the best points are those of a spec; name one"),
        ({"quantity": "step_time", "inputs": ["tpp"]}, "unknown name; did you mean `tp`?"),
    ],
)
def test_mistakes_are_told(asked, message):
    with pytest.raises(RooflaxError) as error:
        rooflax.attribute(**asked, **POINT)
    assert message in str(error.value)


def test_a_spec_that_chooses_nothing_has_no_best_points(tmp_path: Path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("best:", "description: no best #"), encoding="utf-8")
    with pytest.raises(RooflaxError) as error:
        rooflax.attribute("step_time", spec=spec, best=True)
    assert "says nothing of `best`" in str(error.value)


def test_an_effect_of_a_jump_is_read_as_one():
    found = rooflax.attribute("step_time", inputs=["loss_copies"], **POINT)
    assert Reading(int(found["reading"].sel(input="loss_copies"))) is Reading.chosen
