"""Activations and the peak memory of a training step, on the pipeline stage that needs most."""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, Choice, Count, Flag
from .flops import FLASH, FULL, SELECTIVE
from .registry import constraint, cost_model

_FP32 = 4


@cost_model(
    formula=r"T\,\frac{[\text{flash}]\,4a + [\text{unfused}]\,a\,s\,(a_w + D(1 + a_w))}{t}",
    source="korthikanti-et-al-2022, sec. 4.1 (5 a s^2 b with dropout); dao-2023, sec. 3.1 (the log-sum-exp of each row)",
    example=dict(
        micro_batch_tokens=2048,
        num_attention_heads=96,
        attended_tokens=2048,
        dropout=1,
        attention_kernel=0,
        tp=1,
        activation_width=2,
        expect=2013265920.0,
    ),
)
def attention_core_activations(
    micro_batch_tokens: Count,
    num_attention_heads: Count,
    attended_tokens: Count,
    dropout: Flag,
    attention_kernel: Choice,
    tp: Count,
    activation_width: Bytes,
) -> Bytes:
    """Scores or softmax statistics of one layer and one micro-batch.

    Unfused: the scores after the softmax and, with dropout, the one-byte mask and the masked scores. Flash: one fp32
    number for each query and head.
    """
    statistics = _FP32 * num_attention_heads
    scores = num_attention_heads * attended_tokens * (activation_width + dropout * (1 + activation_width))
    return micro_batch_tokens * jnp.where(attention_kernel == FLASH, statistics, scores) / tp


@cost_model(
    formula=r"T\left[\frac{a_w(n + 1 + \bar k)h + 2Dh}{t'} + \frac{a_w(e_{heads} + (2+g)\bar k f)}{t}\right] + [\text{not selective}]\,A_{core}",
    source="korthikanti-et-al-2022, sec. 4.1 and 4.2 (with D = 1, unfused, f = 4h, ungated: s b h (34 + 5 a s / h))",
    example=dict(
        micro_batch_tokens=2048,
        hidden_size=12288,
        num_layers=96,
        num_moe_layers=0,
        intermediate_size=49152,
        attention_head_elements=49152,
        attention_core_activations=2013265920,
        gated_mlp=0,
        dropout=1,
        tp=1,
        activation_width=2,
        expect=2868903936.0,
    ),
)
def stored_layer_activations(
    micro_batch_tokens: Count,
    hidden_size: Count,
    norms_per_layer: Count,
    num_layers: Count,
    num_moe_layers: Count,
    intermediate_size: Count,
    moe_intermediate_size: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    attention_head_elements: Count,
    attention_core_activations: Bytes,
    gated_mlp: Flag,
    dropout: Flag,
    recompute: Choice,
    tp: Count,
    sequence_parallel: Flag,
    activation_width: Bytes,
) -> Bytes:
    """Activations one layer needs for the backward pass of one micro-batch.

    Counted tensor by tensor; full recomputation holds them for one layer at a time. Outside the tensor parallel region (split only with sequence parallelism): the inputs of
    the norms, of the attention and of the feed-forward, and one-byte dropout masks. Inside: queries, keys, values and
    attention output; scores or softmax statistics, which selective recomputation drops; the inner tensors of the
    feed-forward, two or, gated, three. A mixture keeps a copy per active expert.
    """
    share = num_moe_layers / num_layers
    copies = experts_per_token + num_shared_experts
    outer = activation_width * hidden_size * (norms_per_layer + 1 + (1 - share) + share * copies)
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    masks = 2 * dropout * hidden_size
    width = (1 - share) * intermediate_size + share * copies * moe_intermediate_size
    inner = activation_width * (attention_head_elements + (2 + gated_mlp) * width)
    kept_core = jnp.where(recompute == SELECTIVE, 0.0, attention_core_activations)
    return micro_batch_tokens * ((outer + masks) / split + inner / tp) + kept_core


@cost_model(
    formula=r"A_{layer}, \text{ or } T h a_w / t' \text{ with full recomputation}",
    source="korthikanti-et-al-2022, table 2 (2 s b h per layer)",
    example=dict(
        stored_layer_activations=2868903936,
        micro_batch_tokens=2048,
        hidden_size=12288,
        recompute=2,
        tp=1,
        activation_width=2,
        expect=50331648.0,
    ),
)
def layer_activation_memory(
    stored_layer_activations: Bytes,
    micro_batch_tokens: Count,
    hidden_size: Count,
    recompute: Choice,
    tp: Count,
    sequence_parallel: Flag,
    activation_width: Bytes,
) -> Bytes:
    """Activations of one layer kept for one micro-batch."""
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    checkpoint = micro_batch_tokens * hidden_size * activation_width / split
    return jnp.where(recompute == FULL, checkpoint, stored_layer_activations)


@cost_model(
    formula=r"\min(m, p) \text{ or, interleaved, } \min\left(m, p + \tfrac{p-1}{v}\right)",
    source="narayanan-et-al-2021, sec. 2.2 (1F1B); korthikanti-et-al-2022, sec. 4.2.3 (a factor 1 + (p-1)/(p v))",
    example=dict(num_micro_batches=64, pp=8, vpp=2, expect=11.5),
)
def first_stage_micro_batches(num_micro_batches: Count, pp: Count, vpp: Count) -> Count:
    """Micro-batches whose activations the first stage holds at its peak."""
    return jnp.minimum(num_micro_batches, jnp.where(vpp > 1, pp + (pp - 1) / vpp, pp))


@cost_model(
    formula=r"1 \text{ or, interleaved, } \min\left(m, \tfrac{(v-1)p + 1}{v}\right)",
    source="narayanan-et-al-2021, sec. 2.2 (warm-up of the last rank)",
    example=dict(num_micro_batches=64, pp=8, vpp=2, expect=4.5),
)
def last_stage_micro_batches(num_micro_batches: Count, pp: Count, vpp: Count) -> Count:
    """Micro-batches whose activations the last stage holds at its peak."""
    return jnp.minimum(num_micro_batches, jnp.where(vpp > 1, ((vpp - 1) * pp + 1) / vpp, 1.0))


@cost_model(
    formula=r"T\,V\,(a_w + 4)/t",
    source="korthikanti-et-al-2022, sec. 4.3 (fp32 logits for the loss), beside the head's own output",
    example=dict(micro_batch_tokens=4096, vocab_size=128256, tp=8, activation_width=2, expect=394002432.0),
)
def logits_memory(
    micro_batch_tokens: Count, vocab_size: Count, tp: Count, activation_width: Bytes, fused_cross_entropy: Flag
) -> Bytes:
    """Logits of one micro-batch on the last stage."""
    return (1 - fused_cross_entropy) * micro_batch_tokens * vocab_size * (activation_width + _FP32) / tp


@cost_model(
    formula=r"A_{layer} \text{ with full, } A_{core} \text{ with selective recomputation, else } 0",
    source="chen-et-al-2016, sec. 4 (the segment being recomputed is held whole)",
    example=dict(
        stored_layer_activations=2868903936, attention_core_activations=2013265920, recompute=2, expect=2868903936.0
    ),
)
def recompute_working_memory(
    stored_layer_activations: Bytes, attention_core_activations: Bytes, recompute: Choice
) -> Bytes:
    """Activations of the one layer that is being recomputed."""
    core = jnp.where(recompute == SELECTIVE, attention_core_activations, 0.0)
    return jnp.where(recompute == FULL, stored_layer_activations, core)


@cost_model(
    formula=r"P_{edge}\,\sigma + m_i\,\frac{L}{p}A + [p = 1]\,A_{logits}",
    source="definition: what differs between stages, on the first one",
    example=dict(
        first_stage_edge_parameters=3.2768e7,
        state_bytes_per_parameter=6.75,
        first_stage_micro_batches=4,
        layers_per_stage=20,
        layer_activation_memory=1e8,
        logits_memory=4e8,
        pp=4,
        expect=8.221184e9,
    ),
)
def first_stage_own_memory(
    first_stage_edge_parameters: Count,
    state_bytes_per_parameter: Bytes,
    first_stage_micro_batches: Count,
    layers_per_stage: Count,
    layer_activation_memory: Bytes,
    logits_memory: Bytes,
    pp: Count,
) -> Bytes:
    """Embeddings and activations of a GPU of the first stage."""
    activations = first_stage_micro_batches * layers_per_stage * layer_activation_memory
    logits = jnp.where(pp > 1, 0.0, logits_memory)
    return first_stage_edge_parameters * state_bytes_per_parameter + activations + logits


@cost_model(
    formula=r"P_{edge}\,\sigma + m_i\,\frac{L}{p}A + A_{logits}",
    source="definition: what differs between stages, on the last one",
    example=dict(
        last_stage_edge_parameters=3.2768e7,
        state_bytes_per_parameter=6.75,
        last_stage_micro_batches=1,
        layers_per_stage=20,
        layer_activation_memory=1e8,
        logits_memory=4e8,
        expect=2.621184e9,
    ),
)
def last_stage_own_memory(
    last_stage_edge_parameters: Count,
    state_bytes_per_parameter: Bytes,
    last_stage_micro_batches: Count,
    layers_per_stage: Count,
    layer_activation_memory: Bytes,
    logits_memory: Bytes,
) -> Bytes:
    """Head, logits and activations of a GPU of the last stage."""
    activations = last_stage_micro_batches * layers_per_stage * layer_activation_memory
    return last_stage_edge_parameters * state_bytes_per_parameter + activations + logits_memory


@cost_model(
    formula=r"[M_{last} > M_{first}]",
    source="definition: 1 where the last stage needs more memory than the first; stages between need less than the first",
    example=dict(first_stage_own_memory=8.2e9, last_stage_own_memory=2.6e9, expect=0.0),
)
def worst_stage_is_last(first_stage_own_memory: Bytes, last_stage_own_memory: Bytes) -> Flag:
    """Whether the last stage is the one that needs most memory."""
    return jnp.where(last_stage_own_memory > first_stage_own_memory, 1.0, 0.0)


@cost_model(
    formula=r"m_i\,\frac{L}{p}\,A + A_{work} + [\text{last or } p = 1]\,A_{logits}",
    source="korthikanti-et-al-2022, sec. 4.2.3 and 4.3",
    example=dict(
        layer_activation_memory=1e8,
        layers_per_stage=20,
        first_stage_micro_batches=4,
        last_stage_micro_batches=1,
        worst_stage_is_last=0,
        recompute_working_memory=0,
        logits_memory=4e8,
        pp=4,
        expect=8e9,
    ),
)
def activation_memory(
    layer_activation_memory: Bytes,
    layers_per_stage: Count,
    first_stage_micro_batches: Count,
    last_stage_micro_batches: Count,
    worst_stage_is_last: Flag,
    recompute_working_memory: Bytes,
    logits_memory: Bytes,
    pp: Count,
) -> Bytes:
    """Memory of activations and logits on one GPU of the worst stage."""
    last = worst_stage_is_last > 0
    in_flight = jnp.where(last, last_stage_micro_batches, first_stage_micro_batches)
    logits = jnp.where(last | (pp <= 1), logits_memory, 0.0)
    return in_flight * layers_per_stage * layer_activation_memory + recompute_working_memory + logits


@cost_model(
    formula=r"M_w + M_g + M_o + M_a + M_x",
    source="rajbhandari-et-al-2020, sec. 3",
    example=dict(
        weight_memory=4.34e9,
        gradient_memory=8.69e9,
        optimizer_memory=1.65e9,
        activation_memory=8e9,
        overhead_memory=2e9,
        expect=2.468e10,
    ),
    terms=("weight_memory", "gradient_memory", "optimizer_memory", "activation_memory", "overhead_memory"),
)
def memory_per_gpu(
    weight_memory: Bytes,
    gradient_memory: Bytes,
    optimizer_memory: Bytes,
    activation_memory: Bytes,
    overhead_memory: Bytes,
) -> Bytes:
    """Peak memory of training on one GPU of the worst stage."""
    return weight_memory + gradient_memory + optimizer_memory + activation_memory + overhead_memory


@constraint(
    message="needs {memory_per_gpu} on the worst stage, a GPU has {hbm_capacity}",
    formula=r"C - M",
    source="definition: capacity less peak memory",
    example=dict(memory_per_gpu=9e10, hbm_capacity=85899345920, expect=-4.100654e9),
)
def fits_memory(memory_per_gpu: Bytes, hbm_capacity: Bytes) -> Bytes:
    """Memory left on a GPU while training."""
    return hbm_capacity - memory_per_gpu
