"""Where a parallel group sits in the network, and the conditions on it."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from .annotations import BytesPerSecond, Count, Number, Seconds
from .primitives.collectives import Tier
from .registry import constraint


class Network(NamedTuple):
    """The four tiers of the network, from the inside; every field is a leaf.

    Bandwidths are per GPU and one direction. A tier's size counts what it joins: GPUs for the scale-up domain,
    scale-up domains for the scale-out network, and so on.
    """

    scale_up_size: Count
    scale_up_bandwidth: BytesPerSecond
    scale_up_latency: Seconds
    scale_up_oversubscription: Number
    scale_out_size: Count
    scale_out_bandwidth: BytesPerSecond
    scale_out_latency: Seconds
    scale_out_oversubscription: Number
    tier2_size: Count
    tier2_bandwidth: BytesPerSecond
    tier2_latency: Seconds
    tier2_oversubscription: Number
    tier3_size: Count
    tier3_bandwidth: BytesPerSecond
    tier3_latency: Seconds
    tier3_oversubscription: Number
    link_efficiency: Number


def tiers_of(network: Network, group: Count, stride: Count) -> tuple[Tier, ...]:
    r"""What a group of `group` ranks, `stride` GPUs apart, sees of each tier.

    With $c_k$ GPUs inside tier $k$, the group reaches $r_k = \mathrm{clip}(c_k / \mathrm{stride}, 1, g)$ of its ranks
    there, and $r_k / r_{k-1}$ parts meet on the tier. The outermost tier joins whatever is left. Members are relaxed
    to reals where a group does not fill whole domains. Outside the tier that covers the group there is exactly one
    part: a quotient would leave rounding error, to be divided by the bandwidth of a link that nobody stated.
    """
    sizes = (network.scale_up_size, network.scale_out_size, network.tier2_size)
    links = (
        (network.scale_up_bandwidth, network.scale_up_latency, network.scale_up_oversubscription),
        (network.scale_out_bandwidth, network.scale_out_latency, network.scale_out_oversubscription),
        (network.tier2_bandwidth, network.tier2_latency, network.tier2_oversubscription),
        (network.tier3_bandwidth, network.tier3_latency, network.tier3_oversubscription),
    )
    reached = inside = jnp.ones_like(group)
    covered = jnp.zeros_like(group, dtype=bool)
    tiers = []
    for size, (bandwidth, latency, oversubscription) in zip((*sizes, None), links, strict=True):
        inside = inside if size is None else inside * size
        room = group if size is None else inside / stride
        reach = jnp.where(room < group, jnp.where(room > 1, room, 1.0), group)
        link = bandwidth * network.link_efficiency / oversubscription
        tiers.append(Tier(jnp.where(covered, 1.0, reach / reached), link, latency))
        reached, covered = reach, room >= group
    return tuple(tiers)


@constraint(
    legal=True,
    message="{world_size} GPUs are more than the {scale_up_size} x {scale_out_size} x {tier2_size} x {tier3_size} of the network",
    formula=r"s_0 s_1 s_2 s_3 - n \ge 0",
    source="definition: a network joins as many GPUs as the product of its tier sizes",
    example=dict(world_size=4096, scale_up_size=8, scale_out_size=256, tier2_size=1, tier3_size=1, expect=-2048.0),
)
def fits_network(
    world_size: Count, scale_up_size: Count, scale_out_size: Count, tier2_size: Count, tier3_size: Count
) -> Count:
    """GPUs that the network could still join."""
    return scale_up_size * scale_out_size * tier2_size * tier3_size - world_size
