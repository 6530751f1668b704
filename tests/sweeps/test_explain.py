from __future__ import annotations

import math

import pytest

import rooflax
from rooflax.specs.problems import RooflaxError


def leaves(term):
    return [leaf for child in term.children for leaf in leaves(child)] if term.is_sum else [term]


def walk(term):
    yield term
    for child in term.children:
        yield from walk(child)


@pytest.mark.parametrize(
    ("kind", "quantity"),
    [("training", "step_time"), ("training", "memory_per_gpu"), ("serving", "decode_step_time"), ("serving", "ttft")],
)
def test_the_leaves_of_the_tree_add_up_to_the_root(kind, quantity, base):
    given = {**base[kind], "tp": 2}
    term = rooflax.explain(quantity, **given)
    parts = leaves(term)
    assert term.value == pytest.approx(float(rooflax.evaluate(quantity, **given)[quantity]), rel=1e-12)
    assert math.fsum(part.value for part in parts) == pytest.approx(term.value, rel=1e-12)
    if term.is_sum:
        assert len(parts) > 1
        assert math.fsum(part.share or 0 for part in parts) == pytest.approx(1, rel=1e-12)


def test_an_explanation_of_a_sum_has_terms():
    term = rooflax.explain(
        "step_time", model="gpt-2", hardware="t4", world_size=8, global_batch_size=8, seq_len=1024, tp=2
    )
    assert term.is_sum
    assert {"attention_time", "feed_forward_time", "exposed_dp_comm_time"} <= {part.name for part in leaves(term)}


def test_every_input_says_where_its_value_comes_from(base):
    term = rooflax.explain("dp", **base["training"], tp=4, depth=1)
    assert {child.name: child.origin for child in term.children} == {
        "world_size": "given",
        "tp": "given",
        "pp": "default",
        "cp": "default",
    }
    assert (term.value, term.origin) == (16, "computed")
    term = rooflax.explain("step_time", **base["training"], depth=8)
    origins = {part.name: part.origin for part in walk(term)}
    assert origins["num_layers"] == "model llama-2-13b"
    assert origins["hbm_bandwidth"] == "hardware a100-sxm-80gb"
    assert origins["scale_up_bandwidth"] == "network dgx-a100, the default of a100-sxm-80gb"


def test_depth_limits_what_is_shown_below_the_terms(base):
    shallow, deep = (rooflax.explain("step_time", **base["training"], depth=depth) for depth in (0, 1))
    assert all(not leaf.children for leaf in leaves(shallow))
    assert all(leaf.children for leaf in leaves(deep) if leaf.origin == "computed")


def test_several_points_cannot_be_explained(base):
    with pytest.raises(RooflaxError) as error:
        rooflax.explain("step_time", **base["training"], tp=[1, 2])
    assert str(error.value) == "explain looks at one point; tp varies: give single values"
