"""One training step in plain Python, one layer after the other: its time and the memory of the worst stage.

Choices come as the position of their option: attention_kernel (unfused, flash), recompute (none, selective, full).
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType


def sibling(name: str) -> ModuleType:
    """Another file of this folder."""
    spec = importlib.util.spec_from_file_location(f"reference_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def peak_rate(c: dict[str, float]) -> float:
    """The bf16 rate; the reference knows no other format."""
    assert c["matmul_format"] == 2
    return c["peak_flops_bf16"] * c["compute_efficiency"]


def roof(c: dict[str, float], flops: float, traffic: float) -> float:
    """Time of one operator."""
    return max(flops / peak_rate(c), traffic / (c["hbm_bandwidth"] * c["hbm_efficiency"]))


def hidden(c: dict[str, float], kind: str, communication: float, behind: float) -> float:
    """Communication that stays visible."""
    return communication - c[f"{kind}_overlap"] * min(communication, behind)


def attended(window: float | None, length: float, causal: bool) -> float:
    """Tokens a query of a sequence attends to, on average and to leading order."""
    if window is None or window >= length:
        return length / 2 if causal else length
    return window - window * window / (2 * length) if causal else window


def step(c: dict[str, float], architecture: ModuleType, network: ModuleType) -> dict[str, float]:
    """`step_time` and its parts, and `memory_per_gpu`."""
    layers, tp, pp, cp = (int(c[name]) for name in ("num_layers", "tp", "pp", "cp"))
    dp = int(c["world_size"]) // (tp * pp * cp)
    micro_batches = c["global_batch_size"] / c["micro_batch_size"] / dp
    t = operators(c, architecture)
    ratio = 2.5 if c["attention_kernel"] == 1 else 2.0
    linear = t["projection"] + t["feed_forward"] + t["vector"]
    forward, backward = linear + t["core"], 2 * linear + ratio * t["core"]
    again = (0.0, t["core"], forward)[int(c["recompute"])]
    again_core = 1 if c["recompute"] else 0

    # One step: what one stage does in all micro-batches.
    depth = layers / pp
    times = micro_batches * depth
    behind = forward + backward
    link = layer_communication(c, architecture, network, dp)
    stage_parts = {
        "attention_time": times * (3 * t["projection"] + (1 + ratio) * t["core"]),
        "feed_forward_time": times * 3 * t["feed_forward"],
        "vector_time": times * 3 * t["vector"],
        "recompute_time": times * again,
        "exposed_tp_comm_time": times * hidden(c, "tp", link["tp"], behind + again),
        "exposed_cp_comm_time": times * hidden(c, "cp", link["cp"], (1 + ratio + again_core) * t["core"]),
        "exposed_ep_comm_time": times * hidden(c, "ep", link["ep"], behind + again),
        "exposed_pp_comm_time": micro_batches * hidden(c, "pp", link["pp"], depth * behind),
    }
    busy = math.fsum(stage_parts.values())
    memory = sibling("memory").peak_memory(c, architecture, micro_batches)
    updated = memory["updated"] * (
        c["gradient_width"] * (1 + c["gradient_norm_passes"])
        + 2 * c["optimizer_width"]
        + 2 * c["master_width"]
        + c["weight_width"]
    )
    dp_time = gradient_communication(c, network, memory, dp, micro_batches)
    whole = stage_parts | {
        "lm_head_time": micro_batches * 3 * t["head"],
        "exposed_dp_comm_time": hidden(c, "dp", dp_time, times * behind),
        "pipeline_bubble_time": busy * (pp - 1) / (c["vpp"] * micro_batches),
        "optimizer_time": updated / (c["hbm_bandwidth"] * c["hbm_efficiency"]),
    }
    return whole | {"step_time": math.fsum(whole.values()), "memory_per_gpu": memory["total"]}


def tokens_of(c: dict[str, float]) -> float:
    """Tokens of one micro-batch on one GPU."""
    return c["micro_batch_size"] * c["seq_len"] / c["cp"]


def split_of(c: dict[str, float]) -> float:
    """Parts of the sequence outside the tensor parallel region."""
    return c["tp"] if c["sequence_parallel"] else 1


def operators(c: dict[str, float], architecture: ModuleType) -> dict[str, float]:
    """Forward times of one layer, the mean over layers, and of the head."""
    kinds, spans, tokens, tp = architecture.layer_kinds(c), architecture.windows(c), tokens_of(c), c["tp"]
    h, width, wide, flash = c["hidden_size"], c["activation_width"], c["weight_width"], c["attention_kernel"] == 1
    heads, inner_tensors = architecture.head_elements(c), architecture.matrices_of_feed_forward(c)
    matrices, bandwidth = architecture.attention_matrices(c), c["hbm_bandwidth"] * c["hbm_efficiency"]
    projection = roof(
        c,
        2 * tokens * matrices / tp,
        matrices * wide / tp + tokens * width * 2 * h + tokens * width * heads / tp,
    )
    # The attention core is charged its mean over layers, as a window differs from layer to layer.
    full = sum(attended(span, c["seq_len"], causal=False) for span in spans) / len(spans)
    executed = sum(attended(span, c["seq_len"], causal=flash) for span in spans) / len(spans)
    scores = 0 if flash else 4 * c["num_attention_heads"] * full
    core = roof(
        c,
        tokens * executed * architecture.pair_flops(c) / tp,
        tokens * width * (heads + scores) / tp,
    )
    feed_forward, vector = 0.0, 0.0
    for kind in kinds:
        if kind == "moe":
            copies = c["experts_per_token"] + c["num_shared_experts"]
            inner = copies * c["moe_intermediate_size"]
            used = copies * architecture.expert(c) + h * c["num_experts"]
            held = (c["num_experts"] / c["ep"] + c["num_shared_experts"]) * architecture.expert(c)
        else:
            copies, inner = 1, c["intermediate_size"]
            used = held = architecture.dense_mlp(c)
        moved = tokens * width * (2 * h * copies + inner_tensors * inner / tp)
        feed_forward += roof(c, 2 * tokens * used / tp, held * wide / tp + moved)
        norms_and_sums = (2 * c["norms_per_layer"] + 2 * 3) * h / split_of(c)
        vector += tokens * width * (norms_and_sums + inner_tensors * inner / tp) / bandwidth
    logits = 0 if c["fused_cross_entropy"] else tokens * c["vocab_size"] * (width + 4 + 4)
    head = roof(
        c,
        2 * tokens * h * c["vocab_size"] / tp,
        h * c["vocab_size"] * wide / tp + logits / tp + tokens * h * width,
    )
    layers = len(kinds)
    return {
        "projection": projection,
        "core": core,
        "feed_forward": feed_forward / layers,
        "vector": vector / layers,
        "head": head,
    }


def layer_communication(
    c: dict[str, float], architecture: ModuleType, network: ModuleType, dp: int
) -> dict[str, float]:
    """Communication of one layer and micro-batch by kind; of the pipeline, of one micro-batch."""
    tp, pp, cp, ep = (int(c[name]) for name in ("tp", "pp", "cp", "ep"))
    tokens, width, kinds = tokens_of(c), c["activation_width"], architecture.layer_kinds(c)
    full, any_again = c["recompute"] == 2, 1 if c["recompute"] else 0
    states = tokens * c["hidden_size"] * width
    reduce = 2 * network.all_gather(states, network.tiers(c, tp, 1))
    gathers_again = 1 if c["sequence_parallel"] else 0  # two all-gathers, half an all-reduce each
    if c["kv_lora_rank"]:
        exchanged = c["num_attention_heads"] * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"])
    else:
        exchanged = 2 * c["num_key_value_heads"] * c["head_dim"]
    ring_step = network.hop(tokens * width * exchanged / tp, network.tiers(c, cp, tp))
    dispatch = network.all_to_all(states * c["experts_per_token"] / split_of(c), network.tiers(c, ep, tp))
    return {
        "tp": reduce * (2 + 2 + gathers_again + (2 if full else 0)),
        "cp": (3 + any_again) * (cp - 1) * ring_step,
        "ep": (6 if full else 4) * dispatch * kinds.count("moe") / len(kinds),
        "pp": 2 * c["vpp"] * network.hop(states / split_of(c), network.tiers(c, pp, tp * cp * dp)),
    }


def gradient_communication(
    c: dict[str, float], network: ModuleType, memory: dict[str, float], dp: int, micro_batches: float
) -> float:
    """Reductions of gradients and gathers of parameters of one step, one collective after the other."""
    tp, cp, ep, stage = (int(c[name]) for name in ("tp", "cp", "ep", "zero_stage"))
    volume = [c["gradient_width"], c["gradient_width"] if stage == 0 else c["weight_width"]]
    if stage == 3:
        volume = [c["gradient_width"], c["weight_width"], c["weight_width"]] * round(micro_batches)
    shared, experts = network.tiers(c, dp * cp, tp), network.tiers(c, max(dp * cp // ep, 1), tp * ep)
    total = 0.0
    for bytes_each in volume:
        total += network.all_gather(memory["shared"] * bytes_each, shared)
        if memory["experts"]:
            total += network.all_gather(memory["experts"] * bytes_each, experts)
    return total
