"""The document's communication by the main models: a ring for every port, pipelined hops, every sender counted.

Times come from the collectives of the main models on the tiers of a network record, so what `dp_comm_time` and
`tp_all_reduce_time` say of a training step is what stands beside the document's numbers here. Energies keep the
document's energy per bit and its route: a bit to another node takes two NVLink hops and one InfiniBand hop.
"""

from __future__ import annotations

from ...annotations import Array, Bytes, Choice, Count, Number
from ...arrays import jnp
from ...machine.network import Network, tiers_of
from ...primitives.collectives import ALL_REDUCE, Tier, all_reduce, neighbour_exchange, sent
from ...registry import cost_model
from .hops import CROSS_NODE
from .inputs import PP, JoulesPerBit, Megabytes, Millijoules, Milliseconds
from .table import by_strategy

NAMESPACE = "hop_typed"

_DGX = dict(
    scale_up_size=8,
    scale_up_bandwidth=450e9,
    scale_up_latency=0.2e-6,
    scale_out_bandwidth=50e9,
    scale_out_latency=2e-6,
    link_efficiency=1.0,
)
_ENERGY = dict(epb_nv=5e-12, epb_ib=25e-12)
_ATTN = 83886080


def _side_by_side(network: Network, group: Array) -> tuple[Tier, ...]:
    """The tiers of a group whose ranks are neighbours."""
    return tiers_of(network, group, jnp.ones_like(group))


def _all_reduce_energy(buffer: Array, tiers: tuple[Tier, ...], nvlink: Array, infiniband: Array) -> Array:
    """Energy of an all-reduce per GPU: what it sends on every tier, times the energy of the route."""
    nv, ib = CROSS_NODE
    inside, *across = sent(buffer, tiers, ALL_REDUCE)
    return 8 * (inside * nvlink + sum(across) * (nv * nvlink + ib * infiniband))


@cost_model(
    formula=r"10^{-6} \cdot 2L\,\frac{n-1}{n}",
    source="patarasuk-yuan-2009, sec. 3 (reduce-scatter and all-gather)",
    example=dict(layer_bytes_corrected=_ATTN, num_gpus=8, expect=146.80064),
)
def dp_volume_corrected(layer_bytes_corrected: Bytes, num_gpus: Count) -> Megabytes:
    """Volume per GPU of the data parallel all-reduce, both phases."""
    return 2 * layer_bytes_corrected * (num_gpus - 1) / num_gpus / 1e6


@cost_model(
    formula=r"10^{-6} \cdot 2M\,\frac{n-1}{n}",
    source="patarasuk-yuan-2009, sec. 3; shoeybi-et-al-2019, sec. 3 (one all-reduce of the activation a layer, forward)",
    example=dict(act_bytes=16777216, num_gpus=8, expect=29.360128),
)
def tp_volume_corrected(act_bytes: Bytes, num_gpus: Count) -> Megabytes:
    """Volume per GPU of one tensor parallel all-reduce."""
    return 2 * act_bytes * (num_gpus - 1) / num_gpus / 1e6


@cost_model(
    formula=r"10^3 \cdot 2(n-1)\,\max_{links}\left(\tfrac{L}{n\beta} + \alpha\right)",
    source="patarasuk-yuan-2009, sec. 3 (one ring over all ranks; a step waits for its slowest link)",
    example=dict(layer_bytes=_ATTN, num_gpus=16, **_DGX, expect=3.205728),
)
def flat_ring_latency(layer_bytes: Bytes, num_gpus: Count, network: Network) -> Milliseconds:
    """Latency of one flat ring over all GPUs, its hops pipelined."""
    step = neighbour_exchange(layer_bytes / num_gpus, _side_by_side(network, num_gpus))
    return 2 * (num_gpus - 1) * step * 1e3


@cost_model(
    formula=r"10^3 \cdot 2\left(\frac{n-1}{n}\,\max_{tiers}\frac{L}{\prod r_{inner}\,\beta} + \sum_{steps}\alpha\right)",
    source="patarasuk-yuan-2009, sec. 3; hu-et-al-2025, sec. II (a ring for every port, all of them at once)",
    example=dict(layer_bytes_corrected=_ATTN, num_gpus=16, **_DGX, expect=0.402816),
)
def dp_latency_corrected(layer_bytes_corrected: Bytes, num_gpus: Count, network: Network) -> Milliseconds:
    """Latency of the data parallel all-reduce of one layer, a ring for every port."""
    return all_reduce(layer_bytes_corrected, _side_by_side(network, num_gpus)) * 1e3


@cost_model(
    formula=r"10^3 \cdot 2\left(\frac{n-1}{n}\,\max_{tiers}\frac{M}{\prod r_{inner}\,\beta} + \sum_{steps}\alpha\right)",
    source="patarasuk-yuan-2009, sec. 3; shoeybi-et-al-2019, sec. 3 (one all-reduce of the activation a layer, forward)",
    example=dict(act_bytes=16777216, num_gpus=8, **_DGX, expect=0.0680447289),
)
def tp_latency_corrected(act_bytes: Bytes, num_gpus: Count, network: Network) -> Milliseconds:
    """Latency of one tensor parallel all-reduce, a ring for every port."""
    return all_reduce(act_bytes, _side_by_side(network, num_gpus)) * 1e3


@cost_model(
    formula=r"10^3\,\max_{links}\left(\frac{M}{\beta} + \alpha\right)",
    source="definition: the hops of a route carry different parts of one message at once, so the slowest bounds it",
    example=dict(act_bytes=16777216, nv_hops=2, ib_hops=1, **_DGX, expect=0.33754432),
)
def pp_latency_corrected(act_bytes: Bytes, nv_hops: Count, ib_hops: Count, network: Network) -> Milliseconds:
    """Latency of the pipeline message, its hops pipelined."""
    inner, outer, *_ = _side_by_side(network, jnp.ones_like(nv_hops))
    crossed = (
        inner._replace(members=1.0 + jnp.where(nv_hops > 0, 1.0, 0.0)),
        outer._replace(members=1.0 + jnp.where(ib_hops > 0, 1.0, 0.0)),
    )
    return neighbour_exchange(act_bytes, crossed) * 1e3


@cost_model(
    formula=r"10^3\,n \cdot 8 \cdot 2\,\frac{n-1}{n}\,L \sum_{tiers} x_{tier}\,e_{route},\ x_{tier} \text{ the share of neighbours that meet there}",
    source="definition: every bit of a ring at the energy of its route",
    example=dict(layer_bytes_corrected=_ATTN, num_gpus=16, **_DGX, **_ENERGY, expect=176.160768),
)
def dp_energy_corrected(
    layer_bytes_corrected: Bytes, num_gpus: Count, network: Network, epb_nv: JoulesPerBit, epb_ib: JoulesPerBit
) -> Millijoules:
    """Energy of the data parallel all-reduce of one layer, all GPUs."""
    tiers = _side_by_side(network, num_gpus)
    return num_gpus * _all_reduce_energy(layer_bytes_corrected, tiers, epb_nv, epb_ib) * 1e3


@cost_model(
    formula=r"10^3\,n \cdot 8 \cdot 2\,\frac{n-1}{n}\,M \sum_{tiers} x_{tier}\,e_{route},\ x_{tier} \text{ the share of neighbours that meet there}",
    source="definition: every bit of a ring at the energy of its route",
    example=dict(act_bytes=16777216, num_gpus=8, **_DGX, **_ENERGY, expect=9.39524096),
)
def tp_energy_corrected(
    act_bytes: Bytes, num_gpus: Count, network: Network, epb_nv: JoulesPerBit, epb_ib: JoulesPerBit
) -> Millijoules:
    """Energy of one tensor parallel all-reduce, all GPUs."""
    tiers = _side_by_side(network, num_gpus)
    return num_gpus * _all_reduce_energy(act_bytes, tiers, epb_nv, epb_ib) * 1e3


@cost_model(
    formula=r"V_{DP}, V_{TP} \text{ or } V_{PP}",
    source="definition: what one GPU sends",
    example=dict(
        strategy=0, dp_volume_corrected=146.80064, tp_volume_corrected=29.360128, pp_volume=16.777216, expect=146.80064
    ),
)
def per_gpu_volume_corrected(
    strategy: Choice, dp_volume_corrected: Megabytes, tp_volume_corrected: Megabytes, pp_volume: Megabytes
) -> Megabytes:
    """Volume that one GPU sends, both phases of a collective."""
    return by_strategy(strategy, dp_volume_corrected, tp_volume_corrected, pp_volume)


@cost_model(
    formula=r"t_{DP}, t_{TP} \text{ or } t_{PP}",
    source="definition: the collective of each strategy on the tiers of the network",
    example=dict(
        strategy=1,
        dp_latency_corrected=0.329023644,
        tp_latency_corrected=0.0680447289,
        pp_latency_corrected=0.0374827,
        expect=0.0680447289,
    ),
)
def latency_corrected(
    strategy: Choice,
    dp_latency_corrected: Milliseconds,
    tp_latency_corrected: Milliseconds,
    pp_latency_corrected: Milliseconds,
) -> Milliseconds:
    """Latency of a strategy's communication by the main models."""
    return by_strategy(strategy, dp_latency_corrected, tp_latency_corrected, pp_latency_corrected)


@cost_model(
    formula=r"E_{DP}, E_{TP} \text{ or } E_{PP}",
    source="definition: all senders of the group, for every strategy",
    example=dict(
        strategy=1,
        dp_energy_corrected=46.9762048,
        tp_energy_corrected=9.39524096,
        pp_energy=0.67108864,
        expect=9.39524096,
    ),
)
def energy_corrected(
    strategy: Choice, dp_energy_corrected: Millijoules, tp_energy_corrected: Millijoules, pp_energy: Millijoules
) -> Millijoules:
    """Energy of a strategy's communication, all GPUs of the group."""
    return by_strategy(strategy, dp_energy_corrected, tp_energy_corrected, pp_energy)


@cost_model(
    formula=r"n;\ \text{PP: } 2",
    source="definition: a collective joins n GPUs, a pipeline message two",
    example=dict(strategy=0, num_gpus=16, expect=16),
)
def group_size_corrected(strategy: Choice, num_gpus: Count) -> Count:
    """GPUs that take part."""
    return jnp.where(strategy == PP, 2.0, num_gpus)


@cost_model(
    formula=r"n\,V;\ \text{PP: } V",
    source="definition: every byte is counted once, at its sender",
    example=dict(strategy=0, group_size_corrected=8, per_gpu_volume_corrected=146.80064, expect=1174.40512),
)
def total_volume_corrected(
    strategy: Choice, group_size_corrected: Number, per_gpu_volume_corrected: Megabytes
) -> Megabytes:
    """Aggregate volume that the group sends."""
    senders = jnp.where(strategy == PP, 1.0, group_size_corrected)
    return senders * per_gpu_volume_corrected
