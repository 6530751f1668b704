"""Golden rows of document 002: the grids, configurations and the paper's tables around llm-analysis."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rooflax.reports.documents.llama_names import INFERENCE_RESULTS, RECORDS, TOOL_MODELS, TRAINING_RESULTS

NOT_COMPARED = {
    "error_msg": "the tool's own words; ours name the condition that fails",
}
DIMENSIONS = ("hidden_size", "num_layers", "num_attention_heads", "vocab_size")
RECORD_OF: dict[str, str] = dict(zip(TOOL_MODELS, RECORDS, strict=True))


def q(name: str) -> str:
    return f"llm_analysis.{name}"


def dimensions(harness: Any, record: str) -> dict[str, float]:
    """The dimensions of a model, from the catalog."""
    fields = harness.bench.catalogs.get("model", record).fields
    return {name: fields[name].value for name in DIMENSIONS}


def factors(results: Mapping[str, str]) -> dict[str, tuple[str, float]]:
    """The quantity of each result, and the factor to the tool's unit: it gives rates in TFLOP/s."""
    return {name: (q(quantity), 1e-12 if name == "achived_flops" else 1.0) for name, quantity in results.items()}


def columns_of(inputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Inputs by name, one entry a row."""
    names = dict.fromkeys(name for row in inputs for name in row)
    return {name: [row.get(name) for row in inputs] for name in names}


def infer_inputs(harness: Any, row: Mapping[str, str]) -> dict[str, Any]:
    value = {name: harness.number(text) for name, text in row.items() if name.startswith("in_")}
    return {
        **dimensions(harness, RECORD_OF[row["in_model_name"]]),
        q("gpu"): row["in_gpu_name"],
        q("dtype"): row["in_dtype_name"],
        "concurrency": value["in_batch_size_per_gpu"],
        q("tp"): value["in_tp_size"],
        q("pp"): value["in_pp_size"],
        "prompt_len": value["in_seq_len"],
        "output_len": value["in_num_tokens_to_generate"],
        q("use_kv_cache"): value["in_use_kv_cache"],
        q("flops_efficiency"): value["in_flops_efficiency"],
        q("hbm_memory_efficiency"): value["in_hbm_memory_efficiency"],
    }


def train_inputs(harness: Any, row: Mapping[str, str]) -> dict[str, Any]:
    value = {name: harness.number(text) for name, text in row.items() if name.startswith("in_")}
    return {
        **dimensions(harness, RECORD_OF[row["in_model_name"]]),
        q("gpu"): row["in_gpu_name"],
        q("dtype"): row["in_dtype_name"],
        "tokens": value["in_total_num_tokens"],
        q("recompute"): ("none", "selective", "full")[value["in_activation_recomputation"]],
        q("zero_stage"): str(value["in_ds_zero"]),
        q("tp"): value["in_tp_size"],
        q("sp"): value["in_sp_size"],
        q("pp"): value["in_pp_size"],
        "world_size": value["in_total_num_gpus"],
        "global_batch_size": value["in_global_batch_size"],
        "seq_len": value["in_seq_len"],
        q("flops_efficiency"): value["in_flops_efficiency"],
        q("hbm_memory_efficiency"): value["in_hbm_memory_efficiency"],
    }


def grid(
    path: Path,
    harness: Any,
    given: Sequence[dict[str, Any]],
    results: Mapping[str, tuple[str, float]],
    last: str,
    guard: str,
) -> int:
    """A file of inputs, results and errors: the arrays, and a scalar call for every error.

    `last` needs everything else, `guard` every condition and little else: the first error is asked of both.
    """
    rows = harness.rows(path)
    names = list(dict.fromkeys(name for name, _ in results.values()))
    found = harness.arrays(names, columns_of(given))
    columns = {f"out_{column}": found[name] * factor for column, (name, factor) in results.items()}
    compared = harness.check(path, rows, columns, only=lambda row: not row["error"], sentences=found["sentence"])
    failing = harness.check_errors(path, rows, found, scalar=lambda row: (guard, given[row]))
    for position, row in enumerate(rows):
        assert not row["error"] or math.isnan(found[last][position]), f"{path.name}: {row['case_id']} has a {last}"
    first = next((position for position, row in enumerate(rows) if row["error"]), None)
    assert first is None or harness.raises(last, given[first]), f"{path.name}: {last} has a value in an error row"
    legal = [int(status) for row, status in zip(rows, found["status"], strict=True) if not row["error"]]
    assert not any(legal), f"{path.name}: a row without an error has a status"
    return compared + failing


def echo(harness: Any, name: str) -> float:
    """The declared default of an input that the tool's results repeat."""
    return harness.bench.registry.vocabulary[name].default_value


def infer_grid(path: Path, harness: Any) -> int:
    given = [infer_inputs(harness, row) for row in harness.rows(path)]
    norm = {row["out_layernorm_dtype_bytes"] for row in harness.rows(path) if not row["error"]}
    assert {float(width) for width in norm} <= {echo(harness, q("inference_norm_width"))}
    return grid(path, harness, given, factors(INFERENCE_RESULTS), q("time_per_output_token"), q("served_batch"))


def train_grid(path: Path, harness: Any) -> int:
    return grid(
        path,
        harness,
        [train_inputs(harness, row) for row in harness.rows(path)],
        factors(TRAINING_RESULTS),
        q("gpu_hours"),
        q("micro_batch_size"),
    )


def configs(path: Path, harness: Any) -> int:
    """The tool's configurations against the catalog and the quantities of the namespace."""
    stated = json.loads(path.read_text(encoding="utf-8"))
    compared = 0
    for name, model in stated["model_configs"].items():
        assert model["ffn_embed_dim"] == 4 * model["hidden_dim"]
        assert model["max_seq_len"] == echo(harness, q("max_seq_len"))
        if name in RECORD_OF:
            own = (model["hidden_dim"], model["num_layers"], model["n_head"], model["vocab_size"])
            assert own == tuple(dimensions(harness, RECORD_OF[name]).values()), name
        compared += 1
    gpus = {
        "peak_fp16_TFLOPS": ("peak_flops_fp16", 1e12),
        "peak_i8_TFLOPS": ("peak_flops_int8", 1e12),
        "peak_i4_TFLOPS": ("peak_flops_int4", 1e12),
        "hbm_bandwidth_in_GB_per_sec": ("hbm_bandwidth", 1e9),
        "intra_node_bandwidth_in_GB_per_sec": ("intra_node_bandwidth", 1e9),
        "inter_node_bandwidth_in_GB_per_sec": ("inter_node_bandwidth", 1e9),
        "mem_per_GPU_in_GB": ("hbm_capacity", 1e9),
        "intra_node_min_message_latency": ("least_message_time", 1.0),
    }
    dtypes = {name: (name, 1.0) for name in ("weight_bits", "activation_bits", "embedding_bits")}
    for group, choice, fields in (("gpu_configs", "gpu", gpus), ("dtype_configs", "dtype", dtypes)):
        labels = list(stated[group])
        found = harness.arrays([q(one) for one, _ in fields.values()], {q(choice): labels})
        for field, (one, factor) in fields.items():
            for position, label in enumerate(labels):
                value, expected = float(found[q(one)][position]), stated[group][label][field] * factor
                assert math.isclose(value, expected, rel_tol=1e-15), f"{label}, {field}: {value} for {expected}"
        compared += len(labels)
    return compared


def paper_table_15(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    names = [q("reported_energy"), q("reported_carbon")]
    given = {
        q("reported_gpu_hours"): harness.column(rows, "gpu_hours"),
        q("reported_gpu_power"): harness.column(rows, "gpu_power_w"),
    }
    found = harness.arrays(names, given)
    energy, carbon = found[names[0]] / 3.6e9, found[names[1]] / 1e3
    cut = {"total_power_mwh": [math.floor(v) for v in energy], "carbon_t": [math.floor(v) for v in carbon]}
    for row, mwh, tonnes in zip(rows, *cut.values(), strict=True):
        # The paper cuts some of its numbers and rounds others, or rounds the hours before: within one unit.
        assert abs(mwh - float(row["total_power_mwh"])) <= 1, row["case_id"]
        assert abs(tonnes - float(row["carbon_t"])) <= 1, row["case_id"]
    return harness.check(path, rows, {"out_power_mwh": energy, "out_carbon_t": carbon})


FILES: dict[str, Callable[[Path, Any], int]] = {
    "d002_configs.json": configs,
    "d002_grid_infer.csv": infer_grid,
    "d002_grid_train.csv": train_grid,
    "d002_llama_paper_table15.csv": paper_table_15,
}
