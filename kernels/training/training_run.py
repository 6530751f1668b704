"""A whole training run: steps, time, GPU-hours and money."""

from __future__ import annotations

from ..annotations import Count, Dollars, DollarsPerHour, DollarsPerToken, Hours, Seconds
from ..registry import cost_model


@cost_model(
    formula=r"D / (B\,s)",
    source="definition: tokens of the run over tokens of a step; not rounded",
    example=dict(tokens=1.4e12, global_batch_size=1024, seq_len=4096, expect=333786.01),
)
def num_steps(tokens: Count, global_batch_size: Count, seq_len: Count) -> Count:
    """Steps of a training run."""
    return tokens / (global_batch_size * seq_len)


@cost_model(
    formula=r"N_{steps}\,t_{step}",
    source="definition: no interruption, no evaluation, no checkpoint",
    example=dict(num_steps=333786.01, step_time=5.0, expect=1668930.05),
)
def training_time(num_steps: Count, step_time: Seconds) -> Seconds:
    """Time of a training run without interruptions."""
    return num_steps * step_time


@cost_model(
    formula=r"n\,t / 3600",
    source="definition: all GPUs for the whole time",
    example=dict(training_time=1668930.05, world_size=1024, expect=474717.88),
)
def gpu_hours(training_time: Seconds, world_size: Count) -> Hours:
    """GPU-hours of a training run."""
    return training_time * world_size / 3600


@cost_model(
    formula=r"h\,c",
    source="definition: every rank is paid, idle or not",
    example=dict(gpu_hours=474717.88, gpu_hour_price=2.5, expect=1186794.7),
)
def training_cost(gpu_hours: Hours, gpu_hour_price: DollarsPerHour) -> Dollars:
    """Cost of a training run."""
    return gpu_hours * gpu_hour_price


@cost_model(
    formula=r"\frac{n\,c\,t_{step}}{3600\,B\,s}",
    source="definition: cost of a step over its trained tokens; independent of the length of the run",
    example=dict(
        step_time=5.0, world_size=1024, gpu_hour_price=2.5, global_batch_size=1024, seq_len=4096, expect=8.47710e-7
    ),
)
def cost_per_token(
    step_time: Seconds, world_size: Count, gpu_hour_price: DollarsPerHour, global_batch_size: Count, seq_len: Count
) -> DollarsPerToken:
    """Cost of one trained token."""
    return step_time / 3600 * gpu_hour_price * (world_size / (global_batch_size * seq_len))
