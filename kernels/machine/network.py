"""Where a parallel group sits in the network, and the conditions on it."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, BytesPerSecond, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..primitives.collectives import Tier
from ..registry import constraint


class Network(NamedTuple):
    """The four tiers of the network, from the inside; every field is a leaf.

    Bandwidths are per GPU and one direction: of a port that several GPUs share, each has its part. A tier's size
    counts what it joins: GPUs for the scale-up domain, scale-up domains for the scale-out network, and so on.
    """

    scale_up_size: Count
    scale_up_bandwidth: BytesPerSecond
    scale_up_latency: Seconds
    scale_up_oversubscription: Number
    scale_up_half_message: Bytes
    scale_up_reduces: Flag
    scale_out_size: Count
    scale_out_bandwidth: BytesPerSecond
    scale_out_latency: Seconds
    scale_out_oversubscription: Number
    scale_out_half_message: Bytes
    scale_out_reduces: Flag
    tier2_size: Count
    tier2_bandwidth: BytesPerSecond
    tier2_latency: Seconds
    tier2_oversubscription: Number
    tier2_half_message: Bytes
    tier2_reduces: Flag
    tier3_size: Count
    tier3_bandwidth: BytesPerSecond
    tier3_latency: Seconds
    tier3_oversubscription: Number
    tier3_half_message: Bytes
    tier3_reduces: Flag
    link_efficiency: Number
    collective_overhead: Seconds


def tiers_of(network: Network, group: Count, stride: Count) -> tuple[Tier, ...]:
    r"""What a group of `group` ranks, `stride` GPUs apart, sees of each tier.

    With $c_k$ GPUs inside tier $k$, the group reaches $r_k = \mathrm{clip}(c_k / \mathrm{stride}, 1, g)$ of its ranks
    there, and $r_k / r_{k-1}$ parts meet on the tier. The outermost tier joins whatever is left. Members are relaxed
    to reals where a group does not fill whole domains. Outside the tier that covers the group there is exactly one
    part: a quotient would leave rounding error, to be divided by the bandwidth of a link that nobody stated.
    """
    sizes = (network.scale_up_size, network.scale_out_size, network.tier2_size)
    links = [
        Tier(
            jnp.ones_like(group),
            bandwidth * network.link_efficiency / oversubscription,
            latency,
            half_message,
            reduces,
            network.collective_overhead,
        )
        for bandwidth, latency, oversubscription, half_message, reduces in _links(network)
    ]
    reached = inside = jnp.ones_like(group)
    covered = jnp.zeros_like(group, dtype=bool)
    tiers = []
    for size, link in zip((*sizes, None), links, strict=True):
        inside = inside if size is None else inside * size
        room = group if size is None else inside / stride
        reach = jnp.where(room < group, jnp.where(room > 1, room, 1.0), group)
        tiers.append(link._replace(members=jnp.where(covered, 1.0, reach / reached)))
        reached, covered = reach, room >= group
    return tuple(tiers)


def _links(network: Network) -> tuple[tuple[BytesPerSecond, Seconds, Number, Bytes, Flag], ...]:
    """Bandwidth, latency, oversubscription, half message and reducing switches of every tier."""
    fields = ("bandwidth", "latency", "oversubscription", "half_message", "reduces")
    return tuple(
        tuple(getattr(network, f"{tier}_{field}") for field in fields)  # pyright: ignore[reportReturnType]
        for tier in ("scale_up", "scale_out", "tier2", "tier3")
    )


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
