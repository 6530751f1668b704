"""Failures of a run on many GPUs, and how long it stands still after one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..annotations import Bytes, BytesPerSecond, Count, Number, Seconds
from ..arrays import jnp
from ..primitives.exponentials import LONGEST
from ..registry import constraint, cost_model
from .checkpoints import store_time

_NODES = tuple(zip(*(column.tolist() for column in np.polynomial.laguerre.laggauss(16)), strict=True))
"""Gauss-Laguerre nodes and weights: exact for polynomials up to degree 31."""


@cost_model(
    formula=r"M = \theta / n",
    source="kokolis-et-al-2025 (time to failure falls as one over the GPUs of a job)",
    example=dict(gpu_mtbf=182437208.6, world_size=16384, expect=11135.08353),
)
def cluster_mtbf(gpu_mtbf: Seconds, world_size: Count) -> Seconds:
    """Mean time between failures of the run.

    Failures are independent and come at a constant rate; any of them stops all GPUs.
    """
    return gpu_mtbf / world_size


@cost_model(
    formula=r"\max\left(\frac{S + S_0}{n\,\beta_{gpu}}, \frac{S + S_0}{\beta_{store}}\right),"
    r"\ S_0 = \varphi\,(N + N_{mtp})\,w",
    source="definition: trained state and frozen weights, read once and spread over the network of the GPUs",
    example=dict(
        checkpoint_size=5.67e12,
        num_parameters=405e9,
        mtp_parameters=0,
        frozen_share=0,
        weight_width=2,
        world_size=16384,
        checkpoint_bandwidth=1e9,
        storage_bandwidth=2e12,
        expect=2.835,
    ),
)
def checkpoint_load_time(
    checkpoint_size: Bytes,
    num_parameters: Count,
    mtp_parameters: Count,
    frozen_share: Number,
    weight_width: Bytes,
    world_size: Count,
    checkpoint_bandwidth: BytesPerSecond,
    storage_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time to load the state after a failure.

    The store reads as fast as it writes.
    """
    frozen = frozen_share * (num_parameters + mtp_parameters) * weight_width
    return store_time(checkpoint_size + frozen, world_size, checkpoint_bandwidth, storage_bandwidth)


@cost_model(
    formula=r"R = t_{detect} + t_{init} + t_{load}",
    source="megascale-2024, sec. 4 and 6.3",
    example=dict(detection_time=600, initialisation_time=300, checkpoint_load_time=2.835, expect=902.835),
    terms=("detection_time", "initialisation_time", "checkpoint_load_time"),
)
def restart_time(detection_time: Seconds, initialisation_time: Seconds, checkpoint_load_time: Seconds) -> Seconds:
    """Time from a failure until training goes on, if none comes between."""
    return detection_time + initialisation_time + checkpoint_load_time


@cost_model(
    formula=r"\frac{T_r}{a\left(1/B_{S+1}(a) - 1\right)},\ a = \frac{T_r}{M},\ "
    r"\frac{1}{B_c(a)} = \int_0^\infty e^{-u}\left(1 + \frac{u}{a}\right)^c du",
    source="jagerman-1974 (the loss formula of Erlang and its integral)",
    example=dict(node_repair_time=86400, cluster_mtbf=21600, spare_nodes=4, expect=5368.5437),
)
def node_wait_time(node_repair_time: Seconds, cluster_mtbf: Seconds, spare_nodes: Count) -> Seconds:
    r"""Wait for a node after a failure, mean.

    Failed nodes are repaired side by side. With S spares the run waits while S + 1 nodes are in repair, which is the
    share of time in which a loss system of S + 1 servers is full, whatever the distribution of repairs: B. Over the
    rate of failures while it runs, that is the wait of one failure; without spares it is the repair itself. The
    integral continues the formula between whole numbers of spares.
    """
    load = jnp.maximum(node_repair_time / cluster_mtbf, 1e-6)
    servers = spare_nodes + 1
    free = 0.0
    for node, weight in _NODES:
        free = free + weight * jnp.expm1(jnp.minimum(servers * jnp.log1p(node / load), 80.0))
    return node_repair_time / (load * free)


class Attempt(NamedTuple):
    """What has to pass without a failure."""

    checkpoint_interval: Seconds
    checkpoint_stall_time: Seconds
    checkpoint_lag_time: Seconds
    restart_time: Seconds


@constraint(
    legal=True,
    message="failures come every {cluster_mtbf}, too often for checkpoints every {checkpoint_interval} and restarts"
    " of {restart_time}",
    formula=r"20\,M - \max(\tau + C, D, R) \ge 0",
    source="definition: beyond 20 mean times one attempt in 5e8 succeeds; exponents are held constant from there",
    example=dict(
        cluster_mtbf=60,
        checkpoint_interval=1800,
        checkpoint_stall_time=30,
        checkpoint_lag_time=0,
        restart_time=900,
        expect=-630.0,
    ),
)
def outruns_failures(cluster_mtbf: Seconds, attempt: Attempt) -> Seconds:
    """Time by which attempts could be longer before the run stands still."""
    segment = attempt.checkpoint_interval + attempt.checkpoint_stall_time
    longest = jnp.maximum(jnp.maximum(segment, attempt.checkpoint_lag_time), attempt.restart_time)
    return LONGEST * cluster_mtbf - longest
