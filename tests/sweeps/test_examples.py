from __future__ import annotations

import pytest

from rooflax.plans import plan_of
from rooflax.specs.examples import example_names
from rooflax.specs.vocabulary import CATALOGS
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.infeasible import infeasible_labels
from rooflax.sweeps.optima.optimum import without_conditions
from rooflax.sweeps.sweep import STATUS, sweep_of_spec, sweep_to_optimize


@pytest.mark.parametrize("name", example_names())
def test_every_record_on_an_axis_of_an_example_has_a_feasible_point(name, bench):
    loaded = bench.load(name)
    if loaded.inputs.boxes:
        sweep = without_conditions(sweep_to_optimize(bench.registry, loaded))
    else:
        sweep = sweep_of_spec(bench.registry, loaded)
    catalogs = [axis.name for axis in sweep.axes if axis.name in CATALOGS]
    if not catalogs:
        return
    status = evaluate(sweep, [STATUS], dtype="float32")[STATUS]
    for dim in catalogs:
        if dim in sweep.dims[STATUS]:
            others = tuple(axis for axis, other in enumerate(sweep.dims[STATUS]) if other != dim)
            assert (status == 0).any(axis=others).all(), dim
    assert [text for text in infeasible_labels(sweep) if any(f"with {dim} = " in text for dim in catalogs)] == []


def test_a_label_that_no_point_satisfies_is_told_with_the_condition_that_fails(bench):
    loaded = bench.load("llama-70b-parallelism", ["tp=[1,2,7]", "pp=[1,4]", "world_size=[64,256]"])
    plan = plan_of(bench, loaded)
    assert "no point with tp = 7 is feasible; fills_world fails most often" in plan["warnings"]


def test_nothing_is_evaluated_where_no_axis_decides(make_sweep, base):
    assert infeasible_labels(make_sweep(["step_time"], ("fits_memory",), **base["training"])) == []
