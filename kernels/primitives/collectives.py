"""Collective operations over a group of ranks that spans up to four network tiers.

`message` is one rank's full buffer in bytes, as nccl-tests counts it: the gathered output of an all-gather, the input
of a reduce-scatter. Bandwidth is that of one rank in one direction: where several GPUs share a port, each has its part.

All tiers work at the same time on different parts of the buffer, so the slowest bounds the collective: a ring over
four nodes of H200 is as fast as one inside a node. Latencies add up, as each part passes through all ranks.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Array, Bytes, BytesPerSecond, Choice, Count, Flag, Seconds
from ..arrays import jnp
from .arithmetic import ratio

KINDS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send_receive")
ALL_REDUCE, ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL, SEND_RECEIVE = range(len(KINDS))
RING, TREE, BEST = range(3)
TREE_SHARE = 0.92
"""Bandwidth of a double binary tree over that of a ring (NCCL 2.27, src/graph/tuning.cc: double trees)."""
IN_NETWORK_SHARE = 0.85
"""Bandwidth at which switches add up over that of a ring (NCCL 2.27, src/graph/tuning.cc: Hopper)."""


class Tier(NamedTuple):
    """What a group sees of one tier: how many of its parts meet there, and the link of one rank.

    `members` is 1 where the group does not reach the tier; such a tier costs nothing. Messages far below
    `half_message` run at half the bandwidth. `reduces` marks switches that add up. `start` is the time to start one
    collective, the same on every tier.
    """

    members: Count
    bandwidth: BytesPerSecond
    latency: Seconds
    half_message: Bytes | float = 0.0
    reduces: Flag | float = 0.0
    start: Seconds | float = 0.0


Tiers = tuple[Tier, ...]


class _Part(NamedTuple):
    """What one tier adds to a collective: the time to carry its bytes, and its latencies."""

    carrying: Seconds
    waiting: Seconds


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


def all_reduce(message: Bytes, tiers: Tiers, algorithm: Choice | int = RING) -> Seconds:
    r"""Time of an all-reduce by ring, by double binary tree, or by the faster of the two.

    A ring is a reduce-scatter and an all-gather. A tree moves as much at `TREE_SHARE` of the bandwidth and waits
    $2\log_2 r$ latencies on a tier of $r$ parts. Where a tier's switches add up, a rank sends its buffer to them and
    one part of the sums to all: $\frac{r+1}{r} m$, on whichever tiers that is faster.

    Source: patarasuk-yuan-2009, sec. 3; sanders-speck-traff-2009 (two trees); klenk-et-al-2020 (sums in
    the switches).
    """
    ring = _total(tiers, _with_reducing_switches(message, tiers, _ring_parts(message, tiers, passes=2)))
    tree = _total(tiers, _with_reducing_switches(message, tiers, _tree_parts(message, tiers)))
    return jnp.where(algorithm == RING, ring, jnp.where(algorithm == TREE, tree, jnp.minimum(ring, tree)))


def all_gather(message: Bytes, tiers: Tiers) -> Seconds:
    r"""Time of a ring all-gather, and of a ring reduce-scatter, over all tiers at once.

    One ring for every rank of the innermost domain, each leaving it through another port: a tier with $i$ ranks inside
    carries $\frac{g-1}{g} m/i$ per rank. On one tier this is $\frac{g-1}{g}\frac{m}{\beta} + (g-1)\alpha$.

    Source: patarasuk-yuan-2009, sec. 3; hu-et-al-2025, sec. II (channels over all ports).
    """
    return _total(tiers, _ring_parts(message, tiers, passes=1))


def all_to_all(message: Bytes, tiers: Tiers) -> Seconds:
    r"""Time of a pairwise all-to-all: every rank sends $m/g$ to each peer.

    What leaves a domain goes through the tier around it, however far its peer is. On one tier this is
    $\frac{g-1}{g}\frac{m}{\beta} + (g-1)\alpha$.

    Source: thakur-rabenseifner-gropp-2005 (all-to-all, pairwise exchange).
    """
    group, parts, reached = _group(tiers), [], 1.0
    for position, tier in enumerate(tiers):
        peers = reached * (tier.members - 1)
        outside, crossing = 1 - reached / group, 2 * (1 - 1 / tier.members)
        leaving = jnp.where(outside < crossing, outside, crossing) if position else peers / group
        parts.append(_Part(_carried(leaving * message, message, tier), peers * tier.latency))
        reached = reached * tier.members
    return _total(tiers, parts)


def neighbour_exchange(message: Bytes, tiers: Tiers) -> Seconds:
    """Time of sending `message` to the next rank of the group, over the slowest link any rank has to cross.

    A send is no turn of a ring: it has the whole bandwidth at any size and does not pay the start of a collective.
    """
    slowest = jnp.zeros_like(message)
    for tier in tiers:
        crossing = jnp.where(tier.members > 1, message / tier.bandwidth + tier.latency, 0.0)
        slowest = jnp.maximum(slowest, crossing)
    return slowest


def sent(message: Bytes, tiers: Tiers, kind: Choice | int) -> tuple[Bytes, ...]:
    """Bytes that a rank sends over each tier in a collective of `kind`, the mean over its ranks.

    Every byte counts once, on the outermost tier it crosses. An all-reduce sends twice what an all-gather does, by
    ring or by tree, and less where the switches add up.
    """
    group, inside, found = _group(tiers), 1.0, []
    passes = jnp.where(kind == ALL_REDUCE, 2.0, 1.0)
    for tier in tiers:
        peers = inside * (tier.members - 1)
        # Of the neighbours on a ring, those at the end of a domain cross; the last tier also closes the ring.
        hops = 1 / inside - jnp.where(inside * tier.members < group, 1 / (inside * tier.members), 0.0)
        crossing = jnp.where(tier.members > 1, hops, 0.0)
        around = passes * (1 - 1 / group) * crossing
        summed = jnp.minimum(around, (1 + 1 / tier.members) * crossing)
        share = jnp.where((kind == ALL_REDUCE) & (tier.reduces > 0), summed, around)
        share = jnp.where(kind == ALL_TO_ALL, peers / group, jnp.where(kind == SEND_RECEIVE, crossing, share))
        found.append(share * message)
        inside = inside * tier.members
    return tuple(found)


def _group(tiers: Tiers) -> Count:
    """Ranks of the group."""
    group = jnp.ones_like(tiers[0].members)
    for tier in tiers:
        group = group * tier.members
    return group


def _carried(volume: Bytes, message: Bytes, tier: Tier) -> Seconds:
    r"""Time in which one rank's link carries `volume` bytes of a collective of `message`.

    $\frac{V}{\beta}\left(1 + \frac{m_{1/2}}{m + m_{1/2}}\right)$: small messages travel with a flag for every word, at
    half the bandwidth, which libraries give up step by step as messages grow (hu-et-al-2025, sec. III: LL, LL128, Simple).
    """
    half = jnp.asarray(tier.half_message)
    return volume / tier.bandwidth * (1 + ratio(half, message + half))


def _shares(tiers: Tiers) -> list[Array]:
    """The part of the buffer that a rank's link carries on every tier in one pass round the rings.

    Where a group only begins to reach a tier, it carries no more than twice what has to cross, so the share grows
    continuously from nothing.
    """
    group, inside, shares = _group(tiers), 1.0, []
    for position, tier in enumerate(tiers):
        around, crossing = 1 - 1 / group, 2 * (1 - 1 / tier.members)
        # Both are 0 in a group of one, which begins to grow on the innermost tier: the others have no slope there.
        goes_around = around < crossing if position else around <= crossing
        shares.append(jnp.where(goes_around, around, crossing) / inside)
        inside = inside * tier.members
    return shares


def _ring_parts(message: Bytes, tiers: Tiers, passes: int) -> list[_Part]:
    """One or two passes round the rings. Every domain adds the steps inside it, and one to the next domain."""
    outside, parts = _group(tiers), []
    for tier, share in zip(tiers, _shares(tiers), strict=True):
        outside = outside / tier.members
        steps = (tier.members - 1) * outside
        parts.append(_Part(_carried(passes * share * message, message, tier), passes * steps * tier.latency))
    return parts


def _tree_parts(message: Bytes, tiers: Tiers) -> list[_Part]:
    """Up and down two binary trees, each with half the buffer."""
    return [
        _Part(
            _carried(2 * share * message / TREE_SHARE, message, tier),
            2 * jnp.log2(tier.members) * tier.latency,
        )
        for tier, share in zip(tiers, _shares(tiers), strict=True)
    ]


def _with_reducing_switches(message: Bytes, tiers: Tiers, parts: list[_Part]) -> list[_Part]:
    """The parts of an all-reduce, with sums in the switches on the tiers that have them and gain from it."""
    inside, found = 1.0, []
    for tier, part in zip(tiers, parts, strict=True):
        volume = (1 + 1 / tier.members) * message / inside / IN_NETWORK_SHARE
        summed = _Part(_carried(volume, message, tier), 2 * jnp.clip(tier.members - 1, 0.0, 1.0) * tier.latency)
        gains = (tier.reduces > 0) & (sum(summed) < sum(part))
        found.append(_Part(*(jnp.where(gains, new, old) for new, old in zip(summed, part, strict=True))))
        inside = inside * tier.members
    return found


def _total(tiers: Tiers, parts: list[_Part]) -> Seconds:
    """Time of a collective: to start it, to carry on the slowest tier, and to wait on all of them."""
    start = tiers[0].start * jnp.clip(_group(tiers) - 1, 0.0, 1.0)
    slowest, waiting = parts[0]
    for part in parts[1:]:
        slowest = jnp.where(part.carrying > slowest, part.carrying, slowest)
        waiting = waiting + part.waiting
    return start + slowest + waiting
