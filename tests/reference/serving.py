"""One pass of a serving replica in plain Python, layer by layer: a decode step, or the prefill of whole prompts.

Choices come as the position of their option: matmul_format (fp32, tf32, bf16, fp16, fp8, ...).
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import NamedTuple


class References(NamedTuple):
    """The other references."""

    architecture: ModuleType
    network: ModuleType
    layers: ModuleType


def decode_step(c: dict[str, float], ref: References) -> float:
    """Time of one decode step: one token of every sequence, and the drafted ones."""
    groups, cp = groups_of(c), c["cp"]
    batch = max(c["concurrency"] / c["pp"], 1)
    tokens = batch * (1 + c["draft_len"])
    mine = max(tokens / groups / cp, 1)
    # The steps of an output attend to prompt + 1, ..., prompt + output - 1 tokens; a window is applied to their mean.
    steps = range(1, int(c["output_len"])) or [0.5]
    longer = 1 + c["output_len_cv"] ** 2  # E[o^2] / E[o]^2: long outputs have more of the steps
    context = c["prompt_len"] + sum(steps) / len(steps) * longer
    total = head(c, mine, ref) + exchanged(c, mine, ref) + gaps(c)
    for place, kind in enumerate(ref.architecture.layer_kinds(c)):
        total += projections(c, mine, ref, linear=place < c["num_linear_layers"])
        total += feed_forward(c, mine, tokens, ref, kind) + vectors(c, mine, ref, kind)
    return total + decode_attention(c, batch, context, ref) + decode_exchange(c, mine, ref)


def prefill_pass(c: dict[str, float], ref: References) -> float:
    """Time of the prefill of `prefill_batch` prompts, without the tokens found in the cache."""
    groups, cp = groups_of(c), c["cp"]
    prompts = max(c["prefill_batch"], groups)
    new = c["prompt_len"] * (1 - c["prefix_hit_rate"])
    tokens = prompts * new
    mine = tokens / groups / cp
    total = head(c, prompts / groups, ref) + exchanged(c, mine, ref) + gaps(c)
    for place, kind in enumerate(ref.architecture.layer_kinds(c)):
        total += projections(c, mine, ref, linear=place < c["num_linear_layers"])
        total += feed_forward(c, mine, tokens, ref, kind) + vectors(c, mine, ref, kind)
    return total + prefill_attention(c, prompts, new, ref) + prefill_exchange(c, mine, ref)


def groups_of(c: dict[str, float]) -> float:
    """Groups that attend for sequences of their own."""
    return max(c["ep"] * c.get("expert_tp", c["tp"]) / c["tp"], 1)


def wire(c: dict[str, float]) -> float:
    """Bytes per element between layers."""
    return max(c["activation_width"], c["embedding_width"])


def reading(c: dict[str, float]) -> float:
    """Bytes per second that a kernel reads."""
    return c["hbm_bandwidth"] * c["read_efficiency"]


def gaps(c: dict[str, float]) -> float:
    """Time between kernels, and beside the layers."""
    return c["num_layers"] * c["layer_gap"] + c["pass_overhead"]


def product(
    c: dict[str, float], m: float, k: float, n: float, ref: References, *, many: float = 1, wide: bool = False
) -> float:
    """`many` products side by side of m x k with k x n."""
    if not m * k * n:
        return 0.0
    weight = c["embedding_width"] if wide else c["weight_width"]
    other = c["embedding_width"] if wide else c["activation_width"]
    moved = many * (k * n * weight + m * (k + n) * other) / reading(c)
    format_width = {2: 2, 4: 1}[int(c["matmul_format"])]
    if not wide and weight < format_width:
        moved += many * k * n * c["widening_flops"] / c["peak_flops_fp32"]
    slower = 1 + c["gemm_half_size"] ** 2 / (many * m * n)
    return math.hypot(many * 2 * m * k * n * slower / ref.layers.rate_of(c, wide=wide), moved)


def projections(c: dict[str, float], tokens: float, ref: References, *, linear: bool) -> float:
    """The projections of one layer; latent attention as one product of as many elements."""
    tp, h = c["tp"], c["hidden_size"]
    if linear:
        out = c["linear_inner_size"]
        into = 2 * out + 2 * c["linear_num_groups"] * c["linear_state_size"] + c["linear_num_heads"]
    else:
        out = c["num_attention_heads"] * (c["v_head_dim"] if c["kv_lora_rank"] else c["head_dim"])
        into = ref.architecture.attention_matrices(c) / h - out
    return product(c, tokens, h, into / tp, ref) + product(c, tokens, out / tp, h, ref)


def feed_forward(c: dict[str, float], tokens: float, all_tokens: float, ref: References, kind: str) -> float:
    """One feed-forward: dense, or the experts that the tokens of the replica visit, beside the shared ones."""
    h, columns = c["hidden_size"], 2 if c["gated_mlp"] else 1

    def both(rows: float, inner: float, many: float = 1) -> float:
        up = product(c, rows, h, columns * inner, ref, many=many)
        return up + product(c, rows, inner, h, ref, many=many)

    if kind == "dense":
        return both(tokens, c["intermediate_size"] / c["tp"])
    f, experts, chosen = c["moe_intermediate_size"], c["num_experts"], c["experts_per_token"]
    visited = experts - experts * (1 - chosen / experts) ** all_tokens
    local = visited / c["ep"]
    routed = both(all_tokens * chosen / visited, f / c.get("expert_tp", c["tp"]), local)
    return c["expert_imbalance"] * routed + both(tokens, c["num_shared_experts"] * f / c["tp"])


def vectors(c: dict[str, float], tokens: float, ref: References, kind: str) -> float:
    """Traffic time of what is no product, in one layer."""
    h, tp, experts = c["hidden_size"], c["tp"], kind == "moe"
    visits = c["experts_per_token"] + c["num_shared_experts"] if experts else 1
    inner = visits * (c["moe_intermediate_size"] if experts else c["intermediate_size"])
    heads = ref.architecture.head_elements(c)
    moved = 2 * c["norms_per_layer"] * h + 6 * h + (2 * (h + c["experts_per_token"] * h) if experts else 0)
    moved += ((0 if c["num_position_embeddings"] else heads) + inner * (3 if c["gated_mlp"] else 2)) / tp
    traffic = c["vector_traffic_factor"] * moved * wire(c)
    if ref.layers.narrow(c):
        traffic += (h + visits * h + (heads / 2 + inner) / tp) * (wire(c) + 1)
    return tokens * traffic / reading(c)


def head(c: dict[str, float], tokens: float, ref: References) -> float:
    """The language-model head."""
    return product(c, tokens, c["hidden_size"], c["vocab_size"] / c["tp"], ref, wide=True)


def exchanged(c: dict[str, float], tokens: float, ref: References) -> float:
    """All-reduces of every layer, tokens to experts and back, and hops between stages."""
    net, started = ref.network, c | {"collective_overhead": c["pass_collective_overhead"]}
    tp, ep, split = int(c["tp"]), int(c["ep"]), int(c.get("expert_tp", c["tp"]))
    message = tokens * c["hidden_size"] * wire(c)
    algorithm = int(c["all_reduce_algorithm"])
    if algorithm not in (net.RING, net.TREE) and tp <= c["scale_up_size"] <= 16:
        algorithm = net.RING  # NCCL, src/graph/tuning.cc: a tree has nRanks / nNodes - 1 steps inside a node
    reduce = net.all_reduce(message, net.tiers(started, tp, 1), algorithm)
    total = (c["pp"] - 1) * net.hop(message, net.tiers(c, int(c["pp"]), tp))
    for kind in ref.architecture.layer_kinds(c):
        total += reduce if kind == "moe" and split < tp else 2 * reduce
        if kind == "moe":
            # All peers are sent to at once: each tier's latency is waited for once.
            placed = [tier._replace(latency=0.0) for tier in net.tiers(started, ep, split)]
            waits = sum(tier.latency for tier in net.tiers(started, ep, split))
            if c["expert_dispatch"]:
                placed = net.deduplicated(placed, c["experts_per_token"])
            elements = tokens * c["hidden_size"] * c["experts_per_token"] / tp
            there, back = (elements * width for width in (c.get("dispatch_width", c["activation_width"]), wire(c)))
            both = net.all_to_all(there, placed) + net.all_to_all(back, placed) + 2 * waits
            total += c["expert_imbalance"] * both
    return total


def decode_exchange(c: dict[str, float], tokens: float, ref: References) -> float:
    """Queries to all parts of a cache that is split by tokens, and partial results back."""
    started = c | {"collective_overhead": c["pass_collective_overhead"]}
    width = c["num_attention_heads"] * (c["v_head_dim"] if c["kv_lora_rank"] else c["head_dim"]) / c["tp"]
    whole = c["cp"] * tokens * width * wire(c)
    one = ref.network.all_gather(whole, ref.network.tiers(started, int(c["cp"]), int(c["tp"])))
    return len(ref.architecture.windows(c)) * 2 * one


def prefill_exchange(c: dict[str, float], tokens: float, ref: References) -> float:
    """Keys and values round the ring of context parallel ranks."""
    a, heads = c["num_attention_heads"], c["num_key_value_heads"]
    latent = a * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"])
    elements = latent if c["kv_lora_rank"] else 2 * heads * c["head_dim"]
    block = tokens * elements * c["activation_width"] / c["tp"]
    hop = ref.network.hop(block, ref.network.tiers(c, int(c["cp"]), int(c["tp"])))
    return len(ref.architecture.windows(c)) * (c["cp"] - 1) * hop


def decode_attention(c: dict[str, float], batch: float, context: float, ref: References) -> float:
    """Attention of all sequences to their caches, and the states of linear layers, over all GPUs."""
    spans, a = ref.architecture.windows(c), c["num_attention_heads"]
    seen = sum(context if span is None else min(context, span) for span in spans)
    if c["kv_lora_rank"]:
        pair = 2 * a * (c["kv_lora_rank"] + c["qk_rope_head_dim"] + c["kv_lora_rank"])
        cached, copies, reads = c["kv_lora_rank"] + c["qk_rope_head_dim"], c["tp"], 1.0
    else:
        pair, cached = 4 * a * c["head_dim"], 2 * c["num_key_value_heads"] * c["head_dim"]
        copies = max(1, c["tp"] / c["num_key_value_heads"])
        reads = 1 + c["kv_reread_share"] * (a - c["num_key_value_heads"]) / c["num_key_value_heads"]
    state = c["linear_inner_size"] * c["linear_state_size"]
    linear = int(c["num_linear_layers"])
    flops = batch * (1 + c["draft_len"]) * (seen * pair + linear * 4 * state)
    moved = batch * (seen * cached * c["kv_width"] * copies * reads + linear * 2 * 4 * state)
    gpus = c["tp"] * c["cp"] * min(groups_of(c), batch)
    return math.hypot(flops / ref.layers.rate_of(c, wide=True), moved / reading(c)) / gpus


def prefill_attention(c: dict[str, float], prompts: float, new: float, ref: References) -> float:
    """Causal attention of the new tokens of every prompt, and the scans of linear layers, over all GPUs."""
    length, cached = c["prompt_len"], c["prompt_len"] - new
    spans = ref.architecture.windows(c)

    def seen(span: float | None) -> float:
        """Sum over the new tokens of what they attend to, as an integral."""
        if span is None:
            return (length**2 - cached**2) / 2 * (1 + c["prompt_len_cv"] ** 2)
        inside = (min(length, span) ** 2 - min(cached, span) ** 2) / 2
        return inside + span * (max(length, span) - max(cached, span))

    pairs = sum(map(seen, spans))
    chunk, state, d = c["linear_chunk_size"], c["linear_state_size"], c["linear_inner_size"]
    scan = min(chunk, new) * (c["linear_num_groups"] * state + d) + 4 * state * d
    flops = prompts * (pairs * ref.architecture.pair_flops(c) + c["num_linear_layers"] * new * scan)
    per_token = c["kv_lora_rank"] + c["qk_rope_head_dim"]
    if not c["kv_lora_rank"]:
        per_token = 2 * c["num_key_value_heads"] * c["head_dim"]
    moved = prompts * length * len(spans) * per_token * c["kv_width"]
    mean = pairs / len(spans) / new if spans else 0.0
    rate = ref.layers.core_rate(c, 2 * mean)
    return math.hypot(flops / rate, moved / reading(c)) / (c["tp"] * c["cp"] * groups_of(c))
