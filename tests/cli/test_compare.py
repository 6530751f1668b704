"""`rooflax compare`: waterfalls of scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

SPEC = """\
title: A small rule
axes: {world_size: [64, 128]}
fixed: {hardware: a100-sxm-80gb, num_parameters: 7 G, mfu: 0.4, gpu_hour_price: 2 $/h}
outputs: [training_time_6nd, training_cost_6nd]
where: ["training_time_6nd < 5 d"]
"""


@pytest.fixture
def rule(tmp_path: Path) -> str:
    (tmp_path / "rule.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "next.yaml").write_text(
        "title: The next machine\nset: {hardware: h100-sxm-80gb, mfu: 0.5, gpu_hour_price: 3 $/h}\n", encoding="utf-8"
    )
    (tmp_path / "same.yaml").write_text("set: {}\n", encoding="utf-8")
    (tmp_path / "wider.yaml").write_text("set: {world_size: 256}\n", encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("set:\n  hardware: h1000\n  mfu: 3 GB\n", encoding="utf-8")
    return "rule.yaml"


def test_a_table_goes_from_the_base_to_the_result(rooflax, rule):
    point = ("--sel", "world_size=128", "--of", "training_cost_6nd")
    done = rooflax("compare", rule, "--scenario", "next.yaml", *point)
    assert (done.code, done.told) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert done.out.splitlines()[0] == "training_cost_6nd: next (The next machine) against rule"
    assert done.out.splitlines()[1] == "at world_size = 128"
    assert [line[0] for line in lines[6:-1]] == ["rule", "hardware", "gpu_hour_price", "mfu", "next"]
    assert lines[7][1:3] == ["a100-sxm-80gb", "h100-sxm-80gb"]
    assert lines[8][1:5] == ["2", "$/h", "3", "$/h"]
    assert "infeasible" not in done.out
    assert done.out.splitlines()[-1].startswith("change: -")


def test_json_has_every_point_and_contributions_that_add_up(rooflax, rule):
    found = rooflax("compare", rule, "--scenario", "next.yaml", "--json", "--quiet").json
    assert [(one["quantity"], one["at"]) for one in found] == [
        ("training_time_6nd", {"world_size": 64.0}),
        ("training_time_6nd", {"world_size": 128.0}),
        ("training_cost_6nd", {"world_size": 64.0}),
        ("training_cost_6nd", {"world_size": 128.0}),
    ]
    for one in found:
        assert one["value"] - one["base_value"] == pytest.approx(one["change"])
        assert sum(part["contribution"] for part in one["contributions"]) == pytest.approx(one["change"], rel=1e-6)
        assert sum(part["share"] for part in one["contributions"]) == pytest.approx(1.0, rel=1e-6)
    parts = {part["input"]: part for part in found[0]["contributions"]}
    assert (parts["hardware"]["from"], parts["hardware"]["to"]) == ("a100-sxm-80gb", "h100-sxm-80gb")
    assert (parts["mfu"]["from"], parts["mfu"]["to"], parts["mfu"]["unit"]) == (0.4, 0.5, "1")
    assert parts["gpu_hour_price"]["contribution"] == 0.0
    assert (found[0]["base_status"] > 0, found[1]["status"]) == (True, 0)
    assert (found[0]["scenario"], found[0]["base"], found[0]["title"]) == ("next", "rule", "The next machine")


def test_a_selection_compares_as_the_whole_grid_does(rooflax, rule):
    grid = ("compare", rule, "--scenario", "next.yaml", "--set", "world_size=[32, 64, 128]", "--json", "--quiet")
    whole = rooflax(*grid).json
    assert rooflax(*grid, "--sel", "world_size=[64, 128]").json == [whole[i] for i in (1, 2, 4, 5)]
    assert rooflax(*grid, "--sel", "world_size=64").json == [whole[i] for i in (1, 4)]


def test_the_first_of_several_is_the_base(rooflax, rule):
    found = rooflax(
        "compare", rule, "--scenario", "next.yaml", "--scenario", "same.yaml", "--set", "mfu=0.3", "--json", "--quiet"
    ).json
    assert {(one["base"], one["scenario"]) for one in found} == {("next", "same")}
    parts = {part["input"]: part for part in found[0]["contributions"]}
    assert (parts["mfu"]["from"], parts["mfu"]["to"]) == (0.5, 0.3)


def test_a_large_grid_asks_for_a_selection(rooflax, rule):
    grid = "world_size={pow2: [1, 4096]}"
    done = rooflax("compare", rule, "--scenario", "next.yaml", "--set", grid, "--quiet")
    assert done.code == 0
    assert done.out.count("against rule") == 8
    assert done.out.splitlines()[-1] == ("8 of 26 comparisons; narrow with --sel or --of, or read all with --json")


def test_an_infeasible_point_is_marked_and_explained(rooflax, rule):
    done = rooflax("compare", rule, "--scenario", "next.yaml", "--set", "world_size=64", "--of", "training_time_6nd")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines() if "infeasible: training_time_6nd < 5 d" in line] == [
        "rule"
    ]
    assert "rule is infeasible: `training_time_6nd < 5 d` was asked, training_time_6nd is " in done.err


@pytest.mark.parametrize(
    ("scenarios", "told"),
    [
        (
            ["wrong.yaml"],
            ["2 problems in wrong.yaml", "wrong.yaml:2:13  set.hardware: ", "wrong.yaml:3:8   set.mfu: "],
        ),
        (["none.yaml"], ["1 problem in none.yaml", "there is no such file"]),
        (
            ["wider.yaml"],
            ["`world_size` is an axis in rule and none in wider; scenarios are compared over one grid: leave its"],
        ),
        (
            ["next.yaml", "next.yaml"],
            ["two scenarios are called `next`; a file is called by its name without its ending"],
        ),
    ],
)
def test_mistakes_end_with_a_message(rooflax, rule, scenarios, told):
    done = rooflax("compare", rule, *(part for name in scenarios for part in ("--scenario", name)))
    assert (done.code, done.out) == (2, "")
    for part in told:
        assert part in done.err


def test_unknown_names_are_told(rooflax, rule):
    done = rooflax("compare", rule, "--scenario", "next.yaml", "--of", "training_tim_6nd")
    assert (done.code, "did you mean `training_time_6nd`?" in done.err) == (2, True)
    done = rooflax("compare", rule, "--scenario", "next.yaml", "--sel", "word_size=64")
    assert (done.code, "there is no axis `word_size`; did you mean `world_size`?" in done.err) == (2, True)
    done = rooflax("compare", rule)
    assert (done.code, "Missing option '--scenario'" in done.err) == (2, True)


def test_a_spec_that_leaves_inputs_free_is_refused(rooflax, rule):
    Path("free.yaml").write_text(
        "title: F\nfixed: {hardware: a100-sxm-80gb, num_parameters: 7 G, world_size: 64}\n"
        "outputs: [training_time_6nd]\n"
        "optimize: {minimize: training_time_6nd, over: {mfu: {min: 0.3, max: 0.5}}}\n",
        encoding="utf-8",
    )
    Path("faster.yaml").write_text("set: {peak_flops: 400 TFLOP/s}\n", encoding="utf-8")
    done = rooflax("compare", "free.yaml", "--scenario", "faster.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "free.yaml leaves mfu free under `optimize`; `rooflax optimize` finds the best values, and --set mfu=… gives "
        "one\n"
    )
    assert rooflax("compare", "free.yaml", "--scenario", "faster.yaml", "--set", "mfu=0.4").code == 0


def test_what_changes_nothing_and_what_is_no_scenario_are_told(rooflax, rule):
    of = ("--of", "training_time_6nd,")
    done = rooflax("compare", rule, "--scenario", "same.yaml", *of)
    assert (done.code, "note: same: changes nothing against rule\n" in done.err) == (0, True)
    done = rooflax("compare", rule, "--scenario", "same.yaml", "--of", " ,")
    assert done.code == 2
    assert done.err == "--of ' ,' names no quantity; give some, such as --of step_time, or leave it out\n"
    Path("folder").mkdir()
    done = rooflax("compare", rule, "--scenario", "folder")
    assert done.code == 2
    assert "folder  is a folder; a scenario is a YAML file with `set:`" in done.err


def test_a_change_that_has_no_value_is_told(rooflax):
    models = Path(__file__).parents[1] / "sweeps" / "contribution_models.py"
    Path("q.yaml").write_text("title: Q\nfixed: {x0: 0, x1: 1}\noutputs: [quotient]\n", encoding="utf-8")
    Path("some.yaml").write_text("set: {x0: 2, x1: 3}\n", encoding="utf-8")
    done = rooflax("compare", "q.yaml", "--scenario", "some.yaml", "--models", models)
    assert done.out.splitlines()[-1] == "change: none, since quotient has no value in q"
    assert "note: quotient: no value in q\n" in done.err
