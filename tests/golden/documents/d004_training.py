"""Document 004, training: scaling rules, training time, FLOPs, memory and collectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rooflax.reports.documents.d004_training import rule_6n_text

# Columns that hold nothing to compare, and why.
NOT_COMPARED = {
    "kind, label_*, note": "they describe a row",
    "phys_* where empty": "the physical value is not defined for that row",
}

Row = Mapping[str, str]
Columns = Mapping[str, str]

RUN = {
    "in_model_params_b": "rules.params_b",
    "in_training_tokens_b": "rules.tokens_b",
    "in_num_gpus": "rules.num_gpus",
    "in_gpu_tflops": "rules.gpu_tflops",
    "in_mfu": "rules.mfu",
}
MIXTURE = {
    "in_shared_params": "rules.shared_params_b",
    "in_num_experts": "rules.num_experts",
    "in_expert_size": "rules.expert_params_b",
    "in_top_k": "rules.top_k",
}
SHAPE = {
    "in_d_model": "rules.d_model",
    "in_num_layers": "rules.num_layers",
    "in_seq_len": "rules.seq_len",
    "in_vocab_size": "rules.vocab_size",
    "in_include_attention_compute": "rules.include_attention_compute",
}
SHARDS = {
    "in_model_params_b": "rules.params_b",
    "in_tp_size": "rules.tp_size",
    "in_pp_size": "rules.pp_size",
    "in_dp_size": "rules.dp_size",
    "in_zero_stage": "rules.zero_stage",
    "in_dtype_bytes": "rules.dtype_bytes",
    "in_gradient_checkpointing": "rules.gradient_checkpointing",
}
BATCH = {
    "in_batch": "rules.batch_size",
    "in_seq": "rules.seq_len",
    "in_hidden": "rules.d_model",
    "in_layers": "rules.num_layers",
    "in_heads": "rules.num_heads",
}
LINK = {"in_bandwidth_gbs": "rules.bandwidth_gb_s", "in_latency_us": "rules.latency_us"}
TENSOR = {
    "in_d_model": "rules.d_model",
    "in_tp_size": "rules.tp_size",
    "in_batch_size": "rules.batch_size",
    "in_seq_len": "rules.seq_len",
    **LINK,
}
ZERO = {
    "in_model_params_b": "rules.params_b",
    "in_num_layers": "rules.num_layers",
    "in_dp_size": "rules.dp_size",
    "in_zero_stage": "rules.zero_stage",
    **LINK,
}


def inputs_of(harness: Any, rows: Sequence[Row], names: Columns) -> dict[str, list[Any]]:
    """The inputs of the rows under the names of the vocabulary; a column the file lacks stays at its default."""
    return {name: harness.column(rows, column) for column, name in names.items() if column in rows[0]}


def compare(
    inputs: Columns, published: Columns, physical: Columns | None = None, fixed: Mapping[str, Any] | None = None
) -> Callable[[Path, Any], int]:
    """The comparison of a file: golden columns by input, by published quantity and by corrected quantity."""

    def compared(path: Path, harness: Any) -> int:
        rows = harness.rows(path)
        count = compare_published(path, harness, rows, inputs, published)
        for column, quantity in (physical or {}).items():
            compare_column(path, harness, rows, inputs, column, quantity, fixed)
        return count

    return compared


def compare_published(path: Path, harness: Any, rows: list[Row], inputs: Columns, published: Columns) -> int:
    """All published columns of a file in one call of the engine, and its errors."""
    given = inputs_of(harness, rows, inputs)
    found = harness.arrays(list(published.values()), given)
    options = {quantity: harness.options(quantity) for quantity in published.values()}
    plain = {column: _plain(found[quantity], options[quantity]) for column, quantity in published.items()}
    count = harness.check(path, rows, plain, only=lambda row: not row.get("error"), sentences=list(found["sentence"]))
    if "error" not in rows[0]:
        return count
    return count + harness.check_errors(
        path,
        rows,
        found,
        scalar=lambda n: (list(published.values()), {name: column[n] for name, column in given.items()}),
    )


def compare_column(
    path: Path,
    harness: Any,
    rows: list[Row],
    inputs: Columns,
    column: str,
    quantity: str,
    fixed: Mapping[str, Any] | None = None,
) -> int:
    """One corrected quantity where the file defines its value."""
    kept = [row for row in rows if row[column] != ""]
    found = harness.arrays(quantity, inputs_of(harness, kept, inputs), fixed)
    count = harness.check(path, kept, {column: found[quantity]}, sentences=list(found["sentence"]))
    assert count == len(kept)
    return count


def _plain(values: np.ndarray, options: tuple[str, ...]) -> list[Any]:
    """Numbers as they are, options by name; "none" is the key that the document's dictionary lacks."""
    if not options:
        return list(values)
    return [None if options[round(value)] == "none" else options[round(value)] for value in values]


def against_main(
    path: Path, harness: Any, rows: Sequence[Row], column: str, quantity: str, given: Mapping[str, Any], scale: float
) -> None:
    """A physical column beside the main model, whose quantities outside the document's scope are pinned."""
    assert rows, f"{path.name}: no row to compare {quantity} with"
    each = {name: value for name, value in given.items() if isinstance(value, list)}
    fixed = {name: value for name, value in given.items() if not isinstance(value, list)}
    found = harness.arrays(quantity, each, fixed)
    harness.check(path, rows, {column: found[quantity] * scale}, sentences=list(found["sentence"]))


def compare_training_time(path: Path, harness: Any) -> int:
    """estimate_training_time, and GPU-days by the main 6ND rule where it takes the inputs."""
    published = {
        "out_total_flops": "rules.total_flops",
        "out_seconds": "rules.training_seconds",
        "out_hours": "rules.training_hours",
        "out_days": "rules.training_days",
        "out_gpu_hours": "rules.gpu_hours",
        "out_effective_tflops": "rules.effective_tflops",
    }
    count = compare(RUN, published, {"phys_gpu_days": "rules.gpu_days"})(path, harness)
    rows = [row for row in harness.rows(path) if row["phys_gpu_days"] and 0 < float(row["in_mfu"] or 0.5) <= 1]
    given = {
        "num_active_parameters": [float(row["in_model_params_b"]) * 1e9 for row in rows],
        "tokens": [float(row["in_training_tokens_b"]) * 1e9 for row in rows],
        "world_size": [int(row["in_num_gpus"]) for row in rows],
        "peak_flops": [float(row["in_gpu_tflops"]) * 1e12 for row in rows],
        "mfu": [float(row["in_mfu"] or 0.5) for row in rows],
    }
    against_main(path, harness, rows, "phys_gpu_days", "gpu_hours_6nd", given, 1 / 24)
    return count


def compare_transformer_flops(path: Path, harness: Any) -> int:
    """calculate_transformer_flops, attention put right, and the main model of FLOPs per token."""
    published = {
        "out_fwd_per_layer": "rules.fwd_per_layer",
        "out_fwd_total": "rules.fwd_total",
        "out_bwd_total": "rules.bwd_total",
        "out_step_total": "rules.step_total",
        "out_fwd_to_bwd_ratio": "rules.bwd_to_fwd_ratio",
        "out_step_to_fwd_ratio": "rules.step_to_fwd_ratio",
    }
    rows = harness.rows(path)
    count = compare_published(path, harness, rows, SHAPE, published)
    compare_column(path, harness, rows, SHAPE, "phys_text_step_total_72d2L", "rules.step_total_text")
    for causal, counted in ((0, "full_attn"), (1, "causal")):
        fixed = {"causal_attention_counted": bool(causal)}
        for column, quantity in (
            (f"phys_fwd_per_layer_per_token_{counted}", "rules.fwd_per_layer_corrected"),
            (f"phys_step_total_per_token_{counted}", "rules.step_total_corrected"),
        ):
            compare_column(path, harness, rows, SHAPE, column, quantity, fixed)
        kept = [row for row in rows if row[f"phys_step_total_per_token_{counted}"] and int(row["in_seq_len"]) > 0]
        sizes = [tuple(int(row[f"in_{name}"]) for name in ("d_model", "num_layers", "seq_len")) for row in kept]
        given = {
            "num_matmul_parameters": [
                12.0 * layers * width**2 + int(row["in_vocab_size"] or 50000) * width
                for row, (width, layers, _) in zip(kept, sizes, strict=True)
            ],
            "num_layers": [layers for _, layers, _ in sizes],
            "attention_flops_per_pair": [4 * width for width, _, _ in sizes],
            "seq_len": [seq for _, _, seq in sizes],
            "attended_tokens": [seq for _, _, seq in sizes],
            "attended_tokens_causal": [seq / 2 for _, _, seq in sizes],
            **fixed,
        }
        against_main(path, harness, kept, f"phys_step_total_per_token_{counted}", "model_flops_per_token", given, 1.0)
    return count


def compare_6n_rule(path: Path, harness: Any) -> int:
    """verify_6n_rule: both counts, their ratio, and the text it prints."""
    shape = {"in_model_params_b": "rules.params_b", "in_d_model": "rules.d_model", "in_num_layers": "rules.num_layers"}
    published = {
        "out_detailed_flops": "rules.verified_flops",
        "out_simple_flops": "rules.simple_flops",
        "out_ratio": "rules.rule_6n_ratio",
    }
    rows = harness.rows(path)
    count = compare_published(path, harness, rows, shape, published)
    found = harness.arrays(list(published.values()), inputs_of(harness, rows, shape))
    printed = [
        rule_6n_text(row["in_model_params_b"], row["in_d_model"], row["in_num_layers"], *values)
        for row, values in zip(rows, zip(*(found[name] for name in published.values()), strict=True), strict=True)
    ]
    harness.check(path, rows, {"out_printed": printed}, only=lambda row: not row["error"])
    return count


def compare_memory(path: Path, harness: Any) -> int:
    """calculate_memory_per_gpu, with fp32 weights, and the main model of optimizer memory."""
    published = {f"out_{part}s": f"rules.{part}_gb" for part in ("parameter", "gradient", "activation")}
    published |= {"out_optimizer": "rules.optimizer_gb", "out_total": "rules.memory_gb"}
    physical = {
        "phys_optimizer_gb_with_master": "rules.optimizer_gb_corrected",
        "phys_total_gb_with_master": "rules.memory_gb_corrected",
        "phys_fits_80gb": "rules.fits_gpu_corrected",
    }
    count = compare(SHARDS, published, physical, {"rules.gpu_memory_gb": 80})(path, harness)
    rows = [row for row in harness.rows(path) if row["phys_optimizer_gb_with_master"] and row["in_dtype_bytes"] == "2"]
    tp, pp, dp, stage = (
        np.array(harness.column(rows, f"in_{name}")) for name in ("tp_size", "pp_size", "dp_size", "zero_stage")
    )
    billions = np.array(harness.column(rows, "in_model_params_b"))
    updated = list(billions * 1e9 / (tp * pp * np.where(stage >= 1, dp, 1)))
    against_main(
        path,
        harness,
        rows,
        "phys_optimizer_gb_with_master",
        "optimizer_memory",
        {"updated_parameters_per_gpu": updated, "optimizer_width": 8, "master_width": 4},
        1e-9,
    )
    return count


def compare_activations(path: Path, harness: Any) -> int:
    """The text's formula, Korthikanti et al., and the main model of one layer's activations."""
    physical = {
        "phys_korthikanti_bytes": "rules.activation_bytes_korthikanti",
        "phys_selective_bytes": "rules.activation_bytes_selective",
        "phys_full_recompute_bytes": "rules.activation_bytes_full_recompute",
    }
    count = compare(BATCH, {"out_text_34bshL_bytes": "rules.activation_bytes_text"}, physical)(path, harness)
    rows = harness.rows(path)
    batch, seq, hidden, layers, heads = (np.array(harness.column(rows, column)) for column in BATCH)
    given = {
        "micro_batch_tokens": list(batch * seq * layers),
        "hidden_size": list(hidden),
        "num_attention_heads": list(heads),
        "attended_tokens": list(seq),
        "intermediate_size": list(4 * hidden),
        "attention_head_elements": list(4 * hidden),
        "attention_width": list(hidden),
        "num_layers": 1,
        "num_moe_layers": 0,
        "gated_mlp": False,
        "dropout": True,
        "attention_kernel": "unfused",
        "tp": 1,
        "activation_width": 2,
    }
    for column, recompute in zip(physical, ("none", "selective", "full"), strict=True):
        against_main(path, harness, rows, column, "layer_activation_memory", {**given, "recompute": recompute}, 1.0)
    return count


def compare_tensor_parallel(path: Path, harness: Any) -> int:
    """analyze_tp_communication, over a ring, and the main model of the all-reduce."""
    published = {
        "out_attention_allreduce_ms": "rules.tp_all_reduce_ms",
        "out_mlp_allreduce_ms": "rules.tp_all_reduce_ms",
        "out_total_per_layer_ms": "rules.tp_layer_ms",
        "out_bytes_per_layer_gb": "rules.tp_layer_gb",
    }
    physical = {
        "phys_allreduce_ms_ring": "rules.tp_all_reduce_ms_corrected",
        "phys_total_per_layer_fwd_ms_ring": "rules.tp_layer_ms_corrected",
        "phys_total_per_layer_fwd_bwd_ms_ring": "rules.tp_layer_step_ms_corrected",
        "phys_bytes_per_layer_fwd_gb": "rules.tp_layer_gb_corrected",
    }
    count = compare(TENSOR, published, physical)(path, harness)
    column = "phys_total_per_layer_fwd_bwd_ms_ring"
    rows = [row for row in harness.rows(path) if row[column]]
    width, size, batch, seq, bandwidth, latency = (np.array(harness.column(rows, name)) for name in TENSOR)
    given = {
        "hidden_states_message": list(2.0 * batch * seq * width),
        "tp": list(size),
        "scale_up_size": list(size),
        "scale_up_bandwidth": list(bandwidth * 1e9),
        "scale_up_latency": list(latency * 1e-6),
        "scale_out_bandwidth": 50e9,
        "scale_out_latency": 5e-6,
        "link_efficiency": 1.0,
        "sequence_parallel": False,
        "all_reduce_algorithm": "ring",
        "num_layers": 1,
        "num_moe_layers": 0,
    }
    against_main(path, harness, rows, column, "tp_layer_comm_time", given, 1e3)
    return count


def compare_zero(path: Path, harness: Any) -> int:
    """analyze_fsdp_communication: what its dictionary holds at each stage, and volumes 2 : 2 : 3."""
    published = {
        "out_type": "rules.zero_collective",
        "out_total_comm_ms": "rules.zero_comm_ms",
        "out_comm_per_layer_ms": "rules.zero_layer_ms",
        "out_bytes_total_gb": "rules.zero_total_gb",
        "out_allgather_per_layer_ms": "rules.zero_all_gather_layer_ms",
        "out_reducescatter_per_layer_ms": "rules.zero_all_gather_layer_ms",
        "out_bytes_per_layer_gb": "rules.zero_layer_gb",
    }
    physical = {
        "phys_bytes_total_gb_per_rank": "rules.zero_gb_corrected",
        "phys_total_comm_ms_bw_only": "rules.zero_comm_ms_corrected",
        "phys_ratio_to_zero1": "rules.zero_ratio_corrected",
    }
    return compare(ZERO, published, physical)(path, harness)


FILES = {
    "d004_chinchilla_optimal_tokens.csv": compare(
        {"in_model_params": "rules.params_b"}, {"out": "rules.optimal_tokens_b"}
    ),
    "d004_compute_budget.csv": compare(
        {"in_model_params": "rules.params_b", "in_tokens": "rules.tokens_b"}, {"out": "rules.compute_budget"}
    ),
    "d004_fig1_chinchilla_curve.csv": compare(
        {"in_params_b": "rules.params_b"},
        {
            "out_optimal_tokens_b": "rules.optimal_tokens_b",
            "out_ref_1x_tokens_b": "rules.equal_tokens_b",
            "out_compute_zflops": "rules.optimal_compute_budget",
        },
    ),
    "d004_moe_config.csv": compare(
        MIXTURE,
        {
            "out_total_params": "rules.moe_total_params_b",
            "out_active_params": "rules.moe_active_params_b",
            "out_optimal_tokens": "rules.moe_optimal_tokens_b",
            "out_compute_efficiency": "rules.moe_compute_efficiency",
        },
        {"phys_valid_top_k": "rules.valid_top_k"},
    ),
    "d004_estimate_training_time.csv": compare_training_time,
    "d004_calculate_transformer_flops.csv": compare_transformer_flops,
    "d004_verify_6n_rule.csv": compare_6n_rule,
    "d004_calculate_memory_per_gpu.csv": compare_memory,
    "d004_activation_text_formula.csv": compare_activations,
    "d004_collective_bytes_text.csv": compare(
        {"in_op": "rules.collective", "in_n": "rules.group_size", "in_size_gb": "rules.message_gb"},
        {"out_text_bytes_gb": "rules.collective_gb"},
        {"phys_bytes_gb": "rules.collective_gb_corrected"},
    ),
    "d004_estimate_communication_time.csv": compare(
        {"in_message_size_gb": "rules.message_gb", "in_algorithm": "rules.algorithm", **LINK},
        {"out": "rules.communication_ms"},
    ),
    "d004_analyze_tp_communication.csv": compare_tensor_parallel,
    "d004_analyze_fsdp_communication.csv": compare_zero,
}
