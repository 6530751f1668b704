"""Optima of the rule and of the training model, and what `rx.optimize` refuses."""

from __future__ import annotations

import numpy as np
import pytest

import rooflax
from rooflax import RooflaxError, SpecError

PRICES = {
    "base_gpu_hour_price": 1.2,
    "hbm_bandwidth_price": "0.12 $/h/TBps",
    "hbm_capacity_price": "0.002 $/h/GB",
    "scale_out_bandwidth_price": "0.002 $/h/GBps",
}
RULE = {
    "hardware": "a100-sxm-80gb",
    "num_parameters": 7e9,
    "global_batch_size": 256,
    "seq_len": 4096,
    "mfu": 0.4,
    **PRICES,
}
TRAINING = {
    "model": "llama-2-13b",
    "hardware": "a100-sxm-80gb",
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
    **PRICES,
}
NETWORK = {"scale_out_bandwidth": {"min": "1 GB/s", "max": "400 GB/s"}}


def below(found, grid, objective, limit, over):
    """How far each optimum lies below the best feasible point of a grid, as a share of it."""
    best = grid[objective].where(grid["status"] == 0).where(limit).min(over)
    return (best - found[objective]) / best


def test_the_network_that_the_rule_pays_for():
    limit = 8.75 * 86400
    found = rooflax.optimize(
        minimize="dp_training_cost_6nd",
        over=NETWORK,
        where=["dp_training_time_6nd <= 8.75 d"],
        world_size=[32, 64, 128],
        **RULE,
    )
    dense = {"min": "1 GB/s", "max": "400 GB/s", "num": 4001, "scale": "log"}
    grid = rooflax.evaluate(
        ["dp_training_cost_6nd", "dp_training_time_6nd"],
        scale_out_bandwidth=dense,
        world_size=[32, 64, 128],
        **RULE,
    )
    short = grid["dp_training_time_6nd"] <= limit
    gain = below(found, grid, "dp_training_cost_6nd", short, "scale_out_bandwidth")
    feasible = short.any("scale_out_bandwidth")
    assert feasible.values.tolist() == (found["status"] == 0).values.tolist() == [False, True, True]
    assert ((gain > -1e-6) & (gain < 1e-4)).values[feasible.values].all()


def test_memory_and_network_that_the_training_model_pays_for():
    layouts = {"tp": [2, 4], "pp": [1, 2]}
    over = {"hbm_bandwidth": {"min": "0.5 TB/s", "max": "8 TB/s"}, "scale_out_bandwidth": {"min": 5e9, "max": 4e11}}
    found = rooflax.optimize(
        minimize="training_cost",
        over=over,
        where=["fits_memory", "training_time <= 110 d"],
        outputs=["step_time"],
        **layouts,
        **TRAINING,
    )
    axes = {name: {**box, "num": 61, "scale": "log"} for name, box in over.items()}
    grid = rooflax.evaluate(["training_cost", "training_time", "step_time"], **layouts, **axes, **TRAINING)
    gain = below(found, grid, "training_cost", grid["training_time"] <= 110 * 86400, list(over))
    feasible = found["status"] == 0
    assert feasible.any()
    assert ((gain > -1e-6) & (gain < 1e-2)).where(feasible, True).all()
    assert gain.where(~feasible).isnull().all()
    at = {name: found[name].sel(tp=2, pp=1).item() for name in over}
    again = rooflax.evaluate("step_time", tp=2, pp=1, **{**TRAINING, **at})
    assert float(again["step_time"]) == pytest.approx(float(found["step_time"].sel(tp=2, pp=1)), rel=1e-12)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (
            {"over": NETWORK},
            "without a spec, an optimum takes minimize or maximize, and over: {INPUT: {min: …, max: …}}",
        ),
        ({"minimize": "binding", "over": NETWORK}, "`binding` is one of several options, which have no order"),
        ({"minimize": "step_time", "maximize": "step_time"}, "give --minimize or --maximize, not both"),
        (
            {"minimize": "step_time", "over": NETWORK, "choose": ["pp"]},
            "the question has no axis pp; its axes are tp",
        ),
    ],
)
def test_half_a_question_is_refused(question, told):
    with pytest.raises(RooflaxError) as error:
        rooflax.optimize(**question, **TRAINING, tp=[1, 2])
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("question", "path", "told"),
    [
        (
            {"over": {"tp": {"min": 1, "max": 8}}},
            "over.tp",
            "`tp` is a whole number; list those to try under `axes`, such as tp: [1, 2, 4], and an optimum is found "
            "for each",
        ),
        (
            {"over": {"world_size": {"min": 1, "max": 8}}},
            "over.world_size",
            "given in two places; the other is `world_size`",
        ),
        (
            {"over": NETWORK, "where": ["step_time == 1 s"]},
            "",
            "`step_time == 1 s` cannot be kept while scale_out_bandwidth is left free; an optimum takes conditions "
            "with <, <=, > or >=",
        ),
        (
            {"over": NETWORK, "where": ["step_tme < 1 s"]},
            "where[0]",
            "unknown name `step_tme`; did you mean `step_time`?",
        ),
        (
            {"over": {**NETWORK, "power_limit": {"min": 1, "max": 2}}},
            "over.power_limit",
            "unknown name; did you mean `power_limited_share`?",
        ),
    ],
)
def test_what_cannot_be_asked_is_told(question, path, told):
    with pytest.raises(SpecError) as error:
        rooflax.optimize(minimize="step_time", **question, **TRAINING)
    assert [(problem.where, problem.message) for problem in error.value.problems] == [(path, told)]


def test_a_condition_on_what_is_not_free_may_be_an_equation():
    found = rooflax.optimize(
        minimize="training_cost_6nd", over={"mfu": {"min": 0.3, "max": 0.5}}, where=["world_size == 64"],
        world_size=[64, 128], **{name: value for name, value in RULE.items() if name != "mfu"},
    )  # fmt: skip
    assert found["outcome"].values.tolist() == [1, 2]
    np.testing.assert_allclose(found["mfu"][0], 0.5)
