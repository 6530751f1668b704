"""Parameter counts of a transformer, from its dimensions."""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Count, Flag
from .registry import cost_model

LLAMA_70B = dict(
    hidden_size=8192,
    num_layers=80,
    num_attention_heads=64,
    num_key_value_heads=8,
    head_dim=128,
    intermediate_size=28672,
    vocab_size=32000,
    gated_mlp=1,
    tied_embeddings=0,
)
"""Dimensions of Llama-2-70B, for worked examples."""


def _only(*names: str, **more: float) -> dict[str, float]:
    return {name: LLAMA_70B[name] for name in names} | more


@cost_model(
    formula=r"h\,a\,d + 2\,h\,k_v\,d + a\,d\,h \quad\text{or, for MLA,}\quad q + h(r_{kv}+d_r) + r_{kv}a(d_n+d_v) + a\,d_v h",
    source="vaswani-et-al-2017, sec. 3.2.2; ainslie-et-al-2023 (grouped heads); deepseek-v2-2024, sec. 2.1 (latent)",
    example=_only("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", expect=150994944.0),
)
def attention_weights(
    hidden_size: Count,
    num_attention_heads: Count,
    num_key_value_heads: Count,
    head_dim: Count,
    q_lora_rank: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> Count:
    """Matrix elements of one attention layer.

    Query and output projections are hidden_size x (heads x head_dim); keys and values have their own, fewer heads.
    With kv_lora_rank above 0 the attention is latent: keys and values are expanded from a compressed vector.
    """
    grouped = 2 * hidden_size * head_dim * (num_attention_heads + num_key_value_heads)
    query_width = num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim)
    query = jnp.where(q_lora_rank > 0, q_lora_rank * (hidden_size + query_width), hidden_size * query_width)
    latent = (
        query
        + hidden_size * (kv_lora_rank + qk_rope_head_dim)
        + kv_lora_rank * num_attention_heads * (qk_nope_head_dim + v_head_dim)
        + num_attention_heads * v_head_dim * hidden_size
    )
    return jnp.where(kv_lora_rank > 0, latent, grouped)


@cost_model(
    formula=r"(a + 2k_v)\,d\,[b_{qkv}] + h\,[b_o] + (r_q + r_{kv})\,[\text{MLA}]",
    source="definition: one bias element per output of a projection; latent attention normalises both compressed vectors",
    example=dict(
        hidden_size=3584, num_attention_heads=28, num_key_value_heads=4, head_dim=128, qkv_bias=1, expect=4608.0
    ),
)
def attention_vectors(
    hidden_size: Count,
    num_attention_heads: Count,
    num_key_value_heads: Count,
    head_dim: Count,
    qkv_bias: Flag,
    attention_output_bias: Flag,
    q_lora_rank: Count,
    kv_lora_rank: Count,
) -> Count:
    """Biases and latent norms of one attention layer."""
    biases = qkv_bias * (num_attention_heads + 2 * num_key_value_heads) * head_dim + attention_output_bias * hidden_size
    return biases + jnp.where(kv_lora_rank > 0, q_lora_rank + kv_lora_rank, 0.0)


@cost_model(
    formula=r"(2 + g)\,h\,f",
    source="shazeer-2020, sec. 2 (gated: three matrices)",
    example=_only("hidden_size", "intermediate_size", "gated_mlp", expect=704643072.0),
)
def dense_mlp_weights(hidden_size: Count, intermediate_size: Count, gated_mlp: Flag) -> Count:
    """Matrix elements of one dense feed-forward."""
    return (2 + gated_mlp) * hidden_size * intermediate_size


@cost_model(
    formula=r"(2 + g)\,h\,f_e",
    source="fedus-zoph-shazeer-2021, sec. 2; jiang-et-al-2024, sec. 2.1",
    example=dict(hidden_size=4096, moe_intermediate_size=14336, gated_mlp=1, expect=176160768.0),
)
def expert_weights(hidden_size: Count, moe_intermediate_size: Count, gated_mlp: Flag) -> Count:
    """Matrix elements of one expert."""
    return (2 + gated_mlp) * hidden_size * moe_intermediate_size


@cost_model(
    formula=r"L - L_{dense} \text{ where } E > 1, \text{ else } 0",
    source="definition: the layers whose feed-forward is a mixture of experts",
    example=dict(num_layers=61, num_experts=256, num_dense_layers=3, expect=58.0),
)
def num_moe_layers(num_layers: Count, num_experts: Count, num_dense_layers: Count) -> Count:
    """Layers with experts."""
    return jnp.where(num_experts > 1, num_layers - num_dense_layers, 0.0)


@cost_model(
    formula=r"E\,W_e\,L_{moe}",
    source="definition: routed experts of all layers; shared experts are counted with the rest",
    example=dict(num_experts=8, expert_weights=176160768, num_moe_layers=32, expect=45097156608.0),
)
def routed_expert_parameters(num_experts: Count, expert_weights: Count, num_moe_layers: Count) -> Count:
    """Parameters of all routed experts."""
    return num_experts * expert_weights * num_moe_layers


@cost_model(
    formula=r"L\,W_{attn} + (L - L_{moe})\,W_{mlp} + L_{moe}\,(E_s W_e + h E)",
    source="definition: the matrices every token passes, and the router",
    example=dict(
        hidden_size=8192,
        num_layers=80,
        num_moe_layers=0,
        attention_weights=150994944,
        dense_mlp_weights=704643072,
        expert_weights=0,
        expect=68451041280.0,
    ),
)
def shared_layer_weights(
    hidden_size: Count,
    num_layers: Count,
    num_moe_layers: Count,
    attention_weights: Count,
    dense_mlp_weights: Count,
    expert_weights: Count,
    num_experts: Count,
    num_shared_experts: Count,
) -> Count:
    """Matrix elements of all layers except routed experts."""
    mixture = num_shared_experts * expert_weights + hidden_size * num_experts
    return num_layers * attention_weights + (num_layers - num_moe_layers) * dense_mlp_weights + num_moe_layers * mixture


@cost_model(
    formula=r"L\,(v_{attn} + n\,h(1+b_n)) + (L - L_{moe})\,b_{mlp}(h + f + g f) + h(1+b_n)",
    source="definition: norm scales and biases, with the norm before the head",
    example=dict(
        hidden_size=8192,
        num_layers=80,
        num_moe_layers=0,
        attention_vectors=0,
        intermediate_size=28672,
        gated_mlp=1,
        expect=1318912.0,
    ),
)
def layer_vectors(
    hidden_size: Count,
    num_layers: Count,
    num_moe_layers: Count,
    attention_vectors: Count,
    intermediate_size: Count,
    gated_mlp: Flag,
    mlp_bias: Flag,
    norm_bias: Flag,
    norms_per_layer: Count,
) -> Count:
    """Norm scales and biases of all layers and of the final norm."""
    norm = hidden_size * (1 + norm_bias)
    biases = mlp_bias * (hidden_size + (1 + gated_mlp) * intermediate_size)
    return num_layers * (attention_vectors + norms_per_layer * norm) + (num_layers - num_moe_layers) * biases + norm


@cost_model(
    formula=r"(V + P)\,h",
    source="definition: token table and learned positions",
    example=_only("hidden_size", "vocab_size", expect=262144000.0),
)
def embedding_parameters(hidden_size: Count, vocab_size: Count, num_position_embeddings: Count) -> Count:
    """Parameters of the input embeddings."""
    return (vocab_size + num_position_embeddings) * hidden_size


@cost_model(
    formula=r"h\,V",
    source="definition: the projection onto the vocabulary, stored once more only where it is not tied",
    example=_only("hidden_size", "vocab_size", expect=262144000.0),
)
def lm_head_weights(hidden_size: Count, vocab_size: Count) -> Count:
    """Matrix elements of the language-model head."""
    return hidden_size * vocab_size


@cost_model(
    formula=r"W_{shared} + W_{routed} + v + (V+P)h + [\text{untied}]\,hV",
    source="definition: every stored parameter once",
    example=dict(
        shared_layer_weights=68451041280,
        routed_expert_parameters=0,
        layer_vectors=1318912,
        embedding_parameters=262144000,
        lm_head_weights=262144000,
        tied_embeddings=0,
        expect=68976648192.0,
    ),
)
def num_parameters(
    shared_layer_weights: Count,
    routed_expert_parameters: Count,
    layer_vectors: Count,
    embedding_parameters: Count,
    lm_head_weights: Count,
    tied_embeddings: Flag,
) -> Count:
    """Parameters."""
    return (
        shared_layer_weights
        + routed_expert_parameters
        + layer_vectors
        + embedding_parameters
        + (1 - tied_embeddings) * lm_head_weights
    )


@cost_model(
    formula=r"N - L_{moe}\,(E - k)\,W_e",
    source="jiang-et-al-2024, sec. 2.1 (active parameters: the experts a token is routed to)",
    example=dict(
        num_parameters=46702792704,
        num_moe_layers=32,
        num_experts=8,
        experts_per_token=2,
        expert_weights=176160768,
        expect=12879925248.0,
    ),
)
def num_active_parameters(
    num_parameters: Count,
    num_moe_layers: Count,
    num_experts: Count,
    experts_per_token: Count,
    expert_weights: Count,
) -> Count:
    """Parameters one token uses."""
    return num_parameters - num_moe_layers * (num_experts - experts_per_token) * expert_weights


@cost_model(
    when_given="num_parameters",
    formula=r"N",
    source="definition: a model given by its size alone is dense",
    example=dict(num_parameters=70e9, expect=70e9),
)
def num_active_parameters_(num_parameters: Count) -> Count:
    """Parameters one token uses, of a dense model given by its size alone."""
    return num_parameters


@cost_model(
    formula=r"W_{shared} + L_{moe}\,k\,W_e + hV",
    source="chowdhery-et-al-2022, app. B (without the input embedding, which multiplies nothing)",
    example=dict(
        shared_layer_weights=68451041280,
        num_moe_layers=0,
        experts_per_token=1,
        expert_weights=0,
        lm_head_weights=262144000,
        expect=68713185280.0,
    ),
)
def num_matmul_parameters(
    shared_layer_weights: Count,
    num_moe_layers: Count,
    experts_per_token: Count,
    expert_weights: Count,
    lm_head_weights: Count,
) -> Count:
    """Matrix elements that multiply each token."""
    return shared_layer_weights + num_moe_layers * experts_per_token * expert_weights + lm_head_weights
