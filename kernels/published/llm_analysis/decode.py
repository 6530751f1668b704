"""A decode step in the tool: its operations and the time of each part of the forward pass."""

from __future__ import annotations

from ...annotations import Bytes, BytesPerSecond, Count, Flag, Flops, FlopsPerSecond, Seconds
from ...arrays import jnp
from ...registry import cost_model
from .formulas import ATTENTION, FLOPS, FORWARD, FULL_BANDWIDTH, INPUT, MLP, NORM, NORM_WIDTH, OUTPUT, TP, WHOLE_HEAD
from .operators import (
    all_reduce_time,
    attention_activations,
    attention_flops,
    forward_flops,
    logits_flops,
    mlp_activations,
    mlp_flops,
    roofline_time,
)

NAMESPACE = "llm_analysis"
_INFERENCE = "definition: document 002, inference of llm-analysis"


@cost_model(
    formula=r"1,\ \lfloor (s + g) / 2 \rfloor \text{ without a cache}",
    source=_INFERENCE + ", decode_latency",
    example=dict(use_kv_cache=0, prompt_tokens=128, output_len=33, expect=80),
)
def decode_tokens(use_kv_cache: Flag, prompt_tokens: Count, output_len: Count) -> Count:
    """Tokens of one sequence that a decode step of the tool computes."""
    return jnp.where(use_kv_cache > 0, 1.0, jnp.floor((prompt_tokens + output_len) / 2))


@cost_model(
    formula=FLOPS,
    source=_INFERENCE + ", decode_num_flops_fwd_total",
    example=dict(
        served_batch=1, decode_tokens=1, hidden_size=8192, num_layers=80, vocab_size=32000, expect=129375928320
    ),
)
def decode_flops(
    served_batch: Count, decode_tokens: Count, hidden_size: Count, num_layers: Count, vocab_size: Count
) -> Flops:
    """Operations of a decode step in the tool."""
    return forward_flops(served_batch, decode_tokens, hidden_size, num_layers, vocab_size)


@cost_model(
    formula=ATTENTION,
    source=FORWARD + ", attn",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        num_attention_heads=64,
        node_tp=2,
        layers_per_gpu=80,
        gemm_rate=312e12,
        hbm_rate=2039e9,
        weight_width=2,
        activation_width=2,
        expect=0.01053397689,
    ),
)
def decode_attn_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    node_tp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Seconds:
    """Time of attention in a decode step in the tool."""
    flops = attention_flops(served_batch, decode_tokens, hidden_size) / node_tp
    held = attention_activations(served_batch, decode_tokens, hidden_size, num_attention_heads, node_tp)
    traffic = 4 * hidden_size**2 * weight_width / node_tp + held * activation_width
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=MLP,
    source=FORWARD + ", mlp",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        node_tp=2,
        layers_per_gpu=80,
        gemm_rate=312e12,
        hbm_rate=2039e9,
        weight_width=2,
        activation_width=2,
        expect=0.02106730091,
    ),
)
def decode_mlp_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    node_tp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Seconds:
    """Time of the feed-forward layers in a decode step in the tool."""
    flops = mlp_flops(served_batch, decode_tokens, hidden_size) / node_tp
    held = mlp_activations(served_batch, decode_tokens, hidden_size, node_tp)
    traffic = 8 * hidden_size**2 * weight_width / node_tp + held * activation_width
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=NORM,
    source=FORWARD + ", layernorm",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        timed_norm_width=4,
        hbm_rate=2039e9,
        layers_per_gpu=80,
        expect=2.571299657e-06,
    ),
    errata=(NORM_WIDTH,),
)
def decode_layernorm_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    timed_norm_width: Bytes,
    hbm_rate: BytesPerSecond,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of the norms in a decode step in the tool."""
    return 2 * layers_per_gpu * (served_batch * decode_tokens * hidden_size * timed_norm_width / hbm_rate)


@cost_model(
    formula=TP,
    source=FORWARD + ", tp_comm",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        activation_width=2,
        node_tp=2,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        layers_per_gpu=80,
        expect=0.00128,
    ),
    errata=(FULL_BANDWIDTH,),
)
def decode_tp_comm_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    activation_width: Bytes,
    node_tp: Count,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of tensor parallel communication in a decode step in the tool."""
    once = all_reduce_time(
        served_batch, decode_tokens, hidden_size, activation_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return 2 * layers_per_gpu * once


@cost_model(
    formula=INPUT,
    source=FORWARD + ", input_embedding",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        vocab_size=32000,
        embedding_width=2,
        node_tp=2,
        hbm_rate=2039e9,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        expect=0.0002651299657,
    ),
)
def decode_input_embedding_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    vocab_size: Count,
    embedding_width: Bytes,
    node_tp: Count,
    hbm_rate: BytesPerSecond,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
) -> Seconds:
    """Time of the input embedding in a decode step in the tool.

    All of it is read, whatever the number of tokens.
    """
    shared = all_reduce_time(
        served_batch, decode_tokens, hidden_size, embedding_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return vocab_size * hidden_size * embedding_width / hbm_rate + shared


@cost_model(
    formula=OUTPUT,
    source=FORWARD + ", output_embedding_loss",
    example=dict(
        served_batch=1,
        decode_tokens=1,
        hidden_size=8192,
        vocab_size=32000,
        node_tp=2,
        gemm_rate=312e12,
        expect=8.402051282e-07,
    ),
    errata=(WHOLE_HEAD,),
)
def decode_output_embedding_time(
    served_batch: Count,
    decode_tokens: Count,
    hidden_size: Count,
    vocab_size: Count,
    node_tp: Count,
    gemm_rate: FlopsPerSecond,
) -> Seconds:
    """Time of the output embedding in a decode step in the tool."""
    return logits_flops(served_batch, decode_tokens, hidden_size, vocab_size) / node_tp / gemm_rate
