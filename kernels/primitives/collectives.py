"""Collective operations over a group of ranks that spans up to four network tiers.

`message` is one rank's full buffer in bytes, as nccl-tests counts it: the gathered output of an all-gather, the input
of a reduce-scatter. Bandwidth is that of one rank in one direction.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from ..annotations import Bytes, BytesPerSecond, Count, Seconds


class Tier(NamedTuple):
    """What a group sees of one tier: how many of its parts meet there, and the link of one rank.

    `members` is 1 where the group does not reach the tier; such a tier costs nothing.
    """

    members: Count
    bandwidth: BytesPerSecond
    latency: Seconds


def ring_all_reduce(message: Bytes, group: Count, bandwidth: BytesPerSecond, latency: Seconds) -> Seconds:
    r"""Time of a ring all-reduce of `message` bytes per rank over `group` ranks.

    $$ t = 2\,\frac{g-1}{g}\,\frac{m}{\beta} + 2\,(g-1)\,\alpha $$

    A reduce-scatter followed by an all-gather, each of $g-1$ steps that move $m/g$ bytes. At $g = 1$ both terms
    vanish, so a group of one is free and needs no branch.

    Source: patarasuk-yuan-2009, sec. 3.
    """
    return 2 * ring_all_gather(message, group, bandwidth, latency)


def ring_all_gather(message: Bytes, group: Count, bandwidth: BytesPerSecond, latency: Seconds) -> Seconds:
    r"""Time of a ring all-gather, and of a ring reduce-scatter: $\frac{g-1}{g}\frac{m}{\beta} + (g-1)\alpha$.

    Source: patarasuk-yuan-2009, sec. 3; chan-et-al-2007 (bucket algorithms).
    """
    steps = group - 1
    return steps / group * message / bandwidth + steps * latency


def all_reduce(message: Bytes, tiers: tuple[Tier, ...]) -> Seconds:
    """Time of a hierarchical all-reduce: reduce-scatter inward out, all-gather outward in, a ring on every tier.

    A tier carries only what the tiers inside it left: `message` over the product of their members. Every rank uses
    its own link on every tier.

    Source: chan-et-al-2007 (composition over the dimensions of a mesh); jia-et-al-2018 (hierarchical
    all-reduce).
    """
    return 2 * all_gather(message, tiers)


def all_gather(message: Bytes, tiers: tuple[Tier, ...]) -> Seconds:
    """Time of a hierarchical all-gather, and of a hierarchical reduce-scatter."""
    total, inner = jnp.zeros_like(message), jnp.ones_like(message)
    for tier in tiers:
        total = total + ring_all_gather(message / inner, tier.members, tier.bandwidth, tier.latency)
        inner = inner * tier.members
    return total


def all_to_all(message: Bytes, tiers: tuple[Tier, ...]) -> Seconds:
    r"""Time of a pairwise all-to-all: every rank sends $m/g$ to each peer over the tier where they meet.

    On one tier this is $\frac{g-1}{g}\frac{m}{\beta} + (g-1)\alpha$.

    Source: thakur-rabenseifner-gropp-2005 (all-to-all, pairwise exchange).
    """
    group = jnp.ones_like(message)
    for tier in tiers:
        group = group * tier.members
    total, reached = jnp.zeros_like(message), jnp.ones_like(message)
    for tier in tiers:
        beyond = reached * tier.members
        peers = beyond - reached
        total = total + peers / group * message / tier.bandwidth + peers * tier.latency
        reached = beyond
    return total


def neighbour_exchange(message: Bytes, tiers: tuple[Tier, ...]) -> Seconds:
    """Time of sending `message` to the next rank of the group, over the slowest link any rank has to cross."""
    slowest = jnp.zeros_like(message)
    for tier in tiers:
        crossing = jnp.where(tier.members > 1, message / tier.bandwidth + tier.latency, 0.0)
        slowest = jnp.maximum(slowest, crossing)
    return slowest
