"""New weights for the generating GPUs, once an iteration."""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Choice, Count, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model
from .cluster import DISAGGREGATED

SHARDED = 1
"""Position of `sharded` among the options of weight_sync."""
_STAGE_3 = 3


@cost_model(
    formula=r"w\,N_{trained}",
    source="definition: what has changed, in the width of the weights; of adapters only themselves",
    example=dict(weight_width=2, num_trained_parameters=7615616512, expect=15231233024.0),
)
def weight_sync_bytes(weight_width: Bytes, num_trained_parameters: Count) -> Bytes:
    """Weights that change in one iteration."""
    return weight_width * num_trained_parameters


@cost_model(
    formula=r"\eta\,\beta_{out} \text{, within one domain } \eta\,\beta_{up}",
    source="definition: the link that the slowest transfer crosses, of one GPU in one direction",
    example=dict(
        cluster_size=128,
        scale_up_size=8,
        scale_up_bandwidth=450e9,
        scale_out_bandwidth=50e9,
        link_efficiency=0.8,
        expect=4e10,
    ),
)
def weight_sync_bandwidth(
    cluster_size: Count,
    scale_up_size: Count,
    scale_up_bandwidth: BytesPerSecond,
    scale_out_bandwidth: BytesPerSecond,
    scale_out_oversubscription: Number,
    link_efficiency: Number,
) -> BytesPerSecond:
    """Bandwidth of one GPU between training and generation."""
    across = scale_out_bandwidth / scale_out_oversubscription
    return link_efficiency * jnp.where(cluster_size > scale_up_size, across, scale_up_bandwidth)


@cost_model(
    formula=r"\max\left(0, \frac{M}{r} - \frac{M}{h}\right) \text{ colocated, else } M \text{ or } \frac{M}{\min(r, n_t)};\ h = t\,p \text{, } n_t \text{ at ZeRO-3}",
    source="sheng-et-al-2024, sec. 5.4, table 2 (colocated); wu-et-al-2025 (sharded, from GPU to GPU); definition: a broadcast passes every tensor by every GPU",
    example=dict(
        weight_sync_bytes=15231233024,
        placement=0,
        weight_sync=0,
        zero_stage=1,
        generation_replica_size=2,
        tp=8,
        pp=1,
        world_size=64,
        expect=5711712384.0,
    ),
)
def weight_sync_message(
    weight_sync_bytes: Bytes,
    placement: Choice,
    weight_sync: Choice,
    zero_stage: Choice,
    generation_replica_size: Count,
    tp: Count,
    pp: Count,
    world_size: Count,
) -> Bytes:
    """Weights through the busiest link in one synchronisation.

    Colocated, a GPU keeps what it holds of its part and gathers the rest, (tp - r)/(r tp) of the weights. Apart, a
    broadcast passes everything by every GPU; sharded, the training side sends each part once, and replicas pass it on
    while they receive it.
    """
    held = jnp.where(zero_stage == _STAGE_3, world_size, tp * pp)
    gathered = jnp.maximum(1 / generation_replica_size - 1 / held, 0.0)
    part = 1 / jnp.minimum(generation_replica_size, world_size)
    sent = jnp.where(weight_sync == SHARDED, part, 1.0)
    return weight_sync_bytes * jnp.where(placement == DISAGGREGATED, sent, gathered)


@cost_model(
    formula=r"m / \beta",
    source="sanders-speck-traff-2009 (a pipelined broadcast takes the time of the message on one link)",
    example=dict(weight_sync_message=15231233024, weight_sync_bandwidth=4e10, expect=0.3807808),
)
def weight_sync_time(weight_sync_message: Bytes, weight_sync_bandwidth: BytesPerSecond) -> Seconds:
    """Time to bring new weights to the generating GPUs.

    Large messages: without latency, conversion to another format and loading by the engine.
    """
    return weight_sync_message / weight_sync_bandwidth
