"""Collectives over tiers of a network in plain Python; groups are placed by counting the ranks of each domain."""

from __future__ import annotations

import math
from typing import NamedTuple

RING, TREE = 0, 1
TREE_SHARE, IN_NETWORK_SHARE = 0.92, 0.85  # NCCL 2.27, src/graph/tuning.cc


class Tier(NamedTuple):
    """A tier that joins parts of a group."""

    parts: float
    bandwidth: float
    latency: float
    half_message: float
    reduces: bool
    start: float


def tiers(c: dict[str, float], group: int, stride: int) -> list[Tier]:
    """Every tier that joins parts of the group `0, stride, 2 stride, ...`, from the inside."""
    ranks, domain, inside, found = [i * stride for i in range(group)], 1.0, 1, []
    for name in ("scale_up", "scale_out", "tier2", "tier3"):
        domain *= c[f"{name}_size"]
        together = sum(rank < domain for rank in ranks)
        if together > inside:
            tier = Tier(
                parts=together / inside,
                bandwidth=c[f"{name}_bandwidth"] * c["link_efficiency"] / c[f"{name}_oversubscription"],
                latency=c[f"{name}_latency"],
                half_message=c[f"{name}_half_message"],
                reduces=c[f"{name}_reduces"] > 0,
                start=c["collective_overhead"],
            )
            found.append(tier)
            inside = together
    assert inside == group, "the network does not reach all ranks"
    return found


def carried(volume: float, message: float, tier: Tier) -> float:
    """Time on one port. A small message carries a flag for every word, half of what is sent; a large one none."""
    flags = tier.half_message / (message + tier.half_message) if tier.half_message else 0.0
    return (volume + volume * flags) / tier.bandwidth


def total(placed: list[Tier], times: list[tuple[float, float]]) -> float:
    """All tiers carry at once, so the slowest counts; a part waits on every one of them."""
    if not placed:
        return 0.0
    return placed[0].start + max(carrying for carrying, _ in times) + sum(waiting for _, waiting in times)


def ring(message: float, placed: list[Tier], passes: int) -> list[tuple[float, float]]:
    """One ring for every port: each tier carries the whole buffer through the ports of the ranks inside it."""
    group = math.prod(tier.parts for tier in placed)
    found, ports, outside = [], 1.0, group
    for tier in placed:
        outside /= tier.parts
        share = min(1 - 1 / group, 2 * (1 - 1 / tier.parts)) / ports
        steps = (tier.parts - 1) * outside
        found.append((carried(passes * share * message, message, tier), passes * steps * tier.latency))
        ports *= tier.parts
    return found


def tree(message: float, placed: list[Tier]) -> list[tuple[float, float]]:
    """A pair of binary trees: the volume of a ring at 92 % of its bandwidth, as deep as the logarithm of the parts."""
    volumes = ring(message, [tier._replace(latency=0.0) for tier in placed], passes=2)
    depths = [2 * math.log2(tier.parts) * tier.latency for tier in placed]
    return [(carrying / TREE_SHARE, depth) for (carrying, _), depth in zip(volumes, depths, strict=True)]


def summed_on_the_way(
    message: float, placed: list[Tier], times: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Where switches add up: a rank sends its buffer to them, and its part of the sums to the others."""
    found, ports = [], 1.0
    for tier, (carrying, waiting) in zip(placed, times, strict=True):
        volume = (message + message / tier.parts) / ports
        other = carried(volume, message, tier) / IN_NETWORK_SHARE, 2 * min(tier.parts - 1, 1) * tier.latency
        found.append(other if tier.reduces and sum(other) < carrying + waiting else (carrying, waiting))
        ports *= tier.parts
    return found


def all_gather(message: float, placed: list[Tier]) -> float:
    """Once round the rings; a reduce-scatter takes as long."""
    return total(placed, ring(message, placed, passes=1))


def all_reduce(message: float, placed: list[Tier], algorithm: int) -> float:
    """Twice round the rings, up and down two trees, or the faster of both."""
    by_ring = total(placed, summed_on_the_way(message, placed, ring(message, placed, passes=2)))
    by_tree = total(placed, summed_on_the_way(message, placed, tree(message, placed)))
    return by_ring if algorithm == RING else by_tree if algorithm == TREE else min(by_ring, by_tree)


def all_to_all(message: float, placed: list[Tier]) -> float:
    """One message to every peer; what leaves a domain goes through its port, all tiers at once."""
    group = math.prod(tier.parts for tier in placed)
    times, met = [], 1.0
    for tier in placed:
        peers = met * tier.parts - met
        leaving = min(group - met, 2 * (1 - 1 / tier.parts) * group) if met > 1 else peers
        times.append((carried(leaving * message / group, message, tier), peers * tier.latency))
        met *= tier.parts
    return total(placed, times)


def deduplicated(placed: list[Tier], choices: float) -> list[Tier]:
    """The tiers as seen by tokens that cross to a domain once: of `choices` copies only as many as domains are hit."""
    found, domains = [], 1.0
    for tier in reversed(placed[1:]):
        domains *= tier.parts
        missed = (1 - 1 / domains) ** choices
        found.append(tier._replace(bandwidth=tier.bandwidth * choices / (domains - domains * missed)))
    return placed[:1] + found[::-1]


def hop(message: float, placed: list[Tier]) -> float:
    """One message to the next rank, over the slowest link in use."""
    return max((message / tier.bandwidth + tier.latency for tier in placed), default=0.0)
