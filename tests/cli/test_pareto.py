from __future__ import annotations

import numpy as np

import rooflax as rx

FRONT = ("--objectives", "step_time:min,memory_per_gpu:min")
ASKED = "pareto={objectives: [step_time:min, memory_per_gpu:min], over: [tp, pp]}"


def frontier(results):
    """The feasible points of a store that no other beats, as (tp, pp, world_size) and the two objectives."""
    frame = results.load().to_dataframe().reset_index()
    frame = frame[frame["status"] == 0]
    costs = frame[["step_time", "memory_per_gpu"]].to_numpy()
    stays = [not ((costs <= one).all(axis=1) & (costs < one).any(axis=1)).any() for one in costs]
    return {tuple(row) for row in frame[stays][["tp", "pp", "world_size"]].to_numpy().tolist()}


def test_a_store_and_its_spec_have_the_same_frontier(rooflax, filled, spec):
    stored = rooflax("pareto", filled, *FRONT, "--json")
    assert stored.code == 0
    rows = stored.json
    assert {(row["tp"], row["pp"], row["world_size"]) for row in rows} == frontier(rx.open(filled))
    assert [row["step_time"] for row in rows] == sorted(row["step_time"] for row in rows)
    assert {row["status"] for row in rows} == {0}
    assert {row["binding"] for row in rows} <= {"compute", "capacity", "hbm", "tp", "dp", "pp"}
    assert rooflax("pareto", spec, *FRONT, "--json").json == rows


def test_a_run_keeps_the_frontier_and_the_plan_shows_it(rooflax, spec):
    plan = rooflax("plan", spec, "--set", ASKED)
    assert "pareto: smallest step_time, smallest memory_per_gpu over tp, pp" in plan.out
    assert rooflax("plan", spec, "--set", ASKED, "--json").json["pareto"].startswith("smallest step_time, ")
    assert rooflax("run", spec, "--set", ASKED).code == 0
    done = rooflax("pareto", "runs/small.zarr")
    assert done.out.startswith("Frontier of smallest Time of one training step (step_time) and smallest ")
    rows = rooflax("pareto", "runs/small.zarr", "--json").json
    assert rows == rooflax("pareto", spec, *FRONT, "--over", "tp,pp", "--json").json
    assert [row["world_size"] for row in rows] == sorted(row["world_size"] for row in rows)
    one = rooflax("pareto", "runs/small.zarr", "--sel", "world_size=64", "--json").json
    assert one == [row for row in rows if row["world_size"] == 64]
    assert rooflax("run", spec).code == 2  # the digest tells a spec with a frontier from one without


def test_filters_come_before_the_search(rooflax, filled, spec):
    light = rx.open(filled).load()
    limit = float(np.median(light["memory_per_gpu"].values))
    asked = (*FRONT, "--where", f"memory_per_gpu > {limit:.9g}", "--sel", "pp=[2, 4]")
    part = light.where(light["memory_per_gpu"] > limit).sel(pp=[2, 4])
    part["status"] = part["status"].fillna(1)
    rows = rooflax("pareto", filled, *asked, "--json").json
    assert {(row["tp"], row["pp"], row["world_size"]) for row in rows} == frontier(part) != frontier(light)
    anew = rooflax("pareto", spec, *asked, "--json").json  # whose margin is that of the condition asked here
    assert [{**row, "margin": 0} for row in anew] == [{**row, "margin": 0} for row in rows]


def test_an_empty_frontier_says_so(rooflax, filled):
    done = rooflax("pareto", filled, *FRONT, "--where", "tp > 100")
    assert (done.code, done.told) == (0, "note: no point is feasible and has a value in every objective\n")
    assert rooflax("pareto", filled, *FRONT, "--where", "tp > 100", "--json", "--quiet").json == []


def test_ties_of_the_best_are_told(rooflax, filled):
    (row,) = rooflax("best", filled, "--minimize", "step_time", "--over", "tp,pp,world_size", "--json").json
    assert row["ties"] == 1
