"""Degrees, batches, stages and the pipeline bubble."""

from __future__ import annotations

from ..annotations import Choice, Count, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model

ZERO_BUBBLE, DUALPIPE = 2, 3
"""Positions of `zero_bubble` and `dualpipe` among the options of pipeline_schedule."""


@cost_model(
    formula=r"n / (t\,p\,c)",
    source="narayanan-et-al-2021, sec. 3 (the product of the degrees is the number of GPUs)",
    example=dict(world_size=4096, tp=8, pp=4, expect=128.0),
)
def dp(world_size: Count, tp: Count, pp: Count, cp: Count) -> Count:
    """Data parallel degree."""
    return world_size / (tp * pp * cp)


@cost_model(
    when_given="dp",
    formula=r"t\,p\,c\,d",
    source="narayanan-et-al-2021, sec. 3 (the product of the degrees is the number of GPUs)",
    example=dict(dp=128, tp=8, pp=4, expect=4096.0),
)
def world_size(dp: Count, tp: Count, pp: Count, cp: Count) -> Count:
    """GPUs, from a given data parallel degree."""
    return dp * tp * pp * cp


@cost_model(
    formula=r"B / (b\,d)",
    source="narayanan-et-al-2021, sec. 2.2 (m micro-batches per pipeline flush)",
    example=dict(global_batch_size=1024, micro_batch_size=2, dp=128, expect=4.0),
)
def num_micro_batches(global_batch_size: Count, micro_batch_size: Count, dp: Count) -> Count:
    """Micro-batches of one step on every data parallel rank."""
    return global_batch_size / (micro_batch_size * dp)


@cost_model(
    when_given="num_micro_batches",
    formula=r"m\,b\,d",
    source="narayanan-et-al-2021, sec. 2.2 (m micro-batches per pipeline flush)",
    example=dict(num_micro_batches=4, micro_batch_size=2, dp=128, expect=1024.0),
)
def global_batch_size(num_micro_batches: Count, micro_batch_size: Count, dp: Count) -> Count:
    """Global batch in sequences, from a given number of micro-batches."""
    return num_micro_batches * micro_batch_size * dp


@cost_model(
    formula=r"d / d_r",
    source="zhao-et-al-2023, sec. 3.2.2 (hybrid sharding)",
    example=dict(dp=128, dp_replicate=4, expect=32.0),
)
def dp_shard(dp: Count, dp_replicate: Count) -> Count:
    """Data parallel ranks over which states are sharded."""
    return dp / dp_replicate


@cost_model(
    formula=r"t",
    source="definition: experts are split as everything else, unless said",
    example=dict(tp=8, expect=8.0),
)
def expert_tp(tp: Count) -> Count:
    """Tensor parallel degree of the routed experts."""
    return tp


@cost_model(
    formula=r"L / p",
    source="narayanan-et-al-2021, sec. 2.2 (stages of equal depth, unless said)",
    example=dict(num_layers=80, pp=4, expect=20.0),
)
def first_stage_layers(num_layers: Count, pp: Count) -> Count:
    """Layers of the first pipeline stage."""
    return num_layers / pp


@cost_model(
    formula=r"L / p, \text{ or } L - L_1 \text{ of two stages}",
    source="narayanan-et-al-2021, sec. 2.2 (stages of equal depth, unless said)",
    example=dict(num_layers=80, pp=4, first_stage_layers=20, expect=20.0),
)
def last_stage_layers(num_layers: Count, pp: Count, first_stage_layers: Count) -> Count:
    """Layers of the last pipeline stage, without prediction modules."""
    return jnp.where(pp == 2, num_layers - first_stage_layers, num_layers / pp)


@cost_model(
    formula=r"\frac{L - L_1 - L_p}{p - 2}",
    source="definition: what first and last stage leave, in equal parts; the first stage's where there is none between",
    example=dict(num_layers=126, pp=16, first_stage_layers=7, last_stage_layers=7, expect=8.0),
)
def middle_stage_layers(num_layers: Count, pp: Count, first_stage_layers: Count, last_stage_layers: Count) -> Count:
    """Layers of every stage between the first and the last."""
    between = pp > 2
    left = num_layers - first_stage_layers - last_stage_layers
    return jnp.where(between, left / jnp.where(between, pp - 2, 1.0), first_stage_layers)


@cost_model(
    formula=r"\max(L_1, L_i, L_p)",
    source="narayanan-et-al-2021, sec. 2.2 (the slowest stage sets the pace)",
    example=dict(first_stage_layers=7, middle_stage_layers=8, last_stage_layers=7, expect=8.0),
)
def layers_per_stage(first_stage_layers: Count, middle_stage_layers: Count, last_stage_layers: Count) -> Count:
    """Layers of the deepest pipeline stage."""
    return jnp.maximum(jnp.maximum(first_stage_layers, middle_stage_layers), last_stage_layers)


@cost_model(
    formula=r"\frac{p-1}{v\,m}",
    source="narayanan-et-al-2021, sec. 2.2.2 (time in the bubble over the ideal time)",
    example=dict(pp=4, vpp=2, num_micro_batches=16, expect=0.09375),
)
def pipeline_bubble_overhead(pp: Count, vpp: Count, num_micro_batches: Count) -> Number:
    """Time in the bubble of a 1F1B pipeline over the time of the micro-batches.

    This is the overhead over the ideal time, not the share of the step spent idle, which is x / (1 + x).
    """
    return (pp - 1) / (vpp * num_micro_batches)


@cost_model(
    formula=r"\frac{p-1}{v\,m}t \text{ (1F1B)};\ \frac{p-1}{m}(t - 2w) \text{ (zero bubble)};\ \frac{p/2-1}{m}(t + b - 3w) \text{ (DualPipe)}",
    source="narayanan-et-al-2021, sec. 2.2.2; qi-et-al-2024, sec. 2.3 (ZB-H1); deepseek-v3-2024, table 2 (DualPipe); t all of the micro-batches, b their backward, w the weight gradients in it",
    example=dict(
        pipeline_schedule=2,
        pipeline_bubble_overhead=0.75,
        pp=4,
        num_micro_batches=4,
        stage_time=12.0,
        stage_backward_time=8.0,
        stage_weight_gradient_time=4.0,
        expect=3.0,
    ),
)
def pipeline_bubble_time(
    pipeline_schedule: Choice,
    pipeline_bubble_overhead: Number,
    pp: Count,
    num_micro_batches: Count,
    stage_time: Seconds,
    stage_backward_time: Seconds,
    stage_weight_gradient_time: Seconds,
) -> Seconds:
    """Time in which the pipeline fills and drains.

    Zero-bubble (ZB-H1) fills with the weight gradients, which nobody waits for: of F + B per stage F + B - 2W is left,
    B the full backward. DualPipe feeds micro-batches from both ends, each rank holding two stages' weights. Head and
    optimizer are left out: only the last stage runs the one, all stages the other.
    """
    one = stage_time / num_micro_batches
    backward, weights = stage_backward_time / num_micro_batches, stage_weight_gradient_time / num_micro_batches
    zero = (pp - 1) * jnp.maximum(one - 2 * weights, 0.0)
    dual = jnp.maximum(pp / 2 - 1, 0.0) * jnp.maximum(one + backward - 3 * weights, 0.0)
    filled = pipeline_bubble_overhead * stage_time
    return jnp.where(pipeline_schedule == DUALPIPE, dual, jnp.where(pipeline_schedule == ZERO_BUBBLE, zero, filled))
