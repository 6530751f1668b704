"""Low-rank adapters (LoRA) beside the matrices of the layers: their parameters.

An adapter of rank r beside a matrix of m inputs and n outputs has r (m + n) elements. Embeddings, head and router have
none; `adapts_feed_forward` says whether the feed-forward has any beside attention.
"""

from __future__ import annotations

from ..annotations import Count, Flag
from ..arrays import jnp
from ..registry import cost_model


@cost_model(
    formula=r"r\,(4h + 2a d + 2k_v d) \quad\text{or, for MLA, one by one}",
    source="hu-et-al-2021, sec. 4.1; deepseek-v2-2024, sec. 2.1 (the matrices of latent attention)",
    example=dict(
        lora_rank=16,
        hidden_size=8192,
        num_attention_heads=64,
        num_key_value_heads=8,
        head_dim=128,
        expect=819200.0,
    ),
)
def attention_adapter_parameters(
    lora_rank: Count,
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
    """Parameters of the adapters of one attention layer."""
    grouped = 4 * hidden_size + 2 * head_dim * (num_attention_heads + num_key_value_heads)
    queries = num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim)
    query = hidden_size + queries + jnp.where(q_lora_rank > 0, 2 * q_lora_rank, 0.0)
    down = hidden_size + kv_lora_rank + qk_rope_head_dim
    up = kv_lora_rank + num_attention_heads * (qk_nope_head_dim + v_head_dim)
    latent = query + down + up + num_attention_heads * v_head_dim + hidden_size
    return lora_rank * jnp.where(kv_lora_rank > 0, latent, grouped)


@cost_model(
    formula=r"r\,(2h + 3 d_i + 2 g N + n_h)",
    source="hu-et-al-2021, sec. 4.1; dao-gu-2024, sec. 7.1 (the two projections)",
    example=dict(
        lora_rank=16,
        hidden_size=2560,
        linear_inner_size=5120,
        linear_state_size=128,
        linear_num_heads=80,
        linear_num_groups=1,
        expect=333056.0,
    ),
)
def linear_adapter_parameters(
    lora_rank: Count,
    hidden_size: Count,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_heads: Count,
    linear_num_groups: Count,
) -> Count:
    """Parameters of the adapters of the mixer of one linear layer."""
    maps = 2 * linear_num_groups * linear_state_size
    return lora_rank * (2 * hidden_size + 3 * linear_inner_size + maps + linear_num_heads)


@cost_model(
    formula=r"[\text{adapted}]\,r\,(2 + g)(h + f)",
    source="hu-et-al-2021, sec. 4.1",
    example=dict(lora_rank=16, hidden_size=8192, intermediate_size=28672, gated_mlp=1, expect=1769472.0),
)
def dense_adapter_parameters(
    lora_rank: Count, hidden_size: Count, intermediate_size: Count, gated_mlp: Flag, adapts_feed_forward: Flag
) -> Count:
    """Parameters of the adapters of one dense feed-forward."""
    return adapts_feed_forward * lora_rank * (2 + gated_mlp) * (hidden_size + intermediate_size)


@cost_model(
    formula=r"[\text{adapted}]\,r\,(2 + g)(h + f_e)",
    source="hu-et-al-2021, sec. 4.1",
    example=dict(lora_rank=16, hidden_size=7168, moe_intermediate_size=2048, gated_mlp=1, expect=442368.0),
)
def expert_adapter_parameters(
    lora_rank: Count, hidden_size: Count, moe_intermediate_size: Count, gated_mlp: Flag, adapts_feed_forward: Flag
) -> Count:
    """Parameters of the adapters of one expert."""
    return adapts_feed_forward * lora_rank * (2 + gated_mlp) * (hidden_size + moe_intermediate_size)


@cost_model(
    formula=r"(L - L_{lin})\,a_{attn} + L_{lin}\,a_{lin} + (L - L_{moe})\,a_{mlp} + L_{moe} E_s a_e",
    source="definition: adapters of all layers, those of routed experts apart",
    example=dict(
        num_layers=80,
        num_moe_layers=0,
        attention_adapter_parameters=819200,
        linear_adapter_parameters=0,
        dense_adapter_parameters=1769472,
        expert_adapter_parameters=0,
        expect=207093760.0,
    ),
)
def shared_adapter_parameters(
    num_layers: Count,
    num_linear_layers: Count,
    num_moe_layers: Count,
    num_shared_experts: Count,
    attention_adapter_parameters: Count,
    linear_adapter_parameters: Count,
    dense_adapter_parameters: Count,
    expert_adapter_parameters: Count,
) -> Count:
    """Parameters of all adapters except those of routed experts."""
    mixers = (num_layers - num_linear_layers) * attention_adapter_parameters
    mixers += num_linear_layers * linear_adapter_parameters
    feed_forward = (num_layers - num_moe_layers) * dense_adapter_parameters
    return mixers + feed_forward + num_moe_layers * num_shared_experts * expert_adapter_parameters


@cost_model(
    formula=r"A_{shared} + L_{moe}\,E\,a_e",
    source="hu-et-al-2021, sec. 4.2 (the trained parameters)",
    example=dict(
        shared_adapter_parameters=207093760,
        expert_adapter_parameters=0,
        num_moe_layers=0,
        num_experts=1,
        expect=207093760.0,
    ),
)
def lora_parameters(
    shared_adapter_parameters: Count, expert_adapter_parameters: Count, num_moe_layers: Count, num_experts: Count
) -> Count:
    """Parameters of all adapters."""
    return shared_adapter_parameters + num_moe_layers * num_experts * expert_adapter_parameters


@cost_model(
    formula=r"\left(A_{shared}/t + A_{routed}/(e\,t_e)\right)/L",
    source="definition: adapters are split as their matrices are, mean over layers",
    example=dict(
        shared_adapter_parameters=207093760,
        lora_parameters=207093760,
        num_layers=80,
        tp=8,
        expert_tp=8,
        ep=1,
        expect=323584.0,
    ),
)
def lora_layer_parameters(
    shared_adapter_parameters: Count, lora_parameters: Count, num_layers: Count, tp: Count, expert_tp: Count, ep: Count
) -> Count:
    """Parameters of the adapters of one layer on one GPU, mean over layers."""
    routed = lora_parameters - shared_adapter_parameters
    return (shared_adapter_parameters / tp + routed / (expert_tp * ep)) / num_layers
