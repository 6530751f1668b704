from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rooflax.sweeps import eager, engine
from rooflax.sweeps.eager import MOST_POINTS, MOST_TRACED, evaluate_eagerly, is_small
from rooflax.sweeps.gradients.tangents import with_tangents

OUTPUTS = ["step_time", "memory_per_gpu", "binding", "dp"]
AXES = {"tp": [1, 2, 4, 8, 3], "pp": [1, 2, 4], "micro_batch_size": [1, 2]}


@pytest.mark.parametrize(("dtype", "rtol", "at_once"), [("float32", 1e-5, 7), ("float64", 1e-12, 2**14)])
def test_points_run_one_operation_after_the_other_equal_compiled_blocks(
    dtype, rtol, at_once, base, make_sweep, small_blocks, monkeypatch
):
    monkeypatch.setattr(eager, "AT_ONCE", at_once)
    sweep = make_sweep(OUTPUTS, ("fits_memory",), **base["training"], **AXES)
    found = engine.evaluate(sweep, dtype=dtype)
    small_blocks(4_000_000)
    compiled = engine.evaluate(sweep, dtype=dtype)
    assert list(found) == list(compiled)
    for name, values in compiled.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        np.testing.assert_allclose(found[name], values, rtol=rtol, err_msg=name)
    assert found["dp"].shape == (3, 5)
    assert len(np.unique(found["status"])) > 1


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 256, 257])
def test_padding_leaves_no_trace(count, base, make_sweep):
    rule = {**base["rule"], "mfu": list(np.linspace(0.1, 0.9, count))}
    sweep, asked = with_tangents(make_sweep(["step_time_6nd"], **rule), ["step_time_6nd"], ["mfu"])
    slope = asked["step_time_6nd", "mfu"].slope
    found = evaluate_eagerly(sweep, ["step_time_6nd", slope], "float64")
    np.testing.assert_allclose(found[slope], -found["step_time_6nd"] / np.array(rule["mfu"]), rtol=1e-14)


def test_only_few_points_are_evaluated_eagerly(base, make_sweep, monkeypatch):
    asked = []
    monkeypatch.setattr(engine, "evaluate_eagerly", lambda sweep, *_: asked.append(sweep.points) or {})
    for count in (MOST_POINTS, MOST_POINTS + 1):
        engine.evaluate(make_sweep(["step_time_6nd"], **{**base["rule"], "mfu": list(np.linspace(0.1, 0.9, count))}))
    assert asked == [MOST_POINTS]


@pytest.mark.parametrize(("count", "small"), [(MOST_TRACED, True), (MOST_TRACED + 1, False)])
def test_fewer_points_are_small_where_derivatives_are_asked(count, small, base, make_sweep):
    sweep = make_sweep(["step_time_6nd"], **{**base["rule"], "mfu": list(np.linspace(0.1, 0.9, count))})
    assert is_small(sweep)
    assert is_small(with_tangents(sweep, ["step_time_6nd"], ["mfu"])[0]) == small


def test_progress_tells_the_end(base, make_sweep):
    seen = []
    engine.evaluate(make_sweep(["step_time_6nd"], **base["rule"]), progress=lambda *done: seen.append(done))
    assert seen == [(1, 1)]


MODELS = """
import jax.numpy as jnp
from rooflax.kernels.annotations import Count, Number
from rooflax.kernels.registry import cost_model


@cost_model(formula="n + 2^{-40}", source="definition: a test", example=dict(world_size=1, expect=1.0))
def nudged_size(world_size: Count) -> Number:
    \"\"\"A number that single precision does not hold.\"\"\"
    return jnp.maximum(world_size, 0.0) + 2.0**-40
"""
ASK = """
import sys, rooflax
found = rooflax.evaluate("nudged_size", models=[sys.argv[1]], world_size=[1.0, 2.0, 3.0])["nudged_size"]
print((found - found.world_size).values.tolist())
"""


def test_a_model_that_asks_jax_keeps_double_precision(tmp_path):
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    command = [sys.executable, "-c", ASK, str(tmp_path / "models.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"{[2.0**-40] * 3}\n", done.stderr
