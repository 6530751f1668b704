"""The network as one GPU sees it, tier by tier from the inside: the fields of a network record.

Bandwidth is per GPU and one direction. Tier 0 (`scale_up_*`) joins `scale_up_size` GPUs; tier 1 (`scale_out_*`) joins
`scale_out_size` of those domains; tiers 2 and 3 join further ones. A tier of size 1 is unused and costs nothing.
"""

from ..vocabulary import Group, Kind, Leaf

_UNUSED = "the tier is unused"
_UNBOUNDED = 2.0**24
_IN_BOARD_AND_HOST = "the power of the boards holds their ends of the links, that of the hosts adapters and switches"


def _tier(prefix: str, label: str, *, used: bool, size: float | None, size_reason: str) -> tuple[Leaf, ...]:
    def number(what: str, unit: str, words: str, default: float | None, reason: str, *, above: bool = False) -> Leaf:
        return Leaf(
            f"{prefix}_{what}",
            unit,
            Kind.CONTINUOUS,
            f"{label}: {words}",
            Group.NETWORK,
            above=above,
            default=default,
            reason=reason,
        )

    return (
        Leaf(
            f"{prefix}_size",
            "1",
            Kind.COUNT,
            f"{label}: members",
            Group.NETWORK,
            low=1,
            default=size,
            reason=size_reason,
        ),
        number(
            "bandwidth",
            "B/s",
            "bandwidth per GPU, one direction",
            None if used else 1.0,
            "" if used else _UNUSED,
            above=True,
        ),
        number("latency", "s", "latency of one message", None if used else 0.0, "" if used else _UNUSED),
        number(
            "oversubscription",
            "1",
            "oversubscription",
            1.0,
            "full bisection unless the record says otherwise",
            above=True,
        ),
        number(
            "half_message",
            "B",
            "message at which collectives reach two thirds of their bandwidth; far smaller ones run at half",
            0.0,
            "large messages: the size does not matter",
        ),
        Leaf(
            f"{prefix}_reduces",
            "1",
            Kind.FLAG,
            f"{label}: the switches add up all-reduces (NVLS, SHARP)",
            Group.NETWORK,
            high=1,
            default=0,
            reason="ranks add up unless the record says otherwise",
        ),
        number("energy_per_bit", "J/b", "energy per bit sent", 0.0, _IN_BOARD_AND_HOST if used else _UNUSED),
    )


LEAVES = (
    *_tier("scale_up", "Scale-up domain", used=True, size=None, size_reason=""),
    *_tier(
        "scale_out",
        "Scale-out network",
        used=True,
        size=_UNBOUNDED,
        size_reason="unbounded (2^24): one scale-out network joins all domains unless the record says otherwise",
    ),
    *_tier("tier2", "Tier 2", used=False, size=1, size_reason=_UNUSED),
    *_tier("tier3", "Tier 3", used=False, size=1, size_reason=_UNUSED),
    Leaf(
        "link_efficiency",
        "1",
        Kind.CONTINUOUS,
        "Share of link bandwidth that large collectives reach",
        Group.NETWORK,
        high=1,
        above=True,
        default=0.8,
        reason="ring busbw of nccl-tests: 235 of 300 GB/s on A100 NVLink, 367 of 450 on H200 (ml-engineering)",
    ),
    Leaf(
        "collective_overhead",
        "s",
        Kind.CONTINUOUS,
        "Time to start one collective",
        Group.NETWORK,
        default=0.0,
        reason="large messages: the start does not matter",
        note="what the smallest message takes beyond its steps",
    ),
)
