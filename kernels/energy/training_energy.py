"""Energy of a training step and of a run: boards idle and at work, links, hosts, and what the building adds."""

from __future__ import annotations

from ..annotations import (
    Bytes,
    BytesPerSecond,
    Count,
    Flops,
    Hours,
    Joules,
    JoulesPerToken,
    Number,
    Seconds,
    Watts,
)
from ..registry import cost_model
from .board_power import DYNAMIC, H100_BOARD, Board, dynamic_energy


@cost_model(
    formula=r"n\,t_{HBM}\,\beta",
    source="definition: operators bound by memory move bytes at the attainable bandwidth; what matrix products move is in their FLOPs",
    example=dict(world_size=512, hbm_bound_time=0.5, attainable_hbm_bandwidth=2.8475e12, expect=7.2896e14),
)
def memory_bound_traffic(world_size: Count, hbm_bound_time: Seconds, attainable_hbm_bandwidth: BytesPerSecond) -> Bytes:
    """Bytes moved by memory-bound operators in one step, all GPUs.

    As if all stages of a pipeline were as deep as the deepest.
    """
    return world_size * hbm_bound_time * attainable_hbm_bandwidth


@cost_model(
    formula=rf"\frac{{1}}{{n\,t}} {DYNAMIC},\ T = n\,t",
    source="choi-et-al-2013 (energies of FLOPs and bytes add up); newkirk-et-al-2025 (power follows the rate of FLOPs)",
    example=dict(
        executed_flops_per_step=2.40476e18,
        memory_bound_traffic=7.2896e14,
        step_time=8.0,
        world_size=512,
        **H100_BOARD,
        expect=508.2355,
    ),
)
def training_dynamic_power(
    executed_flops_per_step: Flops, memory_bound_traffic: Bytes, step_time: Seconds, world_size: Count, board: Board
) -> Watts:
    """Power of one GPU above idle while it trains.

    Mean over the step. Executed FLOPs, at the attainable rate of the format of the matrix products; FLOPs that stay in 16 bits beside
    products in 8 are slightly underrated. Waiting, for others or in a pipeline bubble, costs idle power only.
    """
    shared = 1 / world_size
    energy = dynamic_energy(board, step_time, executed_flops_per_step * shared, memory_bound_traffic * shared)
    return energy / step_time


@cost_model(
    formula=r"P_{idle} + P_{dyn}",
    source="choi-et-al-2013 (constant power beside that of the work)",
    example=dict(idle_power=70, training_dynamic_power=508.235, expect=578.235),
    terms=("idle_power", "training_dynamic_power"),
)
def training_chip_power(idle_power: Watts, training_dynamic_power: Watts) -> Watts:
    """Power of one GPU while it trains."""
    return idle_power + training_dynamic_power


@cost_model(
    formula=r"n\,P_{idle}\,t",
    source="choi-et-al-2013 (constant power)",
    example=dict(world_size=512, idle_power=70, step_time=8.0, expect=286720.0),
)
def step_idle_energy(world_size: Count, idle_power: Watts, step_time: Seconds) -> Joules:
    """Idle energy of the boards in one training step."""
    return world_size * idle_power * step_time


@cost_model(
    formula=r"n\,P_{dyn}\,t",
    source="definition: all GPUs at their mean power above idle",
    example=dict(world_size=512, training_dynamic_power=508.235, step_time=8.0, expect=2081730.56),
)
def step_dynamic_energy(world_size: Count, training_dynamic_power: Watts, step_time: Seconds) -> Joules:
    """Energy of FLOPs and bytes in one training step."""
    return world_size * training_dynamic_power * step_time


@cost_model(
    formula=r"n\,P_{host}\,t",
    source="latif-et-al-2025 (power of a node beside its GPUs)",
    example=dict(world_size=512, host_power=360, step_time=8.0, expect=1474560.0),
)
def step_host_energy(world_size: Count, host_power: Watts, step_time: Seconds) -> Joules:
    """Energy of the hosts in one training step."""
    return world_size * host_power * step_time


_PARTS = dict(step_idle_energy=286720.0, step_dynamic_energy=2081730.56, step_host_energy=1474560.0, link_energy=5000.0)


@cost_model(
    formula=r"(\mathrm{PUE} - 1)\,(E_{idle} + E_{dyn} + E_{host} + E_{link})",
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_PARTS, pue=1.1, expect=384801.056),
)
def step_cooling_energy(
    step_idle_energy: Joules, step_dynamic_energy: Joules, step_host_energy: Joules, link_energy: Joules, pue: Number
) -> Joules:
    """Energy of cooling and power supply in one training step."""
    return (pue - 1) * (step_idle_energy + step_dynamic_energy + step_host_energy + link_energy)


@cost_model(
    formula=r"E_{idle} + E_{dyn} + E_{host} + E_{link} + E_{cool}",
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_PARTS, step_cooling_energy=384801.056, expect=4232811.616),
    terms=(*_PARTS, "step_cooling_energy"),
)
def step_energy(
    step_idle_energy: Joules,
    step_dynamic_energy: Joules,
    step_host_energy: Joules,
    link_energy: Joules,
    step_cooling_energy: Joules,
) -> Joules:
    """Energy of one training step, all GPUs, with building.

    Shared storage and whatever stands idle beside the job are not counted.
    """
    return step_idle_energy + step_dynamic_energy + step_host_energy + link_energy + step_cooling_energy


@cost_model(
    formula=r"\frac{E_{step}}{n\,t}",
    source="definition: energy of a step over its GPU-seconds",
    example=dict(step_energy=4232811.616, world_size=512, step_time=8.0, expect=1033.40127),
)
def training_power_per_gpu(step_energy: Joules, world_size: Count, step_time: Seconds) -> Watts:
    """Power of one GPU while it trains, with host and building."""
    return step_energy / (world_size * step_time)


@cost_model(
    formula=r"\frac{E_{step}}{B\,s}",
    source="definition: energy of a step over its trained tokens",
    example=dict(step_energy=4232811.616, global_batch_size=1024, seq_len=4096, expect=1.009181),
)
def energy_per_token(step_energy: Joules, global_batch_size: Count, seq_len: Count) -> JoulesPerToken:
    """Energy of one trained token."""
    return step_energy / (global_batch_size * seq_len)


@cost_model(
    formula=r"3600\,h\,P",
    source="patterson-et-al-2021 (hours x processors x mean power x PUE); touvron-et-al-2023, sec. 6 (the same for LLaMA)",
    example=dict(gpu_hours=474717.88, training_power_per_gpu=1033.40127, expect=1.766067e12),
)
def training_energy(gpu_hours: Hours, training_power_per_gpu: Watts) -> Joules:
    """Energy of a training run, with building."""
    return 3600 * gpu_hours * training_power_per_gpu
