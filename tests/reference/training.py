"""One training step in plain Python, one layer after the other: its time and the memory of the worst stage.

Choices come as the position of their option: attention_kernel (unfused, flash), recompute (none, selective, full).
"""

from __future__ import annotations

import math
from types import ModuleType


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
    kinds, spans = architecture.layer_kinds(c), architecture.windows(c)
    layers, tp, pp, cp, ep = len(kinds), int(c["tp"]), int(c["pp"]), int(c["cp"]), int(c["ep"])
    dp = int(c["world_size"]) // (tp * pp * cp)
    micro_batches = c["global_batch_size"] / c["micro_batch_size"] / dp
    tokens = c["micro_batch_size"] * c["seq_len"] / cp
    h, a, width, wide = c["hidden_size"], c["num_attention_heads"], c["activation_width"], c["weight_width"]
    flash, recompute, stage = c["attention_kernel"] == 1, c["recompute"], c["zero_stage"]
    sequence_split = tp if c["sequence_parallel"] else 1
    heads, inner_tensors = architecture.head_elements(c), 3 if c["gated_mlp"] else 2

    # Operators, forward: the attention core is charged its mean over layers, as a window differs from layer to layer.
    matrices = architecture.attention_matrices(c)
    projection = roof(
        c,
        2 * tokens * matrices / tp,
        matrices * wide / tp + tokens * width * 2 * h + tokens * width * heads / tp,
    )
    full = sum(attended(span, c["seq_len"], causal=False) for span in spans) / layers
    executed = sum(attended(span, c["seq_len"], causal=flash) for span in spans) / layers
    score_traffic = 0 if flash else 4 * a * full
    core = roof(
        c,
        tokens * executed * architecture.pair_flops(c) / tp,
        tokens * width * (heads + score_traffic) / tp,
    )
    feed_forward, vector = 0.0, 0.0
    bandwidth = c["hbm_bandwidth"] * c["hbm_efficiency"]
    for kind in kinds:
        if kind == "moe":
            copies = c["experts_per_token"] + c["num_shared_experts"]
            inner = copies * c["moe_intermediate_size"]
            flops = copies * architecture.expert(c) + h * c["num_experts"]
            held = (c["num_experts"] / ep + c["num_shared_experts"]) * architecture.expert(c)
        else:
            copies, inner = 1, c["intermediate_size"]
            flops = held = architecture.dense_mlp(c)
        moved = tokens * width * (2 * h * copies + inner_tensors * inner / tp)
        feed_forward += roof(c, 2 * tokens * flops / tp, held * wide / tp + moved)
        norms_and_sums = (2 * c["norms_per_layer"] + 2 * 3) * h / sequence_split
        vector += tokens * width * (norms_and_sums + inner_tensors * inner / tp) / bandwidth
    feed_forward, vector = feed_forward / layers, vector / layers
    logits_moved = 0 if c["fused_cross_entropy"] else tokens * c["vocab_size"] * (width + 4 + 4)
    head = roof(
        c,
        2 * tokens * h * c["vocab_size"] / tp,
        h * c["vocab_size"] * wide / tp + logits_moved / tp + tokens * h * width,
    )
    backward_ratio = 2.5 if flash else 2.0
    forward = projection + core + feed_forward + vector
    backward = 2 * (projection + feed_forward + vector) + backward_ratio * core
    again = (0.0, core, forward)[int(recompute)]

    # Communication of one layer and micro-batch.
    states = tokens * h * width
    reduce = 2 * network.all_gather(states, network.tiers(c, tp, 1))
    gathers_again = 1 if c["sequence_parallel"] else 0  # two all-gathers, half an all-reduce each
    tp_time = reduce * (2 + 2 + gathers_again + (2 if recompute == 2 else 0))
    if c["kv_lora_rank"]:
        exchanged = a * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"])
    else:
        exchanged = 2 * c["num_key_value_heads"] * c["head_dim"]
    again_core = 1 if recompute else 0
    ring_step = network.hop(tokens * width * exchanged / tp, network.tiers(c, cp, tp))
    cp_time = (3 + again_core) * (cp - 1) * ring_step
    dispatch = network.all_to_all(states * c["experts_per_token"] / sequence_split, network.tiers(c, ep, tp))
    ep_time = (6 if recompute == 2 else 4) * dispatch * kinds.count("moe") / layers
    p2p = 2 * c["vpp"] * network.hop(states / sequence_split, network.tiers(c, pp, tp * cp * dp))

    # One step: what one stage does in all micro-batches.
    depth = layers / pp
    times = micro_batches * depth
    behind = forward + backward
    stage_parts = {
        "attention_time": times * (3 * projection + (1 + backward_ratio) * core),
        "feed_forward_time": times * 3 * feed_forward,
        "vector_time": times * 3 * vector,
        "recompute_time": times * again,
        "exposed_tp_comm_time": times * hidden(c, "tp", tp_time, behind + again),
        "exposed_cp_comm_time": times * hidden(c, "cp", cp_time, (1 + backward_ratio + again_core) * core),
        "exposed_ep_comm_time": times * hidden(c, "ep", ep_time, behind + again),
        "exposed_pp_comm_time": micro_batches * hidden(c, "pp", p2p, depth * behind),
    }
    busy = math.fsum(stage_parts.values())
    memory = peak_memory(c, architecture, micro_batches, tokens, full)
    gradient_bytes, weight_bytes = c["gradient_width"], wide
    gradients_first = gradient_bytes if stage == 0 else weight_bytes
    volume = [gradient_bytes, gradients_first]
    if stage == 3:
        volume = [gradient_bytes, weight_bytes, weight_bytes] * round(micro_batches)
    shared_group, expert_group = network.tiers(c, dp * cp, tp), network.tiers(c, max(dp * cp // ep, 1), tp * ep)
    dp_time = 0.0
    for bytes_each in volume:
        dp_time += network.all_gather(memory["shared"] * bytes_each, shared_group)
        if memory["experts"]:
            dp_time += network.all_gather(memory["experts"] * bytes_each, expert_group)
    updated = memory["updated"] * (
        gradient_bytes * (1 + c["gradient_norm_passes"])
        + 2 * c["optimizer_width"]
        + 2 * c["master_width"]
        + weight_bytes
    )
    whole = stage_parts | {
        "lm_head_time": micro_batches * 3 * head,
        "exposed_dp_comm_time": hidden(c, "dp", dp_time, times * behind),
        "pipeline_bubble_time": busy * (pp - 1) / (c["vpp"] * micro_batches),
        "optimizer_time": updated / bandwidth,
    }
    return whole | {"step_time": math.fsum(whole.values()), "memory_per_gpu": memory["total"]}


def peak_memory(
    c: dict[str, float], architecture: ModuleType, micro_batches: float, tokens: float, full: float
) -> dict[str, float]:
    """Memory of the first and the last stage added up separately; the larger one counts."""
    kinds = architecture.layer_kinds(c)
    layers, tp, pp, cp, ep, vpp = len(kinds), *(int(c[name]) for name in ("tp", "pp", "cp", "ep", "vpp"))
    ranks = int(c["world_size"]) // (tp * pp)
    expert_ranks = max(ranks // ep, 1)
    h, a, width, stage, recompute = (
        c["hidden_size"], c["num_attention_heads"], c["activation_width"], c["zero_stage"], c["recompute"]
    )  # fmt: skip
    split = tp if c["sequence_parallel"] else 1

    def sharded(from_stage: int, shared: float, experts: float) -> float:
        return shared / ranks + experts / expert_ranks if stage >= from_stage else shared + experts

    # Activations of one layer, tensor by tensor.
    scores = 4 * a if c["attention_kernel"] == 1 else a * full * (width + (1 + width if c["dropout"] else 0))
    core = tokens * scores / tp
    kept = 0.0
    for kind in kinds:
        copies = c["experts_per_token"] + c["num_shared_experts"] if kind == "moe" else 1
        inner = copies * c["moe_intermediate_size"] if kind == "moe" else c["intermediate_size"]
        outside = width * h * (c["norms_per_layer"] + 1 + copies) + (2 * h if c["dropout"] else 0)
        inside = width * (architecture.head_elements(c) + (3 if c["gated_mlp"] else 2) * inner)
        kept += tokens * (outside / split + inside / tp)
    kept /= layers
    working = (0.0, core, kept + core)[int(recompute)]
    per_layer = (kept + core, kept, tokens * h * width / split)[int(recompute)]
    logits = 0 if c["fused_cross_entropy"] else tokens * c["vocab_size"] * (width + 4) / tp

    # Parameters: layers on every stage, embeddings on the first, the head on the last.
    matrices, vectors, routed = architecture.layer_parameters(c)
    own, experts = (matrices / tp + vectors) / pp, routed / (tp * pp * ep)
    embedding = (c["vocab_size"] + c["num_position_embeddings"]) * h / tp
    head = c["vocab_size"] * h / tp
    if pp == 1:
        edges = [embedding + (0 if c["tied_embeddings"] else head)]
        in_flight, with_logits = [min(micro_batches, 1)], [True]
    else:
        edges = [embedding, head]
        warm_up = [2 * (pp - 1) + (vpp - 1) * pp + 1, (vpp - 1) * pp + 1] if vpp > 1 else [pp, 1]
        in_flight = [min(micro_batches, chunks / vpp) for chunks in warm_up]
        with_logits = [False, True]
    totals = []
    for edge, flying, last in zip(edges, in_flight, with_logits, strict=True):
        shared = own + edge
        held = c["weight_width"] * sharded(3, shared, experts)
        if stage == 3:
            layer = (own if ranks > 1 else 0) + (experts if expert_ranks > 1 else 0)
            held += c["weight_width"] * min(2, layers / pp) * layer / (layers / pp)
        held += c["gradient_width"] * sharded(2, shared, experts)
        held += (c["optimizer_width"] + c["master_width"]) * sharded(1, shared, experts)
        activations = flying * layers / pp * per_layer + working + (logits if last else 0)
        totals.append((held + activations + c["overhead_memory"], shared))
    total, shared = max(totals)
    return {"total": total, "shared": shared, "experts": experts, "updated": sharded(1, shared, experts)}
