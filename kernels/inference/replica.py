"""A serving replica: its GPUs, its cache, its experts and what its layers say to each other.

A replica has tp x pp GPUs. Expert and context parallelism are not described here.
"""

from __future__ import annotations

import jax.numpy as jnp

from ..annotations import Bytes, Count, Seconds
from ..machine.network import Network, tiers_of
from ..primitives.collectives import all_reduce, neighbour_exchange
from ..registry import cost_model


@cost_model(
    formula=r"t\,p",
    source="definition: GPUs that hold one copy of the model",
    example=dict(tp=8, pp=2, expect=16.0),
)
def replica_size(tp: Count, pp: Count) -> Count:
    """GPUs of one serving replica."""
    return tp * pp


@cost_model(
    formula=r"2\,k_v\,d\,w_{kv} \quad\text{or, for MLA,}\quad (r_{kv} + d_r)\,w_{kv}",
    source="ainslie-et-al-2023, sec. 2; deepseek-v2-2024, sec. 2.1.4 (one latent vector and one rotary key)",
    example=dict(num_key_value_heads=8, head_dim=128, kv_width=2, expect=4096.0),
)
def kv_bytes_per_token_layer(
    num_key_value_heads: Count, head_dim: Count, kv_lora_rank: Count, qk_rope_head_dim: Count, kv_width: Bytes
) -> Bytes:
    """Cache of one token in one layer, the whole model."""
    latent = kv_lora_rank + qk_rope_head_dim
    return kv_width * jnp.where(kv_lora_rank > 0, latent, 2 * num_key_value_heads * head_dim)


@cost_model(
    formula=r"\min(t, k_v) \quad\text{or, for MLA,}\quad 1",
    source="pope-et-al-2022, sec. 3.3 (heads are replicated when there are more ranks); deepseek-v2-2024, sec. 2.1",
    example=dict(num_key_value_heads=8, tp=16, expect=8.0),
)
def kv_split(num_key_value_heads: Count, tp: Count, kv_lora_rank: Count) -> Count:
    """Parts into which tensor parallelism divides the cache."""
    return jnp.where(kv_lora_rank > 0, 1.0, jnp.minimum(tp, num_key_value_heads))


def covered_experts(num_experts: Count, experts_per_token: Count, tokens: Count) -> Count:
    """Expected number of distinct experts that `tokens` tokens are routed to."""
    missed = jnp.maximum(1.0 - experts_per_token / num_experts, 0.0)
    everywhere = missed <= 0
    survivors = jnp.exp(tokens * jnp.log(jnp.where(everywhere, 1.0, missed)))
    return num_experts * (1.0 - jnp.where(everywhere, 0.0, survivors))


def forward_communication(message: Bytes, num_layers: Count, tp: Count, pp: Count, network: Network) -> Seconds:
    """Tensor and pipeline parallel communication of one forward pass that carries `message` between layers."""
    reduces = 2 * num_layers * all_reduce(message, tiers_of(network, tp, jnp.ones_like(tp)))
    return reduces + (pp - 1) * neighbour_exchange(message, tiers_of(network, pp, tp))
