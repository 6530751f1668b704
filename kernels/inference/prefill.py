"""Prefill: one prompt at a time through a replica, with tensor parallel communication.

The dense matrices, the routed experts and attention have rooflines of their own.
"""

from __future__ import annotations

import jax.numpy as jnp

from ..annotations import Bytes, BytesPerSecond, Count, Flops, FlopsPerSecond, FlopsPerToken, Seconds
from ..example_inputs import H100, H100_NDR, MIXTRAL
from ..machine.network import Network
from ..primitives.roofline import roofline_time
from ..registry import cost_model
from .replica import covered_experts, forward_communication


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
    example=dict(prompt_len=1024, experts_per_token=2, **MIXTRAL, expect=2.308974418e13),
)
def prefill_expert_flops(
    prompt_len: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts of one prompt."""
    return 2 * prompt_len * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"2\,s_p\,(N_{matmul} - hV) + 2hV + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention); the head runs on the last token only",
    example=dict(
        prompt_len=1024,
        num_matmul_parameters=68713185280,
        lm_head_weights=262144000,
        prefill_attention_flops=1.374389535e12,
        expect=1.41562646e14,
    ),
)
def prefill_flops(
    prompt_len: Count, num_matmul_parameters: Count, lm_head_weights: Count, prefill_attention_flops: Flops
) -> Flops:
    """FLOPs of one prompt."""
    layers = 2 * prompt_len * (num_matmul_parameters - lm_head_weights)
    return layers + 2 * lm_head_weights + prefill_attention_flops


@cost_model(
    formula=r"w\,L_{moe}\,E\left(1 - (1 - k/E)^{s_p}\right)W_e",
    source="definition: the weights of every expert that some token of the prompt is routed to, once",
    example=dict(prompt_len=8, num_experts=8, experts_per_token=2, weight_width=2, **MIXTRAL, expect=8.116485e10),
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


@cost_model(
    formula=r"w\,(W_{shared} + v) + w_e hV + Q_{experts} + Q_{kv}",
    source="pope-et-al-2022, sec. 2.1 (weights once, the cache written)",
    example=dict(
        shared_layer_weights=68451041280,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
        prefill_expert_traffic=0,
        prefill_cache_traffic=335544320,
        expect=137764552704.0,
    ),
)
def prefill_traffic(
    shared_layer_weights: Count,
    layer_vectors: Count,
    lm_head_weights: Count,
    weight_width: Bytes,
    embedding_width: Bytes,
    prefill_expert_traffic: Bytes,
    prefill_cache_traffic: Bytes,
) -> Bytes:
    """Weights read and cache written by one prompt, the whole replica."""
    dense = weight_width * (shared_layer_weights + layer_vectors) + embedding_width * lm_head_weights
    return dense + prefill_expert_traffic + prefill_cache_traffic


@cost_model(
    formula=r"\frac{1}{t}\sum_i \max\left(\frac{F_i}{\pi}, \frac{Q_i}{\beta}\right),\ i \in \{\text{dense, experts, attention}\}",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        prefill_flops=1.41562646e14,
        prefill_expert_flops=0,
        prefill_attention_flops=1.374389535e12,
        prefill_traffic=1.37764553e11,
        prefill_expert_traffic=0,
        prefill_cache_traffic=335544320,
        tp=8,
        **H100,
        expect=2.38466e-2,
    ),
)
def prefill_roofline_time(
    prefill_flops: Flops,
    prefill_expert_flops: Flops,
    prefill_attention_flops: Flops,
    prefill_traffic: Bytes,
    prefill_expert_traffic: Bytes,
    prefill_cache_traffic: Bytes,
    tp: Count,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of one prompt without communication.

    The dense matrices, the routed experts and attention each by their own roofline; the pipeline stages run one after
    the other.
    """
    rates = (attainable_flops * tp, attainable_hbm_bandwidth * tp)
    dense_flops = prefill_flops - prefill_expert_flops - prefill_attention_flops
    dense = roofline_time(dense_flops, prefill_traffic - prefill_expert_traffic - prefill_cache_traffic, *rates)
    experts = roofline_time(prefill_expert_flops, prefill_expert_traffic, *rates)
    return dense + experts + roofline_time(prefill_attention_flops, prefill_cache_traffic, *rates)


@cost_model(
    formula=r"2\,L\,t_{AR}(s_p\,h\,a_w) + (p-1)\,t_{p2p}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(
        prompt_len=1024, hidden_size=8192, activation_width=2, num_layers=80, tp=8, pp=1, **H100_NDR, expect=1.52892e-2
    ),
)
def prefill_comm_time(
    prompt_len: Count,
    hidden_size: Count,
    activation_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
) -> Seconds:
    """Communication of one prompt."""
    return forward_communication(prompt_len * hidden_size * activation_width, num_layers, tp, pp, network)


@cost_model(
    formula=r"t_{roof} + t_{comm}",
    source="pope-et-al-2022, sec. 2.1",
    example=dict(prefill_roofline_time=2.38e-2, prefill_comm_time=1.53e-2, expect=3.91e-2),
    terms=("prefill_roofline_time", "prefill_comm_time"),
)
def prefill_time(prefill_roofline_time: Seconds, prefill_comm_time: Seconds) -> Seconds:
    """Time of one prompt."""
    return prefill_roofline_time + prefill_comm_time
