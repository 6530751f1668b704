"""What each strategy of the hop-typed document costs: its ring all-reduce, its tensor and its pipeline messages."""

from __future__ import annotations

from ...annotations import Array, Bytes, BytesPerSecond, Count, Seconds
from ...arrays import jnp
from ...registry import cost_model
from .errata import (
    ENERGY_SCOPE,
    NVLINK_BANDWIDTH,
    ONE_BLOCK,
    ONE_PHASE,
    STORE_AND_FORWARD,
    TP_SCHEDULE,
    UNIT_COMMENTS,
)
from .hops import CROSS_NODE, serial_latency
from .inputs import JoulesPerBit, Megabytes, Millijoules, Milliseconds, SecondsPerByte

NAMESPACE = "hop_typed"

_LINKS = dict(alpha_nv=0.2e-6, beta_nv=1 / 90e9, alpha_ib=2e-6, beta_ib=1 / 50e9)
_STATED = dict(alpha_nv=0.2e-6, nvlink_bandwidth=450e9, alpha_ib=2e-6, beta_ib=1 / 50e9)
_ENERGY = dict(epb_nv=5e-12, epb_ib=25e-12)
_RING = dict(ring_chunk=5242880, ring_steps=30, node_crossings=2)
_CROSS = dict(act_bytes=16777216, nv_hops=2, ib_hops=1)


def _slowest_neighbour(
    chunk: Array, crossings: Array, nvlink: tuple[Array, Array], infiniband: tuple[Array, Array]
) -> Array:
    """Latency of one step of the ring: that of its slowest neighbours."""
    near = serial_latency(chunk, (jnp.ones_like(chunk), jnp.zeros_like(chunk)), nvlink, infiniband)
    nv, ib = (hops * jnp.ones_like(chunk) for hops in CROSS_NODE)
    far = serial_latency(chunk, (nv, ib), nvlink, infiniband)
    return jnp.maximum(near, jnp.where(crossings > 0, far, 0.0))


@cost_model(
    formula=r"L/n",
    source="definition: document 001, cell 26 (bytes sent per link and step)",
    example=dict(layer_bytes=83886080, num_gpus=16, expect=5242880),
)
def ring_chunk(layer_bytes: Bytes, num_gpus: Count) -> Bytes:
    """Chunk that every rank sends in each step of the ring."""
    return layer_bytes / num_gpus


@cost_model(
    formula=r"2(n-1)",
    source="definition: document 001, cell 26 (reduce-scatter and all-gather)",
    example=dict(num_gpus=16, expect=30),
)
def ring_steps(num_gpus: Count) -> Count:
    """Steps of the ring all-reduce."""
    return 2 * (num_gpus - 1)


@cost_model(
    formula=r"x = \lceil n/g \rceil \text{ if that is above 1, else } 0",
    source="definition: document 001, cells 35 and 26 (neighbours of the ring in different nodes)",
    example=dict(num_gpus=16, gpus_per_node=8, expect=2),
)
def node_crossings(num_gpus: Count, gpus_per_node: Count) -> Count:
    """Links of the ring that join two nodes."""
    nodes = jnp.ceil(num_gpus / gpus_per_node)
    return jnp.where(nodes > 1, nodes, 0.0)


@cost_model(
    formula=r"10^{-6}\,L\,\frac{n-1}{n}",
    source="definition: document 001, cell 26 (ring_dp)",
    example=dict(layer_bytes=83886080, num_gpus=8, expect=73.40032),
    errata=(ONE_PHASE, UNIT_COMMENTS),
)
def dp_volume(layer_bytes: Bytes, num_gpus: Count) -> Megabytes:
    """Volume per GPU of the data parallel all-reduce, one of its phases."""
    return layer_bytes * (num_gpus - 1) / num_gpus / 1e6


@cost_model(
    formula=r"10^3 \cdot 2(n-1)\,\max_{links}\left(n_{NV}(\alpha_{NV} + \beta_{NV}\tfrac{L}{n}) + n_{IB}(\alpha_{IB} + \beta_{IB}\tfrac{L}{n})\right)",
    source="definition: document 001, cell 26 (ring_dp)",
    example=dict(**_RING, **_LINKS, expect=6.712981333),
    errata=(NVLINK_BANDWIDTH, UNIT_COMMENTS, ONE_BLOCK, STORE_AND_FORWARD),
)
def dp_latency(
    ring_chunk: Bytes,
    ring_steps: Count,
    node_crossings: Count,
    alpha_nv: Seconds,
    beta_nv: SecondsPerByte,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Milliseconds:
    """Latency of the data parallel all-reduce of one layer."""
    step = _slowest_neighbour(ring_chunk, node_crossings, (alpha_nv, beta_nv), (alpha_ib, beta_ib))
    return ring_steps * step * 1e3


@cost_model(
    formula=r"10^3 \cdot 2(n-1) \cdot 8\,\tfrac{L}{n}\left((n-x)\,e_{NV} + x\,(2 e_{NV} + e_{IB})\right)",
    source="definition: document 001, cell 26 (ring_dp)",
    example=dict(num_gpus=16, **_RING, **_ENERGY, expect=176.160768),
    errata=(UNIT_COMMENTS, ENERGY_SCOPE),
)
def dp_energy(
    num_gpus: Count,
    ring_chunk: Bytes,
    ring_steps: Count,
    node_crossings: Count,
    epb_nv: JoulesPerBit,
    epb_ib: JoulesPerBit,
) -> Millijoules:
    """Energy of the data parallel all-reduce of one layer, all links and steps."""
    nv, ib = CROSS_NODE
    per_bit = (num_gpus - node_crossings) * epb_nv + node_crossings * (nv * epb_nv + ib * epb_ib)
    return ring_steps * 8 * ring_chunk * per_bit * 1e3


@cost_model(
    formula=r"10^{-6} \cdot 2M",
    source="definition: document 001, cell 27 (tp_cost)",
    example=dict(act_bytes=16777216, expect=33.554432),
    errata=(TP_SCHEDULE,),
)
def tp_volume(act_bytes: Bytes) -> Megabytes:
    """Volume per GPU of the two tensor parallel messages."""
    return act_bytes * 2 / 1e6


@cost_model(
    formula=r"10^3 \cdot 2(\alpha_{NV} + \beta_{NV} M)",
    source="definition: document 001, cell 27 (tp_cost)",
    example=dict(act_bytes=16777216, alpha_nv=0.2e-6, beta_nv=1 / 90e9, expect=0.373227022),
    errata=(NVLINK_BANDWIDTH, UNIT_COMMENTS, TP_SCHEDULE, ONE_BLOCK),
)
def tp_latency(act_bytes: Bytes, alpha_nv: Seconds, beta_nv: SecondsPerByte) -> Milliseconds:
    """Latency of the two tensor parallel messages of one layer."""
    return 2 * (alpha_nv + beta_nv * act_bytes) * 1e3


@cost_model(
    formula=r"10^3 \cdot 2 \cdot 8 M e_{NV}",
    source="definition: document 001, cell 27 (tp_cost)",
    example=dict(act_bytes=16777216, epb_nv=5e-12, expect=1.34217728),
    errata=(UNIT_COMMENTS, ENERGY_SCOPE, TP_SCHEDULE),
)
def tp_energy(act_bytes: Bytes, epb_nv: JoulesPerBit) -> Millijoules:
    """Energy of the two tensor parallel messages of one sender."""
    return 2 * (act_bytes * 8 * epb_nv) * 1e3


@cost_model(
    formula=r"10^{-6}\,M",
    source="definition: document 001, cell 28 (pp_cost)",
    example=dict(act_bytes=16777216, expect=16.777216),
)
def pp_volume(act_bytes: Bytes) -> Megabytes:
    """Volume of the pipeline message of one sender."""
    return act_bytes / 1e6


@cost_model(
    formula=r"10^3\left(n_{NV}(\alpha_{NV} + \beta_{NV} M) + n_{IB}(\alpha_{IB} + \beta_{IB} M)\right)",
    source="definition: document 001, cell 28 (pp_cost)",
    example=dict(**_CROSS, **_LINKS, expect=0.710771342),
    errata=(NVLINK_BANDWIDTH, UNIT_COMMENTS, STORE_AND_FORWARD),
)
def pp_latency(
    act_bytes: Bytes,
    nv_hops: Count,
    ib_hops: Count,
    alpha_nv: Seconds,
    beta_nv: SecondsPerByte,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Milliseconds:
    """Latency of the pipeline message of one sender."""
    return serial_latency(act_bytes, (nv_hops, ib_hops), (alpha_nv, beta_nv), (alpha_ib, beta_ib)) * 1e3


@cost_model(
    formula=r"10^3 \cdot 8 M\left(n_{NV}\,e_{NV} + n_{IB}\,e_{IB}\right)",
    source="definition: document 001, cell 28 (pp_cost)",
    example=dict(**_CROSS, **_ENERGY, expect=4.69762048),
    errata=(UNIT_COMMENTS, ENERGY_SCOPE),
)
def pp_energy(
    act_bytes: Bytes, nv_hops: Count, ib_hops: Count, epb_nv: JoulesPerBit, epb_ib: JoulesPerBit
) -> Millijoules:
    """Energy of the pipeline message of one sender."""
    return (nv_hops * act_bytes * 8 * epb_nv + ib_hops * act_bytes * 8 * epb_ib) * 1e3


@cost_model(
    formula=r"10^3 \cdot 2(n-1)\,\max_{links}\left(n_{NV}(\alpha_{NV} + \tfrac{L}{n b_{NV}}) + n_{IB}(\alpha_{IB} + \beta_{IB}\tfrac{L}{n})\right)",
    source="definition: ring_dp of document 001 with NVLink at its own bandwidth",
    example=dict(**_RING, **_STATED, expect=3.916778667),
    errata=(STORE_AND_FORWARD, ONE_BLOCK),
)
def dp_latency_serial(
    ring_chunk: Bytes,
    ring_steps: Count,
    node_crossings: Count,
    alpha_nv: Seconds,
    nvlink_bandwidth: BytesPerSecond,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Milliseconds:
    """Latency of the data parallel ring, hops in turn, NVLink at its own bandwidth."""
    step = _slowest_neighbour(ring_chunk, node_crossings, (alpha_nv, 1 / nvlink_bandwidth), (alpha_ib, beta_ib))
    return ring_steps * step * 1e3


@cost_model(
    formula=r"10^3 \cdot 2(\alpha_{NV} + M/b_{NV})",
    source="definition: tp_cost of document 001 with NVLink at its own bandwidth",
    example=dict(act_bytes=16777216, alpha_nv=0.2e-6, nvlink_bandwidth=450e9, expect=0.0749654044),
    errata=(TP_SCHEDULE, ONE_BLOCK),
)
def tp_latency_serial(act_bytes: Bytes, alpha_nv: Seconds, nvlink_bandwidth: BytesPerSecond) -> Milliseconds:
    """Latency of the two tensor parallel messages, NVLink at its own bandwidth."""
    return 2 * (alpha_nv + act_bytes / nvlink_bandwidth) * 1e3


@cost_model(
    formula=r"10^3\left(n_{NV}(\alpha_{NV} + M/b_{NV}) + n_{IB}(\alpha_{IB} + \beta_{IB} M)\right)",
    source="definition: pp_cost of document 001 with NVLink at its own bandwidth",
    example=dict(**_CROSS, **_STATED, expect=0.4125097244),
    errata=(STORE_AND_FORWARD,),
)
def pp_latency_serial(
    act_bytes: Bytes,
    nv_hops: Count,
    ib_hops: Count,
    alpha_nv: Seconds,
    nvlink_bandwidth: BytesPerSecond,
    alpha_ib: Seconds,
    beta_ib: SecondsPerByte,
) -> Milliseconds:
    """Latency of the pipeline message, hops in turn, NVLink at its own bandwidth."""
    nvlink, infiniband = (alpha_nv, 1 / nvlink_bandwidth), (alpha_ib, beta_ib)
    return serial_latency(act_bytes, (nv_hops, ib_hops), nvlink, infiniband) * 1e3
