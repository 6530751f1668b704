r"""A whole run with failures: where its time goes, and what it costs.

Daly's complete model, with checkpoints that may lag behind. Training of $\tau$ and a checkpoint of C make a segment; a
failure throws the run back to the last safe checkpoint, and it restarts in R, again if a failure comes meanwhile. An
asynchronous checkpoint is safe D after its segment, so a failure before that repeats the segment too. With failures at
a constant rate 1/M the expected time of a segment is exactly

$$ M\,e^{R/M}\,e^{D/M}\left(e^{(\tau + C)/M} - 1\right), $$

which is Daly's at D = 0. Waiting for a node comes on top; nothing fails while the run waits.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Count, Dollars, DollarsPerHour, Hours, Number, Seconds
from ..arrays import jnp
from ..primitives.exponentials import growth, second_remainder
from ..registry import cost_model


class Work(NamedTuple):
    """Time of the steps that are kept."""

    training_time: Seconds
    straggler_time: Seconds


class Checkpoints(NamedTuple):
    """How often checkpoints are taken and what one costs."""

    checkpoint_interval: Seconds
    checkpoint_stall_time: Seconds


_SHORTEST = 1e-3


def interval_of(checkpoints: Checkpoints) -> Seconds:
    """The interval, a millisecond at least: no checkpoint is taken without any work between."""
    return jnp.maximum(checkpoints.checkpoint_interval, _SHORTEST)


_RUN = dict(training_time=4.32e6, straggler_time=0, checkpoint_interval=3600, checkpoint_stall_time=300)


@cost_model(
    formula=r"T\,C/\tau",
    source="daly-2006 (dump time)",
    example=dict(**_RUN, expect=360000.0),
)
def checkpointing_time(work: Work, checkpoints: Checkpoints) -> Seconds:
    """Time of a run spent on checkpoints that are kept."""
    useful = work.training_time + work.straggler_time
    return useful / interval_of(checkpoints) * checkpoints.checkpoint_stall_time


@cost_model(
    formula=r"\frac{T}{\tau}\,M\left[e^{x} - 1 - x + (e^{x} - 1)(e^{D/M} - 1)\right],\ x = \frac{\tau + C}{M}",
    source="daly-2006 (complete cost function, less what is kept); definition: D before a checkpoint is safe",
    example=dict(**_RUN, cluster_mtbf=21600, checkpoint_lag_time=0, expect=449118.772),
)
def lost_work_time(
    work: Work, checkpoints: Checkpoints, cluster_mtbf: Seconds, checkpoint_lag_time: Seconds
) -> Seconds:
    """Time of a run spent on what failures destroy.

    Training since the last safe checkpoint and checkpoints that fail.
    """
    segment = (interval_of(checkpoints) + checkpoints.checkpoint_stall_time) / cluster_mtbf
    again = second_remainder(segment) + growth(segment) * growth(checkpoint_lag_time / cluster_mtbf)
    segments = (work.training_time + work.straggler_time) / interval_of(checkpoints)
    return segments * (cluster_mtbf * again)


class Running(NamedTuple):
    """Time of a run in which it trains or checkpoints."""

    training_time: Seconds
    straggler_time: Seconds
    checkpointing_time: Seconds
    lost_work_time: Seconds


_RUNNING = dict(training_time=4.32e6, straggler_time=0, checkpointing_time=3.6e5, lost_work_time=449118.772)


@cost_model(
    formula=r"T_{run}\left(e^{R/M} - 1\right)",
    source="daly-2006 (complete cost function: restarts that fail begin anew)",
    example=dict(**_RUNNING, restart_time=600, cluster_mtbf=21600, expect=144472.7985),
)
def restarting_time(running: Running, restart_time: Seconds, cluster_mtbf: Seconds) -> Seconds:
    """Time of a run spent on restarts.

    Each failure takes M (e^(R/M) - 1) to get over, the failures during the restart included.
    """
    return _sum(running) * growth(restart_time / cluster_mtbf)


def _sum(running: Running) -> Seconds:
    kept = running.training_time + running.straggler_time
    return kept + running.checkpointing_time + running.lost_work_time


@cost_model(
    formula=r"(T_{run} + T_{restart})/M",
    source="definition: failures come at the rate 1/M while the run does not wait for a node",
    example=dict(**_RUNNING, restarting_time=144472.7985, cluster_mtbf=21600, expect=244.1477579),
)
def expected_failures(running: Running, restarting_time: Seconds, cluster_mtbf: Seconds) -> Count:
    """Failures of a run, expected number."""
    return (_sum(running) + restarting_time) / cluster_mtbf


@cost_model(
    formula=r"F\,t_{wait}",
    source="definition: failures times the mean wait of one",
    example=dict(expected_failures=244.1477579, node_wait_time=3600, expect=878931.928),
)
def node_waiting_time(expected_failures: Count, node_wait_time: Seconds) -> Seconds:
    """Time of a run spent waiting for a node."""
    return expected_failures * node_wait_time


_PARTS = (
    "training_time",
    "straggler_time",
    "checkpointing_time",
    "lost_work_time",
    "restarting_time",
    "node_waiting_time",
)


@cost_model(
    formula=r"T_w = M\,e^{(R + D)/M}\left(e^{(\tau + C)/M} - 1\right)\frac{T}{\tau} + F\,t_{wait}",
    source="daly-2006 (complete cost function, in parts)",
    example=dict(**_RUNNING, restarting_time=144472.7985, node_waiting_time=878931.928, expect=6152523.499),
    terms=_PARTS,
)
def run_wall_time(
    training_time: Seconds,
    straggler_time: Seconds,
    checkpointing_time: Seconds,
    lost_work_time: Seconds,
    restarting_time: Seconds,
    node_waiting_time: Seconds,
) -> Seconds:
    """Time of a training run with failures and checkpoints, expected."""
    running = training_time + straggler_time + checkpointing_time + lost_work_time
    return running + restarting_time + node_waiting_time


@cost_model(
    formula=r"T / T_w",
    source="grattafiori-et-al-2024, sec. 3.3.4 (effective training time); megascale-2024, sec. 6.3",
    example=dict(training_time=4.32e6, straggler_time=0, run_wall_time=6152523.499, expect=0.70215091),
)
def effective_training_share(work: Work, run_wall_time: Seconds) -> Number:
    """Share of a run spent on steps that are kept (goodput).

    Steps count as long as they take: stragglers make them longer, not ineffective.
    """
    return (work.training_time + work.straggler_time) / run_wall_time


@cost_model(
    formula=r"(n + S\,g)\,T_w / 3600",
    source="definition: all GPUs, those that stand by too, from the start to the end",
    example=dict(run_wall_time=6152523.499, world_size=1024, spare_nodes=4, gpus_per_node=8, expect=1804740.2263),
)
def run_gpu_hours(run_wall_time: Seconds, world_size: Count, spare_nodes: Count, gpus_per_node: Count) -> Hours:
    """GPU-hours of a training run with failures and checkpoints."""
    return run_wall_time / 3600 * (world_size + spare_nodes * gpus_per_node)


@cost_model(
    formula=r"h\,c",
    source="definition: every GPU is paid, idle or not",
    example=dict(run_gpu_hours=1804740.2263, gpu_hour_price=2.5, expect=4511850.566),
)
def run_cost(run_gpu_hours: Hours, gpu_hour_price: DollarsPerHour) -> Dollars:
    """Cost of a training run with failures and checkpoints."""
    return run_gpu_hours * gpu_hour_price
