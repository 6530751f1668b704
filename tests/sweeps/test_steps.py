"""The next legal value of an input, against trying them one by one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.specs.problems import RooflaxError
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.gradients import steps
from rooflax.sweeps.gradients.steps import moved, next_values
from rooflax.sweeps.sweep import STATUS


def leaf(bench, name):
    return bench.registry.vocabulary[name]


def legal(make_sweep, inputs):
    return int(evaluate(make_sweep(["step_time"], **inputs), [STATUS])[STATUS]) == 0


@pytest.mark.parametrize(
    "name", ["tp", "pp", "world_size", "global_batch_size", "micro_batch_size", "num_attention_heads"]
)
def test_the_next_count_is_the_first_legal_one(name, base, bench, make_sweep):
    inputs = {**base["training"], "tp": 2, "pp": 2}
    sweep = make_sweep(["step_time"], **inputs)
    found = next_values(sweep, leaf(bench, name))
    now = float(sweep.values[name].data)
    assert found.dims == ()
    wanted = next(n for n in range(int(now) + 1, int(now) + 2000) if legal(make_sweep, {**inputs, name: n}))
    assert float(found.data) == wanted


def test_every_point_of_a_grid_has_its_own(base, bench, make_sweep):
    axes = {"tp": [1, 2, 4], "micro_batch_size": [1, 2]}
    grid = next_values(make_sweep(["step_time"], **base["training"], **axes), leaf(bench, "global_batch_size"))
    data = xr.DataArray(grid.data, dims=grid.dims)
    assert set(grid.dims) == set(axes)
    for (i, tp), (j, size) in ((a, b) for a in enumerate(axes["tp"]) for b in enumerate(axes["micro_batch_size"])):
        sweep = make_sweep(["step_time"], **base["training"], tp=tp, micro_batch_size=size)
        assert data.isel(tp=i, micro_batch_size=j) == float(next_values(sweep, leaf(bench, "global_batch_size")).data)


def test_flags_turn_and_choices_go_round(base, bench, make_sweep):
    sweep = make_sweep(["step_time"], **base["training"], recompute=["none", "selective", "full"], tp=2)
    np.testing.assert_array_equal(next_values(sweep, leaf(bench, "recompute")).data, [1, 2, 0])
    np.testing.assert_array_equal(next_values(sweep, leaf(bench, "sequence_parallel")).data, np.zeros(()))


def test_without_a_further_legal_value_there_is_none(base, bench, make_sweep):
    sweep = make_sweep(["step_time"], **base["training"], tp=[8, 40])
    found = next_values(sweep, leaf(bench, "tp"))
    assert np.isnan(found.data).all()  # 40 heads and 64 GPUs have no common divisor above 8
    kept = moved(sweep, found)
    np.testing.assert_array_equal(kept.values["tp"].data, [8, 40])


def test_too_many_points_are_refused(base, bench, make_sweep, monkeypatch):
    monkeypatch.setattr(steps, "MOST_VALUES", 100)
    sweep = make_sweep(["step_time"], **base["training"], tp=[1, 2])
    with pytest.raises(RooflaxError) as error:
        next_values(sweep, leaf(bench, "world_size"))
    assert str(error.value) == (
        "`world_size`: its next legal value is looked for at 2 points among 64 values each, which is too many; "
        "ask at fewer points"
    )
