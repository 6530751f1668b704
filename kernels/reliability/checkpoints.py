"""Checkpoints: how large they are, what writing one takes, and how often to write one.

Every GPU holds and writes an equal share of the trained state, once, however often the state is replicated (fully
parallel saving). A synchronous checkpoint holds training up until it is written. An asynchronous one holds it up while
the state is copied to the host; it is safe when it has reached the store, and the next one starts no earlier.
"""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..primitives.exponentials import second_remainder
from ..registry import constraint, cost_model

_STEPS = 4
"""Newton steps to the optimum: the first guess is within 5 %, four steps reach rounding error."""


@cost_model(
    formula=r"N_{tr}\,(w + w_m + o)",
    source="le-scao-et-al-2022, model card (bf16 weights 329 GB, with optimizer states 2.3 TB)",
    example=dict(
        num_trained_parameters=176247271424,
        weight_width=2,
        master_width=4,
        optimizer_width=8,
        expect=2467461799936.0,
    ),
)
def checkpoint_size(
    num_trained_parameters: Count, weight_width: Bytes, master_width: Bytes, optimizer_width: Bytes
) -> Bytes:
    """Bytes of one checkpoint.

    Weights, master weights and optimizer moments of everything trained, once; no gradients, no frozen weights.
    """
    return num_trained_parameters * (weight_width + master_width + optimizer_width)


def store_time(size: Bytes, gpus: Count, per_gpu: BytesPerSecond, whole: BytesPerSecond) -> Seconds:
    """Time to move `size` bytes, an equal share to or from every GPU, as the slower of GPUs and store allows."""
    return jnp.maximum(size / gpus / per_gpu, size / whole)


@cost_model(
    formula=r"\max\left(\frac{S}{n\,\beta_{gpu}}, \frac{S}{\beta_{store}}\right)",
    source="definition: equal shares on all GPUs, all at once; the slower side decides",
    example=dict(
        checkpoint_size=5.67e12,
        world_size=16384,
        checkpoint_bandwidth=1e9,
        storage_bandwidth=2e12,
        expect=2.835,
    ),
)
def checkpoint_time(
    checkpoint_size: Bytes, world_size: Count, checkpoint_bandwidth: BytesPerSecond, storage_bandwidth: BytesPerSecond
) -> Seconds:
    """Time to write one checkpoint to the store."""
    return store_time(checkpoint_size, world_size, checkpoint_bandwidth, storage_bandwidth)


@cost_model(
    formula=r"C = t_{write} \text{ or, asynchronously, } \frac{S}{n\,\beta_{host}}",
    source="megascale-2024, sec. 4.4 (first to host memory, from there to the store in the background)",
    example=dict(
        checkpoint_size=5.67e12,
        world_size=1024,
        host_bandwidth=25e9,
        checkpoint_time=45.0,
        asynchronous_checkpoint=1,
        expect=0.22148438,
    ),
)
def checkpoint_stall_time(
    checkpoint_size: Bytes,
    world_size: Count,
    host_bandwidth: BytesPerSecond,
    checkpoint_time: Seconds,
    asynchronous_checkpoint: Flag,
) -> Seconds:
    """Time for which one checkpoint holds training up."""
    copying = checkpoint_size / world_size / host_bandwidth
    return jnp.where(asynchronous_checkpoint > 0, copying, checkpoint_time)


@cost_model(
    formula=r"D = t_{write} \text{ if asynchronous, else } 0",
    source="megascale-2024, sec. 4.4 (a checkpoint counts from when it is in the store)",
    example=dict(checkpoint_time=45.0, asynchronous_checkpoint=1, expect=45.0),
)
def checkpoint_lag_time(checkpoint_time: Seconds, asynchronous_checkpoint: Flag) -> Seconds:
    """Time from when training goes on until a checkpoint is safe."""
    return asynchronous_checkpoint * checkpoint_time


def root(value: Number) -> Number:
    """The square root, with slope 0 instead of an infinite one at 0."""
    positive = value > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, value, 1.0)), 0.0)


@cost_model(
    formula=r"\sqrt{2\,C\,M}",
    source="young-1974 (first order in C/M)",
    example=dict(checkpoint_stall_time=300, cluster_mtbf=21600, expect=3600.0),
)
def young_interval(checkpoint_stall_time: Seconds, cluster_mtbf: Seconds) -> Seconds:
    """Checkpoint interval by Young's first-order rule."""
    return root(2 * checkpoint_stall_time / cluster_mtbf) * cluster_mtbf


@cost_model(
    formula=r"\sqrt{2CM}\left(1 + \frac{1}{3}\sqrt{\frac{C}{2M}} + \frac{1}{9}\frac{C}{2M}\right) - C"
    r" \text{ for } C < 2M \text{, else } M",
    source="daly-2006 (the higher-order estimate)",
    example=dict(checkpoint_stall_time=300, cluster_mtbf=21600, expect=3402.777778),
)
def daly_interval(checkpoint_stall_time: Seconds, cluster_mtbf: Seconds) -> Seconds:
    """Checkpoint interval by Daly's higher-order estimate."""
    half = checkpoint_stall_time / (2 * cluster_mtbf)
    inner = jnp.minimum(half, 1.0)
    side = root(inner)
    estimate = 2 * side * (1 + side / 3 + inner / 9) - 2 * inner
    return cluster_mtbf * jnp.where(half < 1, estimate, 1.0)


@cost_model(
    formula=r"M\left(1 + W_0\left(-e^{-C/M - 1}\right)\right)",
    source="daly-2006 (the minimum of the complete cost function, by the Lambert function)",
    example=dict(checkpoint_stall_time=300, cluster_mtbf=21600, expect=3402.84012),
)
def optimal_checkpoint_interval(checkpoint_stall_time: Seconds, cluster_mtbf: Seconds) -> Seconds:
    r"""Checkpoint interval that makes the run shortest.

    The slope of the complete model vanishes where $e^{(\tau + C)/M}(1 - \tau/M) = 1$. With $z = (\tau + C)/M$ this is
    $e^{-z} - 1 + z = C/M$, rising and convex in z, so that Newton's method reaches it from any start. Restarts and
    the lag of an asynchronous checkpoint stretch a run by factors and do not move the optimum.
    """
    cost = jnp.maximum(checkpoint_stall_time / cluster_mtbf, 1e-30)
    z = cost + jnp.sqrt(2 * cost / (1 + 2 * cost))
    for _ in range(_STEPS):
        z = z + (second_remainder(-z) - cost) / jnp.expm1(-z)
    return -cluster_mtbf * jnp.expm1(-z)


@cost_model(
    formula=r"\tau = \max(\tau_{opt}, D, t_{step})",
    source="definition: the optimum, no shorter than one step and than writing a checkpoint in the background",
    example=dict(
        optimal_checkpoint_interval=20.0,
        checkpoint_lag_time=45.0,
        step_time=5.0,
        straggler_slowdown=1.02,
        expect=45.0,
    ),
)
def checkpoint_interval(
    optimal_checkpoint_interval: Seconds, checkpoint_lag_time: Seconds, step_time: Seconds, straggler_slowdown: Number
) -> Seconds:
    """Training between two checkpoints.

    The best there is; give a value to use another one. The run gets longer on both sides of the optimum, so where that
    is too short the bound is best.
    """
    return jnp.maximum(jnp.maximum(optimal_checkpoint_interval, checkpoint_lag_time), step_time * straggler_slowdown)


@cost_model(
    formula=r"\tau / t_{step}",
    source="definition: not rounded to whole steps",
    example=dict(checkpoint_interval=1800.0, step_time=5.0, straggler_slowdown=1.02, expect=352.94118),
)
def steps_per_checkpoint(checkpoint_interval: Seconds, step_time: Seconds, straggler_slowdown: Number) -> Count:
    """Steps between two checkpoints."""
    return checkpoint_interval / (step_time * straggler_slowdown)


@constraint(
    legal=True,
    message="checkpoints every {checkpoint_interval}, writing one in the background takes {checkpoint_lag_time}",
    formula=r"\tau - D \ge 0",
    source="definition: one checkpoint is written at a time",
    example=dict(checkpoint_interval=30.0, checkpoint_lag_time=45.0, expect=-15.0),
)
def writes_checkpoints_in_time(checkpoint_interval: Seconds, checkpoint_lag_time: Seconds) -> Seconds:
    """Time left between the end of one checkpoint and the next."""
    return checkpoint_interval - checkpoint_lag_time


@constraint(
    legal=True,
    message="checkpoints every {checkpoint_interval}, a step takes {step_time}",
    formula=r"\tau - t_{step} \ge 0",
    source="definition: a checkpoint is taken after a step",
    example=dict(checkpoint_interval=4.0, step_time=5.0, straggler_slowdown=1.0, expect=-1.0),
)
def checkpoints_between_steps(checkpoint_interval: Seconds, step_time: Seconds, straggler_slowdown: Number) -> Seconds:
    """Time by which the checkpoint interval exceeds one step."""
    return checkpoint_interval - step_time * straggler_slowdown
