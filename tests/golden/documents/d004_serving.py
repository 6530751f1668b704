"""Document 004, second part: recommended degrees, latency, serving and reinforcement learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rooflax.reports.documents import serving_text

# Columns that hold nothing to compare, and why.
NOT_COMPARED = {
    "kind, note": "they describe a row",
    "phys_* where empty": "the physical value is not defined for that row",
}

Row = Mapping[str, str]
Columns = Mapping[str, str]

RECOMMENDATION = {
    "in_model_params_b": "rules.params_b",
    "in_num_gpus": "rules.num_gpus",
    "in_gpus_per_node": "rules.gpus_per_node",
    "in_gpu_memory_gb": "rules.gpu_memory_gb",
}
REQUEST = {
    "in_model_params_b": "rules.params_b",
    "in_prompt_len": "rules.prompt_len",
    "in_gen_len": "rules.gen_len",
    "in_batch_size": "rules.batch_size",
    "in_gpu_tflops": "rules.gpu_tflops",
    "in_memory_bandwidth_tbs": "rules.memory_bandwidth_tbs",
    "in_d_model": "rules.d_model",
    "in_num_layers": "rules.num_layers",
}
USERS = {
    "in_model_params_b": "rules.params_b",
    "in_num_users": "rules.num_users",
    "in_requests_per_second_per_user": "rules.requests_per_second_per_user",
    "in_avg_prompt_len": "rules.prompt_len",
    "in_avg_gen_len": "rules.gen_len",
    "in_target_latency_ms": "rules.target_latency_ms",
    "in_gpu_memory_gb": "rules.gpu_memory_gb",
    "in_d_model": "rules.d_model",
    "in_num_layers": "rules.num_layers",
}
ITERATION = {
    "in_model_params_b": "rules.params_b",
    "in_batch_size": "rules.batch_size",
    "in_prompt_len": "rules.prompt_len",
    "in_gen_len": "rules.gen_len",
    "in_num_ppo_epochs": "rules.num_ppo_epochs",
    "in_total_gpus": "rules.total_gpus",
    "in_mode": "rules.rl_mode",
    "in_gpu_tflops": "rules.gpu_tflops",
    "in_memory_bandwidth_tbs": "rules.memory_bandwidth_tbs",
}


def inputs_of(harness: Any, rows: Sequence[Row], names: Columns) -> dict[str, list[Any]]:
    """The inputs of the rows under the names of the vocabulary; every mode but `sync` is async, as published."""
    found = {name: harness.column(rows, column) for column, name in names.items()}
    if "rules.rl_mode" in found:
        found["rules.rl_mode"] = ["sync" if mode in ("sync", None) else "async" for mode in found["rules.rl_mode"]]
    return found


def compare_published(
    path: Path, harness: Any, rows: Sequence[Row], inputs: Columns, published: Columns
) -> tuple[int, dict[str, np.ndarray]]:
    """All published columns of a file in one call of the engine and one by one where they raise."""
    given = inputs_of(harness, rows, inputs)
    names = list(published.values())
    found = harness.arrays(names, given)
    plain = {column: found[quantity] for column, quantity in published.items()}
    count = harness.check(path, rows, plain, only=lambda row: not row["error"], sentences=list(found["sentence"]))
    failing = harness.check_errors(
        path, rows, found, scalar=lambda n: (names, {name: column[n] for name, column in given.items()})
    )
    for position, row in enumerate(rows):
        if row["error"]:
            kept = [name for name in names if not np.isnan(found[name][position])]
            assert not kept, f"{path.name}, case {row['case_id']}: {kept} have values though the function raises"
    first = next(position for position, row in enumerate(rows) if not row["error"])
    alone = harness.scalar(names, {name: column[first] for name, column in given.items()})
    harness.check(path, [rows[first]], {column: [_number(alone[name])] for column, name in published.items()})
    return count + failing, found


def _number(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)


def compare_column(path: Path, harness: Any, rows: Sequence[Row], inputs: Columns, column: str, quantity: str) -> None:
    """One corrected quantity where the file defines its value."""
    kept = [row for row in rows if row[column] != ""]
    assert kept, f"{path.name}: no row has {column}"
    found = harness.arrays(quantity, inputs_of(harness, kept, inputs))
    assert harness.check(path, kept, {column: found[quantity]}, sentences=list(found["sentence"])) == len(kept)


def compare(inputs: Columns, published: Columns, physical: Columns) -> Callable[[Path, Any], int]:
    """The comparison of a file: golden columns by input, by published quantity and by corrected quantity."""

    def compared(path: Path, harness: Any) -> int:
        rows = harness.rows(path)
        count, _ = compare_published(path, harness, rows, inputs, published)
        for column, quantity in physical.items():
            compare_column(path, harness, rows, inputs, column, quantity)
        return count

    return compared


def compare_recommendation(path: Path, harness: Any) -> int:
    """recommend_parallelism with its rationale, what holds of it, and a corrected one that keeps its promises."""
    published = {f"out_{name}_size": f"rules.recommend_{name}" for name in ("tp", "pp", "dp")} | {
        "out_zero_stage": "rules.recommend_zero_stage",
        "out_gradient_checkpointing": "rules.recommend_checkpointing",
        "out_total_gpus": "rules.recommend_total_gpus",
    }
    rows = harness.rows(path)
    count, found = compare_published(path, harness, rows, RECOMMENDATION, published)
    valid = [row for row in rows if not row["error"]]
    names = ["rules.recommend_branch", "rules.recommend_tp", "rules.recommend_pp", "rules.recommend_dp"]
    found = harness.arrays(names, inputs_of(harness, valid, RECOMMENDATION))
    options = harness.options(names[0])
    told = [
        serving_text.rationale(options[int(branch)], int(tp), int(pp), int(dp))
        for branch, tp, pp, dp in zip(*(found[name] for name in names), strict=True)
    ]
    harness.check(path, valid, {"out_rationale": told})
    for column, quantity in (
        ("phys_uses_all_gpus", "rules.recommend_uses_all_gpus"),
        ("phys_dp_ge_1", "rules.recommend_dp_ge_1"),
        ("phys_tp_within_node", "rules.recommend_tp_within_node"),
        ("phys_mem_total_gb", "rules.recommend_memory_gb"),
        ("phys_fits", "rules.recommend_fits"),
    ):
        compare_column(path, harness, rows, RECOMMENDATION, column, quantity)
    check_corrected(path, harness, rows)
    return count


def check_corrected(path: Path, harness: Any, rows: Sequence[Row]) -> None:
    """Every corrected recommendation uses all GPUs, has a replica, stays within the node and fits, or says why not."""
    parts = ("tp", "pp", "dp", "memory_gb")
    names = [f"rules.recommend_{part}_corrected" for part in parts]
    found = harness.arrays(names, inputs_of(harness, rows, RECOMMENDATION))
    wrong = []
    for position, row in enumerate(rows):
        tp, pp, dp, memory = (found[name][position] for name in names)
        gpus, node, capacity = (harness.number(row[f"in_{n}"]) for n in ("num_gpus", "gpus_per_node", "gpu_memory_gb"))
        if np.isnan(tp):
            promised = found["status"][position] != 0
        else:
            whole = tp * pp * dp == gpus and dp >= 1 and dp == int(dp)
            promised = whole and tp <= min(node, 8) and node % tp == 0 and memory < capacity
        if not promised:
            wrong.append(f"case {row['case_id']}: tp {tp}, pp {pp}, dp {dp}, {memory} GB on {gpus} of {capacity} GB")
    assert not wrong, f"{path.name}, corrected: " + "\n  ".join(wrong[:5])


FILES = {
    "d004_recommend_parallelism.csv": compare_recommendation,
    "d004_calculate_inference_latency.csv": compare(
        REQUEST,
        {
            "out_prefill_ms": "rules.prefill_ms",
            "out_decode_per_token_ms": "rules.decode_per_token_ms",
            "out_decode_total_ms": "rules.decode_total_ms",
            "out_total_latency_ms": "rules.total_latency_ms",
            "out_tokens_per_second": "rules.inference_tokens_per_second",
            "out_kv_cache_per_seq_gb": "rules.kv_cache_per_seq_gb",
            "out_kv_cache_total_gb": "rules.kv_cache_total_gb",
        },
        {
            "phys_prefill_ms_roofline": "rules.prefill_ms_corrected",
            "phys_decode_total_ms_roofline_with_kv": "rules.decode_total_ms_roofline",
            "phys_weights_gb": "rules.model_memory_gb_corrected",
            "phys_min_gpus_80gb_weights": "rules.min_gpus_for_weights",
            "phys_first_token_counts_gen_minus_1_steps_decode_total_ms": "rules.decode_total_ms_after_first_token",
        },
    ),
    "d004_estimate_serving_gpus.csv": compare(
        USERS,
        {
            "out_total_rps": "rules.total_rps",
            "out_requests_per_gpu": "rules.requests_per_gpu",
            "out_gpus_needed": "rules.gpus_needed",
            "out_max_concurrent_requests": "rules.max_concurrent_requests",
            "out_kv_cache_per_request_gb": "rules.kv_cache_per_request_gb",
            "out_model_memory_gb": "rules.model_memory_gb",
            "out_single_request_latency_ms": "rules.single_request_latency_ms",
        },
        {
            "phys_model_memory_gb": "rules.model_memory_gb_corrected",
            "phys_min_gpus_per_replica": "rules.gpus_per_replica",
            "phys_kv_available_gb_min_replica": "rules.kv_available_gb",
            "phys_max_concurrent_by_memory_min_replica": "rules.max_concurrent_by_memory",
            "phys_meets_target_single": "rules.meets_target_single",
        },
    ),
    "d004_estimate_rl_throughput.csv": compare(
        ITERATION,
        {
            "out_t_generate_ms": "rules.rl_generate_ms",
            "out_t_score_ms": "rules.rl_score_ms",
            "out_t_train_ms": "rules.rl_train_ms",
            "out_time_per_iter_ms": "rules.rl_iteration_ms",
            "out_samples_per_second": "rules.rl_samples_per_second",
            "out_tokens_per_second": "rules.rl_tokens_per_second",
            "out_speedup": "rules.rl_speedup_field",
        },
        {"phys_text_iter_ms": "rules.rl_text_iteration_ms", "phys_speedup_vs_sync": "rules.rl_speedup"},
    ),
}
