"""Times of one layer and of the head for one micro-batch in plain Python: every product and every tensor by itself.

Choices come as the position of their option: attention_kernel (unfused, flash), recompute (none, selective, full),
matmul_format (fp32, tf32, bf16, fp16, fp8, ...).
"""

from __future__ import annotations

import math
from types import ModuleType

FORWARD, INPUT, WEIGHT = "forward", "input", "weight"


def tokens_of(c: dict[str, float]) -> float:
    """Tokens of one micro-batch on one GPU."""
    return c["micro_batch_size"] * c["seq_len"] / c["cp"]


def split_of(c: dict[str, float]) -> float:
    """Parts of the sequence outside the tensor parallel region."""
    return c["tp"] if c["sequence_parallel"] else 1


def expert_split_of(c: dict[str, float]) -> float:
    """Ranks that share one routed expert."""
    return c.get("expert_tp", c["tp"])


def narrow(c: dict[str, float]) -> bool:
    """Whether the layers' products run in 8 or 4 bits."""
    return c["matmul_format"] >= 4


def bandwidth_of(c: dict[str, float]) -> float:
    """Bytes per second that a kernel streams."""
    return c["hbm_bandwidth"] * c["hbm_efficiency"]


def sustained(c: dict[str, float], share: float, relief: float = 1.0) -> float:
    """A share of peak that kernels and board power both allow, the corner rounded; `relief` for what draws less."""
    share *= c["kernel_efficiency"]
    if not c["tdp"]:
        return share
    power = c["tdp"] / (c["flop_energy"] * wide_peak(c)) * relief
    return 1 / (1 / share**4 + 1 / power**4) ** 0.25


def wide_peak(c: dict[str, float]) -> float:
    """The 16-bit rate; the reference knows bf16 and fp8."""
    assert c["matmul_format"] in (2, 4)
    return c["peak_flops_bf16"]


def rate_of(c: dict[str, float], *, wide: bool) -> float:
    """FLOP/s of large products."""
    if wide or not narrow(c):
        return wide_peak(c) * sustained(c, c["compute_efficiency"])
    return c["peak_flops_fp8"] * sustained(c, c["compute_efficiency"] * c["narrow_efficiency"], relief=4 / 3)


def together(arithmetic: float, memory: float) -> float:
    """Time of an operator whose arithmetic and traffic partly overlap."""
    return math.hypot(arithmetic, memory)


def product(
    c: dict[str, float], m: float, k: float, n: float, *, kind: str, many: float = 1, wide: bool = False
) -> float:
    """`many` products side by side of m x k with k x n, or of the gradients to their inputs or weights."""
    if not m * k * n:
        return 0.0
    inputs, outputs, weights = m * k, m * n, k * n
    results = {FORWARD: outputs, INPUT: inputs, WEIGHT: weights}[kind]
    width = 2 * c["gradient_width"] if kind == WEIGHT else c["weight_width"]
    traffic = many * (weights * width + (inputs + outputs) * c["activation_width"])
    slower = 1 + c["gemm_half_size"] ** 2 / (many * results)
    return together(many * 2 * m * k * n * slower / rate_of(c, wide=wide), traffic / bandwidth_of(c))


def core_rate(c: dict[str, float], span: float) -> float:
    """FLOP/s of the attention core."""
    if c["attention_kernel"] == 0:
        return rate_of(c, wide=True)
    width = c["head_dim"]
    if c["kv_lora_rank"]:
        width = (c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"]) / 2
    share = c["attention_efficiency"] * width / (width + 50) * span / (span + 400)
    share *= c["synchronous_share"] if c["synchronous_attention"] else 1
    return wide_peak(c) * sustained(c, share)


def attended(window: float | None, length: float, *, causal: bool) -> float:
    """Tokens a query of a sequence attends to, on average and to leading order."""
    if window is None or window >= length:
        return length / 2 if causal else length
    return window - window * window / (2 * length) if causal else window


def mixing(c: dict[str, float], architecture: ModuleType, kind: str, *, linear: bool) -> float:
    """The projections of one layer, forward or one of both gradients, and the core with forward and input gradients."""
    tokens, tp, h = tokens_of(c), c["tp"], c["hidden_size"]
    if linear:
        d, maps = c["linear_inner_size"], c["linear_num_groups"] * c["linear_state_size"]
        into, out, passes = 2 * d + 2 * maps + c["linear_num_heads"], d, {FORWARD: 1, INPUT: 2, WEIGHT: 0}
        core = scan(c)
    else:
        out = c["num_attention_heads"] * (c["v_head_dim"] if c["kv_lora_rank"] else c["head_dim"])
        # Latent attention makes heads in steps; it is one product of as many elements.
        into = architecture.attention_matrices(c) / h - out
        passes = {FORWARD: 1, INPUT: 2.5 if c["attention_kernel"] == 1 else 2, WEIGHT: 0}
        core = attention_core(c, architecture)
    first, last = product(c, tokens, h, into / tp, kind=kind), product(c, tokens, out / tp, h, kind=kind)
    return first + last + passes[kind] * core


def attention_core(c: dict[str, float], architecture: ModuleType) -> float:
    """Scores and weighted values of an attention layer, charged the mean over such layers as windows differ."""
    spans, tokens, tp, width = architecture.windows(c), tokens_of(c), c["tp"], c["activation_width"]
    if not spans:
        return 0.0
    flash = c["attention_kernel"] == 1
    full = sum(attended(span, c["seq_len"], causal=False) for span in spans) / len(spans)
    done = sum(attended(span, c["seq_len"], causal=flash) for span in spans) / len(spans)
    scores = 0 if flash else tokens * c["num_attention_heads"] * full
    heads = tokens * architecture.head_elements(c)
    arithmetic = tokens * done * architecture.pair_flops(c) / tp / core_rate(c, full)
    products = together(arithmetic, (heads + 2 * scores) * width / tp / bandwidth_of(c))
    softmax = scores * 2 * width
    dropped = scores * (2 * width + 1) if c["dropout"] else 0
    return products + c["vector_traffic_factor"] * (softmax + dropped) / tp / bandwidth_of(c)


def scan(c: dict[str, float]) -> float:
    """The chunked scan of a linear layer, forward."""
    d, chunk, state = c["linear_inner_size"], c["linear_chunk_size"], c["linear_state_size"]
    maps, share = c["linear_num_groups"] * state, tokens_of(c) / c["tp"]
    within = 2 * chunk / 2 * maps + 2 * chunk / 2 * d  # causal halves of C B' and of its product with x
    between = 2 * state * d + 2 * state * d
    moved = 2 * (d + d) + 2 * maps + 2 * state * d / chunk  # x and gate, read and written; B and C; states
    traffic = c["vector_traffic_factor"] * share * c["activation_width"] * moved
    return max(share * (within + between) / rate_of(c, wide=True), traffic / bandwidth_of(c))


def feed_forward(c: dict[str, float], kind: str, *, experts: bool) -> float:
    """The products of one feed-forward, forward or one of both gradients."""
    tokens, tp, h = tokens_of(c), c["tp"], c["hidden_size"]
    columns = 2 if c["gated_mlp"] else 1

    def both(rows: float, inner: float, many: float = 1) -> float:
        up = product(c, rows, h, columns * inner, kind=kind, many=many)
        return up + product(c, rows, inner, h, kind=kind, many=many)

    if not experts:
        return both(tokens, c["intermediate_size"] / tp)
    f, local, split = c["moe_intermediate_size"], c["num_experts"] / c["ep"], expert_split_of(c)
    copies = tokens / tp * split * c["experts_per_token"]
    return c["expert_imbalance"] * both(copies / local, f / split, local) + both(
        tokens, c["num_shared_experts"] * f / tp
    )


def vectors(c: dict[str, float], architecture: ModuleType, *, experts: bool, backward: bool) -> float:
    """Traffic time of what is no product, in one layer: norms, sums, activations, rotations, permutations, casts."""
    h, k, tokens = c["hidden_size"], c["experts_per_token"], tokens_of(c)
    norms = (3 if backward else 2) * c["norms_per_layer"]
    sums, dropped = 2 * 3, 2 + 2 + 1 if c["dropout"] else 0
    moved = 2 * (h + k * h) if experts else 0
    outer = (norms + sums + dropped) * h + moved
    visits = k + c["num_shared_experts"] if experts else 1
    inner = visits * (c["moe_intermediate_size"] if experts else c["intermediate_size"])
    tensors = 3 if c["gated_mlp"] else 2
    heads = architecture.head_elements(c)
    turned = 0 if c["num_position_embeddings"] else heads
    elements = outer / split_of(c) + (turned + inner * (2 * tensors - 1 if backward else tensors)) / c["tp"]
    traffic = c["vector_traffic_factor"] * elements * c["activation_width"]
    if narrow(c):
        operands = h + visits * h + (heads / 2 + inner) / c["tp"]
        traffic += operands * (c["activation_width"] + 1 + 1)
    return tokens * traffic / bandwidth_of(c)


def adapter(c: dict[str, float], architecture: ModuleType, *, experts: bool) -> float:
    """Traffic time of the adapters of one layer, forward: each reads a matrix's input and adds to its output."""
    if not c["lora_rank"]:
        return 0.0
    visits = c["experts_per_token"] + c["num_shared_experts"] if experts else 1
    inner = visits * (c["moe_intermediate_size"] if experts else c["intermediate_size"])
    per_inner = 5 if c["gated_mlp"] else 3
    elements = 3 * c["hidden_size"] / split_of(c) + architecture.head_elements(c) / c["tp"]
    if c["adapts_feed_forward"]:
        elements += 3 * c["hidden_size"] / split_of(c) + per_inner * inner / c["tp"]
    return tokens_of(c) * elements * c["activation_width"] / bandwidth_of(c)


def head(c: dict[str, float], kind: str) -> float:
    """The head's product, and with forward and input gradients a pass of the loss over the logits."""
    tokens, logits = tokens_of(c), tokens_of(c) * c["vocab_size"] / c["tp"]
    width = c["activation_width"]
    moved = 2 * width if c["fused_cross_entropy"] else c["vector_traffic_factor"] * (width + 4 + 4)
    loss = 0 if kind == WEIGHT else logits * moved / bandwidth_of(c)
    return product(c, tokens, c["hidden_size"], c["vocab_size"] / c["tp"], kind=kind, wide=True) + loss


def layers(c: dict[str, float], architecture: ModuleType) -> dict[str, float]:
    """Means over all layers, one layer after the other."""
    found: dict[str, float] = {}
    kinds, linear = architecture.layer_kinds(c), int(c["num_linear_layers"])
    for place, name in enumerate(kinds):
        experts, is_linear = name == "moe", place < linear
        adapted = adapter(c, architecture, experts=experts)
        parts = {f"mix_{kind}": mixing(c, architecture, kind, linear=is_linear) for kind in (FORWARD, INPUT, WEIGHT)}
        parts |= {f"ffn_{kind}": feed_forward(c, kind, experts=experts) for kind in (FORWARD, INPUT, WEIGHT)}
        parts["core"] = 0.0 if is_linear else attention_core(c, architecture)
        parts["vec_forward"] = vectors(c, architecture, experts=experts, backward=False) + adapted
        parts["vec_backward"] = vectors(c, architecture, experts=experts, backward=True) + 2 * adapted
        for part, time in parts.items():
            found[part] = found.get(part, 0.0) + time / len(kinds)
    return found
