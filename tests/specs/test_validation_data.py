"""The shipped validation rows: columns, units, sources, and the sums that tie their numbers together."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import rooflax.specs
from rooflax.specs.catalog import open_catalogs

FOLDER = Path(rooflax.specs.__file__).parent / "validation"
TRAINING = """
id source_family source confidence task model params_b active_params_b layers d_model n_heads n_kv_heads d_ff
gated_mlp vocab n_experts top_k gpu n_gpus gpus_per_node internode_gbps_per_gpu precision framework seq_len
global_batch_seqs micro_batch_seqs grad_accum tp pp vp cp ep dp sharding seq_parallel act_recompute
pipeline_schedule iter_time_s tokens_per_s_per_gpu tflops_per_gpu tflops_kind mfu_pct hfu_pct peak_mem_gib mem_kind
derived_fields notes
"""
MEMORY = """
id source_family source confidence kind model params_b layers d_model n_heads n_kv_heads d_ff vocab gpu n_gpus
precision framework seq_len micro_batch_seqs global_batch_seqs tp pp vp cp ep dp sharding seq_parallel act_recompute
mem_gib mem_definition notes
"""
WHOLE = """
layers d_model n_heads n_kv_heads d_ff vocab n_gpus gpus_per_node seq_len global_batch_seqs micro_batch_seqs
grad_accum tp pp vp cp ep dp
"""
MEASURED = ("iter_time_s", "tokens_per_s_per_gpu", "tflops_per_gpu", "mfu_pct")
LOCATOR = re.compile(r"[Tt]able \d|§|\bsec\. \d|\bp\. \d+|, table of|\.txt|tables? [\d-]", re.ASCII)
ROUNDING = 0.011
"""Two numbers printed with two or three digits, such as 8.9 s and 176.9k tokens/s, agree to about a per cent."""


def read(name: str) -> tuple[list[str], list[dict[str, str]]]:
    with (FOLDER / name).open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return list(reader.fieldnames or ()), rows


def value(row: dict[str, str], column: str) -> float:
    """The number in a cell; NaN where it is empty, so that a comparison with it fails."""
    return float(row[column] or "nan")


def derived(row: dict[str, str]) -> list[str]:
    """The columns that a row lists as computed, without the rules in parentheses."""
    return [field.strip() for field in re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "", row["derived_fields"]).split(";")]


def families() -> dict[str, dict[str, str | None]]:
    return YAML(typ="safe").load((FOLDER / "families.yaml").read_text())


TRAINING_ROWS = read("training.csv")[1]
MEMORY_ROWS = read("training_memory.csv")[1]
SERVING_ROWS = read("inference.csv")[1]
ROWS = [*TRAINING_ROWS, *MEMORY_ROWS]


def of(*names: str) -> list[dict[str, str]]:
    found = [row for row in TRAINING_ROWS if row["source_family"] in names]
    assert found
    return found


@pytest.mark.parametrize(("name", "columns"), [("training.csv", TRAINING), ("training_memory.csv", MEMORY)])
def test_columns(name: str, columns: str) -> None:
    header, rows = read(name)
    assert header == columns.split()
    assert rows
    assert all(None not in row and None not in row.values() for row in rows)


def test_ids_are_unique_and_told_by_family() -> None:
    repeated = [name for name, times in Counter(row["id"] for row in (*ROWS, *SERVING_ROWS)).items() if times > 1]
    assert repeated == []
    for row in TRAINING_ROWS:
        assert re.fullmatch(rf"val-{re.escape(row['source_family'])}-\d{{3}}", row["id"])
    for row in MEMORY_ROWS:
        assert re.fullmatch(rf"val-mem-{re.escape(row['source_family'])}-\d{{3}}", row["id"])
    for row in SERVING_ROWS:
        assert re.fullmatch(rf"val-inf-{re.escape(row['source_family'])}-\d{{3}}", row["id"])


def test_rows_come_from_at_least_eight_sources_that_were_not_fitted() -> None:
    present = {row["source_family"] for row in TRAINING_ROWS}
    assert len([name for name, about in families().items() if name in present and about["same_runs_as"] is None]) >= 8


def test_every_family_is_described() -> None:
    assert sorted(families()) == sorted({row["source_family"] for row in (*ROWS, *SERVING_ROWS)})
    for about in families().values():
        assert list(about) == ["title", "source", "url", "same_runs_as"]
        assert str(about["url"]).startswith("https://")


@pytest.mark.parametrize("row", [*ROWS, *SERVING_ROWS], ids=lambda row: row["id"])
def test_source_says_where(row: dict[str, str]) -> None:
    assert LOCATOR.search(row["source"]), row["source"]
    assert row["confidence"] in ("high", "medium")


def test_readme_counts_the_rows() -> None:
    table = re.findall(r"^\| `([\w.-]+)` \| (\d+) \|\s*(\d*)\s*\|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    speed, memory = (
        Counter(row["source_family"] for row in rows) for rows in ([*TRAINING_ROWS, *SERVING_ROWS], MEMORY_ROWS)
    )
    assert {name: (int(rows), int(also or 0)) for name, rows, also in table} == {
        name: (speed[name], memory[name]) for name in families()
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_counts_are_whole(row: dict[str, str]) -> None:
    for column in WHOLE.split():
        if row.get(column):
            assert float(row[column]) >= 1
            assert float(row[column]) == int(float(row[column]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_degrees_make_the_gpus_and_the_batch(row: dict[str, str]) -> None:
    ranks = 1.0
    for column in ("tp", "pp", "cp", "dp"):
        ranks *= value(row, column)
    assert ranks == value(row, "n_gpus")
    if row["micro_batch_seqs"]:
        steps = value(row, "global_batch_seqs") / (value(row, "dp") * value(row, "micro_batch_seqs"))
        assert steps == int(steps) >= 1
        assert not row.get("grad_accum") or value(row, "grad_accum") == steps


@pytest.mark.parametrize("row", TRAINING_ROWS, ids=lambda row: row["id"])
def test_something_is_measured(row: dict[str, str]) -> None:
    stated = [column for column in MEASURED if row[column]]
    assert stated
    assert all(value(row, column) > 0 for column in stated)
    assert not row["mfu_pct"] or 5 < value(row, "mfu_pct") < 75
    assert not row["hfu_pct"] or value(row, "hfu_pct") >= (value(row, "mfu_pct") if row["mfu_pct"] else 0)
    assert (row["tflops_kind"] != "") == any(row[column] for column in ("tflops_per_gpu", "mfu_pct", "hfu_pct"))
    assert (row["mem_kind"] != "") == (row["peak_mem_gib"] != "")


@pytest.mark.parametrize("row", TRAINING_ROWS, ids=lambda row: row["id"])
def test_step_time_and_rate_process_one_batch(row: dict[str, str]) -> None:
    assert (row["iter_time_s"] == "") == (row["tokens_per_s_per_gpu"] == "")
    if row["iter_time_s"]:
        processed = value(row, "iter_time_s") * value(row, "tokens_per_s_per_gpu") * value(row, "n_gpus")
        printed_both = not {"iter_time_s", "tokens_per_s_per_gpu"} & set(derived(row))
        within = ROUNDING if printed_both or row["source_family"] == "megascale" else 1e-4
        assert processed == pytest.approx(value(row, "global_batch_seqs") * value(row, "seq_len"), rel=within)


@pytest.mark.parametrize("row", TRAINING_ROWS, ids=lambda row: row["id"])
def test_derived_fields_are_columns_with_a_value(row: dict[str, str]) -> None:
    for column in filter(None, derived(row)):
        assert column in TRAINING.split()
        assert row[column] != "" or column == "precision"
    without_rule = {"iter_time_s", "tokens_per_s_per_gpu"} & set(row["derived_fields"].split(";"))
    assert len(without_rule) < 2, "one follows from the other, which must be printed or say how it was computed"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_gpu_is_in_the_catalog_and_holds_the_memory(row: dict[str, str]) -> None:
    capacity = open_catalogs().get("hardware", row["gpu"]).fields["hbm_capacity"].value
    column = "mem_gib" if "mem_gib" in row else "peak_mem_gib"
    assert not row[column] or 1e9 < value(row, column) * 1e9 < capacity


@pytest.mark.parametrize("row", TRAINING_ROWS, ids=lambda row: row["id"])
def test_model_is_described(row: dict[str, str]) -> None:
    if not all(row[column] for column in ("layers", "d_model", "n_heads", "d_ff", "vocab")):
        assert open_catalogs().get("model", row["model"]).fields


@pytest.mark.parametrize("row", TRAINING_ROWS, ids=lambda row: row["id"])
def test_no_row_beats_its_gpu(row: dict[str, str]) -> None:
    fields = open_catalogs().get("hardware", row["gpu"]).fields
    formats = ("fp8",) if "fp8" in row["precision"] else ("fp16", "bf16")
    peak = next(fields[f"peak_flops_{name}"].value for name in formats if f"peak_flops_{name}" in fields)
    active = row["active_params_b"] or row["params_b"]
    if row["tokens_per_s_per_gpu"] and active:
        assert 0.05 < 6e9 * float(active) * value(row, "tokens_per_s_per_gpu") / peak < 0.75
    assert not row["tflops_per_gpu"] or 20e12 < value(row, "tflops_per_gpu") * 1e12 < 0.85 * peak


@pytest.mark.parametrize("row", of("bigscience-176b", "mt-nlg", "megatron-2021"), ids=lambda row: row["id"])
def test_printed_flops_follow_from_time_and_dimensions(row: dict[str, str]) -> None:
    """Narayanan et al. 2021, eq. 3: a wrong digit in time, batch, depth or width would show."""
    hidden, layers, length = (value(row, column) for column in ("d_model", "layers", "seq_len"))
    shape = 1 + length / (6 * hidden) + value(row, "vocab") / (16 * layers * hidden)
    flops = 96 * value(row, "global_batch_seqs") * length * layers * hidden**2 * shape
    rate = flops / (value(row, "iter_time_s") * value(row, "n_gpus") * 1e12)
    assert rate == pytest.approx(
        value(row, "tflops_per_gpu"), rel=0.006 if row["source_family"] == "mt-nlg" else 0.0015
    )


@pytest.mark.parametrize(
    "row",
    [row for row in of("torchtitan-a100", "korthikanti-2022", "megascale", "palm") if row["mfu_pct"]],
    ids=lambda row: row["id"],
)
def test_printed_mfu_follows_from_rate_and_dimensions(row: dict[str, str]) -> None:
    """The convention of PaLM, appendix B; torchtitan takes twice the peak where Float8 is on."""
    heads_width = 48 * 256 if row["source_family"] == "palm" else value(row, "d_model")
    token = 6e9 * value(row, "params_b") + 12 * value(row, "layers") * heads_width * value(row, "seq_len")
    peaks = {"A100-SXM-80GB": 312e12, "H100-SXM-96GB-HBM2e-500W": 989e12, "TPU-v4": 275e12}
    peak = peaks[row["gpu"]] * (2 if "fp8" in row["precision"] else 1)
    within = 0.015 if row["framework"].startswith("MegaScale") else 0.007
    mfu = 100 * token * value(row, "tokens_per_s_per_gpu") / peak
    assert mfu == pytest.approx(value(row, "mfu_pct"), rel=within)


def test_printed_totals_are_those_of_the_notes() -> None:
    for row in of("megascale", "mlperf-v3.1-gpt3"):
        told = re.search(r"(?:printed|logged): ([\d.]+)(k?) tokens/s", row["notes"])
        assert told
        total = float(told[1]) * (1e3 if told[2] else 1)
        assert value(row, "tokens_per_s_per_gpu") * value(row, "n_gpus") == pytest.approx(total, rel=1e-5)
    for row in of("zero-bubble"):
        told = re.search(r"printed: ([\d.]+) samples", row["notes"])
        assert told
        assert value(row, "tokens_per_s_per_gpu") == pytest.approx(float(told[1]) * 1024, rel=1e-5)
    for row in of("pythia"):
        told = re.search(r"printed: (\d+) GPU-hours", row["notes"])
        assert told
        hours = value(row, "iter_time_s") * 143000 * value(row, "n_gpus") / 3600
        assert hours == pytest.approx(float(told[1]), rel=1e-5)
