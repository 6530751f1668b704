"""The section `pareto` of a spec."""

from __future__ import annotations

import json

import pytest

from rooflax.specs.loader import load_spec
from rooflax.specs.problems import SpecError

TWO = ["step_time:min", "step_energy:max"]


@pytest.fixture
def load(known, catalogs):
    def loaded(pareto, *overrides):
        spec = {
            "title": "t",
            "axes": {"tp": [1, 2], "recompute": ["none", "full"]},
            "fixed": {"model": "small-1b", "hardware": "chip-a", "seq_len": 1024, "global_batch_size": 8},
            "outputs": ["step_time"],
            "pareto": pareto,
        }
        return load_spec(json.dumps(spec), file="sweep.yaml", known=known, catalogs=catalogs, overrides=overrides)

    return loaded


def test_a_frontier_is_over_all_axes_unless_it_says_otherwise(load):
    assert load({"objectives": TWO}).spec.pareto.over == ("tp", "recompute")
    assert load({"objectives": TWO, "over": ["tensor_par"]}).spec.pareto.over == ("tp",)
    assert load({"objectives": [" step_time : min", *TWO[1:]]}).spec.pareto.objectives == tuple(TWO)


def test_without_axes_there_is_no_frontier(load):
    loaded = load({"objectives": TWO}, "tp=2", "recompute=full")
    assert loaded.spec.pareto is None
    assert loaded.notices[-1] == "pareto: dropped, since there is no axis to choose along"


WRONG = [
    (
        dict(pareto={"objectives": ["step_time:min", "step_tme:max"]}),
        "pareto.objectives[1]",
        "unknown quantity `step_tme`; did you mean `step_time`?",
    ),
    (
        dict(pareto={"objectives": ["tp:min", "step_time:min"]}),
        "pareto.objectives[0]",
        "`tp` is an input, not a computed quantity",
    ),
    (
        dict(pareto={"objectives": ["binding:min", "step_time:min"]}),
        "pareto.objectives[0]",
        "`binding` is one of compute, comm, which have no order",
    ),
    (
        dict(pareto={"objectives": ["step_time:mix", "step_energy:min"]}),
        "pareto.objectives[0]",
        "`mix` is no direction, one of min, max; did you mean `step_time:min`?",
    ),
    (
        dict(pareto={"objectives": ["step_time", "step_energy:min"]}),
        "pareto.objectives[0]",
        "`step_time` says no direction; write `step_time:min` or `step_time:max`",
    ),
    (
        dict(pareto={"objectives": [{"step_time": "min"}, "step_energy:min"]}),
        "pareto.objectives[0]",
        "write `step_time:min` without a blank behind the colon",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min", "step_time:max"]}),
        "pareto.objectives[2]",
        "`step_time` is an objective twice",
    ),
    (
        dict(pareto={"objectives": ["step_time:min"]}),
        "pareto.objectives",
        "two or three objectives were expected, found 1",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min", "compute_time:min", "memory_per_gpu:min"]}),
        "pareto.objectives",
        "two or three objectives were expected, found 4",
    ),
    (dict(pareto={"objectives": "step_time:min"}), "pareto.objectives", "a list was expected, found `step_time:min`"),
    (
        dict(pareto={}),
        "pareto.objectives",
        "missing: two or three quantities, each with its direction: `step_time:min`, `predicted_mfu:max`.",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min"], "over": []}),
        "pareto.over",
        "at least one name was expected",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min"], "over": ["pp"]}),
        "pareto.over[0]",
        "`pp` is not an axis; the axes are tp, recompute",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min"], "over": ["tp", "tp_size"]}),
        "pareto.over[1]",
        "`tp` is listed twice",
    ),
    (
        dict(pareto={"objectives": ["step_time:min", "step_energy:min"], "ovr": ["tp"]}),
        "pareto.ovr",
        "unknown key; did you mean `over`?",
    ),
]


@pytest.mark.parametrize(("section", "where", "message"), WRONG)
def test_each_mistake_is_one_problem_in_its_place(load, section, where, message):
    with pytest.raises(SpecError) as caught:
        load(section["pareto"])
    assert [(problem.where, problem.message) for problem in caught.value.problems] == [(where, message)]


def test_a_missing_input_of_an_objective_is_told_at_the_objective(load):
    with pytest.raises(SpecError) as caught:
        load(
            {"objectives": ["step_time:min", "step_energy:min"]},
            "fixed={model: small-1b, seq_len: 1, global_batch_size: 8}",
        )
    assert {problem.where for problem in caught.value.problems} == {"outputs[0]", "pareto.objectives[1]"}
