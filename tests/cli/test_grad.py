"""`rooflax grad`: what it prints, and what it refuses."""

from __future__ import annotations

import pytest


def test_elasticities_are_told_by_size(rooflax, point):
    wrt = "scale_out_bandwidth,compute_efficiency,tp,recompute,hbm_capacity,loss_copies"
    done = rooflax("grad", "--of", "step_time", "--wrt", wrt, "--elasticity", *point, "--set", "tp=2")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines() if line.startswith("step_time")]
    assert [line[1] for line in lines[:1]] == ["compute_efficiency"]
    assert {line[1] for line in lines} == set(wrt.split(","))
    sizes = [abs(float(line[2])) for line in lines]
    assert sizes == sorted(sizes, reverse=True)
    assert "none → selective" in done.out
    assert "2 → 4" in done.out
    assert "does not depend on it" in done.out
    assert "moves in jumps only" in done.out


def test_json_has_every_derivative_with_its_unit(rooflax, point):
    done = rooflax("grad", "--of", "step_time,memory_per_gpu", "--wrt", "hbm_bandwidth,tp", *point, "--json")
    assert done.code == 0
    rows = {(row["of"], row["wrt"]): row for row in done.json}
    assert rows["step_time", "hbm_bandwidth"]["unit"] == "s*s/B"
    assert rows["step_time", "hbm_bandwidth"]["value"] < 0
    assert rows["step_time", "tp"]["unit"] == "s"
    assert (rows["step_time", "tp"]["reading"], rows["step_time", "tp"]["stop"]) == ("difference", 2)
    assert rows["memory_per_gpu", "hbm_bandwidth"]["reading"] == "none"
    assert rows["memory_per_gpu", "hbm_bandwidth"]["stop"] is None


def test_a_spec_gives_the_grid(rooflax, spec):
    done = rooflax("grad", spec, "--of", "step_time", "--wrt", "hbm_bandwidth", "--set", "world_size=64", "--json")
    assert done.code == 0
    assert [(row["tp"], row["pp"]) for row in done.json][:2] in ([(1, 1), (1, 2)], [(1, 1), (2, 1)])
    assert len(done.json) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--of", "binding", "--wrt", "tp"), "`binding` is one of compute,"),
        (("--of", "step_time", "--wrt", "hbm_bandwith"), "unknown name; did you mean `hbm_bandwidth`?"),
        (("--of", "step_time", "--wrt", "dp"), "`dp` is computed here; give it a value"),
        (("--of", "step_time", "--wrt", "tp,tp"), "is named twice"),
    ],
)
def test_mistakes_end_with_two(arguments, message, rooflax, point):
    done = rooflax("grad", *arguments, *point)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_stored_derivatives_can_be_printed(rooflax, spec):
    asked = "gradients={derivative: {of: [step_time], wrt: [hbm_bandwidth, tdp]}}"
    assert rooflax("run", spec, "-o", "g.zarr", "--set", asked, "--set", "world_size=16", "--quiet").code == 0
    done = rooflax("slice", "g.zarr", "--group", "gradients", "--sel", "tp=1", "--sel", "pp=1")
    assert done.code == 0
    assert "hbm_bandwidth" in done.out
    rows = rooflax("slice", "g.zarr", "--group", "gradients", "--sel", "tp=1", "--sel", "pp=1", "--json").json
    assert {(row["wrt"], row["wrt_units"]) for row in rows} == {("hbm_bandwidth", "B/s"), ("tdp", "W")}


def test_an_infeasible_point_says_so(rooflax, point):
    done = rooflax("grad", "--of", "step_time", "--wrt", "hbm_bandwidth", *point, "--set", "tp=3")
    assert done.code == 0
    assert "no: " in done.out
    row = rooflax("grad", "--of", "step_time", "--wrt", "hbm_bandwidth", *point, "--set", "tp=3", "--json").json[0]
    assert (row["status"] > 0, row["feasible"] != "yes") == (True, True)


def test_nothing_asked_is_told(rooflax, point):
    done = rooflax("grad", "--of", "step_time", "--wrt", "", *point)
    assert done.code == 2
    assert "at least one quantity and one input were expected" in done.err
