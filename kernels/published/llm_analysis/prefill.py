"""Prefill in the tool: its operations and the time of each part of the forward pass."""

from __future__ import annotations

from ...annotations import Bytes, BytesPerSecond, Count, Flops, FlopsPerSecond, Seconds
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
    formula=FLOPS,
    source=_INFERENCE + ", prefill_num_flops_fwd_total",
    example=dict(
        served_batch=1, prompt_tokens=512, hidden_size=8192, num_layers=80, vocab_size=32000, expect=66926327889920
    ),
)
def prefill_flops(
    served_batch: Count, prompt_tokens: Count, hidden_size: Count, num_layers: Count, vocab_size: Count
) -> Flops:
    """Operations of prefill in the tool."""
    return forward_flops(served_batch, prompt_tokens, hidden_size, num_layers, vocab_size)


@cost_model(
    formula=ATTENTION,
    source=FORWARD + ", attn",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        num_attention_heads=64,
        node_tp=2,
        layers_per_gpu=80,
        gemm_rate=312e12,
        hbm_rate=2039e9,
        weight_width=2,
        activation_width=2,
        expect=0.03634203097,
    ),
)
def prefill_attn_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    node_tp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Seconds:
    """Time of attention in prefill in the tool."""
    flops = attention_flops(served_batch, prompt_tokens, hidden_size) / node_tp
    held = attention_activations(served_batch, prompt_tokens, hidden_size, num_attention_heads, node_tp)
    traffic = 4 * hidden_size**2 * weight_width / node_tp + held * activation_width
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=MLP,
    source=FORWARD + ", mlp",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        node_tp=2,
        layers_per_gpu=80,
        gemm_rate=312e12,
        hbm_rate=2039e9,
        weight_width=2,
        activation_width=2,
        expect=0.0704815146,
    ),
)
def prefill_mlp_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    node_tp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Seconds:
    """Time of the feed-forward layers in prefill in the tool."""
    flops = mlp_flops(served_batch, prompt_tokens, hidden_size) / node_tp
    held = mlp_activations(served_batch, prompt_tokens, hidden_size, node_tp)
    traffic = 8 * hidden_size**2 * weight_width / node_tp + held * activation_width
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=NORM,
    source=FORWARD + ", layernorm",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        timed_norm_width=4,
        hbm_rate=2039e9,
        layers_per_gpu=80,
        expect=0.001316505424,
    ),
    errata=(NORM_WIDTH,),
)
def prefill_layernorm_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    timed_norm_width: Bytes,
    hbm_rate: BytesPerSecond,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of the norms in prefill in the tool."""
    return 2 * layers_per_gpu * (served_batch * prompt_tokens * hidden_size * timed_norm_width / hbm_rate)


@cost_model(
    formula=TP,
    source=FORWARD + ", tp_comm",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        activation_width=2,
        node_tp=2,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        layers_per_gpu=80,
        expect=0.004473924267,
    ),
    errata=(FULL_BANDWIDTH,),
)
def prefill_tp_comm_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    activation_width: Bytes,
    node_tp: Count,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of tensor parallel communication in prefill in the tool."""
    once = all_reduce_time(
        served_batch, prompt_tokens, hidden_size, activation_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return 2 * layers_per_gpu * once


@cost_model(
    formula=INPUT,
    source=FORWARD + ", input_embedding",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        vocab_size=32000,
        embedding_width=2,
        node_tp=2,
        hbm_rate=2039e9,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        expect=0.0002850919923,
    ),
)
def prefill_input_embedding_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    vocab_size: Count,
    embedding_width: Bytes,
    node_tp: Count,
    hbm_rate: BytesPerSecond,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
) -> Seconds:
    """Time of the input embedding in prefill in the tool.

    All of it is read, whatever the number of tokens.
    """
    shared = all_reduce_time(
        served_batch, prompt_tokens, hidden_size, embedding_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return vocab_size * hidden_size * embedding_width / hbm_rate + shared


@cost_model(
    formula=OUTPUT,
    source=FORWARD + ", output_embedding_loss",
    example=dict(
        served_batch=1,
        prompt_tokens=512,
        hidden_size=8192,
        vocab_size=32000,
        node_tp=2,
        gemm_rate=312e12,
        expect=0.0004301850256,
    ),
    errata=(WHOLE_HEAD,),
)
def prefill_output_embedding_time(
    served_batch: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    vocab_size: Count,
    node_tp: Count,
    gemm_rate: FlopsPerSecond,
) -> Seconds:
    """Time of the output embedding in prefill in the tool."""
    return logits_flops(served_batch, prompt_tokens, hidden_size, vocab_size) / node_tp / gemm_rate
