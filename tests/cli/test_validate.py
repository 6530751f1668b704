"""`rooflax validate`: predictions beside published measurements."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import rooflax as rx
from rooflax.validation import validate
from rooflax.workbench import Workbench

BASE = {
    "source_family": "ours",
    "confidence": "high",
    "model": "llama3-8b",
    "gpu": "H100-SXM-80GB",
    "n_gpus": "64",
    "precision": "bf16",
    "framework": "NeMo",
    "seq_len": "8192",
    "global_batch_seqs": "512",
    "tp": "2",
    "act_recompute": "none",
}
RUNS = (
    {**BASE, "id": "a", "iter_time_s": "9.5", "tokens_per_s_per_gpu": "6900", "mfu_pct": "35"},
    {**BASE, "id": "b", "tokens_per_s_per_gpu": "7000", "source_family": "theirs", "precision": "fp8"},
    {**BASE, "id": "c", "iter_time_s": "8.0", "gpu": "abacus"},
    {**BASE, "id": "d", "iter_time_s": "1.0", "confidence": "low"},
    {**BASE, "id": "e", "iter_time_s": "5.0", "model": "llama3.1-405b", "pp": "8"},
    {**BASE, "id": "f", "iter_time_s": "5.0", "network": "carrier pigeons"},
)
KEYS = (
    "file",
    "id",
    "source_family",
    "confidence",
    "quantity",
    "primary",
    "unit",
    "measured",
    "predicted",
    "refused",
)


def write(path: Path, *rows: dict[str, str]) -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data") / "runs.csv", *RUNS)


@pytest.fixture(scope="module")
def found(data):
    return validate(data, left_out={("runs.csv", "a"): 19.0})


def test_every_row_has_exactly_one_primary_record_in_json_and_the_rest_is_told(rooflax, data):
    done = rooflax("validate", "--data", data, "--json", "rows.json", "--picture", "scatter.png", "--details")
    assert (done.code, done.err.split()) == (0, ["rows.json", "scatter.png", "scatter.pdf"])
    content = json.loads(Path("rows.json").read_text(encoding="utf-8"))
    assert list(content) == ["rows"]
    rows = content["rows"]
    assert {tuple(row) for row in rows} == {KEYS}
    assert [row["id"] for row in rows if row["primary"]] == ["a", "b", "c", "d", "e", "f"]
    assert [row["quantity"] for row in rows if row["id"] == "a"] == [
        "step_time",
        "tokens_per_second_per_gpu",
        "predicted_mfu",
    ]
    refused = next(row for row in rows if row["id"] == "c")
    assert (refused["measured"], refused["predicted"]) == (8.0, None)
    assert refused["refused"].startswith("`gpu`: unknown hardware record 'abacus'")
    assert all(row["refused"] == "" and row["predicted"] > 0 for row in rows if row["id"] not in ("c", "f"))
    for words in ("Families", "Over families", "Refused", "unknown hardware record 'abacus'", "naive_", "theirs"):
        assert words in done.out
    assert "stages of 15, 16 and 15 layers" in done.out
    assert Path("scatter.png").read_bytes().startswith(b"\x89PNG")


def test_a_prediction_is_what_the_models_say(found):
    value = next(r.predicted for r in found.records if r.row.id == "a" and r.target.primary)
    inputs = {"model": "llama-3-8b", "hardware": "h100-sxm-80gb", "software_stack": "nemo", "gradient_width": 2}
    run = {"world_size": 64, "tp": 2, "seq_len": 8192, "global_batch_size": 512, "recompute": "none"}
    assert value == pytest.approx(float(rx.evaluate("step_time", **inputs, **run)["step_time"]))


def test_pinned_stages_and_even_ones_are_predicted_together(found):
    values = {r.row.id: r.predicted for r in found.records if r.target.quantity == "step_time"}
    inputs = {"model": "llama-3.1-405b", "hardware": "h100-sxm-80gb", "software_stack": "nemo", "gradient_width": 2}
    run = {"world_size": 64, "tp": 2, "pp": 8, "seq_len": 8192, "global_batch_size": 512, "recompute": "none"}
    stages = {"first_stage_layers": 15, "last_stage_layers": 15}
    assert values["e"] == pytest.approx(float(rx.evaluate("step_time", **{**inputs, **run, **stages})["step_time"]))  # pyright: ignore[reportArgumentType]


def test_runs_that_do_not_fit_keep_their_prediction(found):
    record = next(r for r in found.records if r.row.id == "e" and r.target.primary)
    assert record.predicted
    assert record.predicted > 0


def test_low_confidence_and_refused_rows_count_in_no_error(found):
    ours, theirs = found.families
    assert (ours.name, ours.rows, ours.untrusted, ours.errors.count) == ("ours", 4, 1, 2)
    assert list(ours.refused.values()) == [1, 1]
    assert (theirs.rows, theirs.errors.count) == (1, 1)
    (over,) = found.overall
    assert (over.kind, over.families, over.predicted) == ("training", 2, 3)
    assert over.errors.median == pytest.approx((ours.errors.median + theirs.errors.median) / 2)


@pytest.mark.parametrize(("name", "peak", "mfu"), [("a", 989.4e12, 0.37), ("b", 1978.9e12, 0.35)])
def test_the_naive_rule_is_a_constant_mfu_of_causal_attention(found, name, peak, mfu):
    record = next(r for r in found.records if r.row.id == name and r.target.primary)
    run = {"model": "llama-3-8b", "seq_len": 8192, "global_batch_size": 512}
    flops = float(rx.evaluate("model_flops_per_step", causal_attention_counted=True, **run)["model_flops_per_step"])
    time = flops / (64 * peak * mfu)
    assert record.baseline == pytest.approx(time if name == "a" else 512 * 8192 / (64 * time))


def test_predictions_of_a_fit_without_the_family_stand_beside(found):
    ours, theirs = found.families
    assert (ours.left_out.count, ours.left_out.median) == (1, pytest.approx(1.0))
    assert theirs.left_out.count == 0


def test_wrong_files_end_with_code_2_and_a_sentence(rooflax, tmp_path):
    missing = rooflax("validate", "--data", tmp_path / "nowhere")
    assert missing.code == 2
    assert "there is no such file or folder" in missing.err
    empty = rooflax("validate", "--data", tmp_path)
    assert (empty.code, "no CSV files" in empty.err) == (2, True)
    bad = write(tmp_path / "bad.csv", {**RUNS[0], "tp": "two"}, {**RUNS[0], "seq_len": "-1"})
    done = rooflax("validate", "--data", bad)
    assert done.code == 2
    assert done.err.splitlines() == [
        f"3 problems in {bad}",
        "  bad.csv: a: `tp` is 'two'; a number was expected",
        "  bad.csv: row 2: id a is that of row 1 too",
        "  bad.csv: a: `seq_len` is '-1'; a number that is not negative was expected",
    ]
    nothing = write(tmp_path / "nothing.csv", {**RUNS[2]})
    drawn = rooflax("validate", "--data", nothing, "--picture", "x.png")
    assert (drawn.code, "there is nothing to draw" in drawn.err) == (2, True)
    told = rooflax("validate", "--data", nothing, "--quiet")
    assert (told.code, "Refused" in told.out, "Assumed" in told.out) == (0, True, False)
    made = rooflax("validate", "--data", nothing, "--json", tmp_path / "no" / "rows.json")
    assert (made.code, (tmp_path / "no" / "rows.json").is_file()) == (0, True)


@pytest.mark.parametrize(
    ("option", "name", "sentence"),
    [
        ("--picture", "x.svg", "x.svg: a name that ends in .png was expected; a PDF is written beside it"),
        ("--picture", "x", "x: a name that ends in .png was expected; a PDF is written beside it"),
        ("--picture", "runs.csv/x.png", "runs.csv/x.png cannot be written: runs.csv is a file, not a folder"),
        ("--json", "runs.csv/x.json", "runs.csv/x.json cannot be written: runs.csv is a file, not a folder"),
        ("--json", "runs.csv/a/x.json", "runs.csv/a/x.json cannot be written: not a directory"),
        ("--json", ".", ". cannot be written: it is a folder; the name of a file was expected"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(rooflax, tmp_path, option, name, sentence):
    write(tmp_path / "runs.csv", RUNS[0])
    done = rooflax("validate", "--data", "nowhere", option, name)
    assert (done.code, done.out, done.err) == (2, "", sentence + "\n")


def test_a_column_that_is_not_read_is_noted_unless_quiet(rooflax, tmp_path):
    data = write(tmp_path / "runs.csv", {**RUNS[2], "seq_length": "4096"})
    note = "note: runs.csv: column `seq_length` is not read; did you mean `seq_len`?\n"
    assert rooflax("validate", "--data", data).err == note
    assert rooflax("validate", "--data", data, "--quiet").err == ""


def test_a_value_that_no_input_takes_is_a_refusal_of_its_row(found):
    (record,) = (r for r in found.records if r.row.id == "f")
    assert record.predicted is None
    assert "unknown network 'carrier pigeons'" in record.refused


@pytest.mark.slow
def test_the_shipped_rows_are_predicted_without_naming_a_folder():
    found = validate(bench=Workbench())
    assert len({record.row.family for record in found.records}) >= 8
    assert all(record.predicted or record.refused for record in found.records)
