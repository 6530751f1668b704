from __future__ import annotations

import numpy as np
import pytest

from rooflax.sweeps import engine
from rooflax.sweeps.eager import MOST_POINTS, evaluate_eagerly

OUTPUTS = ["step_time", "memory_per_gpu", "binding", "dp"]
AXES = {"tp": [1, 2, 4, 8, 3], "pp": [1, 2, 4], "micro_batch_size": [1, 2]}


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-12)])
def test_points_run_one_operation_after_the_other_equal_compiled_blocks(dtype, rtol, base, make_sweep, small_blocks):
    sweep = make_sweep(OUTPUTS, ("fits_memory",), **base["training"], **AXES)
    eager = engine.evaluate(sweep, dtype=dtype)
    small_blocks(4_000_000)
    compiled = engine.evaluate(sweep, dtype=dtype)
    assert list(eager) == list(compiled)
    for name, values in compiled.items():
        assert (eager[name].dtype, eager[name].shape) == (values.dtype, values.shape)
        np.testing.assert_allclose(eager[name], values, rtol=rtol, err_msg=name)
    assert eager["dp"].shape == (3, 5)
    assert len(np.unique(eager["status"])) > 1


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 256, 257])
def test_padding_leaves_no_trace(count, base, make_sweep):
    rule = {**base["rule"], "mfu": list(np.linspace(0.1, 0.9, count))}
    sweep = make_sweep(["step_time_6nd"], **rule)
    found = evaluate_eagerly(sweep, ["step_time_6nd"], "float64")["step_time_6nd"]
    one = evaluate_eagerly(make_sweep(["step_time_6nd"], **{**rule, "mfu": 0.5}), ["step_time_6nd"], "float64")
    np.testing.assert_allclose(found, 0.5 * one["step_time_6nd"] / np.array(rule["mfu"]), rtol=1e-14)


def test_only_few_points_are_evaluated_eagerly(base, make_sweep, monkeypatch):
    asked = []
    monkeypatch.setattr(engine, "evaluate_eagerly", lambda sweep, *_: asked.append(sweep.points) or {})
    for count in (MOST_POINTS, MOST_POINTS + 1):
        engine.evaluate(make_sweep(["step_time_6nd"], **{**base["rule"], "mfu": list(np.linspace(0.1, 0.9, count))}))
    assert asked == [MOST_POINTS]


def test_progress_tells_the_end(base, make_sweep):
    seen = []
    engine.evaluate(make_sweep(["step_time_6nd"], **base["rule"]), progress=lambda *done: seen.append(done))
    assert seen == [(1, 1)]
