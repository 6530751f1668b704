"""Attention of one layer on one GPU, one micro-batch: its projections and its core.

Heads are split over tensor parallel ranks, the sequence over context parallel ones. The projections are two products,
one to queries, keys and values and one from the heads back; the core is fused, or two products and a softmax.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import (
    Bytes,
    BytesPerSecond,
    Choice,
    Count,
    Flag,
    Flops,
    FlopsPerSecond,
    FlopsPerToken,
    Number,
    Seconds,
)
from ..arrays import jnp
from ..example_inputs import BF16_WIDTHS, H100_PRODUCTS
from ..model.flops import FLASH
from ..primitives import matmul
from ..primitives.efficiency import product_time
from ..primitives.matmul import Matmul, MatmulRates, Widths, single
from ..registry import cost_model

_LLAMA_70B = dict(micro_batch_tokens=4096, hidden_size=8192, attention_weights=150994944, attention_width=8192, tp=8)
_HEADS = dict(num_attention_heads=64, head_dim=128)


@cost_model(
    formula=r"b\,s/c",
    source="liu-zaharia-abbeel-2023, sec. 3 (the sequence is split over the context parallel ranks)",
    example=dict(micro_batch_size=2, seq_len=4096, cp=2, expect=4096.0),
)
def micro_batch_tokens(micro_batch_size: Count, seq_len: Count, cp: Count) -> Count:
    """Tokens of one micro-batch on one GPU."""
    return micro_batch_size * seq_len / cp


@cost_model(
    formula=r"2(a + k_v)\,d \quad\text{or, for MLA,}\quad 2a\,(d_n + d_r + d_v)",
    source="definition: elements of queries, keys, values and attention output together; deepseek-v2-2024, sec. 2.1 (latent)",
    example=dict(num_attention_heads=64, num_key_value_heads=8, head_dim=128, expect=18432.0),
)
def attention_head_elements(
    num_attention_heads: Count,
    num_key_value_heads: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> Count:
    """Elements of queries, keys, values and outputs of a token in one layer."""
    grouped = 2 * (num_attention_heads + num_key_value_heads) * head_dim
    latent = 2 * num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim + v_head_dim)
    return jnp.where(kv_lora_rank > 0, latent, grouped)


@cost_model(
    formula=r"a\,d \quad\text{or, for MLA,}\quad a\,d_v",
    source="vaswani-et-al-2017, sec. 3.2.2 (heads side by side); deepseek-v2-2024, sec. 2.1 (latent)",
    example=dict(**_HEADS, expect=8192.0),
)
def attention_width(num_attention_heads: Count, head_dim: Count, kv_lora_rank: Count, v_head_dim: Count) -> Count:
    """Width of the attention output before its projection."""
    return num_attention_heads * jnp.where(kv_lora_rank > 0, v_head_dim, head_dim)


class Projections(NamedTuple):
    """What shapes the projections of one attention layer."""

    micro_batch_tokens: Count
    hidden_size: Count
    attention_weights: Count
    attention_width: Count
    tp: Count


def projection_products(layer: Projections) -> tuple[Matmul, Matmul]:
    """The products to queries, keys and values, and back from the heads.

    Latent attention makes its queries, keys and values in two steps each; here they are one product of as many
    elements.
    """
    heads = layer.attention_weights / layer.hidden_size - layer.attention_width
    into = single(layer.micro_batch_tokens, heads / layer.tp, layer.hidden_size)
    return into, single(layer.micro_batch_tokens, layer.hidden_size, layer.attention_width / layer.tp)


@cost_model(
    formula=r"2\,T\,W_{attn}/t",
    source="chowdhery-et-al-2022, app. B; shoeybi-et-al-2019, sec. 3 (heads are split)",
    example=dict(**_LLAMA_70B, expect=1.54618823e11),
)
def projection_flops(layer: Projections) -> Flops:
    """FLOPs of the attention projections of one layer, forward."""
    return matmul.flops(projection_products(layer))


@cost_model(
    formula=r"W_{attn}w/t + T\,a_w\,(2h + e_{heads}/t)",
    source="definition: matrices once, the layer's input read and output written, projected heads written and read",
    example=dict(**_LLAMA_70B, **BF16_WIDTHS, expect=1.908408e8),
)
def projection_traffic(layer: Projections, widths: Widths) -> Bytes:
    """Memory traffic of the attention projections of one layer, forward."""
    return matmul.traffic(projection_products(layer), widths)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta)^2},\ \phi = 1 + x_{1/2}^2/(mn)",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_LLAMA_70B, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0002191753),
)
def projection_time(layer: Projections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Forward time of the attention projections of one layer."""
    return matmul.time(projection_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^X_i/\pi)^2 + (Q_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_LLAMA_70B, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0002191792),
)
def projection_input_gradient_time(layer: Projections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the input gradients of the attention projections of one layer."""
    return matmul.input_gradient_time(projection_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^W_i/\pi)^2 + (Q^W_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the gradient is read and written as it accumulates",
    example=dict(**_LLAMA_70B, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0002343823),
)
def projection_weight_gradient_time(layer: Projections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the weight gradients of the attention projections of one layer."""
    return matmul.weight_gradient_time(projection_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i t_i\,[Q_i/\beta > F_i\phi_i/\pi]",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(**_LLAMA_70B | dict(micro_batch_tokens=64), **BF16_WIDTHS, **H100_PRODUCTS, expect=8.30215e-05),
)
def projection_hbm_bound_time(layer: Projections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of attention projections that waits for memory, forward and backward."""
    return matmul.memory_bound_time(projection_products(layer), widths, rates)


@cost_model(
    formula=r"T\,F_{pair}\,s_{ex}/t",
    source="dao-2023, sec. 4.1 (executed attention, one layer)",
    example=dict(
        micro_batch_tokens=4096,
        attention_flops_per_pair=32768,
        executed_attended_tokens=2048,
        tp=8,
        expect=3.43597384e10,
    ),
)
def attention_core_flops(
    micro_batch_tokens: Count, attention_flops_per_pair: FlopsPerToken, executed_attended_tokens: Count, tp: Count
) -> Flops:
    """FLOPs of scores and weighted values of one attention layer, forward."""
    return micro_batch_tokens * attention_flops_per_pair * executed_attended_tokens / tp


@cost_model(
    formula=r"T\,a_w\,\left(e_{heads} + [\text{unfused}]\,2\,a\,s\right)/t",
    source="dao-et-al-2022, sec. 2.2 (scores written by one product, probabilities read by the other)",
    example=dict(
        micro_batch_tokens=4096,
        attended_tokens=4096,
        num_attention_heads=64,
        attention_head_elements=18432,
        tp=8,
        activation_width=2,
        attention_kernel=1,
        expect=1.8874368e7,
    ),
)
def attention_core_traffic(
    micro_batch_tokens: Count,
    attended_tokens: Count,
    num_attention_heads: Count,
    attention_head_elements: Count,
    tp: Count,
    activation_width: Bytes,
    attention_kernel: Choice,
) -> Bytes:
    """Memory traffic of scores and weighted values of one layer, forward."""
    scores = jnp.where(attention_kernel == FLASH, 0.0, 2 * num_attention_heads * attended_tokens)
    return micro_batch_tokens * activation_width * (attention_head_elements + scores) / tp


@cost_model(
    formula=r"[\text{unfused}]\,T\,a\,s\,\left(2a_w + D(2 a_w + 1)\right)\phi/t",
    source="korthikanti-et-al-2022, sec. 4.1 (softmax, then dropout with its one-byte mask)",
    example=dict(
        micro_batch_tokens=2048,
        attended_tokens=2048,
        num_attention_heads=96,
        tp=8,
        activation_width=2,
        attention_kernel=0,
        dropout=1,
        expect=4.529848e8,
    ),
)
def softmax_traffic(
    micro_batch_tokens: Count,
    attended_tokens: Count,
    num_attention_heads: Count,
    tp: Count,
    activation_width: Bytes,
    attention_kernel: Choice,
    dropout: Flag,
    vector_traffic_factor: Number,
) -> Bytes:
    """Memory traffic of softmax and dropout in one layer, forward.

    That of unfused attention; fused kernels keep the scores on the chip.

    The softmax reads and writes the scores; dropout reads and writes them once more and writes a mask. The backward
    pass moves as much and half again: the softmax reads probabilities and gradients and writes gradients.
    """
    passes = 2 * activation_width + dropout * (2 * activation_width + 1)
    traffic = micro_batch_tokens * num_attention_heads * attended_tokens * passes * vector_traffic_factor / tp
    return jnp.where(attention_kernel == FLASH, 0.0, traffic)


_CORE = dict(attention_core_flops=3.43597384e10, attention_core_traffic=1.8874368e7)


@cost_model(
    formula=r"\sqrt{(F/\pi_a)^2 + (Q/\beta)^2} + Q_{softmax}/\beta",
    source="dao-et-al-2022, sec. 2.2 and 3.1; williams-waterman-patterson-2009, sec. 3",
    example=dict(
        **_CORE,
        softmax_traffic=0.0,
        attention_kernel=1,
        attention_rate=5.2e14,
        wide_attainable_flops=742.05e12,
        attainable_hbm_bandwidth=2.8475e12,
        expect=6.640805e-5,
    ),
)
def attention_core_time(
    attention_core_flops: Flops,
    attention_core_traffic: Bytes,
    softmax_traffic: Bytes,
    attention_kernel: Choice,
    attention_rate: FlopsPerSecond,
    wide_attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of scores and weighted values of one attention layer."""
    rate = jnp.where(attention_kernel == FLASH, attention_rate, wide_attainable_flops)
    products = product_time(attention_core_flops / rate, attention_core_traffic / attainable_hbm_bandwidth)
    return products + softmax_traffic / attainable_hbm_bandwidth


@cost_model(
    formula=r"\frac{F/\pi}{Q/\beta}",
    source="williams-waterman-patterson-2009, sec. 3 (below 1: left of the ridge point)",
    example=dict(
        **_CORE,
        softmax_traffic=0.0,
        attention_kernel=1,
        attention_rate=5.2e14,
        wide_attainable_flops=742.05e12,
        attainable_hbm_bandwidth=2.8475e12,
        expect=9.96865,
    ),
)
def attention_core_intensity(
    attention_core_flops: Flops,
    attention_core_traffic: Bytes,
    softmax_traffic: Bytes,
    attention_kernel: Choice,
    attention_rate: FlopsPerSecond,
    wide_attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Number:
    """Time of the arithmetic of the attention core over the time of its traffic."""
    rate = jnp.where(attention_kernel == FLASH, attention_rate, wide_attainable_flops)
    moved = attention_core_traffic + softmax_traffic
    return attention_core_flops / rate / (moved / attainable_hbm_bandwidth)


@cost_model(
    formula=r"2.5 \text{ (flash)}, 2 \text{ (unfused)}",
    source="dao-2023, sec. 4.1 (five products backward against two forward)",
    example=dict(attention_kernel=1, expect=2.5),
)
def attention_backward_ratio(attention_kernel: Choice) -> Number:
    """Backward over forward time of the attention core."""
    return jnp.where(attention_kernel == FLASH, 2.5, 2.0)
