"""Decode: one step of all sequences of a replica together.

With a pipeline the sequences rotate through the stages in pp groups, so pp raises throughput but shortens no token. The
dense matrices, the routed experts and attention have rooflines of their own: at a large batch the matrices wait for
arithmetic while the cache is still read at the rate of the memory.
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
    formula=r"\max(1, B/p)",
    source="definition: sequences rotate through the pipeline stages in p groups",
    example=dict(concurrency=64, pp=2, expect=32.0),
)
def decode_batch(concurrency: Count, pp: Count) -> Count:
    """Sequences of one decode batch."""
    return jnp.maximum(concurrency / pp, 1.0)


@cost_model(
    formula=r"s_p + \frac{s_o}{2}",
    source="definition: mean of s_p + j over the decode steps j = 1 ... s_o - 1; exact for a cost affine in the context",
    example=dict(prompt_len=1024, output_len=256, expect=1152.0),
)
def decode_context(prompt_len: Count, output_len: Count) -> Count:
    """Tokens in the cache of one sequence, mean over its decode steps.

    Step j writes its own token before it attends, so it sees the prompt and j tokens of output.
    """
    return prompt_len + output_len / 2


@cost_model(
    formula=r"\frac{(L - L_w)\,x + L_w \min(x, w)}{L}",
    source="jiang-et-al-2023, sec. 2 (a sliding-window layer keeps its window)",
    example=dict(decode_context=8192, num_layers=42, sliding_window=4096, num_sliding_layers=21, expect=6144.0),
)
def decode_attended_tokens(
    decode_context: Count, num_layers: Count, sliding_window: Count, num_sliding_layers: Count
) -> Count:
    """Cached tokens one decoded token attends to, mean over layers and steps."""
    window = jnp.minimum(decode_context, sliding_window)
    return decode_context + num_sliding_layers / num_layers * (window - decode_context)


@cost_model(
    formula=r"E\,\left(1 - (1 - k/E)^T\right)",
    source="definition: expected number of distinct experts when each of T tokens draws k of E evenly",
    example=dict(num_experts=8, experts_per_token=2, decode_batch=8, expect=7.199097),
)
def decode_active_experts(num_experts: Count, experts_per_token: Count, decode_batch: Count) -> Count:
    """Experts whose weights one decode step reads, in each mixture layer."""
    return covered_experts(num_experts, experts_per_token, decode_batch)


@cost_model(
    formula=r"w\,(W_{shared} + L_{moe}\,E_{active}\,W_e + v) + w_e\,hV",
    source="pope-et-al-2022, sec. 2.1 (every weight is read once per step); quantised models keep the head wide",
    example=dict(
        shared_layer_weights=68451041280,
        num_moe_layers=0,
        expert_weights=0,
        decode_active_experts=1,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
        expect=137429008384.0,
    ),
)
def decode_weight_traffic(
    shared_layer_weights: Count,
    num_moe_layers: Count,
    expert_weights: Count,
    decode_active_experts: Count,
    layer_vectors: Count,
    lm_head_weights: Count,
    weight_width: Bytes,
    embedding_width: Bytes,
) -> Bytes:
    """Weights read by one decode step, the whole replica."""
    layers = shared_layer_weights + num_moe_layers * decode_active_experts * expert_weights + layer_vectors
    return weight_width * layers + embedding_width * lm_head_weights


@cost_model(
    formula=r"w\,L_{moe}\,E_{active}\,W_e",
    source="definition: the weights of every expert that some token is routed to, once",
    example=dict(decode_active_experts=7.199097, weight_width=2, **MIXTRAL, expect=8.116485e10),
)
def decode_expert_traffic(
    num_moe_layers: Count, decode_active_experts: Count, expert_weights: Count, weight_width: Bytes
) -> Bytes:
    """Weights of routed experts read by one decode step, the whole replica."""
    return weight_width * num_moe_layers * decode_active_experts * expert_weights


@cost_model(
    formula=r"G\,L\,x\,b_{kv}\,\frac{t}{\min(t, k_v)}",
    source="pope-et-al-2022, sec. 2.1 and 3.3 (every rank reads the heads it holds)",
    example=dict(
        decode_batch=32,
        num_layers=80,
        decode_attended_tokens=1152,
        kv_bytes_per_token_layer=4096,
        kv_split=8,
        tp=8,
        expect=12079595520.0,
    ),
)
def decode_cache_traffic(
    decode_batch: Count,
    num_layers: Count,
    decode_attended_tokens: Count,
    kv_bytes_per_token_layer: Bytes,
    kv_split: Count,
    tp: Count,
) -> Bytes:
    """Cache read by one decode step, the whole replica.

    Replicated heads are read by every rank that holds them.
    """
    return decode_batch * num_layers * decode_attended_tokens * kv_bytes_per_token_layer * (tp / kv_split)


@cost_model(
    formula=r"2\,a\,(2 r_{kv} + d_r) \text{ for MLA, else } 4\,a\,d",
    source="deepseek-v2-2024, sec. 2.1.2 (the up-projections are absorbed, attention runs on the latent vectors)",
    example=dict(attention_flops_per_pair=32768, num_attention_heads=64, expect=32768.0),
)
def decode_flops_per_pair(
    attention_flops_per_pair: FlopsPerToken, num_attention_heads: Count, kv_lora_rank: Count, qk_rope_head_dim: Count
) -> FlopsPerToken:
    """FLOPs of one query against one cached token, one layer."""
    absorbed = 2 * num_attention_heads * (2 * kv_lora_rank + qk_rope_head_dim)
    return jnp.where(kv_lora_rank > 0, absorbed, attention_flops_per_pair)


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
    example=dict(decode_batch=32, experts_per_token=2, **MIXTRAL, expect=7.21554505728e11),
)
def decode_expert_flops(
    decode_batch: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts in one decode step, the whole replica."""
    return 2 * decode_batch * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"2\,G\,N_{matmul} + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention)",
    example=dict(
        decode_batch=32,
        num_matmul_parameters=68713185280,
        decode_attention_flops=9.663676416e10,
        expect=4.4942806e12,
    ),
)
def decode_flops(decode_batch: Count, num_matmul_parameters: Count, decode_attention_flops: Flops) -> Flops:
    """FLOPs of one decode step, the whole replica."""
    return 2 * decode_batch * num_matmul_parameters + decode_attention_flops


@cost_model(
    formula=r"\frac{1}{t}\sum_i \max\left(\frac{F_i}{\pi}, \frac{Q_i}{\beta}\right),\ i \in \{\text{dense, experts, attention}\}",
    source="williams-waterman-patterson-2009, sec. 3; pope-et-al-2022, sec. 2.1",
    example=dict(
        decode_flops=71908489953280,
        decode_expert_flops=0,
        decode_attention_flops=1546188226560,
        decode_weight_traffic=137429008384,
        decode_expert_traffic=0,
        decode_cache_traffic=193273528320,
        tp=8,
        **H100,
        expect=2.033704e-02,
    ),
)
def decode_roofline_time(
    decode_flops: Flops,
    decode_expert_flops: Flops,
    decode_attention_flops: Flops,
    decode_weight_traffic: Bytes,
    decode_expert_traffic: Bytes,
    decode_cache_traffic: Bytes,
    tp: Count,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of one decode step without communication.

    The dense matrices, the routed experts and attention each by their own roofline; the pipeline stages run one after
    the other.
    """
    rates = (attainable_flops * tp, attainable_hbm_bandwidth * tp)
    dense_flops = decode_flops - decode_expert_flops - decode_attention_flops
    dense = roofline_time(dense_flops, decode_weight_traffic - decode_expert_traffic, *rates)
    experts = roofline_time(decode_expert_flops, decode_expert_traffic, *rates)
    return dense + experts + roofline_time(decode_attention_flops, decode_cache_traffic, *rates)


@cost_model(
    formula=r"2\,L\,t_{AR}(G\,h\,a_w) + (p-1)\,t_{p2p}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(
        decode_batch=32, hidden_size=8192, activation_width=2, num_layers=80, tp=8, pp=1, **H100_NDR, expect=2.6478e-3
    ),
)
def decode_comm_time(
    decode_batch: Count,
    hidden_size: Count,
    activation_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
) -> Seconds:
    """Communication of one decode step."""
    return forward_communication(decode_batch * hidden_size * activation_width, num_layers, tp, pp, network)


@cost_model(
    formula=r"t_{roof} + t_{comm}",
    source="pope-et-al-2022, sec. 2.1; nothing hides the all-reduces of a decode step",
    example=dict(decode_roofline_time=6.56e-3, decode_comm_time=2.65e-3, expect=9.21e-3),
    terms=("decode_roofline_time", "decode_comm_time"),
)
def decode_step_time(decode_roofline_time: Seconds, decode_comm_time: Seconds) -> Seconds:
    """Time of one decode step."""
    return decode_roofline_time + decode_comm_time
