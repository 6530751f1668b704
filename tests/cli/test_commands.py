from __future__ import annotations

import csv
import io
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import rooflax as rx
from rooflax.specs.examples import example_names


def test_help_names_every_command(rooflax):
    done = rooflax("--help")
    assert done.code == 0
    for command in ("run", "plan", "eval", "table", "explain", "slice", "best", "pareto", "list", "show", "schema"):
        assert re.search(rf"^  {command} ", done.out, re.MULTILINE)
        assert rooflax(command, "--help").code == 0


def test_version_tells_the_registry(rooflax):
    done = rooflax("--version")
    assert re.fullmatch(r"rooflax \d+\.\d+\.\d+\S* \(registry [0-9a-f]{16}\)\n", done.out)


def test_eval_prints_values_with_units(rooflax, point):
    done = rooflax("eval", "step_time", "binding", *point, "--set", "tp=4")
    lines = dict(line.split(" = ") for line in done.out.splitlines())
    assert lines["binding"] == "compute"
    assert re.fullmatch(r"[\d.]+ (s|ms|min)", lines["step_time"])
    assert (done.code, done.told) == (0, "")


def test_eval_json_has_the_documented_shape(rooflax, point):
    done = rooflax("eval", "step_time", "binding", *point, "--set", "tp=2", "--json")
    given = {"model": "llama-2-13b", "hardware": "a100-sxm-80gb", "world_size": 64, "global_batch_size": 256}
    expected = rx.evaluate("step_time", **given, seq_len=4096, tp=2)["step_time"]
    assert done.json == {
        "step_time": {"value": pytest.approx(float(expected), rel=1e-12), "unit": "s", "status": 0},
        "binding": {"value": "compute", "unit": "1", "status": 0},
    }


def test_eval_json_of_an_infeasible_point_says_why(rooflax, point):
    done = rooflax("eval", "step_time", *point, "--set", "tp=3", "--json")
    found = done.json["step_time"]
    assert (done.code, set(found)) == (0, {"value", "unit", "status", "message"})
    assert found["status"] > 0
    assert found["message"].startswith("fills_world: the 64 GPUs are not tp x pp x cp x dp = 3 x 1 x 1 x 21.33")
    assert math.isfinite(found["value"])


@pytest.mark.parametrize(
    ("asked", "more", "told"),
    [
        ("tpot", ["concurrency=64"], "infeasible: fits_serving_memory: serving needs "),
        ("max_concurrency", [], "infeasible: holds_a_sequence: beside weights and working memory there is room for "),
        (
            "service_cost_per_request",
            ["concurrency=8", "tp=8", "request_rate=500 /s", "serving_replicas=1", "gpu_hour_price=2.5 $/h"],
            "infeasible: serves_request_rate: 500 /s arrive; ",
        ),
    ],
)
def test_a_question_about_serving_says_what_cannot_be(rooflax, asked, more, told):
    given = ["model=llama-3-70b", "hardware=h100-sxm-80gb", "precision=w16a16e16", "prompt_len=1024", "output_len=64"]
    done = rooflax("eval", asked, "--quiet", *(part for one in (*given, *more) for part in ("--set", one)))
    assert done.code == 0
    assert told in done.out + done.err


def test_eval_json_of_a_value_that_is_not_finite_is_null(rooflax, tmp_path):
    models = tmp_path / "odd.py"
    models.write_text(
        '''
"""Odd models."""
from rooflax.kernels.annotations import Count, Seconds
from rooflax.kernels.registry import cost_model

@cost_model(formula="a / (t - 1)", source="definition: odd", example=dict(tp=3, scale_up_latency=4e-6, expect=2e-6))
def odd_time(tp: Count, scale_up_latency: Seconds) -> Seconds:
    """Odd time."""
    return scale_up_latency / (tp - 1)
'''
    )
    done = rooflax(
        "eval", "odd_time", "--models", models, *("--set", "tp=1", "--set", "scale_up_latency=1 us"), "--json"
    )
    assert done.json == {"odd_time": {"value": None, "unit": "s", "status": 0}}


def test_eval_takes_the_rest_from_a_spec(rooflax, spec):
    done = rooflax("eval", "step_time", "--from", spec, "--set", "tp=2", "--set", "pp=1", "--set", "world_size=16")
    assert done.code == 0
    assert done.out.startswith("step_time = ")


def test_quiet_leaves_results_alone(rooflax, point, spec):
    low = ("--set", "hardware=t4")
    loud, quiet = (rooflax("eval", "step_time", *point, *low, *more) for more in ((), ("--quiet",)))
    assert loud.out == quiet.out
    assert "note: hardware t4: confidence: low" in loud.err
    assert quiet.err == ""
    done = rooflax("run", spec, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("name", [name for name in example_names() if "/" not in name])
def test_show_prints_an_example_that_runs(name, rooflax, tmp_path):
    (tmp_path / "my.yaml").write_text(rooflax("show", name).out)
    small = {
        "6nd": ["num_parameters=[7e9]", "world_size=[64]", "global_batch_size=[256]", "mfu=[0.4]"],
        "inference": ["model=[llama-3-8b]", "concurrency=[1, 64]", "prompt_len=[256]", "precision=[w16a16e16]"],
        "llama-70b-parallelism": ["world_size=[64, 256]", "scale_out_bandwidth=[50 GB/s]", "pp=[1, 4]"],
        "cheapest-cluster": ["world_size=[1024]", "tp=[4]", "pp=[1]"],
        "reinforcement": ["staleness=[0, 2]", "samples_per_prompt=[16]", "longest_over_mean_output=[3]"],
        "scaling": ["compute_budget=[1e24]"],
        "serving": ["model=[llama-3-8b]", "hardware=[h100-sxm-80gb]", "precision=[fp8-kv8]", "tp=[1, 2]"],
        "lifetime": ["tp=[2]", "target_loss=[2.1]", "mean_request_rate=[10 /s]"],
        "reliability": ["world_size=[2048, 16384]", "storage_bandwidth=[200 GB/s]", "gpu_mtbf=[2111 d]"],
    }[name]
    sets = [part for one in small for part in ("--set", one)]
    if name == "cheapest-cluster":
        (cell,) = rooflax("optimize", "my.yaml", *sets, "--json").json
        assert (cell["outcome"], cell["status"]) == ("optimal", 0)
        assert cell["shadow_price_training_time_max"] < 0
        return
    done = rooflax("run", "my.yaml", "-o", "out.zarr", *sets)
    assert done.code == 0, done.err
    assert rooflax("best", "out.zarr").code == 0
    found = rx.open("out.zarr")
    assert not bool((found["status"] == 127).any())
    assert found.attrs["overrides"] == small


@pytest.mark.parametrize(
    "name", ["h100", "step_time", "tp", "tensor_par", "fits_memory", "gpt-3-175b", "bf16-mixed", "dgx-a100"]
)
def test_show_describes_whatever_bears_the_name(name, rooflax):
    done = rooflax("show", name)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) >= 5


def test_show_describes_every_quantity(rooflax):
    from rooflax.inventory import described

    bench = rx.Workbench()
    for name in bench.registry.quantities:
        assert f"{name}: " in described(name, bench)


def test_show_tells_the_confidence_of_a_record(rooflax):
    assert "\n  confidence: low\n" in rooflax("show", "t4").out
    assert "\n  confidence: high\n" in rooflax("show", "h100").out


@pytest.mark.parametrize(
    "kind", ["models", "hardware", "networks", "precisions", "quantities", "inputs", "constraints", "examples"]
)
def test_list_tells_all_of_a_kind(kind, rooflax):
    rows = rooflax("list", kind, "--json").json
    assert len(rows) > 2
    text = rooflax("list", kind).out
    for row in rows:
        assert row["name"] in text


def test_plan_tells_axes_points_bytes_and_inputs(rooflax, spec):
    plan = rooflax("plan", spec, "--json").json
    assert plan["points"] == 24
    assert [(axis["name"], axis["size"]) for axis in plan["axes"]] == [("pp", 3), ("world_size", 2), ("tp", 4)]
    assert {variable["name"] for variable in plan["variables"]} == {
        "step_time", "memory_per_gpu", "binding", "status", "margin",
    }  # fmt: skip
    assert plan["bytes"] == sum(variable["bytes"] for variable in plan["variables"])
    assert plan["conditions"][-1] == "fits_memory"
    origins = {entry["name"]: entry["origin"] for entry in plan["inputs"]}
    assert (origins["tp"], origins["seq_len"], origins["cp"]) == ("axis", "given", "default")
    text = rooflax("plan", spec).out
    for word in ("A small sweep", "24 points in 1 block", "smallest step_time over tp, pp", "model llama-2-13b"):
        assert word in text


def test_explain_prints_the_tree(rooflax, point):
    done = rooflax("explain", "step_time", *point)
    assert "100.0 %  step_time = " in done.out
    assert "feed_forward_time" in done.out
    tree = rooflax("explain", "step_time", *point, "--json").json
    assert math.fsum(term["value"] for term in tree["terms"]) == pytest.approx(tree["value"], rel=1e-12)
    assert math.fsum(term["share"] for term in tree["terms"]) == pytest.approx(1, rel=1e-12)


def test_run_then_best_and_slice(rooflax, spec):
    done = rooflax("run", spec)
    assert (done.code, done.out) == (0, "")
    assert done.told == "A small sweep\n24 points in 1 block: runs/small.zarr\n"
    best = rooflax("best", "runs/small.zarr", "--json").json
    assert [row["world_size"] for row in best] == [16, 64]
    assert {"tp", "pp", "step_time", "memory_per_gpu", "binding", "status", "margin"} <= set(best[0])
    assert rooflax("best", spec, "--json").json == best
    (row,) = rooflax(
        "slice", "runs/small.zarr", *("--sel", "tp=2", "--sel", "pp=1", "--sel", "world_size=64"), "--json"
    ).json
    assert (row["tp"], row["world_size"]) == (2, 64)
    results = rx.open("runs/small.zarr")
    assert row["step_time"] == pytest.approx(float(results["step_time"].sel(tp=2, pp=1, world_size=64)))


def test_best_answers_other_questions_than_the_stored_one(rooflax, filled):
    rows = rooflax(
        "best", filled, "--maximize", "memory_per_gpu", "--over", "world_size,tp,pp", "--top", "2", "--json"
    ).json
    assert [row["rank"] for row in rows] == [1, 2]
    results = rx.open(filled)
    feasible = results["memory_per_gpu"].where(results["status"] == 0)
    top = np.sort(feasible.values[np.isfinite(feasible.values)])[::-1][:2]
    assert [row["memory_per_gpu"] for row in rows] == pytest.approx(top)


@pytest.mark.parametrize("suffix", [".csv", ".nc"])
def test_slice_writes_files(suffix, rooflax, filled, tmp_path):
    path = tmp_path / "new" / f"part{suffix}"
    done = rooflax("slice", filled, "--sel", "pp=[1, 2]", "-o", path)
    assert (done.code, done.told) == (0, f"{path}: 2 pp, 2 world_size, 4 tp\n")
    if suffix == ".nc":
        back = xr.open_dataset(path, engine="scipy")
        assert back["step_time"].attrs["units"] == "s"
        assert back.sizes == {"tp": 4, "pp": 2, "world_size": 2}
    else:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert len(rows) == 16
        assert {row["binding"] for row in rows} <= {"compute", "capacity", "hbm", "tp", "dp", "pp"}
        assert {row["status"] for row in rows} <= {str(code) for code in range(20)}


def test_schema_is_a_json_schema(rooflax):
    found = rooflax("schema").json
    assert found["$schema"].startswith("https://json-schema.org/")
    assert "axes" in found["properties"]


def test_completion_is_offered():
    script = Path(sys.executable).with_name("rooflax")
    done = subprocess.run(
        [script], env={**os.environ, "_ROOFLAX_COMPLETE": "bash_source"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "_rooflax_completion" in done.stdout
    words = {"COMP_WORDS": "rooflax ex", "COMP_CWORD": "1", "_ROOFLAX_COMPLETE": "bash_complete"}
    done = subprocess.run([script], env={**os.environ, **words}, capture_output=True, text=True, check=True)
    assert done.stdout == "plain,explain\nplain,explore\n"


def test_an_unknown_executor_is_refused(rooflax, spec):
    assert rooflax("run", spec, "--executor", "local").code == 0
    done = rooflax("run", spec, "--executor", "slurm")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "--executor slurm: local, dask, dask=4 (processes) or dask=tcp://HOST:8786 (a scheduler) was expected",
    )


@pytest.mark.parametrize("arguments", [["list", "models"], ["list", "hardware"], ["show", "6nd"]], ids=" ".join)
def test_what_reads_files_alone_loads_no_engine(arguments):
    code = (
        "import sys\nfrom rooflax.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert {"jax", "xarray", "zarr"} & set(done.stderr.split()) == set()
