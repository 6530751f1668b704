from __future__ import annotations

import numpy as np
import pytest

from rooflax.sweeps.cases import failures
from rooflax.sweeps.checks import Check, judge
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.known import legal_conditions
from rooflax.sweeps.sweep import MARGIN, STATUS


def test_the_status_is_the_first_condition_that_fails_and_the_margin_is_its_own():
    checks = (Check("a", "a", "B", ""), Check("b", "b", "s", ""), Check("c", "c", "1", ""))
    values = {"a": np.array([1.0, -2.0, -3.0, 0.0]), "b": np.array([2.0, -5.0, 1.0, -7.0]), "c": np.full(4, 9.0)}
    status, margin = judge(checks, values, np.zeros(1, dtype="float32"))
    assert status.dtype == np.int8
    assert status.tolist() == [0, 1, 1, 2]
    assert margin.tolist() == [9.0, -2.0, -3.0, -7.0]  # where all hold, that of the last condition


def test_without_conditions_every_point_is_feasible():
    status, margin = judge((), {}, np.zeros((1, 1), dtype="float32"))
    assert (status.shape, status.item(), margin.item()) == ((1, 1), 0, 0)


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_a_comparison_holds_exactly_where_it_is_true(operator, holds):
    check = Check("text", "x", "1", "", operator, 2.0)
    margin = check.margin({"x": np.array([1.0, 2.0, 3.0])})
    assert (~check.fails(margin)).tolist() == holds
    assert margin.tolist() == {
        "<": [1, 0, -1], "<=": [1, 0, -1], ">": [-1, 0, 1], ">=": [-1, 0, 1], "==": [-1, 0, -1], "!=": [1, 0, 1],
    }[operator]  # fmt: skip


@pytest.mark.parametrize("operator", ["", "<", "<=", ">", ">=", "==", "!="])
def test_a_value_that_is_not_a_number_is_never_feasible(operator):
    check = Check("text", "x", "1", "", operator, 2.0)
    status, margin = judge((check,), {"x": np.array([np.nan])}, np.zeros(1, dtype="float32"))
    assert status.tolist() == [1]
    assert np.isnan(margin).all()


def test_conditions_apply_in_the_declared_order_and_then_as_asked(base, make_sweep):
    sweep = make_sweep(["step_time"], ("step_time < 1 s", "fits_memory", "step_time < 1 s"), **base["training"])
    texts = [check.text for check in sweep.checks]
    assert texts[-2:] == ["step_time < 1 s", "fits_memory"]
    legal = [name for name, q in sweep.registry.constraints.items() if q.declared.constraint.legal]
    assert texts[:-2] == [name for name in legal if name in texts]


def test_a_point_can_be_judged_by_a_sentence(bench, base):
    sweep = bench.sweep(["step_time"], {**base["training"], "tp": 3})
    (sentence,) = failures(sweep, np.array([evaluate(sweep, [STATUS])[STATUS]]))
    assert sentence.startswith("fills_world: the 64 GPUs are not")
    assert "3 x 1 x 1 x 21.33" in sentence


def test_strict_and_lax_bounds_differ_at_the_bound(base, make_sweep):
    tp = {**base["training"], "tp": [1, 2, 4]}
    for text, expected in {
        "tp < 2": [True, False, False],
        "tp <= 2": [True, True, False],
        "tp > 2": [False, False, True],
        "tp >= 2": [False, True, True],
        "tp == 2": [False, True, False],
        "tp != 2": [True, False, True],
        "1 < tp < 4": [False, True, False],
    }.items():
        status = evaluate(make_sweep(["num_micro_batches"], (text,), **tp), [STATUS])[STATUS]
        assert (status == 0).tolist() == expected, text


def test_infeasible_points_keep_their_values_and_tell_what_is_missing(base, make_sweep):
    given = {**base["training"], "model": "gpt-3-175b"}
    sweep = make_sweep(["memory_per_gpu"], ("fits_memory",), **given)
    arrays = evaluate(sweep)
    capacity = float(sweep.values["hbm_capacity"].data)
    assert sweep.checks[int(arrays[STATUS]) - 1].text == "fits_memory"
    np.testing.assert_allclose(arrays[MARGIN], capacity - arrays["memory_per_gpu"], rtol=1e-12)
    assert arrays[MARGIN] < 0


@pytest.mark.parametrize(
    ("kind", "outputs", "there", "absent"),
    [
        ("rule", ["training_time_6nd"], [], ["divides_batch", "divides_heads", "divides_layers", "fits_memory"]),
        ("serving", ["tpot"], ["divides_heads"], ["divides_batch", "fits_memory", "fits_serving_memory"]),
        (
            "training",
            ["step_time"],
            ["fills_world", "divides_layers", "divides_heads", "divides_batch", "fits_network"],
            ["fits_memory", "fits_serving_memory"],
        ),
    ],
)
def test_a_legal_condition_applies_where_its_inputs_are_in_play(kind, outputs, there, absent, base, make_sweep):
    sweep = make_sweep(outputs, **base[kind])
    found = legal_conditions(sweep.registry, sweep.graph, sweep.inputs.values)
    assert set(there) <= set(found)
    assert not set(absent) & set(found)
    assert [check.text for check in sweep.checks if check.text in sweep.registry.constraints] == list(found)
