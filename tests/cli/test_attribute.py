"""`rooflax attribute`: the tornado of a point, of a grid, and as data."""

from __future__ import annotations


def test_the_table_shows_the_largest_effect_first(rooflax, point):
    wrt = "hbm_bandwidth,compute_efficiency,recompute,hbm_capacity"
    done = rooflax("attribute", "step_time", "--wrt", wrt, *point, "--set", "tp=2")
    assert done.code == 0
    lines = [line.split()[0] for line in done.out.splitlines() if line.split() and line.split()[0] in wrt.split(",")]
    assert lines == ["compute_efficiency", "recompute", "hbm_bandwidth"]
    assert "selective" in done.out
    assert "1 input without effect by itself" in done.out
    assert "binding: compute, feasible: yes" in done.out


def test_json_has_every_point_and_input(rooflax, spec):
    done = rooflax("attribute", "step_time", "--from", spec, "--wrt", "hbm_bandwidth,pp", "--json")
    assert done.code == 0
    assert len(done.json) == 24 * 2
    assert {row["input"] for row in done.json} == {"hbm_bandwidth", "pp"}
    assert {"tp", "pp", "world_size", "status", "binding", "low", "high", "swing", "reading"} <= set(done.json[0])


def test_at_the_best_points_of_a_spec(rooflax, spec):
    done = rooflax("attribute", "step_time", "--from", spec, "--best", "--wrt", "hbm_bandwidth", "--json")
    assert done.code == 0
    assert [row["world_size"] for row in done.json] == [16, 64]


def test_mistakes_end_with_two(rooflax, point):
    done = rooflax("attribute", "step_tme", *point)
    assert (done.code, done.out) == (2, "")
    assert "did you mean `step_time`?" in done.err
