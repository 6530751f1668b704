"""The columns of the hop-typed document's final table: what each strategy costs, chosen by `strategy`."""

from __future__ import annotations

from ...annotations import Array, Choice, Count
from ...arrays import jnp
from ...registry import cost_model
from .errata import (
    ENERGY_SCOPE,
    GROUP_LABEL,
    NVLINK_BANDWIDTH,
    ONE_BLOCK,
    ONE_PHASE,
    STORE_AND_FORWARD,
    TP_SCHEDULE,
    UNIT_COMMENTS,
)
from .inputs import DP, TP, Mebibytes, Megabytes, Millijoules, Milliseconds

NAMESPACE = "hop_typed"


def by_strategy(strategy: Array, dp: Array, tp: Array, pp: Array) -> Array:
    """The value of the strategy in question."""
    return jnp.where(strategy == DP, dp, jnp.where(strategy == TP, tp, pp))


@cost_model(
    formula=r"V_{DP}, V_{TP} \text{ or } V_{PP}",
    source="definition: document 001, cell 37 (column PerGPU_MB)",
    example=dict(strategy=1, dp_volume=73.40032, tp_volume=33.554432, pp_volume=16.777216, expect=33.554432),
    errata=(ONE_PHASE, UNIT_COMMENTS),
)
def per_gpu_volume(strategy: Choice, dp_volume: Megabytes, tp_volume: Megabytes, pp_volume: Megabytes) -> Megabytes:
    """Volume per GPU, in decimal megabytes."""
    return by_strategy(strategy, dp_volume, tp_volume, pp_volume)


@cost_model(
    formula=r"V \cdot 10^6 / 2^{20}",
    source="definition: document 001, cell 37 (column PerGPU_MiB)",
    example=dict(per_gpu_volume=73.40032, expect=70.0),
    errata=(ONE_PHASE,),
)
def per_gpu_volume_binary(per_gpu_volume: Megabytes) -> Mebibytes:
    """Volume per GPU, in binary mebibytes."""
    return per_gpu_volume * 1_000_000 / 1_048_576


@cost_model(
    formula=r"t_{DP}, t_{TP} \text{ or } t_{PP}",
    source="definition: document 001, cell 37 (column Latency_ms)",
    example=dict(strategy=0, dp_latency=1.633918222, tp_latency=0.373227022, pp_latency=0.18661351, expect=1.633918222),
    errata=(NVLINK_BANDWIDTH, UNIT_COMMENTS, TP_SCHEDULE, ONE_BLOCK, STORE_AND_FORWARD),
)
def latency(
    strategy: Choice, dp_latency: Milliseconds, tp_latency: Milliseconds, pp_latency: Milliseconds
) -> Milliseconds:
    """Latency of a strategy's communication."""
    return by_strategy(strategy, dp_latency, tp_latency, pp_latency)


@cost_model(
    formula=r"E_{DP}, E_{TP} \text{ or } E_{PP}",
    source="definition: document 001, cell 37 (column Energy_mJ)",
    example=dict(strategy=2, dp_energy=46.9762048, tp_energy=1.34217728, pp_energy=0.67108864, expect=0.67108864),
    errata=(UNIT_COMMENTS, ENERGY_SCOPE),
)
def energy(strategy: Choice, dp_energy: Millijoules, tp_energy: Millijoules, pp_energy: Millijoules) -> Millijoules:
    """Energy of a strategy's communication."""
    return by_strategy(strategy, dp_energy, tp_energy, pp_energy)


@cost_model(
    formula=r"G\,V",
    source="definition: document 001, cell 37 (column Total_MB, computed and dropped)",
    example=dict(per_gpu_volume=73.40032, group_size=2, expect=146.80064),
    errata=(GROUP_LABEL, ONE_PHASE),
)
def total_volume(per_gpu_volume: Megabytes, group_size: Count) -> Megabytes:
    """Aggregate volume: that of one GPU times the size of the group."""
    return per_gpu_volume * group_size


@cost_model(
    formula=r"t_{DP}, t_{TP} \text{ or } t_{PP}",
    source="definition: column Latency_ms of document 001 with NVLink at its own bandwidth",
    example=dict(
        strategy=0,
        dp_latency_serial=0.329023644,
        tp_latency_serial=0.0749654044,
        pp_latency_serial=0.0374827,
        expect=0.329023644,
    ),
    errata=(TP_SCHEDULE, ONE_BLOCK, STORE_AND_FORWARD),
)
def latency_serial(
    strategy: Choice,
    dp_latency_serial: Milliseconds,
    tp_latency_serial: Milliseconds,
    pp_latency_serial: Milliseconds,
) -> Milliseconds:
    """Latency of a strategy's communication, NVLink at its own bandwidth."""
    return by_strategy(strategy, dp_latency_serial, tp_latency_serial, pp_latency_serial)
