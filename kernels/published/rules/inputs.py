"""What the rules read: the notebook's arguments in the notebook's units, its defaults where it has any.

Domains are as wide as the notebook's code: it takes zero and negative numbers, and a utilisation above 1.
"""

from __future__ import annotations

import math

from ....specs.vocabulary import Group, Kind, Leaf

NAMESPACE = "rules"

_DEFAULT = "the document's default"
_SERVED = "the document's default where it serves a model; its training functions ask for it"


def _number(name: str, unit: str, label: str, default: float | None = None, reason: str = "", note: str = "") -> Leaf:
    return Leaf(
        name, unit, Kind.CONTINUOUS, label, Group.TRAINING, low=-math.inf, default=default, reason=reason, note=note
    )


def _count(name: str, label: str, default: float | None = None, reason: str = "", note: str = "") -> Leaf:
    return Leaf(name, "1", Kind.COUNT, label, Group.TRAINING, low=-math.inf, default=default, reason=reason, note=note)


def _flag(name: str, label: str, note: str = "") -> Leaf:
    return Leaf(name, "1", Kind.FLAG, label, Group.TRAINING, high=1, default=0, reason=_DEFAULT, note=note)


LEAVES = (
    _number("params_b", "1", "Parameters in billions"),
    _number("tokens_b", "1", "Training tokens in billions"),
    _count("num_gpus", "GPUs"),
    _number("gpu_tflops", "TFLOP/s", "Peak rate of one GPU", 990, _SERVED, "312 for A100, 990 for H100 and H200"),
    _number("mfu", "1", "Model FLOPs utilisation", 0.5, _DEFAULT, "an input; the document's code takes values above 1"),
    _count("d_model", "Width of the model", 8192, _SERVED),
    _count("num_layers", "Layers", 80, _SERVED),
    _count("vocab_size", "Vocabulary", 50000, _DEFAULT),
    _count("num_heads", "Attention heads", note="read by the corrected activation memory alone"),
    _count("seq_len", "Sequence length in tokens"),
    _count("batch_size", "Batch in sequences"),
    _flag("include_attention_compute", "The product of queries and keys is counted"),
    _count("tp_size", "Tensor parallel GPUs", 1, _DEFAULT),
    _count("pp_size", "Pipeline stages", 1, _DEFAULT),
    _count("dp_size", "Data parallel replicas", 1, _DEFAULT),
    _count("zero_stage", "ZeRO stage", 0, _DEFAULT, "the document's code takes any whole number, 4 and -1 included"),
    _number("dtype_bytes", "B", "Bytes per parameter", 2, _DEFAULT, "2 for bf16 and fp16, 4 for fp32"),
    _flag("gradient_checkpointing", "Activations are recomputed"),
    _count("num_checkpoints", "Checkpoints of activations"),
    _number("shared_params_b", "1", "Parameters outside the experts, in billions"),
    _count("num_experts", "Experts"),
    _number("expert_params_b", "1", "Parameters of one expert, in billions"),
    _count("top_k", "Experts per token"),
    _number("message_gb", "GB", "Message"),
    _number("bandwidth_gb_s", "GB/s", "Bandwidth of the interconnect"),
    _number("latency_us", "us", "Latency of the interconnect"),
    Leaf(
        "algorithm",
        "1",
        Kind.CHOICE,
        "Algorithm of the collective",
        Group.TRAINING,
        options=("ring", "tree", "direct"),
        default="ring",
        reason=_DEFAULT,
    ),
    _count("group_size", "Ranks of the collective"),
    Leaf(
        "collective",
        "1",
        Kind.CHOICE,
        "Collective operation",
        Group.TRAINING,
        options=("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "p2p"),
    ),
)
