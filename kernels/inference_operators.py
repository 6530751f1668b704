"""Arithmetic and traffic of what bounds prefill and decode apart from the dense matrices: attention and routed experts.

Each has a roofline of its own: at a large batch the matrices wait for arithmetic while the cache is still read at the
rate of the memory, and a mixture spreads the tokens so thinly that its experts do too.
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, Count, Flops, FlopsPerToken
from .inference import covered_experts
from .registry import cost_model

_MIXTRAL = dict(num_moe_layers=32, expert_weights=176160768)


@cost_model(
    formula=r"G\,L\,x\,F_{pair}",
    source="pope-et-al-2022, sec. 2.1 (attention of one token to its cache)",
    example=dict(
        decode_batch=32, num_layers=80, decode_attended_tokens=1152, decode_flops_per_pair=32768, expect=9.663676416e10
    ),
)
def decode_attention_flops(
    decode_batch: Count, num_layers: Count, decode_attended_tokens: Count, decode_flops_per_pair: FlopsPerToken
) -> Flops:
    """FLOPs of attention in one decode step, the whole replica."""
    return decode_batch * num_layers * decode_attended_tokens * decode_flops_per_pair


@cost_model(
    formula=r"2\,G\,L_{moe}\,k\,W_e",
    source="fedus-zoph-shazeer-2021, sec. 2; jiang-et-al-2024, sec. 2.1",
    example=dict(decode_batch=32, experts_per_token=2, **_MIXTRAL, expect=7.21554505728e11),
)
def decode_expert_flops(
    decode_batch: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts in one decode step, the whole replica."""
    return 2 * decode_batch * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"w\,L_{moe}\,E_{active}\,W_e",
    source="definition: the weights of every expert that some token is routed to, once",
    example=dict(decode_active_experts=7.199097, weight_width=2, **_MIXTRAL, expect=8.116485e10),
)
def decode_expert_traffic(
    num_moe_layers: Count, decode_active_experts: Count, expert_weights: Count, weight_width: Bytes
) -> Bytes:
    """Weights of routed experts read by one decode step, the whole replica."""
    return weight_width * num_moe_layers * decode_active_experts * expert_weights


@cost_model(
    formula=r"s_p\,F_{pair}\,\left[(L - L_w)\frac{s_p}{2} + L_w\left(w' - \frac{w'^2}{2 s_p}\right)\right],\ w' = \min(s_p, w)",
    source="dao-2023, sec. 4.1 (causal: half the square)",
    example=dict(prompt_len=1024, num_layers=80, attention_flops_per_pair=32768, expect=1.374389535e12),
)
def prefill_attention_flops(
    prompt_len: Count,
    num_layers: Count,
    attention_flops_per_pair: FlopsPerToken,
    sliding_window: Count,
    num_sliding_layers: Count,
) -> Flops:
    """FLOPs of attention within one prompt."""
    window = jnp.minimum(prompt_len, sliding_window)
    sliding = window - window**2 / (2 * prompt_len)
    attended = (num_layers - num_sliding_layers) * prompt_len / 2 + num_sliding_layers * sliding
    return prompt_len * attended * attention_flops_per_pair


@cost_model(
    formula=r"2\,s_p\,L_{moe}\,k\,W_e",
    source="fedus-zoph-shazeer-2021, sec. 2; jiang-et-al-2024, sec. 2.1",
    example=dict(prompt_len=1024, experts_per_token=2, **_MIXTRAL, expect=2.308974418e13),
)
def prefill_expert_flops(
    prompt_len: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts of one prompt."""
    return 2 * prompt_len * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"w\,L_{moe}\,E\left(1 - (1 - k/E)^{s_p}\right)W_e",
    source="definition: the weights of every expert that some token of the prompt is routed to, once",
    example=dict(prompt_len=8, num_experts=8, experts_per_token=2, weight_width=2, **_MIXTRAL, expect=8.116485e10),
)
def prefill_expert_traffic(
    prompt_len: Count,
    num_moe_layers: Count,
    num_experts: Count,
    experts_per_token: Count,
    expert_weights: Count,
    weight_width: Bytes,
) -> Bytes:
    """Weights of routed experts read by one prompt, the whole replica."""
    active = covered_experts(num_experts, experts_per_token, prompt_len)
    return weight_width * num_moe_layers * active * expert_weights


@cost_model(
    formula=r"L\,s_p\,b_{kv}",
    source="pope-et-al-2022, sec. 2.1 (the cache is written once)",
    example=dict(prompt_len=1024, num_layers=80, kv_bytes_per_token_layer=4096, expect=335544320.0),
)
def prefill_cache_traffic(prompt_len: Count, num_layers: Count, kv_bytes_per_token_layer: Bytes) -> Bytes:
    """Cache written by one prompt, the whole replica."""
    return num_layers * prompt_len * kv_bytes_per_token_layer
