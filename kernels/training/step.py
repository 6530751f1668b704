"""One training step: what the deepest stage takes, what is added once, and their sum."""

from __future__ import annotations

from typing import Annotated

from ..annotations import Array, Bytes, BytesPerSecond, Category, Choice, Count, Number, Seconds
from ..arrays import jnp
from ..example_inputs import STAGE
from ..primitives.arithmetic import ratio
from ..primitives.roofline import exposed
from ..registry import cost_model
from .stage_times import STAGE_EXAMPLE, STAGE_TERMS, Stage, StageTerms, in_step, stage_time


@cost_model(
    formula=r"\max\left(0,\ m\,(t_{head} + t_{mtp}) - \frac{L_s - L_p}{L_s}\,t_{stage}\right)",
    source="definition: the last stage runs the head for every micro-batch and the others wait, unless it has fewer layers",
    example=dict(
        lm_head_forward_time=4e-4,
        lm_head_backward_time=8e-4,
        mtp_time=0.0,
        last_stage_layers=20,
        stage_time=1.6864,
        **STAGE,
        expect=0.0192,
    ),
)
def lm_head_time(
    lm_head_forward_time: Seconds,
    lm_head_backward_time: Seconds,
    mtp_time: Seconds,
    last_stage_layers: Count,
    stage_time: Seconds,
    stage: Stage,
) -> Seconds:
    """Head, loss and further predictions: what they add to the deepest stage."""
    added = stage.num_micro_batches * (lm_head_forward_time + lm_head_backward_time + mtp_time)
    spared = (1 - ratio(last_stage_layers, stage.layers_per_stage, 1.0)) * stage_time
    return jnp.maximum(added - spared, 0.0)


@cost_model(
    formula=r"t_{DP} - (1-\sigma)\,o\,\min\left(t_{DP}, n_{mb}\,L_s(t_F + t_B + t_R)\right),\ n_{mb} = m \text{ at stage 3, else } 1",
    source="li-et-al-2020, sec. 3.2 (gradients are reduced behind the last backward pass); zhao-et-al-2023, sec. 3.3",
    example=dict(
        dp_comm_time=0.3095,
        dp_overlap=0.5,
        zero_stage=1,
        layer_forward_time=1.2874e-3,
        layer_backward_time=2.598e-3,
        layer_recompute_time=0.0,
        **STAGE,
        expect=0.270646,
    ),
)
def exposed_dp_comm_time(
    dp_comm_time: Seconds,
    dp_overlap: Number,
    comm_slowdown: Number,
    zero_stage: Choice,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
    stage: Stage,
) -> Seconds:
    """Data parallel communication of one step that is not hidden.

    Gradients are whole only in the last micro-batch, and the first one can start with the first gathered weights, so
    one micro-batch is all there is to hide behind; stage 3 communicates in every one.
    """
    one = stage.layers_per_stage * (layer_forward_time + layer_backward_time + layer_recompute_time)
    behind = one * jnp.where(zero_stage == 3, stage.num_micro_batches, 1.0)
    return exposed(dp_comm_time, dp_overlap, behind, comm_slowdown)


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
    optimizer_offload: Number,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of the optimizer step on the device.

    Memory traffic of gradients, moments, master and working weights. Sharded, every rank takes the norm of its own
    part of the reduced gradients. What is offloaded is updated by the host.
    """
    gradients = gradient_width * (1 + gradient_norm_passes)
    states = (1 - optimizer_offload) * (2 * optimizer_width + 2 * master_width) + weight_width
    return updated_parameters_per_gpu * (gradients + states) / attainable_hbm_bandwidth


STEP_TERMS = (
    *STAGE_TERMS,
    "lm_head_time",
    "exposed_dp_comm_time",
    "pipeline_bubble_time",
    "optimizer_time",
    "optimizer_offload_time",
    "step_overhead",
)
_TERMS = STAGE_EXAMPLE | dict(
    zip(STEP_TERMS[len(STAGE_TERMS) :], (0.0174, 0.3095, 0.3161, 0.0045, 0.0, 0.0), strict=True)
)


@cost_model(
    formula=r"t_{att} + t_{ffn} + t_{vec} + t_R + t_{host} + t_{TP} + t_{CP} + t_{EP} + t_{PP} + t_{off} + t_{head} + t_{DP} + t_{bubble} + t_{opt} + t_{between}",
    source="narayanan-et-al-2021, sec. 3 and 5; every term on the critical pipeline rank, none of them overlapping another unless its overlap says so",
    example=_TERMS | dict(expect=2.3339),
    terms=STEP_TERMS,
)
def step_time(
    parts: StageTerms,
    lm_head_time: Seconds,
    exposed_dp_comm_time: Seconds,
    pipeline_bubble_time: Seconds,
    optimizer_time: Seconds,
    optimizer_offload_time: Seconds,
    step_overhead: Seconds,
) -> Seconds:
    """Time of one training step."""
    once = lm_head_time + exposed_dp_comm_time + pipeline_bubble_time + optimizer_time + optimizer_offload_time
    return stage_time(parts) + once + step_overhead


@cost_model(
    formula=r"m\,L_s\,t_{HBM} + t_{opt}",
    source="williams-waterman-patterson-2009, sec. 3 (left of the ridge point); the optimizer is all traffic",
    example=dict(layer_hbm_bound_time=1.811763e-4, optimizer_time=4.5e-3, **STAGE, expect=0.0624764),
)
def hbm_bound_time(layer_hbm_bound_time: Seconds, optimizer_time: Seconds, stage: Stage) -> Seconds:
    """Time of one step spent in operators bound by memory bandwidth."""
    return in_step(stage, layer_hbm_bound_time) + optimizer_time


@cost_model(
    formula=r"\arg\max(t_{compute}, t_{HBM}, t_{TP}, t_{CP}, t_{EP}, t_{PP} + t_{bubble}, t_{DP}, t_{host}),\ \text{capacity where memory lacks}",
    source="definition: what the largest part of the step waits for",
    example=_TERMS | dict(hbm_bound_time=0.0625, memory_per_gpu=60e9, hbm_capacity=85e9, expect=0.0),
)
def binding(
    attention_time: Seconds,
    feed_forward_time: Seconds,
    vector_time: Seconds,
    recompute_time: Seconds,
    launch_time: Seconds,
    exposed_tp_comm_time: Seconds,
    exposed_cp_comm_time: Seconds,
    exposed_ep_comm_time: Seconds,
    exposed_pp_comm_time: Seconds,
    offload_time: Seconds,
    lm_head_time: Seconds,
    exposed_dp_comm_time: Seconds,
    pipeline_bubble_time: Seconds,
    optimizer_time: Seconds,
    optimizer_offload_time: Seconds,
    step_overhead: Seconds,
    hbm_bound_time: Seconds,
    memory_per_gpu: Bytes,
    hbm_capacity: Bytes,
) -> Annotated[Array, Category(("compute", "hbm", "tp", "cp", "ep", "pp", "dp", "host", "capacity"))]:
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
        launch_time + offload_time + optimizer_offload_time + step_overhead,
    )
    code, largest = jnp.zeros_like(busy), parts[0]
    for position, part in enumerate(parts[1:], start=1):
        code = jnp.where(part > largest, float(position), code)
        largest = jnp.maximum(largest, part)
    return jnp.where(memory_per_gpu > hbm_capacity, float(len(parts)), code)
