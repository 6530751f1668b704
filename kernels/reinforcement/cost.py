"""Samples per second, GPU-hours and money of reinforcement learning."""

from __future__ import annotations

from ..annotations import Count, Dollars, DollarsPerHour, Hours, PerSecond, Seconds
from ..registry import cost_model


@cost_model(
    formula=r"S / t",
    source="definition: samples of an iteration over its time",
    example=dict(samples_per_iteration=8192, rl_iteration_time=419.18, expect=19.542917),
)
def rl_samples_per_second(samples_per_iteration: Count, rl_iteration_time: Seconds) -> PerSecond:
    """Samples per second of reinforcement learning."""
    return samples_per_iteration / rl_iteration_time


@cost_model(
    formula=r"n\,t / 3600",
    source="definition: all GPUs for the whole iteration, idle or not",
    example=dict(cluster_size=128, rl_iteration_time=419.18, expect=14.904178),
)
def rl_iteration_gpu_hours(cluster_size: Count, rl_iteration_time: Seconds) -> Hours:
    """GPU-hours of one iteration of reinforcement learning."""
    return rl_iteration_time * cluster_size / 3600


@cost_model(
    formula=r"h\,c",
    source="definition: every GPU is paid, idle or not",
    example=dict(rl_iteration_gpu_hours=14.904178, gpu_hour_price=2.5, expect=37.260445),
)
def rl_iteration_cost(rl_iteration_gpu_hours: Hours, gpu_hour_price: DollarsPerHour) -> Dollars:
    """Cost of one iteration of reinforcement learning."""
    return rl_iteration_gpu_hours * gpu_hour_price


@cost_model(
    formula=r"10^6\,c / S",
    source="definition: cost of an iteration over its samples",
    example=dict(rl_iteration_cost=37.260445, samples_per_iteration=8192, expect=4548.394),
)
def rl_cost_per_million_samples(rl_iteration_cost: Dollars, samples_per_iteration: Count) -> Dollars:
    """Cost of a million samples, generated and trained on."""
    return rl_iteration_cost / samples_per_iteration * 1e6
