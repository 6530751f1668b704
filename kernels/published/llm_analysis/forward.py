"""The forward pass of one micro-batch in the tool's training: the time of each part, which the document's pies show."""

from __future__ import annotations

from ...annotations import Bytes, BytesPerSecond, Choice, Count, FlopsPerSecond, Seconds
from ...arrays import jnp
from ...registry import Erratum, cost_model
from .formulas import FORWARD, FULL_BANDWIDTH, INPUT, NORM, OUTPUT, TP, WHOLE_HEAD
from .operators import (
    all_reduce_time,
    attention_flops,
    logits_flops,
    mlp_flops,
    roofline_time,
    training_attention_activations,
    training_mlp_activations,
)
from .training_memory import FULL, SELECTIVE

NAMESPACE = "llm_analysis"


@cost_model(
    formula=r"\lfloor L / p \rfloor \max\left(\frac{8\,b s h^2 + 4\,b s^2 h}{t F}, "
    r"\frac{4\,h^2 w / t + A_R}{W}\right),\ A_{full} = \frac{b s h\,w_a}{t},\ "
    r"A_R = \left(\frac{1}{s_p} + \frac{4}{t}\right) b s h\,w_a + "
    r"\left[\frac{b s h + a s^2 b}{s_p}\right]_{R = \text{none}}",
    source=FORWARD + ", attn",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        num_attention_heads=32,
        node_tp=8,
        megatron_sp=8,
        layers_per_gpu=4,
        gemm_rate=156e12,
        hbm_rate=1835.1e9,
        weight_width=2,
        activation_width=2,
        dropout_mask_width=1,
        recompute=1,
        expect=0.05506368328,
    ),
)
def forward_attn_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    node_tp: Count,
    megatron_sp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
    dropout_mask_width: Bytes,
    recompute: Choice,
) -> Seconds:
    """Time of attention in a forward pass in the tool."""
    kept = training_attention_activations(
        micro_batch_size,
        sequence,
        hidden_size,
        num_attention_heads,
        node_tp,
        megatron_sp,
        activation_width,
        dropout_mask_width,
        recompute == SELECTIVE,
    )
    whole = micro_batch_size * sequence * hidden_size * activation_width / node_tp
    traffic = 4 * hidden_size**2 * weight_width / node_tp + jnp.where(recompute == FULL, whole, kept)
    flops = attention_flops(micro_batch_size, sequence, hidden_size) / node_tp
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=r"\lfloor L / p \rfloor \max\left(\frac{16\,b s h^2}{t F}, \frac{8\,h^2 w / t + A_R}{W}\right),\ "
    r"A_{full} = 0,\ A_R = \left(\frac{1}{s_p} + \frac{8}{t}\right) b s h\,w_a + \frac{b s h}{s_p}",
    source=FORWARD + ", mlp",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        node_tp=8,
        megatron_sp=8,
        layers_per_gpu=4,
        gemm_rate=156e12,
        hbm_rate=1835.1e9,
        weight_width=2,
        activation_width=2,
        dropout_mask_width=1,
        recompute=1,
        expect=0.08810189325,
    ),
)
def forward_mlp_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    node_tp: Count,
    megatron_sp: Count,
    layers_per_gpu: Count,
    gemm_rate: FlopsPerSecond,
    hbm_rate: BytesPerSecond,
    weight_width: Bytes,
    activation_width: Bytes,
    dropout_mask_width: Bytes,
    recompute: Choice,
) -> Seconds:
    """Time of the feed-forward layers in a forward pass in the tool."""
    kept = training_mlp_activations(
        micro_batch_size, sequence, hidden_size, node_tp, megatron_sp, activation_width, dropout_mask_width
    )
    traffic = 8 * hidden_size**2 * weight_width / node_tp + jnp.where(recompute == FULL, 0.0, kept)
    flops = mlp_flops(micro_batch_size, sequence, hidden_size) / node_tp
    return layers_per_gpu * roofline_time(flops, gemm_rate, traffic, hbm_rate)


@cost_model(
    formula=NORM.replace("4\\,b s h", "4\\,b s h / s_p"),
    source=FORWARD + ", layernorm",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        megatron_sp=8,
        timed_norm_width=4,
        hbm_rate=1835.1e9,
        layers_per_gpu=4,
        expect=9.142398779e-4,
    ),
    errata=(
        Erratum(
            "I2.6",
            wrong="the text says that at ideal efficiency every share but those of tp_comm and input_embedding falls",
            right="the share of layernorm rises too, from 0.44 to 0.65 % for LLaMA-7B",
            why="Memory bandwidth gains 1/0.9 and arithmetic 1/0.5, so what is bound by memory gains share.",
        ),
    ),
)
def forward_layernorm_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    megatron_sp: Count,
    timed_norm_width: Bytes,
    hbm_rate: BytesPerSecond,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of the norms in a forward pass in the tool."""
    once = micro_batch_size * sequence * hidden_size / megatron_sp * timed_norm_width / hbm_rate
    return 2 * layers_per_gpu * once


@cost_model(
    formula=TP,
    source=FORWARD + ", tp_comm",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        activation_width=2,
        node_tp=8,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        layers_per_gpu=4,
        expect=0.03914683733,
    ),
    errata=(FULL_BANDWIDTH,),
)
def forward_tp_comm_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    activation_width: Bytes,
    node_tp: Count,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
    layers_per_gpu: Count,
) -> Seconds:
    """Time of tensor parallel communication in a forward pass in the tool."""
    once = all_reduce_time(
        micro_batch_size, sequence, hidden_size, activation_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return 2 * layers_per_gpu * once


@cost_model(
    formula=INPUT,
    source=FORWARD + ", input_embedding",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        vocab_size=32000,
        embedding_width=2,
        node_tp=8,
        hbm_rate=1835.1e9,
        intra_node_bandwidth=300e9,
        least_message_time=8e-6,
        expect=0.005036204648,
    ),
)
def forward_input_embedding_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    vocab_size: Count,
    embedding_width: Bytes,
    node_tp: Count,
    hbm_rate: BytesPerSecond,
    intra_node_bandwidth: BytesPerSecond,
    least_message_time: Seconds,
) -> Seconds:
    """Time of the input embedding in a forward pass in the tool."""
    shared = all_reduce_time(
        micro_batch_size, sequence, hidden_size, embedding_width, node_tp, intra_node_bandwidth, least_message_time
    )
    return vocab_size * hidden_size * embedding_width / hbm_rate + shared


@cost_model(
    formula=OUTPUT,
    source=FORWARD + ", output_embedding_loss",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        vocab_size=32000,
        node_tp=8,
        gemm_rate=156e12,
        expect=0.02150925128,
    ),
    errata=(WHOLE_HEAD,),
)
def forward_output_embedding_time(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    vocab_size: Count,
    node_tp: Count,
    gemm_rate: FlopsPerSecond,
) -> Seconds:
    """Time of the output embedding in a forward pass in the tool."""
    return logits_flops(micro_batch_size, sequence, hidden_size, vocab_size) / node_tp / gemm_rate


@cost_model(
    formula=r"t_{attn} + t_{mlp} + t_{norm} + t_{TP} + t_{in} + t_{out}",
    source="definition: document 002, training of llm-analysis, latency_fwd",
    example=dict(
        forward_attn_time=0.05506368328205128,
        forward_mlp_time=0.08810189325128205,
        forward_layernorm_time=0.0009142398779358072,
        forward_tp_comm_time=0.03914683733333333,
        forward_input_embedding_time=0.005036204647594136,
        forward_output_embedding_time=0.02150925128205128,
        expect=0.2097721097,
    ),
    terms=(
        "forward_attn_time",
        "forward_mlp_time",
        "forward_layernorm_time",
        "forward_tp_comm_time",
        "forward_input_embedding_time",
        "forward_output_embedding_time",
    ),
)
def forward_time(
    forward_attn_time: Seconds,
    forward_mlp_time: Seconds,
    forward_layernorm_time: Seconds,
    forward_tp_comm_time: Seconds,
    forward_input_embedding_time: Seconds,
    forward_output_embedding_time: Seconds,
) -> Seconds:
    """Time of the forward pass of a micro-batch in the tool.

    The document shows its shares, but its GPU-hours are not made of it.
    """
    layers = forward_attn_time + forward_mlp_time + forward_layernorm_time + forward_tp_comm_time
    return layers + forward_input_embedding_time + forward_output_embedding_time
