"""Energy of one prompt and of one decode step of a full replica: boards idle and at work, links, hosts, and building.

A replica whose pipeline is full works on as many batches as it has stages; each is charged its part of the time.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Flops, Joules, Number, Seconds, Watts
from ..arrays import jnp
from ..registry import cost_model
from .board_power import DYNAMIC, H100_BOARD, Board, dynamic_energy

_SUM = r"E_{idle} + E_{dyn} + E_{host} + E_{link} + E_{cool}"
_COOLING = r"(\mathrm{PUE} - 1)\,(E_{idle} + E_{dyn} + E_{host} + E_{link})"


@cost_model(
    formula=r"\frac{n_r\,n_{pass}\,t_{prefill}}{B}",
    source="definition: all GPUs of the replica for the passes that prefill all its prompts, over the prompts",
    example=dict(replica_size=16, prefill_time=3.91e-2, prefill_passes=32, concurrency=64, expect=0.3128),
)
def prefill_gpu_time(replica_size: Count, prefill_time: Seconds, prefill_passes: Count, concurrency: Count) -> Seconds:
    """GPU-seconds that a replica spends on one prompt."""
    return replica_size * prefill_passes * prefill_time / concurrency


@cost_model(
    formula=r"n_r\,t_{step}",
    source="definition: all GPUs of the replica for the time in which every sequence gains a token",
    example=dict(replica_size=16, decode_step_time=9.21e-3, expect=0.14736),
)
def decode_gpu_time(replica_size: Count, decode_step_time: Seconds) -> Seconds:
    """GPU-seconds of one decode step of all sequences."""
    return replica_size * decode_step_time


@cost_model(
    formula=r"P_{idle}\,T",
    source="choi-et-al-2013 (constant power)",
    example=dict(idle_power=70, prefill_gpu_time=0.3128, expect=21.896),
)
def prefill_idle_energy(idle_power: Watts, prefill_gpu_time: Seconds) -> Joules:
    """Idle energy of the boards in the prefill of one prompt."""
    return idle_power * prefill_gpu_time


@cost_model(
    formula=DYNAMIC,
    source="choi-et-al-2013 (energies of FLOPs and bytes add up)",
    example=dict(
        prefill_gpu_time=0.3128,
        prefill_flops=1.41562646e14,
        prefill_traffic=1.37764553e11,
        prompts_per_pass=1,
        **H100_BOARD,
        expect=127.7637,
    ),
)
def prefill_dynamic_energy(
    prefill_gpu_time: Seconds, prefill_flops: Flops, prefill_traffic: Bytes, prompts_per_pass: Count, board: Board
) -> Joules:
    """Energy of FLOPs and bytes in the prefill of one prompt.

    Prompts of one pass share what it computes and reads.

    Every byte is charged, though the energy of a FLOP holds the bytes of large products: 6 % too much at 1024 tokens of
    Llama-3-70B on H100, and in proportion more for shorter prompts.
    """
    return dynamic_energy(board, prefill_gpu_time, prefill_flops / prompts_per_pass, prefill_traffic / prompts_per_pass)


@cost_model(
    formula=r"P_{host}\,T",
    source="latif-et-al-2025 (power of a node beside its GPUs)",
    example=dict(host_power=360, prefill_gpu_time=0.3128, expect=112.608),
)
def prefill_host_energy(host_power: Watts, prefill_gpu_time: Seconds) -> Joules:
    """Energy of the hosts in the prefill of one prompt."""
    return host_power * prefill_gpu_time


_PREFILL = dict(
    prefill_idle_energy=21.896, prefill_dynamic_energy=127.764, prefill_host_energy=112.608, prefill_link_energy=3.0
)


@cost_model(
    formula=_COOLING,
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_PREFILL, pue=1.1, expect=26.5268),
)
def prefill_cooling_energy(
    prefill_idle_energy: Joules,
    prefill_dynamic_energy: Joules,
    prefill_host_energy: Joules,
    prefill_link_energy: Joules,
    pue: Number,
) -> Joules:
    """Energy of cooling and power supply in one prefill."""
    return (pue - 1) * (prefill_idle_energy + prefill_dynamic_energy + prefill_host_energy + prefill_link_energy)


@cost_model(
    formula=_SUM,
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_PREFILL, prefill_cooling_energy=26.5268, expect=291.7948),
    terms=(*_PREFILL, "prefill_cooling_energy"),
)
def prefill_energy(
    prefill_idle_energy: Joules,
    prefill_dynamic_energy: Joules,
    prefill_host_energy: Joules,
    prefill_link_energy: Joules,
    prefill_cooling_energy: Joules,
) -> Joules:
    """Energy of the prefill of one prompt, with building."""
    machines = prefill_idle_energy + prefill_dynamic_energy + prefill_host_energy + prefill_link_energy
    return machines + prefill_cooling_energy


@cost_model(
    formula=r"P_{idle}\,T",
    source="choi-et-al-2013 (constant power)",
    example=dict(idle_power=70, decode_gpu_time=0.14736, expect=10.3152),
)
def decode_idle_energy(idle_power: Watts, decode_gpu_time: Seconds) -> Joules:
    """Idle energy of the boards in one decode step."""
    return idle_power * decode_gpu_time


@cost_model(
    formula=DYNAMIC + r",\ F \text{ and } Q \text{ of } \min(B, p) \text{ batches}",
    source="choi-et-al-2013 (energies of FLOPs and bytes add up); ma-et-al-2026 (decoding draws far less than the limit)",
    example=dict(
        decode_gpu_time=0.14736,
        decode_flops=4.4942806e12,
        decode_weight_traffic=137429008384,
        decode_cache_traffic=12079595520,
        concurrency=64,
        pp=2,
        **H100_BOARD,
        expect=24.07723,
    ),
)
def decode_dynamic_energy(
    decode_gpu_time: Seconds,
    decode_flops: Flops,
    decode_weight_traffic: Bytes,
    decode_cache_traffic: Bytes,
    concurrency: Count,
    pp: Count,
    board: Board,
) -> Joules:
    """Energy of FLOPs and bytes in one decode step.

    Of all sequences: FLOPs and traffic of one batch, for each of the batches that rotate through a pipeline.
    """
    batches = jnp.minimum(concurrency, pp)
    traffic = decode_weight_traffic + decode_cache_traffic
    return dynamic_energy(board, decode_gpu_time, batches * decode_flops, batches * traffic)


@cost_model(
    formula=r"P_{host}\,T",
    source="latif-et-al-2025 (power of a node beside its GPUs)",
    example=dict(host_power=360, decode_gpu_time=0.14736, expect=53.0496),
)
def decode_host_energy(host_power: Watts, decode_gpu_time: Seconds) -> Joules:
    """Energy of the hosts in one decode step."""
    return host_power * decode_gpu_time


_DECODE = dict(
    decode_idle_energy=10.3152, decode_dynamic_energy=24.0772, decode_host_energy=53.0496, decode_link_energy=0.2
)


@cost_model(
    formula=_COOLING,
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_DECODE, pue=1.1, expect=8.7642),
)
def decode_cooling_energy(
    decode_idle_energy: Joules,
    decode_dynamic_energy: Joules,
    decode_host_energy: Joules,
    decode_link_energy: Joules,
    pue: Number,
) -> Joules:
    """Energy of cooling and power supply in one decode step."""
    return (pue - 1) * (decode_idle_energy + decode_dynamic_energy + decode_host_energy + decode_link_energy)


@cost_model(
    formula=_SUM,
    source="patterson-et-al-2021 (PUE multiplies the energy of the machines)",
    example=dict(**_DECODE, decode_cooling_energy=8.7642, expect=96.4062),
    terms=(*_DECODE, "decode_cooling_energy"),
)
def decode_step_energy(
    decode_idle_energy: Joules,
    decode_dynamic_energy: Joules,
    decode_host_energy: Joules,
    decode_link_energy: Joules,
    decode_cooling_energy: Joules,
) -> Joules:
    """Energy of one decode step of all sequences, with building."""
    machines = decode_idle_energy + decode_dynamic_energy + decode_host_energy + decode_link_energy
    return machines + decode_cooling_energy
