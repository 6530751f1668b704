"""Scenario files: what they may say, and where each mistake is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rooflax import Workbench
from rooflax.specs.problems import Problem, SpecError
from rooflax.specs.scenarios import Scenario, read_scenario, scenario_of

KNOWN = Workbench().names


def written(folder: Path, text: str, name: str = "next.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scenario_is_called_by_its_file_and_holds_proper_names(tmp_path):
    text = "title: Faster\nset: {n_gpus: 8, hardware: t4, scale_out_bandwidth: 800 Gb/s, sequence_parallel: true}\n"
    found = read_scenario(written(tmp_path, text), KNOWN)
    assert (found.name, found.title) == ("next", "Faster")
    assert found.settings == {
        "world_size": 8, "hardware": "t4", "scale_out_bandwidth": "800 Gb/s", "sequence_parallel": True,
    }  # fmt: skip
    assert found.overrides() == [
        "world_size=8", 'hardware="t4"', 'scale_out_bandwidth="800 Gb/s"', "sequence_parallel=true",
    ]  # fmt: skip


def test_an_empty_scenario_changes_nothing(tmp_path):
    assert read_scenario(written(tmp_path, "set: {}\n"), KNOWN).overrides() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- tp\n", ["next.yaml:1:1 a scenario is a mapping with the key set, and perhaps a title"]),
        ("title: A\n", ["next.yaml:1:1 `set` is missing: the inputs it changes, name by name"]),
        ("set: 3\n", ["next.yaml:1:6 a mapping was expected, found 3"]),
        ("set: {}\ntitle: [a]\n", ["next.yaml:2:8 text was expected, found a list"]),
        ("set: {}\ntitl: a\n", ["next.yaml:2:1 unknown key; did you mean `title`?"]),
        ("set: {}\ntp: 8\n", ["next.yaml:2:1 unknown key; the input `tp` belongs under `set`"]),
        ("set: {}\nzzzz: 8\n", ["next.yaml:2:1 unknown key; the keys are title, set"]),
        (
            "set:\n  tpp: 8\n  pp: [1, 2]\n",
            [
                "next.yaml:2:3 unknown name; did you mean `tp`?",
                "next.yaml:3:7 one value was expected, found a list; axes are those of the spec",
            ],
        ),
        (
            "set:\n  world_size: 8\n  n_gpus: 8\n",
            ["next.yaml:3:3 given as `world_size` in two places; the other is `world_size`"],
        ),
        ("set: {tp: 1, tp: 2}\n", ["next.yaml:1:14 given twice; the first is on line 1"]),
    ],
)
def test_mistakes_are_told_at_their_places(tmp_path, text, told):
    with pytest.raises(SpecError) as error:
        read_scenario(written(tmp_path, text), KNOWN)
    places = [f"{problem.location} {problem.message}".removeprefix(f"{tmp_path}/") for problem in error.value.problems]
    assert places == told


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SpecError, match="there is no such file"):
        read_scenario(tmp_path / "none.yaml", KNOWN)


def test_problems_of_overrides_are_told_at_the_input(tmp_path):
    found = read_scenario(written(tmp_path, "set:\n  n_gpus: 0\n"), KNOWN)
    problems = [
        Problem(("fixed", "world_size"), "0 is too small", "--set", None, 12, "world_size=0"),
        Problem(("fixed", "world_size"), "no such name", "--set", None, 1, "world_size=0"),
        Problem(("fixed", "tp"), "wrong", "--set", None, 1, "tp=0"),
        Problem(("outputs", 0), "needs a thing", "spec.yaml", 3, 4, "x"),
    ]
    told = found.located(SpecError(problems)).problems
    assert [(p.location.removeprefix(f"{tmp_path}/"), p.where, p.message) for p in told] == [
        ("next.yaml:2:3", "set.n_gpus", "no such name"),
        ("next.yaml:2:11", "set.n_gpus", "0 is too small"),
        ("--set", "fixed.tp", f"wrong (with {found.place})"),
        ("spec.yaml:3:4", "outputs[0]", f"needs a thing (with {found.place})"),
    ]


def test_a_mapping_is_a_scenario_too():
    found = scenario_of("big", {"n_gpus": np.int64(8), "mfu": np.array(0.5)}, KNOWN)
    assert found.overrides() == ["world_size=8", "mfu=0.5"]
    assert found.noticed("--set world_size=8: no more") == "scenario big: `n_gpus`: no more"
    (problem,) = found.located(SpecError([Problem(("world_size",), "0 is too small")])).problems
    assert (problem.location, problem.where, problem.message) == ("scenario big", "n_gpus", "0 is too small")
    with pytest.raises(SpecError, match="unknown name; did you mean `tp`") as error:
        scenario_of("big", {"tpp": 8}, KNOWN)
    assert error.value.problems[0].location == "scenario big"
    with pytest.raises(SpecError, match="one value was expected, found a object"):
        scenario_of("big", {"tp": object()}, KNOWN).overrides()
    assert Scenario("empty").overrides() == []
