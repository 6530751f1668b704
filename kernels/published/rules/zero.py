"""Traffic of data parallelism by ZeRO stage: the gradients at once, or parameters and gradients layer by layer."""

from __future__ import annotations

from typing import Annotated

from ...annotations import Array, Category, Count, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .collectives import Gigabytes, GigabytesPerSecond, Microseconds, Milliseconds, message_ms, part_sent

NAMESPACE = "rules"

_STAGES = (
    "the document's code knows ZeRO stages 0 to 3, states this number for some of them only, and divides by the "
    "replicas, the layers and the bandwidth"
)
_ZERO = Erratum(
    "I4.11",
    wrong="stages 0 and 1 move 2 S, stage 2 (n-1)/n S, stage 3 twice that: 700 : 345 : 689",
    right="(n-1)/n S times 2, 2, 3: `rules.zero_gb_corrected`",
    why="stage 2 gathers the parameters too, stage 3 twice (Rajbhandari et al. 2020, sec. 7); ZeRO-3 is 1.5 times "
    "ZeRO-1, neither equal to it as this code says nor twice as the text says",
)
_SHARDED = Erratum(
    "I4.11",
    wrong="all parameters of the model are reduced by every rank",
    right="those of the rank's tensor and pipeline part: `dp_comm_time`",
    why="the model is not divided by tensor or pipeline parallelism",
)
_LATENCIES = Erratum(
    "I4.11",
    wrong="one latency an operation",
    right="n - 1 of them around a ring: `dp_comm_time`",
    why="a ring has n - 1 steps",
)


def _by_stage(
    stage: Count, reduced: Array | float, scattered: Array | float, gathered: Array | float, other: float = jnp.nan
) -> Array:
    """The value of stages 0 and 1, of stage 2, of stage 3, and of any other number."""
    stage = jnp.round(stage)
    sharded = jnp.where(stage == 2, scattered, jnp.where(stage == 3, gathered, other))
    return jnp.where((stage == 0) | (stage == 1), reduced, sharded)


@cost_model(
    formula=r"[z \le 1]\ \mathrm{AllReduce},\ [z = 2]\ \mathrm{ReduceScatter},\ [z = 3]\ \mathrm{AllGather + ReduceScatter}",
    source="definition: document 004, section 7, analyze_fsdp_communication (type; nothing for any other stage)",
    example=dict(zero_stage=3, expect=2.0),
)
def zero_collective(
    zero_stage: Count,
) -> Annotated[Array, Category(("AllReduce", "ReduceScatter", "AllGather + ReduceScatter", "none"))]:
    """Collective operation of a ZeRO stage, as published."""
    return _by_stage(zero_stage, 0.0, 1.0, 2.0, 3.0)


@cost_model(
    formula=r"2\,P",
    source="definition: document 004, section 7, analyze_fsdp_communication (gradients in bf16)",
    example=dict(params_b=70, expect=140.0),
    errata=(_SHARDED,),
)
def zero_message_gb(params_b: Number) -> Gigabytes:
    """Gradients that the data parallel GPUs reduce, as published."""
    return params_b * 1e9 * 2 / 1e9


@cost_model(
    formula=r"\left(\alpha\,10^{-6} + \tfrac{n-1}{n}\,\tfrac{S}{L\,\beta}\right) 10^3",
    source="definition: document 004, section 7, analyze_fsdp_communication (allgather_per_layer_ms; "
    "reducescatter_per_layer_ms is the same)",
    example=dict(
        zero_message_gb=140, num_layers=80, dp_size=64, zero_stage=3, bandwidth_gb_s=400, latency_us=2, expect=4.30863
    ),
    errata=(_LATENCIES,),
    undefined=_STAGES,
)
def zero_all_gather_layer_ms(
    zero_message_gb: Gigabytes,
    num_layers: Count,
    dp_size: Count,
    zero_stage: Count,
    bandwidth_gb_s: GigabytesPerSecond,
    latency_us: Microseconds,
) -> Milliseconds:
    """Time in which ZeRO-3 gathers, or scatters, one layer, as published."""
    message = part_sent(dp_size) * ratio(zero_message_gb, num_layers, jnp.nan)
    gathered = message_ms(message, bandwidth_gb_s, latency_us)
    return _by_stage(zero_stage, jnp.nan, jnp.nan, gathered)


@cost_model(
    formula=r"2\,\tfrac{n-1}{n}\,\tfrac{S}{L}",
    source="definition: document 004, section 7, analyze_fsdp_communication (bytes_per_layer_gb)",
    example=dict(zero_message_gb=140, num_layers=80, dp_size=64, zero_stage=3, expect=3.4453125),
    errata=(_ZERO,),
    undefined=_STAGES,
)
def zero_layer_gb(zero_message_gb: Gigabytes, num_layers: Count, dp_size: Count, zero_stage: Count) -> Gigabytes:
    """Traffic of one layer with ZeRO-3, as published."""
    moved = 2 * part_sent(dp_size) * ratio(zero_message_gb, num_layers, jnp.nan)
    return _by_stage(zero_stage, jnp.nan, jnp.nan, moved)


@cost_model(
    formula=r"[z \le 1]\ 2S,\ [z = 2]\ \tfrac{n-1}{n}S",
    source="definition: document 004, section 7, analyze_fsdp_communication (bytes_total_gb; none for stage 3)",
    example=dict(zero_message_gb=140, dp_size=64, zero_stage=1, expect=280.0),
    errata=(_ZERO,),
    undefined=_STAGES,
)
def zero_total_gb(zero_message_gb: Gigabytes, dp_size: Count, zero_stage: Count) -> Gigabytes:
    """Traffic of all layers below ZeRO-3, as published."""
    return _by_stage(zero_stage, 2 * zero_message_gb, part_sent(dp_size) * zero_message_gb, jnp.nan)


@cost_model(
    formula=r"\alpha + 2S/\beta,\ \alpha + \tfrac{n-1}{n}S/\beta,\ 2L\,t_{layer} \text{ for stages } \le 1, 2, 3",
    source="definition: document 004, section 7, analyze_fsdp_communication (total_comm_ms)",
    example=dict(
        zero_message_gb=140, num_layers=80, dp_size=64, zero_stage=1, bandwidth_gb_s=400, latency_us=2, expect=700.002
    ),
    errata=(_ZERO, _LATENCIES),
    undefined=_STAGES,
)
def zero_comm_ms(
    zero_message_gb: Gigabytes,
    num_layers: Count,
    dp_size: Count,
    zero_stage: Count,
    bandwidth_gb_s: GigabytesPerSecond,
    latency_us: Microseconds,
) -> Milliseconds:
    """Data parallel communication of one step, as published."""
    part = part_sent(dp_size)
    layer = part * ratio(zero_message_gb, num_layers, jnp.nan)
    return _by_stage(
        zero_stage,
        message_ms(2 * zero_message_gb, bandwidth_gb_s, latency_us),
        message_ms(part * zero_message_gb, bandwidth_gb_s, latency_us),
        2 * message_ms(layer, bandwidth_gb_s, latency_us) * num_layers,
    )


@cost_model(
    formula=r"t_{DP} / L",
    source="definition: document 004, section 7, analyze_fsdp_communication (comm_per_layer_ms)",
    example=dict(zero_comm_ms=700.002, num_layers=80, expect=8.750025),
    undefined=_STAGES,
)
def zero_layer_ms(zero_comm_ms: Milliseconds, num_layers: Count) -> Milliseconds:
    """Data parallel communication of one layer, as published."""
    return ratio(zero_comm_ms, num_layers, jnp.nan)


@cost_model(
    formula=r"\tfrac{n-1}{n}\,S\,(2 \text{, stage 3: } 3)",
    source="rajbhandari-et-al-2020, sec. 7 (2, 2 and 3 times the parameters), over a ring of n ranks",
    example=dict(zero_message_gb=140, dp_size=64, zero_stage=3, expect=413.4375),
    undefined="there are ZeRO stages 0 to 3, and at least one replica",
)
def zero_gb_corrected(zero_message_gb: Gigabytes, dp_size: Count, zero_stage: Count) -> Gigabytes:
    """Traffic of data parallelism in one step, put right."""
    return part_sent(dp_size) * zero_message_gb * _by_stage(zero_stage, 2.0, 2.0, 3.0)


@cost_model(
    formula=r"S_{moved} / \beta \cdot 10^3",
    source="definition: the bandwidth term alone; `dp_comm_time` has the latencies",
    example=dict(zero_gb_corrected=413.4375, bandwidth_gb_s=400, expect=1033.59375),
    undefined="the bandwidth is 0",
)
def zero_comm_ms_corrected(zero_gb_corrected: Gigabytes, bandwidth_gb_s: GigabytesPerSecond) -> Milliseconds:
    """Data parallel communication of one step, put right."""
    return ratio(zero_gb_corrected, bandwidth_gb_s, jnp.nan) * 1000


@cost_model(
    formula=r"1, 1, 1, 1.5 \text{ for stages 0 to 3}",
    source="rajbhandari-et-al-2020, sec. 7",
    example=dict(zero_stage=3, expect=1.5),
    undefined="there are ZeRO stages 0 to 3",
)
def zero_ratio_corrected(zero_stage: Count) -> Number:
    """Traffic of a ZeRO stage over that of stage 1, put right."""
    return _by_stage(zero_stage, 1.0, 1.0, 1.5)
