"""Parameters of one layer and of the vocabulary's tables, from the dimensions of the model."""

from __future__ import annotations

from ..annotations import Count, Flag
from ..arrays import jnp
from ..registry import cost_model

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
    formula=r"h\,(3 d_i + 2 g N + n_h)",
    source="dao-gu-2024, sec. 7.1 (one projection to gate, input, state maps and step sizes, one back)",
    example=dict(
        hidden_size=2560,
        linear_inner_size=5120,
        linear_state_size=128,
        linear_num_heads=80,
        linear_num_groups=1,
        expect=40181760.0,
    ),
)
def linear_mixer_weights(
    hidden_size: Count,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_heads: Count,
    linear_num_groups: Count,
) -> Count:
    """Matrix elements of the mixer of one linear layer."""
    return hidden_size * (3 * linear_inner_size + 2 * linear_num_groups * linear_state_size + linear_num_heads)


_CONVOLUTION = 4
"""Taps of the causal convolution of Mamba-2."""


@cost_model(
    formula=r"5\,(d_i + 2 g N) + 3 n_h + d_i",
    source="dao-gu-2024, sec. 7.1 (four taps and a bias a channel, three scalars a head, the norm before the output)",
    example=dict(
        linear_inner_size=5120, linear_state_size=128, linear_num_heads=80, linear_num_groups=1, expect=32240.0
    ),
)
def linear_mixer_vectors(
    linear_inner_size: Count, linear_state_size: Count, linear_num_heads: Count, linear_num_groups: Count
) -> Count:
    """Convolution, scalars and norm of the mixer of one linear layer."""
    channels = linear_inner_size + 2 * linear_num_groups * linear_state_size
    return (_CONVOLUTION + 1) * channels + 3 * linear_num_heads + linear_inner_size


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
