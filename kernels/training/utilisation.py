"""What a training step amounts to: tokens per second, and the share of the peak rate that it uses."""

from __future__ import annotations

from ..annotations import Count, Flops, FlopsPerSecond, Number, PerSecond, Seconds
from ..registry import cost_model


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
    formula=r"\frac{F_{model}}{t_{step}\,n}",
    source="chowdhery-et-al-2022, app. B",
    example=dict(model_flops_per_step=1.864332e18, step_time=8.0, world_size=512, expect=4.551592e14),
)
def model_flops_per_second_per_gpu(
    model_flops_per_step: Flops, step_time: Seconds, world_size: Count
) -> FlopsPerSecond:
    """Model FLOPs per second and GPU: recomputation does not count."""
    return model_flops_per_step / (step_time * world_size)


@cost_model(
    formula=r"\frac{F_{executed}}{t_{step}\,n}",
    source="chowdhery-et-al-2022, app. B",
    example=dict(executed_flops_per_step=2.40476e18, step_time=8.0, world_size=512, expect=5.870996e14),
)
def executed_flops_per_second_per_gpu(
    executed_flops_per_step: Flops, step_time: Seconds, world_size: Count
) -> FlopsPerSecond:
    """Executed FLOPs per second and GPU: recomputation counts."""
    return executed_flops_per_step / (step_time * world_size)


@cost_model(
    formula=r"\frac{F_{model}}{t_{step}\,n\,\pi}",
    source="chowdhery-et-al-2022, app. B (MFU)",
    example=dict(model_flops_per_second_per_gpu=4.551592e14, peak_flops=989.4e12, expect=0.4600386),
)
def predicted_mfu(model_flops_per_second_per_gpu: FlopsPerSecond, peak_flops: FlopsPerSecond) -> Number:
    """Model FLOPs utilisation, predicted: recomputation does not count.

    By default the model FLOPs count the full square of attention, of which causal kernels execute half, so long
    sequences can show more than `compute_efficiency`; `causal_attention_counted` counts the half.
    """
    return model_flops_per_second_per_gpu / peak_flops


@cost_model(
    formula=r"\frac{F_{executed}}{t_{step}\,n\,\pi}",
    source="chowdhery-et-al-2022, app. B (HFU)",
    example=dict(executed_flops_per_second_per_gpu=5.870996e14, peak_flops=989.4e12, expect=0.593396),
)
def predicted_hfu(executed_flops_per_second_per_gpu: FlopsPerSecond, peak_flops: FlopsPerSecond) -> Number:
    """Hardware FLOPs utilisation, predicted: recomputation counts."""
    return executed_flops_per_second_per_gpu / peak_flops
