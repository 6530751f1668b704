"""A serving replica: its GPUs, its cache, its experts, and how wide the hidden states are that its layers exchange.

A replica has pp stages of cp context parallel groups. Where experts are spread over more ranks than attention is split
over, each of these attention groups serves sequences of its own (attention data parallelism) and all share the experts.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Number
from ..arrays import jnp
from ..primitives.arithmetic import remainder
from ..registry import constraint, cost_model


@cost_model(
    formula=r"\max(e\,t_e/t, 1)",
    source="deepseek-v3-2024, sec. 3.4 (experts on more ranks than attention: data parallel attention)",
    example=dict(ep=32, expert_tp=1, tp=4, expect=8.0),
)
def attention_groups(ep: Count, expert_tp: Count, tp: Count) -> Count:
    """Groups of a replica that attend for sequences of their own."""
    return jnp.maximum(ep * expert_tp / tp, 1.0)


@cost_model(
    formula=r"t\,p\,c\,n_a",
    source="definition: GPUs that hold one copy of the experts",
    example=dict(tp=8, pp=2, cp=1, attention_groups=1, expect=16.0),
)
def replica_size(tp: Count, pp: Count, cp: Count, attention_groups: Count) -> Count:
    """GPUs of one serving replica."""
    return tp * pp * cp * attention_groups


@constraint(
    legal=True,
    message="ep x expert_tp = {ep} x {expert_tp} and tp = {tp}: neither is a multiple of the other",
    formula=r"-(n_a \bmod 1), \text{ and where } n_a = 1,\ -(t \bmod e\,t_e)",
    source="definition: attention groups are whole, or experts are spread over whole parts of one",
    example=dict(ep=6, expert_tp=1, tp=4, attention_groups=1.5, expect=-0.5),
)
def divides_replica(ep: Count, expert_tp: Count, tp: Count, attention_groups: Count) -> Count:
    """Ranks left over between attention and experts."""
    parts = remainder(tp, jnp.maximum(ep * expert_tp, 1.0))
    return -jnp.where(attention_groups > 1, remainder(attention_groups, 1.0), parts)


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


@cost_model(
    formula=r"1 + \rho\,(a/k_v - 1) \quad\text{or, for MLA,}\quad 1",
    source="ainslie-et-al-2023, sec. 2 (query heads share keys and values); definition: a kernel that takes the query heads of a group one by one reads some of what they share again",
    example=dict(num_attention_heads=64, num_key_value_heads=8, kv_reread_share=0.25, expect=2.75),
)
def kv_reads(
    num_attention_heads: Count, num_key_value_heads: Count, kv_lora_rank: Count, kv_reread_share: Number
) -> Number:
    """Times that decode attention reads the cache."""
    grouped = 1 + kv_reread_share * (num_attention_heads / num_key_value_heads - 1)
    return jnp.where(kv_lora_rank > 0, 1.0, grouped)


@cost_model(
    formula=r"4\,N\,d_i",
    source="dao-gu-2024, sec. 3 (a state of N numbers per inner channel, kept in fp32)",
    example=dict(linear_state_size=128, linear_inner_size=8192, expect=4194304.0),
)
def linear_state_bytes(linear_state_size: Count, linear_inner_size: Count) -> Bytes:
    """State of one sequence in one linear layer, the whole model."""
    return 4 * linear_state_size * linear_inner_size


@cost_model(
    formula=r"\max(a_w, w_e)",
    source="definition: quantised products take narrow operands, the residual stream keeps the width of the embeddings",
    example=dict(activation_width=1, embedding_width=2, expect=2.0),
)
def residual_width(activation_width: Bytes, embedding_width: Bytes) -> Bytes:
    """Bytes per element of the hidden states between layers of a serving pass."""
    return jnp.maximum(activation_width, embedding_width)


def covered_experts(num_experts: Count, experts_per_token: Count, tokens: Count) -> Count:
    """Expected number of distinct experts that `tokens` tokens are routed to."""
    missed = jnp.maximum(1.0 - experts_per_token / num_experts, 0.0)
    everywhere = missed <= 0
    survivors = jnp.exp(tokens * jnp.log(jnp.where(everywhere, 1.0, missed)))
    return num_experts * (1.0 - jnp.where(everywhere, 0.0, survivors))
