"""One training step: the terms of its time, each on the critical pipeline rank, and what it amounts to."""

from __future__ import annotations

from typing import Annotated

import jax.numpy as jnp

from .annotations import (
    Array,
    Bytes,
    BytesPerSecond,
    Category,
    Count,
    Flops,
    FlopsPerSecond,
    Number,
    PerSecond,
    Seconds,
)
from .primitives.roofline import exposed
from .registry import cost_model

_STAGE = dict(layers_per_stage=20, num_micro_batches=16)


@cost_model(
    formula=r"m\,\frac{L}{p}\,\left(3\,t_{proj} + (1 + r_b)\,t_{core}\right)",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(
        projection_time=2.08367e-4,
        attention_core_time=4.63038e-5,
        attention_backward_ratio=2.5,
        **_STAGE,
        expect=0.2518926,
    ),
)
def attention_time(
    projection_time: Seconds,
    attention_core_time: Seconds,
    attention_backward_ratio: Number,
    layers_per_stage: Count,
    num_micro_batches: Count,
) -> Seconds:
    """Attention, forward and backward, of one step."""
    per_layer = 3 * projection_time + (1 + attention_backward_ratio) * attention_core_time
    return num_micro_batches * layers_per_stage * per_layer


@cost_model(
    formula=r"3\,m\,\frac{L}{p}\,t_{ffn}",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(feed_forward_layer_time=9.72380e-4, **_STAGE, expect=0.9334848),
)
def feed_forward_time(feed_forward_layer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Feed-forward, forward and backward, of one step."""
    return 3 * num_micro_batches * layers_per_stage * feed_forward_layer_time


@cost_model(
    formula=r"3\,m\,\frac{L}{p}\,t_{vec}",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(vector_layer_time=6.03921e-5, **_STAGE, expect=0.057976416),
)
def vector_time(vector_layer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Norms, residuals and activations, forward and backward, of one step."""
    return 3 * num_micro_batches * layers_per_stage * vector_layer_time


@cost_model(
    formula=r"m\,\frac{L}{p}\,t_R",
    source="korthikanti-et-al-2022, sec. 5",
    example=dict(layer_recompute_time=1.2874429e-3, **_STAGE, expect=0.411981728),
)
def recompute_time(layer_recompute_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Recomputation of activations of one step."""
    return num_micro_batches * layers_per_stage * layer_recompute_time


@cost_model(
    formula=r"3\,m\,t_{head}",
    source="definition: the last stage runs the head for every micro-batch, the others wait for it",
    example=dict(lm_head_forward_time=3.61748e-4, num_micro_batches=16, expect=0.017363904),
)
def lm_head_time(lm_head_forward_time: Seconds, num_micro_batches: Count) -> Seconds:
    """Head and loss, forward and backward, of one step."""
    return 3 * num_micro_batches * lm_head_forward_time


@cost_model(
    formula=r"m\,\frac{L}{p}\,t_{TP}",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(exposed_tp_layer_time=1.3608924e-3, **_STAGE, expect=0.435485568),
)
def exposed_tp_comm_time(exposed_tp_layer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Tensor parallel communication of one step that is not hidden."""
    return num_micro_batches * layers_per_stage * exposed_tp_layer_time


@cost_model(
    formula=r"m\,\frac{L}{p}\,t_{CP}",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(exposed_cp_layer_time=4.0e-4, **_STAGE, expect=0.128),
)
def exposed_cp_comm_time(exposed_cp_layer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Context parallel communication of one step that is not hidden."""
    return num_micro_batches * layers_per_stage * exposed_cp_layer_time


@cost_model(
    formula=r"m\,\frac{L}{p}\,t_{EP}",
    source="definition: all layers of the stage, all micro-batches",
    example=dict(exposed_ep_layer_time=1.3e-3, **_STAGE, expect=0.416),
)
def exposed_ep_comm_time(exposed_ep_layer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count) -> Seconds:
    """Expert parallel communication of one step that is not hidden."""
    return num_micro_batches * layers_per_stage * exposed_ep_layer_time


@cost_model(
    formula=r"m\,\left(t_{p2p} - o\,\min(t_{p2p}, \tfrac{L}{p}(t_F + t_B))\right)",
    source="narayanan-et-al-2021, sec. 2.2 (one exchange each way per micro-batch)",
    example=dict(
        pp_micro_batch_comm_time=4.294304e-4,
        pp_overlap=0.0,
        layer_forward_time=1.2874e-3,
        layer_backward_time=2.598e-3,
        **_STAGE,
        expect=6.8708864e-3,
    ),
)
def exposed_pp_comm_time(
    pp_micro_batch_comm_time: Seconds,
    pp_overlap: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layers_per_stage: Count,
    num_micro_batches: Count,
) -> Seconds:
    """Pipeline communication of one step that is not hidden."""
    behind = layers_per_stage * (layer_forward_time + layer_backward_time)
    return num_micro_batches * exposed(pp_micro_batch_comm_time, pp_overlap, behind)


@cost_model(
    formula=r"\frac{p-1}{v\,m}\,\left(t_{att} + t_{ffn} + t_{vec} + t_R + t_{TP} + t_{CP} + t_{EP} + t_{PP}\right)",
    source="narayanan-et-al-2021, sec. 2.2.2; the head is left out, since only the last stage runs it",
    example=dict(
        pipeline_bubble_overhead=0.1875,
        attention_time=0.2518926,
        feed_forward_time=0.9334848,
        vector_time=0.0579764,
        recompute_time=0.0,
        exposed_tp_comm_time=0.4354856,
        exposed_cp_comm_time=0.0,
        exposed_ep_comm_time=0.0,
        exposed_pp_comm_time=0.0068709,
        expect=0.3160707,
    ),
)
def pipeline_bubble_time(
    pipeline_bubble_overhead: Number,
    attention_time: Seconds,
    feed_forward_time: Seconds,
    vector_time: Seconds,
    recompute_time: Seconds,
    exposed_tp_comm_time: Seconds,
    exposed_cp_comm_time: Seconds,
    exposed_ep_comm_time: Seconds,
    exposed_pp_comm_time: Seconds,
) -> Seconds:
    """Time in which the pipeline fills and drains."""
    compute = attention_time + feed_forward_time + vector_time + recompute_time
    communication = exposed_tp_comm_time + exposed_cp_comm_time + exposed_ep_comm_time + exposed_pp_comm_time
    return pipeline_bubble_overhead * (compute + communication)


@cost_model(
    formula=r"t_{DP} - o\,\min\left(t_{DP}, m\,\tfrac{L}{p}(t_F + t_B)\right)",
    source="li-et-al-2020, sec. 3.2 (gradient reduction behind the backward pass); zhao-et-al-2023, sec. 3.3",
    example=dict(
        dp_comm_time=0.3095,
        dp_overlap=0.5,
        layer_forward_time=1.2874e-3,
        layer_backward_time=2.598e-3,
        **_STAGE,
        expect=0.15475,
    ),
)
def exposed_dp_comm_time(
    dp_comm_time: Seconds,
    dp_overlap: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layers_per_stage: Count,
    num_micro_batches: Count,
) -> Seconds:
    """Data parallel communication of one step that is not hidden."""
    behind = num_micro_batches * layers_per_stage * (layer_forward_time + layer_backward_time)
    return exposed(dp_comm_time, dp_overlap, behind)


@cost_model(
    formula=r"P_{opt}\,\frac{g\,n_{norm} + g + 2o + 2w_m + w}{\beta}",
    source="rajbhandari-et-al-2020, sec. 3.1 (states of Adam); gradients read, the others read and written once, by their shard",
    example=dict(
        updated_parameters_per_gpu=1.375e8,
        gradient_width=4,
        optimizer_width=8,
        master_width=4,
        weight_width=2,
        attainable_hbm_bandwidth=2.8475e12,
        expect=1.641791e-3,
    ),
)
def optimizer_time(
    updated_parameters_per_gpu: Count,
    gradient_width: Bytes,
    gradient_norm_passes: Number,
    optimizer_width: Bytes,
    master_width: Bytes,
    weight_width: Bytes,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of the optimizer step.

    Memory traffic of gradients, moments, master and working weights. Sharded, every rank takes the norm of its own
    part of the reduced gradients.
    """
    gradients = gradient_width * (1 + gradient_norm_passes)
    states = 2 * optimizer_width + 2 * master_width + weight_width
    return updated_parameters_per_gpu * (gradients + states) / attainable_hbm_bandwidth


STEP_TERMS = (
    "attention_time",
    "feed_forward_time",
    "vector_time",
    "lm_head_time",
    "recompute_time",
    "exposed_tp_comm_time",
    "exposed_cp_comm_time",
    "exposed_ep_comm_time",
    "exposed_pp_comm_time",
    "exposed_dp_comm_time",
    "pipeline_bubble_time",
    "optimizer_time",
)
_TERMS = dict(
    zip(STEP_TERMS, (0.252, 0.934, 0.058, 0.0174, 0.0, 0.4355, 0.0, 0.0, 0.0069, 0.3095, 0.3161, 0.0045), strict=True)
)


@cost_model(
    formula=r"t_{att} + t_{ffn} + t_{vec} + t_{head} + t_R + t_{TP} + t_{CP} + t_{EP} + t_{PP} + t_{DP} + t_{bubble} + t_{opt}",
    source="narayanan-et-al-2021, sec. 3 and 5; every term on the critical pipeline rank, none of them overlapping another unless its overlap says so",
    example=_TERMS | dict(expect=2.3339),
    terms=STEP_TERMS,
)
def step_time(
    attention_time: Seconds,
    feed_forward_time: Seconds,
    vector_time: Seconds,
    lm_head_time: Seconds,
    recompute_time: Seconds,
    exposed_tp_comm_time: Seconds,
    exposed_cp_comm_time: Seconds,
    exposed_ep_comm_time: Seconds,
    exposed_pp_comm_time: Seconds,
    exposed_dp_comm_time: Seconds,
    pipeline_bubble_time: Seconds,
    optimizer_time: Seconds,
) -> Seconds:
    """Time of one training step."""
    compute = attention_time + feed_forward_time + vector_time + lm_head_time + recompute_time
    layers = exposed_tp_comm_time + exposed_cp_comm_time + exposed_ep_comm_time
    return compute + layers + exposed_pp_comm_time + exposed_dp_comm_time + pipeline_bubble_time + optimizer_time


@cost_model(
    formula=r"m\,\tfrac{L}{p}\,t_{HBM} + t_{opt}",
    source="williams-waterman-patterson-2009, sec. 3 (left of the ridge point); the optimizer is all traffic",
    example=dict(layer_hbm_bound_time=1.811763e-4, optimizer_time=4.5e-3, **_STAGE, expect=0.0624764),
)
def hbm_bound_time(
    layer_hbm_bound_time: Seconds, optimizer_time: Seconds, layers_per_stage: Count, num_micro_batches: Count
) -> Seconds:
    """Time of one step spent in operators bound by memory bandwidth."""
    return num_micro_batches * layers_per_stage * layer_hbm_bound_time + optimizer_time


@cost_model(
    formula=r"\arg\max(t_{compute}, t_{HBM}, t_{TP}, t_{CP}, t_{EP}, t_{PP} + t_{bubble}, t_{DP}),\ \text{capacity where memory lacks}",
    source="definition: what the largest part of the step waits for",
    example=_TERMS | dict(hbm_bound_time=0.0625, memory_per_gpu=60e9, hbm_capacity=85e9, expect=0.0),
)
def binding(
    attention_time: Seconds,
    feed_forward_time: Seconds,
    vector_time: Seconds,
    lm_head_time: Seconds,
    recompute_time: Seconds,
    exposed_tp_comm_time: Seconds,
    exposed_cp_comm_time: Seconds,
    exposed_ep_comm_time: Seconds,
    exposed_pp_comm_time: Seconds,
    exposed_dp_comm_time: Seconds,
    pipeline_bubble_time: Seconds,
    optimizer_time: Seconds,
    hbm_bound_time: Seconds,
    memory_per_gpu: Bytes,
    hbm_capacity: Bytes,
) -> Annotated[Array, Category(("compute", "hbm", "tp", "cp", "ep", "pp", "dp", "capacity"))]:
    """What bounds a training step."""
    busy = attention_time + feed_forward_time + vector_time + lm_head_time + recompute_time + optimizer_time
    parts = (
        busy - hbm_bound_time,
        hbm_bound_time,
        exposed_tp_comm_time,
        exposed_cp_comm_time,
        exposed_ep_comm_time,
        exposed_pp_comm_time + pipeline_bubble_time,
        exposed_dp_comm_time,
    )
    code, largest = jnp.zeros_like(busy), parts[0]
    for position, part in enumerate(parts[1:], start=1):
        code = jnp.where(part > largest, float(position), code)
        largest = jnp.maximum(largest, part)
    return jnp.where(memory_per_gpu > hbm_capacity, float(len(parts)), code)


@cost_model(
    formula=r"B\,s / t_{step}",
    source="definition: tokens of a step over its time",
    example=dict(global_batch_size=1024, seq_len=4096, step_time=8.0, expect=524288.0),
)
def tokens_per_second(global_batch_size: Count, seq_len: Count, step_time: Seconds) -> PerSecond:
    """Training tokens per second."""
    return global_batch_size * seq_len / step_time


@cost_model(
    formula=r"B\,s / (t_{step}\,n)",
    source="definition: tokens per second over all GPUs, idle ones included",
    example=dict(tokens_per_second=524288.0, world_size=512, expect=1024.0),
)
def tokens_per_second_per_gpu(tokens_per_second: PerSecond, world_size: Count) -> PerSecond:
    """Training tokens per second and GPU."""
    return tokens_per_second / world_size


@cost_model(
    formula=r"\frac{F_{model}}{t_{step}\,n\,\pi}",
    source="chowdhery-et-al-2022, app. B (MFU)",
    example=dict(
        model_flops_per_step=1.864332e18, step_time=8.0, world_size=512, peak_flops=989.4e12, expect=0.4600386
    ),
)
def predicted_mfu(
    model_flops_per_step: Flops, step_time: Seconds, world_size: Count, peak_flops: FlopsPerSecond
) -> Number:
    """Model FLOPs utilisation, predicted: recomputation does not count.

    By default the model FLOPs count the full square of attention, of which causal kernels execute half, so long
    sequences can show more than `compute_efficiency`; `causal_attention_counted` counts the half.
    """
    return model_flops_per_step / (step_time * world_size * peak_flops)


@cost_model(
    formula=r"\frac{F_{executed}}{t_{step}\,n\,\pi}",
    source="chowdhery-et-al-2022, app. B (HFU)",
    example=dict(
        executed_flops_per_step=2.40476e18, step_time=8.0, world_size=512, peak_flops=989.4e12, expect=0.593396
    ),
)
def predicted_hfu(
    executed_flops_per_step: Flops, step_time: Seconds, world_size: Count, peak_flops: FlopsPerSecond
) -> Number:
    """Hardware FLOPs utilisation, predicted: recomputation counts."""
    return executed_flops_per_step / (step_time * world_size * peak_flops)
