"""`rooflax solve`: a sentence for one point, a table for many, and exit codes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

TOYS = Path(__file__).parents[1] / "sweeps" / "root_models.py"
RULE = ("hardware=a100-sxm-80gb", "num_parameters=7e9", "world_size=64", "global_batch_size=256", "seq_len=4096")


def settings(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--set", text)]


@pytest.fixture
def solve(rooflax):
    """Solves an equation of the toy models for `eq_x`."""
    return lambda equation, *arguments: rooflax("solve", equation, "--for", "eq_x", "--models", TOYS, *arguments)


def test_one_point_prints_the_solution_with_its_unit(rooflax):
    done = rooflax("solve", "training_time_6nd = 30 d", "--for", "peak_flops", *settings(*RULE, "mfu=0.4"), "--quiet")
    assert (done.code, done.out, done.err) == (0, "peak_flops = 88.61 TFLOP/s\n", "")


SENTENCES = {
    "eq_line = 7": (("eq_a=1", "eq_b=3"), 0, "eq_x = 2"),
    "eq_line = 0.5": (
        ("eq_a=1", "eq_b=3"), 1,
        "no solution: eq_line is above 0.5 for any eq_x of at least 0: it goes from 1 to 3e15 P",
    ),
    "eq_clipped = 3": ((), 1, "no solution: eq_clipped is below 3 for any eq_x of at least 0: it goes from 1 to 2"),
    "eq_bowl = 4": ((), 0, "eq_x = 0, the smallest of 2 solutions for any eq_x of at least 0"),
    "eq_clipped = 1": ((), 0, "eq_x = 0, where a range of values begins that all give eq_clipped = 1"),
    "eq_step = 0.5": (
        (), 1, "no solution: eq_step passes 0.5 in a step for any eq_x of at least 0: it goes from 0 to 1",
    ),
    "eq_line = 5": (
        ("eq_a=5",), 0, "eq_line = 5 for any eq_x of at least 0: it does not depend on eq_x here",
    ),
    "eq_line = 6": (
        ("eq_a=5",), 1, "no solution: eq_line is 5 for any eq_x of at least 0: it does not depend on eq_x here",
    ),
    "eq_edge = 9": (
        ("eq_b=3",), 1,
        "no solution: eq_edge is below 9 for any eq_x of at least 0 at which eq_edge has a value: "
        "it goes from 0 to 5.196",
    ),
    "eq_log = 6": (("eq_a=1", "eq_b=1e40"), 1, "no solution: eq_log has no value for any eq_x of at least 0"),
}  # fmt: skip


@pytest.mark.parametrize("equation", SENTENCES)
def test_every_outcome_has_a_sentence_and_an_exit_code(equation, solve):
    inputs, code, sentence = SENTENCES[equation]
    done = solve(equation, *settings(*inputs))
    assert (done.code, done.out, done.err) == (code, f"{sentence}\n", "")
    assert solve(equation, *settings(*inputs), "--json").code == code


def test_bounds_are_taken_and_told(solve):
    done = solve("eq_bowl = 4", "--between", "1", "9")
    assert (done.code, done.out) == (0, "eq_x = 4\n")
    done = solve("eq_bowl = 9", "--between", "-1e3", "1")
    assert done.out == "eq_x = -1\n"
    done = solve("eq_bowl = 4", "--between", "5", "9")
    assert (done.code, done.out) == (
        1, "no solution: eq_bowl is above 4 for eq_x from 5 to 9: it goes from 9 to 49\n",
    )  # fmt: skip


def test_json_of_a_point(solve):
    done = solve("eq_line = 7", *settings("eq_a=1", "eq_b=3"), "--wrt", "eq_a, eq_b", "--json")
    assert done.json == {
        "outcome": "solved",
        "solutions": 1,
        "eq_x": {"value": pytest.approx(2, rel=1e-14), "unit": "1", "status": 0},
        "eq_line": {"lowest": 1, "highest": pytest.approx(3e30), "unit": "1", "partial": False},
        "derivatives": {
            "eq_a": {"value": pytest.approx(-1 / 3), "unit": "1"},
            "eq_b": {"value": pytest.approx(-2 / 3), "unit": "1"},
        },
    }
    done = solve("eq_line = 0", *settings("eq_a=1", "eq_b=3"), "--wrt", "eq_a", "--json")
    assert done.json["eq_x"] == {"value": None, "unit": "1", "status": 127}
    assert done.json["derivatives"]["eq_a"]["value"] is None


def test_derivatives_stand_below_the_solution(rooflax):
    inputs = (*settings(*RULE), "--wrt", "peak_flops_bf16,tokens_per_parameter", "--quiet")
    done = rooflax("solve", "training_time_6nd = 30 d", "--for", "mfu", *inputs)
    assert done.out.splitlines() == [
        "mfu = 0.1136",
        "d mfu / d peak_flops_bf16 = -3.641e-7 ns/FLOP",
        "d mfu / d tokens_per_parameter = 0.00568",
    ]


def test_derivatives_are_told_where_there_are_any(solve):
    assert solve("eq_bowl = 4", "--wrt", "eq_a").out.splitlines()[1:] == ["d eq_x / d eq_a = 0.25"]
    assert solve("eq_edge = 0", *settings("eq_b=3"), "--wrt", "eq_b").out.splitlines() == [
        "eq_x = 3", "d eq_x / d eq_b has no value here",
    ]  # fmt: skip
    assert len(solve("eq_bowl = -4", "--wrt", "eq_a").out.splitlines()) == 1


def test_a_solution_that_is_not_feasible_is_told_with_the_reason(rooflax):
    told = ("solve", "eq_part = 0.6", "--for", "eq_share", "--models", TOYS)
    done = rooflax(*told)
    assert (done.code, done.out) == (0, "eq_share = 0.6\n")
    assert done.err == "infeasible: eq_within: the share is 0.6, above 0.4\n"
    found = rooflax(*told, "--json").json["eq_share"]
    assert found == {
        "value": pytest.approx(0.6), "unit": "1", "status": 1, "message": "eq_within: the share is 0.6, above 0.4",
    }  # fmt: skip


def test_a_grid_prints_a_table_and_records(solve):
    arguments = ("eq_line = 7", *settings("eq_a=[1, 9]", "eq_b=[2, 3]"), "--wrt", "eq_a")
    done = solve(*arguments)
    assert done.code == 0
    assert done.out.splitlines()[0] == "eq_x for eq_line = 7"
    assert [line.split()[:3] for line in done.out.splitlines()[-4:]] == [
        ["1", "2", "3"], ["1", "3", "2"], ["9", "2", "nan"], ["9", "3", "nan"],
    ]  # fmt: skip
    assert "none_above" in done.out
    rows = solve(*arguments, "--json").json
    assert [(row["eq_a"], row["eq_b"], row["eq_x"], row["outcome"]) for row in rows] == [
        (1, 2, pytest.approx(3), "solved"), (1, 3, pytest.approx(2), "solved"),
        (9, 2, None, "none_above"), (9, 3, None, "none_above"),
    ]  # fmt: skip
    assert rows[0]["d_eq_x_d_eq_a"] == pytest.approx(-0.5)
    assert {row["status"] for row in rows} == {0, 127}


def test_what_a_pinned_unknown_makes_idle_is_told(rooflax):
    done = rooflax("solve", "eq_twice = 3", "--for", "eq_part", "--models", TOYS, *settings("eq_share=0.3"))
    assert (done.code, done.out, done.err) == (0, "eq_part = 1.5\n", "note: fixed.eq_share: no output depends on it\n")


def test_long_tables_are_cut(solve):
    done = solve("eq_line = 7", *settings("eq_a={min: 0, max: 6, num: 50}", "eq_b=3"))
    assert done.out.splitlines()[-1] == "40 of 50 rows; read all with --json"


def test_a_spec_gives_axes_conditions_and_the_rest(rooflax):
    small = ("num_parameters=[7e9, 7e11]", "world_size=1024", "global_batch_size=1024", "network=dgx-a100")
    done = rooflax("solve", "training_time_6nd = 30 d", "--for", "mfu", "--from", "6nd", *settings(*small), "--json")
    assert [row["outcome"] for row in done.json] == ["solved"] * 4 + ["none_above"] * 4
    assert done.json[0]["mfu"] == pytest.approx(6 * 20 * 7e9**2 / (1024 * 312e12 * 30 * 86400), rel=1e-3)
    assert math.isfinite(done.json[-1]["lowest"])
    assert "note: mfu: solved for, so what is given for it is set aside\n" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eq_line = 7", "--for", "tp"), "`tp` is a whole number, so no equation is solved for it"),
        (("eq_line = 7", "--for", "eq_y"), "`eq_y`: unknown name; did you mean `eq_x`?"),
        (("eq_lin = 7", "--for", "eq_x"), "unknown name `eq_lin`; did you mean `eq_line`?"),
        (("eq_line", "--for", "eq_x"), "`eq_line` is not an equation; write `name = value`"),
        (("eq_line = 7", "--for", "eq_x", "--between", "3", "2"), "`eq_x`: between 3 and 2 lies nothing"),
        (
            ("eq_line = 7", "--for", "eq_share"),
            "`eq_line` needs `eq_x` (Input eq_x), which has no default; give it with --set",
        ),
        (("eq_line = 7", "--for", "eq_x", "--wrt", "eq_c"), "`eq_line` does not depend on `eq_c` here"),
        (("eq_line = 7", "--for", "eq_x", "--set", "eq_q=1"), "`eq_q`: unknown name"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(arguments, message, rooflax):
    done = rooflax("solve", *arguments, "--models", TOYS)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
