"""`rooflax optimize`: real runs of the command."""

from __future__ import annotations

import pytest

SPEC = """\
title: What network is worth its price?
axes:
  world_size: [64, 128, 256]
  mfu: [0.3, 0.4]
fixed:
  hardware: a100-sxm-80gb
  num_parameters: 7 G
  global_batch_size: 256
  seq_len: 4096
  base_gpu_hour_price: 1.2 $/h
  hbm_bandwidth_price: 0.12 $/h/TBps
  hbm_capacity_price: 0.002 $/h/GB
  scale_out_bandwidth_price: 0.002 $/h/GBps
outputs: [dp_training_cost_6nd, dp_training_time_6nd]
where: ["dp_training_time_6nd <= 8.75 d"]
optimize:
  minimize: dp_training_cost_6nd
  over: {scale_out_bandwidth: {min: 1 GB/s, max: 400 GB/s}}
"""


@pytest.fixture
def question(tmp_path):
    path = tmp_path / "network.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_every_cell_has_its_optimum(rooflax, question):
    done = rooflax("optimize", question, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    cells = done.json
    assert {(cell["world_size"], cell["mfu"]) for cell in cells} == {(w, m) for w in (64, 128, 256) for m in (0.3, 0.4)}
    assert {cell["outcome"] for cell in cells} == {"optimal", "infeasible"}
    for cell in cells:
        feasible = cell["status"] == 0
        assert (cell["dp_training_time_6nd"] <= 8.75 * 86400) == feasible
        assert cell["scale_out_bandwidth_side"] == ("inside" if feasible else "upper")
        assert (cell["shadow_price_dp_training_time_6nd_max"] is None) != feasible


def test_the_best_cells_are_chosen(rooflax, question):
    done = rooflax("optimize", question, "--choose", "world_size", "--json", "--quiet")
    every = rooflax("optimize", question, "--json", "--quiet").json
    for cell in done.json:
        costs = [c["dp_training_cost_6nd"] for c in every if c["mfu"] == cell["mfu"] and c["status"] == 0]
        assert cell["dp_training_cost_6nd"] == min(costs)
    best = rooflax(
        "optimize", question, "--set", "best={minimize: dp_training_time_6nd, over: [world_size, mfu]}", "--json"
    )
    assert [cell["world_size"] for cell in best.json] == [256]


def test_the_table_says_what_the_limit_costs(rooflax, question):
    done = rooflax("optimize", question, "--set", "mfu=[0.3, 0.4]", "--quiet")
    assert done.code == 0
    assert "(dp_training_cost_6nd): smallest over scale_out_bandwidth" in done.out
    assert (
        "Shadow prices: what cost of a training run by the 6ND rule with plain data parallelism changes by" in done.out
    )
    assert "$/d" in done.out
    assert "no: dp_training_time_6nd <= 8.75 d" in done.out


def test_another_objective_and_another_range(rooflax, question):
    box = "optimize.over.scale_out_bandwidth={min: 1 GB/s, max: 90 GB/s}"
    sets = [part for setting in ("mfu=0.4", "world_size=128", box) for part in ("--set", setting)]
    done = rooflax("optimize", question, "--maximize", "dp_mfu_6nd", *sets, "--json", "--quiet")
    (cell,) = done.json
    assert (cell["scale_out_bandwidth"], cell["scale_out_bandwidth_side"], cell["outcome"]) == (
        90e9,
        "upper",
        "at_bound",
    )


def test_the_plan_shows_what_is_left_free(rooflax, question):
    done = rooflax("plan", question, "--quiet")
    assert "optimize: smallest dp_training_cost_6nd over scale_out_bandwidth from 1 GB/s to 400 GB/s (log)" in " ".join(
        done.out.split()
    )
    plan = rooflax("plan", question, "--quiet", "--json").json
    assert plan["over"] == [{"name": "scale_out_bandwidth", "low": "1 GB/s", "high": "400 GB/s", "scale": "log"}]
    assert (plan["dtype"], plan["points"]) == ("float64", 6)
    assert "scale_out_bandwidth" not in {entry["name"] for entry in plan["inputs"]}


@pytest.mark.parametrize(
    "command",
    [
        "run {} -o x.zarr",
        "best {} --minimize dp_mfu_6nd --over mfu",
        "pareto {} --objectives dp_training_cost_6nd:min,dp_training_time_6nd:min",
        "grad {} --of dp_training_cost_6nd --wrt mfu",
        "uncertainty dp_training_cost_6nd --from {}",
        "solve dp_training_cost_6nd=1e5 --for mfu --from {}",
        "attribute dp_training_cost_6nd --from {}",
    ],
    ids=lambda command: command.split()[0],
)
def test_commands_that_need_values_say_so(command, rooflax, question):
    done = rooflax(*command.format(question).split(), "--quiet")
    assert done.code == 2
    assert done.err == (
        f"{question} leaves scale_out_bandwidth free under `optimize`; `rooflax optimize` finds the best values, and "
        "--set scale_out_bandwidth=… gives one\n"
    )


def test_a_spec_that_optimizes_nothing_is_told(rooflax, spec):
    done = rooflax("optimize", spec, "--quiet")
    assert (done.code, done.err) == (2, f"{spec} says nothing of `optimize`; it takes minimize or maximize, and over\n")
    assert (
        rooflax("optimize", spec, "--minimize", "a", "--maximize", "b").err
        == "give --minimize or --maximize, not both\n"
    )


def test_a_spec_whose_inputs_are_all_given_is_told(rooflax, question):
    done = rooflax("optimize", question, "--set", "scale_out_bandwidth=25 GB/s", "--quiet")
    assert (done.code, done.err) == (
        2,
        f"--set scale_out_bandwidth=25 GB/s leaves no input free under the `optimize` of {question}; leave it out to "
        "look for an optimum, or evaluate the spec with `rooflax run`\n",
    )


def test_the_table_says_which_condition_cannot_be_met(rooflax, question):
    limits = 'where=["dp_training_cost_6nd <= 1 M$", "dp_training_time_6nd <= 1 d"]'
    done = rooflax("optimize", question, "--set", limits, "--quiet")
    assert "no: dp_training_time_6nd <= 1 d" in done.out
    assert "dp_training_time_6nd <= 1 d: cannot be met in 6 cells" in done.out
    assert "nowhere" not in done.out


def test_mistakes_are_located(rooflax, question):
    question.write_text(SPEC.replace("{min: 1 GB/s, max: 400 GB/s}", "[1 GB/s, 400 GB/s]"), encoding="utf-8")
    done = rooflax("optimize", question, "--quiet")
    assert done.code == 2
    assert (
        f"{question}:18:31  optimize.over.scale_out_bandwidth: a range is {{min: LOW, max: HIGH}}, found a list"
        in done.err
    )
