"""`rooflax uncertainty`: tables, JSON, specs, and the answer beside stored results."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

import rooflax as rx

RULE = ("hardware=a100-sxm-80gb", "num_parameters=7e9", "world_size=64", "global_batch_size=256", "seq_len=4096")
SPEC = """\
title: A rule that is not known exactly
axes: {world_size: [32, 64]}
fixed:
  hardware: a100-sxm-80gb
  num_parameters: 7e9
  global_batch_size: 256
  seq_len: 4096
  mfu: 0.4 ± 0.03
  peak_flops: 312 TFLOP/s ± 5 %
outputs: [step_time_6nd]
where: [step_time_6nd < 6 s]
store: {path: runs/rule.zarr}
"""


@pytest.fixture
def rule():
    settings = (*RULE, "mfu=0.4 ± 0.03", "peak_flops={uniform: [290 TFLOP/s, 334 TFLOP/s]}")
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture
def uncertain_spec(tmp_path):
    path = tmp_path / "rule.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_a_point_is_told_with_its_inputs_ranked(rooflax, rule):
    done = rooflax("uncertainty", "step_time_6nd", *rule)
    assert done.code == 0
    assert "Time of one training step by the 6ND rule (step_time_6nd): 1,024 samples, seed 0" in done.out
    assert "uniform from 290 TFLOP/s to 334 TFLOP/s" in done.out
    rows = [line.split()[0] for line in done.out.splitlines() if line.startswith(("mfu", "peak_flops"))]
    assert rows == ["mfu", "peak_flops"]
    assert done.told.splitlines()[-1] == (
        "4,096 evaluations a point; scrambled Sobol sequence of scipy.stats.qmc, through the quantile functions of the "
        "inputs"
    )
    assert rooflax("uncertainty", "step_time_6nd", *rule, "--quiet").err == ""


def test_json_is_what_python_answers(rooflax, rule):
    done = rooflax(
        "uncertainty", "step_time_6nd", *rule, "--json", "--samples", 256, "--seed", 4, "--quantiles", "0.1,0.9"
    )
    found = rx.uncertainty(
        "step_time_6nd",
        samples=256,
        seed=4,
        quantiles=(0.1, 0.9),
        mfu="0.4 ± 0.03",
        peak_flops={"uniform": ["290 TFLOP/s", "334 TFLOP/s"]},
        hardware="a100-sxm-80gb",
        num_parameters=7e9,
        world_size=64,
        global_batch_size=256,
        seq_len=4096,
    )
    told = done.json
    (point,) = told["points"]
    own = point["step_time_6nd"]
    assert own["unit"] == "s"
    assert own["quantiles"] == {"0.1": float(found["step_time_6nd"][0]), "0.9": float(found["step_time_6nd"][1])}
    for key in ("centre", "mean", "deviation", "first_order"):
        assert own[key] == float(found[f"step_time_6nd_{key}"])
    for key in ("share", "first_index", "total_index"):
        assert own[key] == dict(zip(["mfu", "peak_flops"], found[f"step_time_6nd_{key}"].values.tolist(), strict=True))
    assert point["feasible_probability"] == 1
    assert told["inputs"] == {"mfu": "0.4 ± 0.03", "peak_flops": "uniform from 290 TFLOP/s to 334 TFLOP/s"}
    assert (told["samples"], told["seed"], told["evaluations"]) == (256, 4, 1024)


def test_a_spec_is_asked_over_its_grid(rooflax, uncertain_spec):
    done = rooflax("uncertainty", "step_time_6nd", "--from", uncertain_spec, "--no-indices")
    assert done.code == 0
    assert "Probability of being feasible, and of each condition" in done.out
    told = rooflax("uncertainty", "step_time_6nd", "--from", uncertain_spec, "--json", "--set", "where=[]").json
    assert [point["world_size"] for point in told["points"]] == [32, 64]
    assert [point["feasible_probability"] for point in told["points"]] == [1, 1]
    by_python = rx.uncertainty("step_time_6nd", spec=uncertain_spec, world_size=[64], where=["step_time_6nd < 5 s"])
    assert by_python["condition"].values.tolist() == ["step_time_6nd < 5 s"]
    assert 0 < by_python["feasible_probability"].item() < 0.3


def test_a_spec_with_distributions_runs_at_their_centres(rooflax, uncertain_spec):
    assert rooflax("run", uncertain_spec, "--quiet").code == 0
    plain = uncertain_spec.with_name("plain.yaml")
    plain.write_text(SPEC.replace(" ± 0.03", "").replace(" ± 5 %", ""), encoding="utf-8")
    assert rooflax("run", plain, "-o", "runs/plain.zarr", "--quiet").code == 0
    one, other = (rx.open(f"runs/{name}.zarr").load() for name in ("rule", "plain"))
    xr.testing.assert_equal(one, other)
    done = rooflax("plan", uncertain_spec, "--json")
    for name, text in (("mfu", "0.4 ± 0.03"), ("peak_flops", "312 TFLOP/s ± 15.6 TFLOP/s")):
        assert f"note: {name}: {text} counts at its centre here; `rooflax uncertainty` uses the whole\n" in done.err
    values = {entry["name"]: entry["value"] for entry in done.json["inputs"]}
    assert values["mfu"] == "0.4 ± 0.03"
    assert values["peak_flops"] == "312 TFLOP/s ± 15.6 TFLOP/s"
    again = rooflax("run", plain, "-o", "runs/rule.zarr")
    assert again.code == 2
    assert "holds the results of another sweep" in again.err


def test_the_answer_goes_into_a_store(rooflax, uncertain_spec):
    from rooflax.stores.read import open_results

    ask = ("uncertainty", "step_time_6nd", "--from", uncertain_spec, "-o", "runs/rule.zarr", "--quiet")
    refused = rooflax(*ask)
    assert refused.code == 2
    assert refused.err == (
        f"runs/rule.zarr holds no finished results of {uncertain_spec}; `rooflax run {uncertain_spec} -o "
        "runs/rule.zarr` computes them\n"
    )
    assert rooflax("run", uncertain_spec, "--quiet").code == 0
    other = rooflax(*ask, "--set", "mfu={samples: [0.3, 0.4]}")
    assert other.code == 2
    assert other.err.startswith("runs/rule.zarr holds the results of another sweep: the spec (")
    assert other.err.endswith(
        f"`rooflax run {uncertain_spec} --set 'mfu={{samples: [0.3, 0.4]}}' -o runs/rule.zarr --overwrite` replaces "
        "them, or give another -o\n"
    )
    earlier = ("dp_comm_time_6nd", "--quantiles", "0.1,0.2,0.3,0.4", "--fitted")
    assert rooflax("uncertainty", *earlier, *ask[2:]).code == 0
    assert rooflax(*ask).code == 0
    found = open_results("runs/rule.zarr", "uncertainty").load()
    expected = rx.uncertainty("step_time_6nd", spec=uncertain_spec)
    assert list(found.data_vars) == list(expected.data_vars)
    for name in expected.data_vars:
        xr.testing.assert_allclose(found[name], expected[name])
    assert found.attrs["evaluations"] == expected.attrs["evaluations"]
    assert found["distribution"].values.tolist() == ["0.4 ± 0.03", "312 TFLOP/s ± 15.6 TFLOP/s"]
    done = rooflax("uncertainty", "step_time_6nd", "-o", "runs/rule.zarr", "--set", "mfu=0.4 ± 0.1")
    assert done.code == 2


def test_a_quantity_that_does_not_vary(rooflax, rule):
    done = rooflax("uncertainty", "training_flops_6nd", "step_time_6nd", *rule, "--json", "--samples", 64)
    own = done.json["points"][0]["training_flops_6nd"]
    assert own["deviation"] == own["first_order"] == 0
    assert own["total_index"] == {"mfu": None, "peak_flops": None}
    shown = rooflax("uncertainty", "training_flops_6nd", "step_time_6nd", *rule, "--samples", 64)
    assert shown.out.count("total index") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (),
            "nothing is uncertain: no input that step_time_6nd depends on has a distribution; give one, such as mfu = "
            "0.42 ± 0.03, or take the errors of the calibration (--fitted)\n",
        ),
        (("--set", "mfu=0.4 ± 0.03", "--samples", 100), None),
        (
            ("--set", "mfu=0.4 ± 0.03", "--samples", 1),
            "1 sample; a power of 2 was expected, at which Sobol sequences are balanced: 2\n",
        ),
        (
            ("--set", "mfu=0.4 ± 0.03", "--quantiles", "a,b"),
            "quantiles a,b; numbers separated by commas were expected, 0.05,0.5,0.95\n",
        ),
    ],
)
def test_mistakes_are_told(rooflax, arguments, message):
    base = [part for setting in (*RULE, "mfu=0.4") for part in ("--set", setting)]
    done = rooflax("uncertainty", "step_time_6nd", *base, *arguments, "--quiet")
    assert done.code == 2
    if message is None:
        message = "100 samples; a power of 2 was expected, at which Sobol sequences are balanced: 64 or 128\n"
    assert done.err == message


def test_a_wrong_distribution_is_told_at_its_override(rooflax):
    done = rooflax("uncertainty", "step_time_6nd", *[p for s in (*RULE, "mfu=1.4 ± 0.03") for p in ("--set", s)])
    assert done.code == 2
    assert done.err == (
        "1 problem in --set\n  --set  fixed.mfu: `1.4` is not a number above 0 and at most 1\n"
        "      mfu=1.4 ± 0.03\n          ^\n"
    )


def test_only_uncertainty_says_nothing_of_centres(rooflax, rule):
    told = "counts at its centre here; `rooflax uncertainty` uses the whole"
    assert told not in rooflax("uncertainty", "step_time_6nd", *rule, "--no-indices").err
    done = rooflax("eval", "step_time_6nd", *rule)
    assert [line.split(":")[1].strip() for line in done.err.splitlines() if told in line] == ["mfu", "peak_flops"]
    # What no quantity reads is not told as if it counted.
    assert told not in rooflax("eval", "training_flops_6nd", *rule).err
    found = rx.evaluate(
        "training_time_6nd", mfu="0.4 ± 0.03", hardware="a100-sxm-80gb", num_parameters=7e9, world_size=8
    )
    assert f"mfu: 0.4 ± 0.03 {told}" in found.attrs["notices"]


def test_samples_without_a_value_have_a_column_and_a_note(rooflax):
    models = Path(__file__).parents[1] / "sweeps" / "uncertain_models.py"
    ask = ("uncertainty", "rooted", "--models", models, "--set", "term_1={uniform: [-1, 3]}")
    done = rooflax(*ask)
    assert "no value" in done.out.splitlines()[1]
    assert "25.0 %" in done.out
    assert "note: rooted: 25 % of the samples have no finite value, so quantiles and moments are missing" in done.err
    assert rooflax(*ask, "--json").json["points"][0]["rooted"]["no_value_probability"] == 0.25
