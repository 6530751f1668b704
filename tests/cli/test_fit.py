"""`rooflax fit`: values fitted to tables, the calibration it writes, and what that changes afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rooflax as rx
from rooflax import RooflaxError
from rooflax.specs.calibration import CALIBRATED, STAGES
from rooflax.specs.calibration_files import read_provenance

MODELS = Path(__file__).parents[1] / "sweeps" / "toy_models.py"
PEAK, BANDWIDTH = 989.4e12, 3350e9
SHARES = {"h100-sxm-80gb": (0.6, PEAK, BANDWIDTH), "a100-sxm-80gb": (0.5, 312e12, 2039e9)}


def seconds(chip: str, flops: float) -> float:
    share, peak, bandwidth = SHARES[chip]
    return flops / (peak * share) + 1e12 / (bandwidth * 0.8) + 1.0


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Rows that the toy gives with known efficiencies, and one row that cannot be bound."""
    lines = ["id,source_family,hardware,software_stack,kernel_efficiency,toy_flops,toy_bytes,toy_exchange,toy_time"]
    for place, flops in enumerate((1e15, 4e15, 2e16, 1e17)):
        for chip in SHARES:
            known = f"{chip},torchtitan,1.0,{flops:g},1 TB,2.0"
            lines.append(f"{chip}-{place},{'even' if place % 2 else 'odd'},{known},{seconds(chip, flops):.9g}")
    lines.append("broken,odd,h1000,torchtitan,1.0,1e15,1e12,0,1.0")
    path = tmp_path / "cases.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def fit(rooflax, cases):
    """The command with the toy models, whose table of cases says how long each takes."""
    return lambda *arguments: rooflax("fit", cases, "--models", MODELS, "--quantity", "toy_time", *arguments)


PARAMS = ("--params", "compute_efficiency:hardware,hbm_efficiency", "--params", "tp_overlap:software_stack")
# Starts and widths of their own, so that the declared priors may change.
PARAMS += ("--start", "compute_efficiency=0.57", "--prior", "compute_efficiency=1", "--start", "tp_overlap=0.5")


def test_values_are_printed_with_errors_before_and_after(fit):
    done = fit(*PARAMS)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    found = {(line[0], line[1]): line[2:] for line in lines if len(line) > 4 and line[0] == "compute_efficiency"}
    value, error, rows, families = found["compute_efficiency", "h100-sxm-80gb"]
    assert float(value) == pytest.approx(0.6, abs=0.03)
    assert 0 < float(error) < 0.1
    assert (rows, families) == ("4", "2")
    assert ("compute_efficiency", "hardware:") in found
    assert "unknown hardware record 'h1000'" in done.out
    assert "8 rows of 2 families used, 1 refused" in done.out
    even = next(line for line in lines if line[:1] == ["even"])
    assert float(even[2]) > 10
    assert float(even[4]) < 5


def test_json_tells_every_row(fit):
    done = fit(*PARAMS, "--json", "--leave-one-family-out", "--balance", "0")
    rows = {row["id"]: row for row in done.json["rows"]}
    assert len(rows) == 8
    row = rows["a100-sxm-80gb-2"]
    assert (row["file"], row["source_family"], row["quantity"], row["unit"]) == ("cases.csv", "odd", "toy_time", "s")
    assert row["measured"] == pytest.approx(seconds("a100-sxm-80gb", 2e16), rel=1e-6)
    assert abs(row["fitted"] / row["measured"] - 1) < 0.03 < abs(row["before"] / row["measured"] - 1)
    assert row["left_out"] not in (None, row["fitted"])
    assert {row["id"] for row in done.json["refused"]} == {"broken"}
    over = done.json["errors"]["over_families"]
    assert over["fitted"]["median"] < over["left_out"]["median"] < over["before"]["median"]
    units = {p["name"]: p["unit"] for p in done.json["parameters"]}
    assert units == dict.fromkeys(("compute_efficiency", "hbm_efficiency", "tp_overlap"), "1")


def test_what_it_writes_is_catalog_data(fit, rooflax, tmp_path):
    path = tmp_path / "mine" / "calibration.yaml"
    assert fit(*PARAMS, "-o", path).code == 0  # makes the folder
    told = read_provenance(path)
    assert told["files"] == {"cases.csv": 8}
    assert told["rows"]["even"] == ["h100-sxm-80gb-1", "a100-sxm-80gb-1", "h100-sxm-80gb-3", "a100-sxm-80gb-3"]
    assert told["priors"]["tp_overlap"]["owner"] == "software_stack"
    assert set(told["errors"]["over_families"]) == {"before", "fitted"}
    shown = rooflax("show", "h100-sxm-80gb", "--catalog", path.parent).out
    value = re.search(r"compute_efficiency = ([\d.]+)  \[calibration; ± [\d.]+, 4 rows of 2 families\]", shown)
    assert value is not None
    assert float(value[1]) == pytest.approx(0.6, abs=0.03)
    assert re.search(r"calibration: fitted on [\d,]+ rows of \d+ families, \d{4}-\d\d-\d\d\n", shown)
    toy = ("--set", "toy_flops=1e16", "--set", "toy_bytes=0", "--models", MODELS, "--catalog", path.parent)
    point = ("eval", "toy_time", "--set", "kernel_efficiency=1", *toy)
    own = rooflax(*point, "--set", "hardware=h100-sxm-80gb", "--set", "software_stack=torchtitan")
    assert own.err == ""
    lent = rooflax(*point, "--set", "hardware=b200-sxm-180gb", "--json")
    pooled = "values pooled over others of its class: "
    assert "compute_efficiency" not in lent.err
    assert re.search(
        rf"^note: software_stack pooled-torch: {pooled}tp_overlap 0.\d+ \(\d torch stacks\)$", lent.err, re.M
    )
    share = 1e16 / (lent.json["toy_time"]["value"] * 2250e12)
    shipped = re.search(r"compute_efficiency = ([\d.]+)", rooflax("show", "b200-sxm-180gb").out)
    assert shipped is not None  # records without own rows keep what is shipped
    assert share == pytest.approx(float(shipped[1]), rel=1e-3)
    quiet = rooflax(*point, "--set", "hardware=b200-sxm-180gb", "--set", "compute_efficiency=0.5")
    assert "compute_efficiency" not in quiet.err
    assert quiet.out.startswith("toy_time = ")


def test_python_gives_the_same_fit_and_notices(cases, tmp_path):
    params = ["compute_efficiency:hardware", "hbm_efficiency", "tp_overlap:software_stack"]
    found = rx.fit(cases, params, quantity="toy_time", models=[MODELS], priors={"compute_efficiency": 0.5})
    assert found.parameters[0].prior.record == 0.5
    assert [parameter.owner for parameter in found.parameters] == ["hardware", "", "software_stack"]
    start = rx.fit(cases, "hbm_efficiency", quantity="toy_time", models=[MODELS], starts={"hbm_efficiency": 0.3})
    assert start.parameters[0].prior.centre == 0.3
    with pytest.raises(
        RooflaxError, match=r"cases\.csv: there is no column `toy_rate`; the columns are id, source_fam"
    ):
        rx.fit(cases, "hbm_efficiency", quantity="toy_rate", models=[MODELS])


def test_tables_of_measurements_are_read(rooflax, tmp_path):
    table = tmp_path / "runs.csv"
    head = "id,source_family,confidence,model,gpu,n_gpus,gpus_per_node,precision,framework,seq_len,global_batch_seqs,"
    head += "micro_batch_seqs,tp,pp,dp,act_recompute,iter_time_s"
    row = "mine-{},mine,high,llama-2-13b,A100-SXM-80GB,64,8,bf16,torchtitan,4096,256,{},{},1,{},none,{}"
    rows = [row.format(*cells) for cells in ((1, 1, 1, 64, 31.0), (2, 2, 2, 32, 33.0), (3, 1, 4, 16, 36.0))]
    table.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    done = rooflax("fit", table, "--params", "compute_efficiency:hardware", "--kind", "training", "--json")
    assert done.code == 0
    assert [row["id"] for row in done.json["rows"]] == ["mine-1", "mine-2", "mine-3"]
    assert {p["label"] for p in done.json["parameters"]} == {"all", "gpu", "a100-sxm-80gb"}
    assert rooflax("fit", table, "--json").json["rows"][0]["quantity"] == "step_time"
    done = rooflax("fit", table, "--kind", "gemm")
    assert (done.code, done.err) == (2, "no rows of kind gemm; there are rows of training\n")
    table.write_text(table.read_text(encoding="utf-8").replace("gpus_per_node", "gpus_a_node"), encoding="utf-8")
    done = rooflax("fit", table, "--kind", "gemm")
    assert done.err.splitlines()[0] == (
        "note: runs.csv: column `gpus_a_node` is not read; did you mean `gpus_per_node`?"
    )
    assert "note" not in rooflax("fit", table, "--kind", "gemm", "--quiet").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--params", "compute_efficency:hardware"], "unknown name; did you mean `compute_efficiency`?"),
        (
            ["--params", "compute_efficiency:model"],
            "`model` owns no fitted values; one of hardware, software_stack, net",
        ),
        (
            ["--params", "tp_overlap:hardware"],
            "is no field of a hardware record; it is a software_stack input, so `tp_o",
        ),
        (["--params", "toy_time:hardware"], "is no field of a hardware record; it is a computed quantity"),
        (["--params", "tp"], "is a count; only continuous inputs can be fitted"),
        (["--params", "hardware"], "is no number; an input or a quantity was expected"),
        (["--params", "step_overhead"], "has no value to start from; give one, as in --start 'step_overhead=VALUE'"),
        (["--params", "tp_overlap", "--start", "tp_overlap=1"], "1 is at the edge of its domain"),
        (["--params", "tp_overlap", "--start", "tp_overlap=2"], "`2` is not a number at least 0 and at most 1"),
        (["--params", "tp_overlap,tp_overlap"], "`tp_overlap` is fitted already"),
        (["--params", "tp_overlap", "--prior", "hbm_efficiency=1"], "has a prior but is not fitted"),
        (["--params", "tp_overlap", "--prior", "tp_overlap=0"], "the width of its prior is 0; a number above 0"),
        (["--params", "tp_overlap", "--prior", "tp_overlap=wide"], "--prior tp_overlap=wide: a number was expected"),
        (["--params", "tp_overlap", "--prior", "tp_overlap"], "--prior tp_overlap: LEAF=VALUE was expected"),
        (["--params", "idle_power:hardware", "--start", "idle_power=70 W"], "none of the 9 rows can be used"),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, list) else "",
)
def test_mistakes_are_told(fit, arguments, message):
    done = fit(*arguments)
    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize(
    ("balance", "told"),
    [
        ("nan", "nan is no number; one from 0 to 1 was expected"),
        ("inf", "inf is not in the range 0<=x<=1."),
        ("2", "2.0 is not in the range 0<=x<=1."),
    ],
)
def test_a_balance_is_a_number_from_0_to_1(rooflax, balance, told):
    done = rooflax("fit", "nowhere", "--balance", balance)
    assert (done.code, done.err.splitlines()[-1]) == (2, f"Error: Invalid value for '--balance': {told}")


def test_a_calibration_that_cannot_be_written_is_refused_before_anything_is_read(rooflax, tmp_path):
    done = rooflax("fit", "nowhere", "-o", tmp_path)
    assert done.code == 2
    assert done.err == f"{tmp_path} cannot be written: it is a folder; the name of a file was expected\n"


def test_a_computed_quantity_is_fitted_but_not_written(fit, cases, tmp_path):
    text = cases.read_text(encoding="utf-8").replace("toy_time", "toy_rate")
    cases.write_text(text, encoding="utf-8")
    arguments = ("--quantity", "toy_rate", "--params", "toy_time", "--start", "toy_time=1 s")
    assert fit(*arguments).code == 0
    done = fit(*arguments, "-o", tmp_path / "c.yaml")
    assert (done.code, done.err.startswith("toy_time is computed; a calibration holds inputs")) == (2, True)


def test_without_parameters_those_of_the_shipped_calibration_are_fitted(fit):
    names = {p["name"] for p in fit("--json").json["parameters"]}
    told = {name for priors in CALIBRATED.values() for name in priors}
    assert names <= told
    assert {"compute_efficiency", "hbm_efficiency", "tp_overlap"} <= names


@pytest.mark.slow
def test_the_serving_stage_fits_its_own_inputs_to_its_own_tables(rooflax, root, tmp_path):
    lines = (root / "specs" / "validation" / "inference.csv").read_text(encoding="utf-8").splitlines()
    few = [line for line in lines[1:] if ",vllm-ci," in line]
    assert len(few) == 3
    table, output = tmp_path / "served.csv", tmp_path / "calibration.yaml"
    table.write_text("\n".join([lines[0], *few]) + "\n", encoding="utf-8")
    done = rooflax("fit", table, "--stage", "serving", "--whole", "-o", output, "--json")
    assert done.code == 0, done.err
    wanted = {name for priors in STAGES["serving"].inputs.values() for name in priors}
    assert {p["name"] for p in done.json["parameters"]} == wanted
    before, fitted = (done.json["errors"]["over_families"][stage]["median"] for stage in ("before", "fitted"))
    assert fitted < before
    assert "layer_gap" in output.read_text(encoding="utf-8")
    alone = rooflax("fit", table)
    assert (alone.code, "no rows of kind training, gemm, collectives" in alone.err) == (2, True)
