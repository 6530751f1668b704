"""Hops between two ranks, and what a message costs that takes them one after the other."""

from __future__ import annotations

from ...annotations import Array, Bytes, BytesPerSecond, Choice, Count, Seconds
from ...arrays import jnp
from ...registry import cost_model
from .errata import ENERGY_SCOPE, NEGATIVE_BYTES, NVLINK_BANDWIDTH, STORE_AND_FORWARD, UNIT_COMMENTS
from .inputs import DP, NVLINK, Joules, JoulesPerBit, Microseconds, Nanojoules, SecondsPerByte

NAMESPACE = "hop_typed"

_LINKS = dict(alpha_nv=0.2e-6, beta_nv=1 / 90e9, alpha_ib=2e-6, beta_ib=1 / 50e9)
CROSS_NODE = (2, 1)
"""NVLink and InfiniBand hops of a message to another node: GPU to NVLink, the network, NVLink to GPU."""


def serial_latency(
    message: Array, hops: tuple[Array, Array], nvlink: tuple[Array, Array], infiniband: tuple[Array, Array]
) -> Array:
    """Time of `message` bytes over NVLink and InfiniBand hops, one after the other; a link is (startup, per byte)."""
    nv_hops, ib_hops = hops
    return nv_hops * (nvlink[0] + nvlink[1] * message) + ib_hops * (infiniband[0] + infiniband[1] * message)


def same_node(sender: Array, receiver: Array, gpus_per_node: Array) -> Array:
    """Whether two ranks are in one node."""
    return jnp.floor(sender / gpus_per_node) == jnp.floor(receiver / gpus_per_node)


@cost_model(
    formula=r"0 \text{ if } i = j;\ 1 \text{ in one node};\ 2 \text{ between nodes}",
    source="definition: document 001, cell 35",
    example=dict(sender=0, receiver=9, gpus_per_node=8, expect=2),
)
def nv_hops(sender: Count, receiver: Count, gpus_per_node: Count) -> Count:
    """NVLink hops between two ranks."""
    apart = jnp.where(same_node(sender, receiver, gpus_per_node), 1.0, float(CROSS_NODE[0]))
    return jnp.where(sender == receiver, 0.0, apart)


@cost_model(
    formula=r"0 \text{ in one node};\ 1 \text{ between nodes}",
    source="definition: document 001, cell 35",
    example=dict(sender=0, receiver=9, gpus_per_node=8, expect=1),
)
def ib_hops(sender: Count, receiver: Count, gpus_per_node: Count) -> Count:
    """InfiniBand hops between two ranks."""
    return jnp.where(same_node(sender, receiver, gpus_per_node), 0.0, float(CROSS_NODE[1]))


@cost_model(
    formula=r"\text{DP: } L/n;\ \text{TP, PP: } M",
    source="definition: document 001, cells 26 to 28 (what one call of cost_bytes is given)",
    example=dict(strategy=0, ring_chunk=10485760, act_bytes=16777216, expect=10485760),
)
def message(strategy: Choice, ring_chunk: Bytes, act_bytes: Bytes) -> Bytes:
    """One message: a chunk of the ring under DP, the activation under TP and PP."""
    return jnp.where(strategy == DP, ring_chunk, act_bytes)


@cost_model(
    formula=r"n_{NV}(\alpha_{NV} + \beta_{NV} M) + n_{IB}(\alpha_{IB} + \beta_{IB} M)",
    source="definition: document 001, cell 33 (cost_bytes)",
    example=dict(message=16777216, nv_hops=2, ib_hops=1, **_LINKS, expect=7.107713422e-4),
    errata=(NVLINK_BANDWIDTH, STORE_AND_FORWARD, NEGATIVE_BYTES),
)
def message_latency(
    message: Bytes,
    nv_hops: Count,
    ib_hops: Count,
    alpha_nv: Seconds,
    beta_nv: SecondsPerByte,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Seconds:
    """Latency of one message over its hops."""
    return serial_latency(message, (nv_hops, ib_hops), (alpha_nv, beta_nv), (alpha_ib, beta_ib))


@cost_model(
    formula=r"8 M \left(n_{NV}\,e_{NV} + n_{IB}\,e_{IB}\right)",
    source="definition: document 001, cell 33 (cost_bytes)",
    example=dict(message=16777216, nv_hops=2, ib_hops=1, epb_nv=5e-12, epb_ib=25e-12, expect=4.69762048e-3),
    errata=(ENERGY_SCOPE, NEGATIVE_BYTES),
)
def message_energy(
    message: Bytes, nv_hops: Count, ib_hops: Count, epb_nv: JoulesPerBit, epb_ib: JoulesPerBit
) -> Joules:
    """Energy of one message over its hops."""
    return nv_hops * message * 8 * epb_nv + ib_hops * message * 8 * epb_ib


@cost_model(
    formula=r"10^6\,(\alpha_l + \beta_l M)",
    source="definition: document 001, cell 33 (cost_bytes of one hop); the outputs that its text announces",
    example=dict(message=10485760, link=0, **_LINKS, expect=116.70844444),
    errata=(NVLINK_BANDWIDTH, UNIT_COMMENTS),
)
def link_latency(
    message: Bytes,
    link: Choice,
    alpha_nv: Seconds,
    beta_nv: SecondsPerByte,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Microseconds:
    """Latency of one message over one link."""
    return 1e6 * jnp.where(link == NVLINK, alpha_nv + beta_nv * message, alpha_ib + beta_ib * message)


@cost_model(
    formula=r"10^9 \cdot 8 M e_l",
    source="definition: document 001, cell 33 (cost_bytes of one hop); the outputs that its text announces",
    example=dict(message=10485760, link=1, epb_nv=5e-12, epb_ib=25e-12, expect=2097152),
    errata=(UNIT_COMMENTS,),
)
def link_energy(message: Bytes, link: Choice, epb_nv: JoulesPerBit, epb_ib: JoulesPerBit) -> Nanojoules:
    """Energy of one message over one link."""
    return 1e9 * message * 8 * jnp.where(link == NVLINK, epb_nv, epb_ib)


@cost_model(
    formula=r"n_{NV}(\alpha_{NV} + M/b_{NV}) + n_{IB}(\alpha_{IB} + \beta_{IB} M)",
    source="definition: cost_bytes of document 001 with NVLink at its own bandwidth",
    example=dict(
        message=16777216,
        nv_hops=2,
        ib_hops=1,
        alpha_nv=0.2e-6,
        nvlink_bandwidth=450e9,
        alpha_ib=2e-6,
        beta_ib=1 / 50e9,
        expect=4.125097244e-4,
    ),
    errata=(STORE_AND_FORWARD,),
)
def message_latency_serial(
    message: Bytes,
    nv_hops: Count,
    ib_hops: Count,
    alpha_nv: Seconds,
    nvlink_bandwidth: BytesPerSecond,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Seconds:
    """Latency of one message over its hops in turn, NVLink at its own bandwidth."""
    return serial_latency(message, (nv_hops, ib_hops), (alpha_nv, 1 / nvlink_bandwidth), (alpha_ib, beta_ib))


@cost_model(
    formula=r"10^6\,(\alpha_{NV} + M/b_{NV}) \text{ or } 10^6\,(\alpha_{IB} + \beta_{IB} M)",
    source="definition: cost_bytes of document 001 over one hop, with NVLink at its own bandwidth",
    example=dict(
        message=10485760,
        link=0,
        alpha_nv=0.2e-6,
        nvlink_bandwidth=450e9,
        alpha_ib=2e-6,
        beta_ib=1 / 50e9,
        expect=23.50168889,
    ),
)
def link_latency_corrected(
    message: Bytes,
    link: Choice,
    alpha_nv: Seconds,
    nvlink_bandwidth: BytesPerSecond,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Microseconds:
    """Latency of one message over one link, NVLink at its own bandwidth."""
    return 1e6 * jnp.where(link == NVLINK, alpha_nv + message / nvlink_bandwidth, alpha_ib + beta_ib * message)
