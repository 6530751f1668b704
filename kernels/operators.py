"""Arithmetic and memory traffic of the operators of one layer: forward, one micro-batch, one GPU.

Matrix products read both operands and write the result once; what a tile re-reads is in the calibrated efficiency.
Tensor parallelism splits heads, feed-forward columns and the vocabulary, context parallelism the sequence, expert
parallelism the experts (its all-to-all keeps the tokens per GPU equal).
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, Choice, Count, Flag, Flops, FlopsPerToken
from .flops import FLASH
from .registry import cost_model


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
    formula=r"2\,T\,W_{attn}/t",
    source="chowdhery-et-al-2022, app. B; shoeybi-et-al-2019, sec. 3 (heads are split)",
    example=dict(micro_batch_tokens=4096, attention_weights=150994944, tp=8, expect=1.54618823e11),
)
def projection_flops(micro_batch_tokens: Count, attention_weights: Count, tp: Count) -> Flops:
    """FLOPs of the attention projections of one layer."""
    return 2 * micro_batch_tokens * attention_weights / tp


@cost_model(
    formula=r"W_{attn}w/t + T\,a_w\,(2h + e_{heads}/t)",
    source="definition: matrices once, the layer's input read and output written, projected heads written and read",
    example=dict(
        micro_batch_tokens=4096,
        attention_weights=150994944,
        hidden_size=8192,
        attention_head_elements=18432,
        tp=8,
        weight_width=2,
        activation_width=2,
        expect=1.90840832e8,
    ),
)
def projection_traffic(
    micro_batch_tokens: Count,
    attention_weights: Count,
    hidden_size: Count,
    attention_head_elements: Count,
    tp: Count,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Bytes:
    """Memory traffic of the attention projections of one layer."""
    per_token = 2 * hidden_size + attention_head_elements / tp
    return attention_weights * weight_width / tp + micro_batch_tokens * activation_width * per_token


@cost_model(
    formula=r"T\,A / (L\,t)",
    source="dao-2023, sec. 4.1 (executed attention, one layer)",
    example=dict(
        micro_batch_tokens=4096,
        executed_attention_flops_per_token=5.36870912e9,
        num_layers=80,
        tp=8,
        expect=3.43597384e10,
    ),
)
def attention_core_flops(
    micro_batch_tokens: Count, executed_attention_flops_per_token: FlopsPerToken, num_layers: Count, tp: Count
) -> Flops:
    """FLOPs of scores and weighted values of one layer."""
    return micro_batch_tokens * executed_attention_flops_per_token / (num_layers * tp)


@cost_model(
    formula=r"T\,a_w\,\left(e_{heads} + [\text{unfused}]\,4\,a\,s\right)/t",
    source="dao-et-al-2022, sec. 2.2 (scores written, read by softmax, written, read by the product with the values)",
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
    """Memory traffic of scores and weighted values of one layer."""
    scores = jnp.where(attention_kernel == FLASH, 0.0, 4 * num_attention_heads * attended_tokens)
    return micro_batch_tokens * activation_width * (attention_head_elements + scores) / tp


@cost_model(
    formula=r"T\,a_w\,\left(n\,2h + 6h\right)\cdot\left([\text{SP}]\,1/t + 1 - [\text{SP}]\right) + T a_w (2+g) f'/t",
    source="definition: norms read and write h, two residual sums read 2h and write h, the activation reads (1+g)f and writes f",
    example=dict(
        micro_batch_tokens=4096,
        hidden_size=8192,
        num_layers=80,
        num_moe_layers=0,
        intermediate_size=28672,
        gated_mlp=1,
        tp=8,
        activation_width=2,
        expect=1.71966464e8,
    ),
)
def vector_traffic(
    micro_batch_tokens: Count,
    hidden_size: Count,
    norms_per_layer: Count,
    num_layers: Count,
    num_moe_layers: Count,
    intermediate_size: Count,
    moe_intermediate_size: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    gated_mlp: Flag,
    tp: Count,
    sequence_parallel: Flag,
    activation_width: Bytes,
) -> Bytes:
    """Memory traffic of norms, residuals and activation of one layer."""
    share = num_moe_layers / num_layers
    inner = (1 - share) * intermediate_size + share * (experts_per_token + num_shared_experts) * moe_intermediate_size
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    outer = (2 * norms_per_layer + 6) * hidden_size / split
    return micro_batch_tokens * activation_width * (outer + (2 + gated_mlp) * inner / tp)


@cost_model(
    formula=r"2\,T\,h\,V/t",
    source="chowdhery-et-al-2022, app. B (the head is a matrix product)",
    example=dict(micro_batch_tokens=4096, lm_head_weights=262144000, tp=8, expect=2.68435456e11),
)
def lm_head_flops(micro_batch_tokens: Count, lm_head_weights: Count, tp: Count) -> Flops:
    """FLOPs of the language-model head, forward, one micro-batch."""
    return 2 * micro_batch_tokens * lm_head_weights / tp


@cost_model(
    formula=r"\left[hVw + T\,V(a_w + 2\cdot 4)\right]/t + T\,h\,a_w",
    source="definition: logits written once in activation width, then read and written in fp32 by the loss",
    example=dict(
        micro_batch_tokens=4096,
        lm_head_weights=262144000,
        hidden_size=8192,
        vocab_size=32000,
        tp=8,
        weight_width=2,
        activation_width=2,
        expect=2.9648486e8,
    ),
)
def lm_head_traffic(
    micro_batch_tokens: Count,
    lm_head_weights: Count,
    hidden_size: Count,
    vocab_size: Count,
    tp: Count,
    weight_width: Bytes,
    activation_width: Bytes,
    fused_cross_entropy: Flag,
) -> Bytes:
    """Memory traffic of head and loss, forward, one micro-batch."""
    logits = (1 - fused_cross_entropy) * micro_batch_tokens * vocab_size * (activation_width + 8)
    return (lm_head_weights * weight_width + logits) / tp + micro_batch_tokens * hidden_size * activation_width
