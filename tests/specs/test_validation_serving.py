"""The shipped serving rows: columns, units, and what ties their numbers together."""

import csv
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

import rooflax.specs
from rooflax.specs.catalog import open_catalogs
from rooflax.specs.measured import read_measured
from rooflax.specs.measured.cells import Row

FOLDER = Path(rooflax.specs.__file__).parent / "validation"
FILE = FOLDER / "inference.csv"
CATALOGS = open_catalogs()
COLUMNS = """
id source_family source confidence model params_b layers d_model n_heads n_kv_heads d_ff gated_mlp vocab gpu n_gpus
gpus_per_node framework precision weight_dtype kv_dtype tp batch_size max_concurrency scenario input_len output_len
e2e_latency_ms tpot_ms ttft_ms output_tok_s_total derived_fields notes
"""
WHOLE = """
layers d_model n_heads n_kv_heads d_ff vocab n_gpus gpus_per_node tp
batch_size max_concurrency input_len output_len
"""
MEASURED = ("e2e_latency_ms", "tpot_ms", "ttft_ms", "output_tok_s_total")
BYTES = {"int4": 0.5, "int8": 1.0, "fp8": 1.0, "fp16": 2.0, "bf16": 2.0}
DIMENSIONS = ("layers", "d_model", "n_heads", "n_kv_heads", "d_ff", "vocab", "params_b")
GIB = 2**30
CACHE = {"Llama-2-7B": 32 * 4096, "Llama-2-13B": 40 * 5120, "InternLM-20B": 60 * 5120, "Llama-2-70B": 80 * 1024}
CACHE |= {"Qwen3-8B": 36 * 1024, "Qwen3-32B": 64 * 1024}
"""Keys of one token: layers times the width of all key heads; a token caches as many values."""


def rows_of(*names: str) -> list[dict[str, str]]:
    with FILE.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert list(reader.fieldnames or ()) == COLUMNS.split()
    assert all(None not in row and None not in row.values() for row in rows)
    found = [row for row in rows if not names or row["source_family"] in names]
    assert found
    return found


def value(row: Row, column: str) -> float:
    """The number in a cell; NaN where it is empty, so that a comparison with it fails."""
    return float(row[column] or "nan")


def together(row: Row) -> float:
    return float(row["batch_size"] or row["max_concurrency"])


def cached(row: Row) -> float:
    """Bytes of the cache of all requests of a row at their ends, in 16 bits."""
    return together(row) * (value(row, "input_len") + value(row, "output_len")) * CACHE[row["model"]] * 2 * 2


def parameters(row: Row) -> tuple[float, float]:
    """All parameters of a row's model and those a token visits, as published."""
    if row["params_b"]:
        return value(row, "params_b") * 1e9, value(row, "params_b") * 1e9
    facts = CATALOGS.get("model", row["model"]).facts
    total = float(facts["published_parameters"])
    return total, float(facts.get("published_active_parameters", total))


def weight_bytes(row: Row, count: float) -> float:
    return BYTES[(row["weight_dtype"] or row["precision"]).split()[0]] * count


def printed(row: Row, pattern: str) -> float:
    found = re.search(pattern, row["notes"])
    assert found, row["notes"]
    return float(found[1])


def each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("family", names or FAMILIES)


FAMILIES = sorted({row["source_family"] for row in rows_of()})


def test_no_family_took_part_in_the_fit() -> None:
    from rooflax.specs.calibration_files import SHIPPED, read_provenance

    fitted = {name for path in SHIPPED if path.is_file() for name in read_provenance(path).get("rows", {})}
    assert fitted
    assert not fitted & {row["source_family"] for row in rows_of()}


def test_a_run_is_stated_once() -> None:
    seen = defaultdict(list)
    for row in rows_of():
        seen[tuple(row[column] for column in COLUMNS.split() if column not in ("id", *MEASURED))].append(row)
    assert [rows[0]["id"] for rows in seen.values() if len(rows) > 1] == []


def test_every_row_is_read() -> None:
    refused = {row.id: row.refused for row in read_measured(FILE, CATALOGS) if row.refused}
    assert refused == {}


@each()
def test_cells(family: str) -> None:
    for row in rows_of(family):
        for column in WHOLE.split():
            if row[column]:
                assert value(row, column) == int(value(row, column)) >= 1
        assert (row["batch_size"] == "") != (row["max_concurrency"] == "")
        assert value(row, "n_gpus") == value(row, "tp")
        stated = [column for column in MEASURED if row[column]]
        assert stated
        assert all(value(row, column) > 0 for column in stated)
        assert row["precision"] in BYTES
        assert re.fullmatch(r"(int4 g=(64|128)|int8)?", row["weight_dtype"])
        for column in filter(None, re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "", row["derived_fields"]).split(";")):
            assert row[column.strip()], f"{column} is derived but has no value"


@each()
def test_model_is_in_the_catalog_or_described(family: str) -> None:
    for row in rows_of(family):
        if not all(row[column] for column in DIMENSIONS):
            assert not any(row[column] for column in DIMENSIONS)
            assert CATALOGS.get("model", row["model"]).fields


@each()
def test_gpu_holds_the_weights_and_reads_them_at_every_token(family: str) -> None:
    """A batch that reads its weights faster than the memory can was not run as it is described."""
    for row in rows_of(family):
        hardware = CATALOGS.get("hardware", row["gpu"]).fields
        total, active = parameters(row)
        assert weight_bytes(row, total) < value(row, "tp") * hardware["hbm_capacity"].value
        once = 0.9 * weight_bytes(row, active) / (value(row, "tp") * hardware["hbm_bandwidth"].value)
        tokens = value(row, "output_len")
        times = {
            "tpot_ms": value(row, "tpot_ms") * 1e-3,
            "e2e_latency_ms": value(row, "e2e_latency_ms") * 1e-3 / tokens,
            "output_tok_s_total": together(row) / value(row, "output_tok_s_total"),
        }
        for column, time in times.items():
            assert not row[column] or time > once, column


@each()
def test_parts_of_a_request_agree_with_the_whole(family: str) -> None:
    for row in rows_of(family):
        if row["e2e_latency_ms"] and row["tpot_ms"]:
            parts = value(row, "ttft_ms") + (value(row, "output_len") - 1) * value(row, "tpot_ms")
            assert parts == pytest.approx(value(row, "e2e_latency_ms"), rel=0.05)
        if row["tpot_ms"] and row["output_tok_s_total"]:
            at_most = together(row) / (value(row, "tpot_ms") * 1e-3)
            assert 0.3 * at_most < value(row, "output_tok_s_total") < 1.02 * at_most


@each("lmdeploy-a100")
def test_batch_fitted_into_the_printed_memory(family: str) -> None:
    """Where it did not, requests waited, and how many ran at once is not known."""
    for row in rows_of(family):
        memory = printed(row, r"memory of a GPU: ([\d.]+) GB") * GIB
        assert memory < CATALOGS.get("hardware", row["gpu"]).fields["hbm_capacity"].value
        share = value(row, "tp")
        assert (weight_bytes(row, parameters(row)[0]) + cached(row)) / share < memory


@each("sglang-jax-tpu")
def test_requests_fitted_into_the_memory_of_the_slice(family: str) -> None:
    for row in rows_of(family):
        share = printed(row, r"([\d.]+) of the memory")
        assert share == (0.8 if row["framework"].startswith("sgl-jax") else 0.9)
        memory = share * value(row, "n_gpus") * CATALOGS.get("hardware", row["gpu"]).fields["hbm_capacity"].value
        assert weight_bytes(row, parameters(row)[0]) + cached(row) < memory


@each("qwen2.5-vllm", "qwen3-sglang", "trtllm-0.9", "bloom-ds-inference", "autoawq")
def test_numbers_follow_from_the_printed_ones(family: str) -> None:
    for row in rows_of(family):
        family, tokens = row["source_family"], value(row, "output_len")
        if family == "qwen2.5-vllm":
            assert value(row, "output_tok_s_total") == printed(row, r", ([\d.]+) tokens/s")
        elif family == "qwen3-sglang":
            speed = (value(row, "input_len") + tokens) / (value(row, "e2e_latency_ms") * 1e-3)
            assert speed == pytest.approx(printed(row, r", ([\d.]+) tokens/s"), rel=1e-5)
        elif family == "bloom-ds-inference":
            assert 1e3 / value(row, "output_tok_s_total") == pytest.approx(printed(row, r": ([\d.]+) ms"), rel=1e-5)
        elif family == "autoawq":
            decoded = together(row) / (value(row, "tpot_ms") * 1e-3)
            assert decoded == pytest.approx(printed(row, r"decode ([\d.]+)"), rel=1e-5)
            read = together(row) * value(row, "input_len") / (value(row, "ttft_ms") * 1e-3)
            assert read == pytest.approx(printed(row, r"prefill ([\d.]+)"), rel=1e-5)
        elif row["output_tok_s_total"]:
            assert value(row, "output_tok_s_total") == printed(row, r": (\d+) tokens/s") * value(row, "n_gpus")


def test_larger_batches_take_longer_and_give_more_tokens() -> None:
    """Of runs that differ in their batch alone; a slipped digit would show."""
    runs = defaultdict(list)
    for row in rows_of("bloom-ds-inference", "rocm-vllm", "splitwise", "sglang-jax-tpu"):
        about = ("source_family", "model", "gpu", "framework", "weight_dtype", "tp", "input_len", "output_len")
        runs[tuple(row[column] for column in about)].append(row)
    compared = 0
    for rows in runs.values():
        for one, more in pairwise(rows):
            if together(more) > together(one):
                times = [
                    value(row, "e2e_latency_ms")
                    if row["e2e_latency_ms"]
                    else together(row) / value(row, "output_tok_s_total")
                    for row in (one, more)
                ]
                assert times[1] > 0.98 * times[0], more["id"]
                assert times[1] / times[0] < together(more) / together(one), more["id"]
                compared += 1
    assert compared > 80
