"""Sizes of a transformer, layer by layer, in plain Python: written from the papers, not from the kernels."""

from __future__ import annotations


def attention_matrices(c: dict[str, float]) -> float:
    """Elements of the matrices of one attention layer."""
    h, a = c["hidden_size"], c["num_attention_heads"]
    if c["kv_lora_rank"]:
        rank, nope, rope, value = c["kv_lora_rank"], c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        if c["q_lora_rank"]:
            query = h * c["q_lora_rank"] + c["q_lora_rank"] * a * (nope + rope)
        else:
            query = h * a * (nope + rope)
        down, up, out = h * (rank + rope), rank * a * nope + rank * a * value, a * value * h
        return query + down + up + out
    d, kv = c["head_dim"], c["num_key_value_heads"]
    return h * a * d + h * kv * d + h * kv * d + a * d * h


def attention_biases(c: dict[str, float]) -> float:
    """Biases of one attention layer, and the norms of the latent vectors."""
    found = c["hidden_size"] if c["attention_output_bias"] else 0
    if c["qkv_bias"]:
        found += (c["num_attention_heads"] + 2 * c["num_key_value_heads"]) * c["head_dim"]
    return found + (c["q_lora_rank"] + c["kv_lora_rank"] if c["kv_lora_rank"] else 0)


def head_elements(c: dict[str, float]) -> float:
    """Query, key, value and output elements of one token in one layer."""
    a = c["num_attention_heads"]
    if c["kv_lora_rank"]:
        query = key = a * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
        return query + key + a * c["v_head_dim"] + a * c["v_head_dim"]
    return c["head_dim"] * (a + c["num_key_value_heads"] + c["num_key_value_heads"] + a)


def pair_flops(c: dict[str, float]) -> float:
    """Forward FLOPs of one query against one key in one layer: scores, then weighted values."""
    a = c["num_attention_heads"]
    if c["kv_lora_rank"]:
        return 2 * a * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]) + 2 * a * c["v_head_dim"]
    return 2 * a * c["head_dim"] + 2 * a * c["head_dim"]


def layer_kinds(c: dict[str, float]) -> list[str]:
    """`dense` or `moe` for every layer."""
    if c["num_experts"] <= 1:
        return ["dense"] * int(c["num_layers"])
    dense = int(c["num_dense_layers"])
    return ["dense"] * dense + ["moe"] * (int(c["num_layers"]) - dense)


def matrices_of_feed_forward(c: dict[str, float]) -> int:
    """Matrices of one feed-forward: three where it is gated."""
    return 3 if c["gated_mlp"] else 2


def expert(c: dict[str, float]) -> float:
    """Elements of one expert."""
    return matrices_of_feed_forward(c) * c["hidden_size"] * c["moe_intermediate_size"]


def dense_mlp(c: dict[str, float]) -> float:
    """Elements of one dense feed-forward."""
    return matrices_of_feed_forward(c) * c["hidden_size"] * c["intermediate_size"]


def windows(c: dict[str, float]) -> list[float | None]:
    """The window of every layer with attention, None where it attends to everything."""
    sliding = int(c["num_sliding_layers"])
    return [c["sliding_window"]] * sliding + [None] * (int(c["num_layers"] - c["num_linear_layers"]) - sliding)


def layer_parameters(c: dict[str, float]) -> tuple[float, float, float]:
    """Over all layers: matrices outside routed experts, vectors (with the final norm), routed experts."""
    h, norm = c["hidden_size"], c["hidden_size"] * (2 if c["norm_bias"] else 1)
    matrices = vectors = routed = 0.0
    for kind in layer_kinds(c):
        matrices += attention_matrices(c)
        vectors += attention_biases(c) + c["norms_per_layer"] * norm
        if kind == "moe":
            matrices += c["num_shared_experts"] * expert(c) + h * c["num_experts"]
            routed += c["num_experts"] * expert(c)
        else:
            matrices += dense_mlp(c)
            if c["mlp_bias"]:
                vectors += h + c["intermediate_size"] * (2 if c["gated_mlp"] else 1)
    return matrices, vectors + norm, routed
