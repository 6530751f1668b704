"""Collectives over tiers of a network in plain Python; groups are placed by counting the ranks of each domain."""

from __future__ import annotations


def tiers(c: dict[str, float], group: int, stride: int) -> list[tuple[float, float, float]]:
    """(parts, bandwidth, latency) of every tier that joins parts of the group `0, stride, 2 stride, ...`."""
    names = ("scale_up", "scale_out", "tier2", "tier3")
    ranks, domain, inside, found = [i * stride for i in range(group)], 1.0, 1, []
    for name in names:
        domain *= c[f"{name}_size"]
        together = sum(rank < domain for rank in ranks)
        if together > inside:
            bandwidth = c[f"{name}_bandwidth"] * c["link_efficiency"] / c[f"{name}_oversubscription"]
            found.append((together / inside, bandwidth, c[f"{name}_latency"]))
            inside = together
    assert inside == group, "the network does not reach all ranks"
    return found


def all_gather(message: float, placed: list[tuple[float, float, float]]) -> float:
    """Outer tiers first, each on what one domain inside it lacks; a ring of parts on every tier."""
    total = 0.0
    for position, (parts, bandwidth, latency) in enumerate(placed):
        share = message
        for inner, _, _ in placed[:position]:
            share /= inner
        total += (parts - 1) * (share / parts / bandwidth + latency)
    return total


def all_to_all(message: float, placed: list[tuple[float, float, float]]) -> float:
    """One message to every peer, over the tier on which the two meet."""
    group = 1.0
    for parts, _, _ in placed:
        group *= parts
    total, met = 0.0, 1.0
    for parts, bandwidth, latency in placed:
        peers = met * parts - met
        total += peers * (message / group / bandwidth + latency)
        met *= parts
    return total


def hop(message: float, placed: list[tuple[float, float, float]]) -> float:
    """One message to the next rank, over the slowest link in use."""
    return max((message / bandwidth + latency for _, bandwidth, latency in placed), default=0.0)
