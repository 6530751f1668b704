"""Collective operations: bytes a rank moves, time of a message, and the traffic of tensor parallelism."""

from __future__ import annotations

from typing import Annotated

from ...annotations import Array, Choice, Count, Number, Unit
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...primitives.collectives import ring_all_reduce
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

Gigabytes = Annotated[Array, Unit("GB")]
GigabytesPerSecond = Annotated[Array, Unit("GB/s")]
Microseconds = Annotated[Array, Unit("us")]
Milliseconds = Annotated[Array, Unit("ms")]

_ALL_REDUCE, _ALL_GATHER, _REDUCE_SCATTER, _P2P = 0, 1, 2, 4
_NO_BANDWIDTH = "the document's code divides by the bandwidth, which is 0"
_FACTOR = Erratum(
    "I4.10",
    wrong="an all-reduce moves 2 S and an all-to-all S, over however many ranks",
    right="2 (n-1)/n S and (n-1)/n S: `rules.collective_gb_corrected`",
    why="a rank keeps its own part; one rank alone moves nothing",
)
_ALGORITHM = Erratum(
    "I4.10",
    wrong="ring, tree and direct take the same time, one latency each",
    right="a ring has 2 (n-1) latencies, a tree 2 log2 n: `tp_all_reduce_time`",
    why="the argument `algorithm` is never read",
)
_LINKS = Erratum(
    "I4.9",
    wrong='examples with NVLink at 600 and InfiniBand at 400 "GB/s": tensor parallelism across nodes 1.5 times slower',
    right="450 and 50 GB/s in one direction: `rules.stated_gb_s_corrected`",
    why="400 is Gb/s; at 50 GB/s the same formula is 12 times slower, a ring against NVLink 4 is 9 times slower",
)
_TP = Erratum(
    "I4.10",
    wrong="the number of tensor parallel GPUs never enters: one GPU pays as much as eight",
    right="2 (t-1)/t S / beta + 2 (t-1) alpha, nothing at t = 1: `rules.tp_layer_ms_corrected`",
    why="and the backward pass has two all-reduces more: `rules.tp_layer_step_ms_corrected`",
)


def message_ms(message: Gigabytes, bandwidth: GigabytesPerSecond, latency: Microseconds) -> Milliseconds:
    """The document's estimate_communication_time."""
    return (latency / 1e6 + ratio(message, bandwidth, jnp.nan)) * 1000


def part_sent(group: Count) -> Number:
    """What a rank sends of a message in a ring, (n-1)/n."""
    return ratio(group - 1, group, jnp.nan)


@cost_model(
    formula=r"2S,\ \tfrac{n-1}{n}S,\ \tfrac{n-1}{n}S,\ S,\ S \text{ by operation}",
    source="definition: document 004, section 7 (bytes moved)",
    example=dict(collective=_ALL_REDUCE, group_size=8, message_gb=1, expect=2.0),
    errata=(_FACTOR,),
    undefined="no rank takes part",
)
def collective_gb(collective: Choice, group_size: Count, message_gb: Gigabytes) -> Gigabytes:
    """Bytes a rank moves in a collective operation, as published."""
    gathers = (collective == _ALL_GATHER) | (collective == _REDUCE_SCATTER)
    whole = jnp.where(collective == _ALL_REDUCE, 2.0, 1.0)
    return jnp.where(gathers, part_sent(group_size), whole) * message_gb


@cost_model(
    formula=r"2\tfrac{n-1}{n}S,\ \tfrac{n-1}{n}S,\ \tfrac{n-1}{n}S,\ \tfrac{n-1}{n}S,\ [n > 1]\,S \text{ by operation}",
    source="patarasuk-yuan-2009, sec. 3; chan-et-al-2007; thakur-rabenseifner-gropp-2005",
    example=dict(collective=_ALL_REDUCE, group_size=8, message_gb=1, expect=1.75),
    undefined="no rank takes part",
)
def collective_gb_corrected(collective: Choice, group_size: Count, message_gb: Gigabytes) -> Gigabytes:
    """Bytes a rank moves in a collective operation, put right."""
    ring = part_sent(group_size) * jnp.where(collective == _ALL_REDUCE, 2.0, 1.0)
    return jnp.where(collective == _P2P, jnp.where(group_size > 1, 1.0, 0.0), ring) * message_gb


@cost_model(
    formula=r"\left(\alpha\,10^{-6} + S/\beta\right) 10^3",
    source="definition: document 004, section 7, estimate_communication_time",
    example=dict(message_gb=1, bandwidth_gb_s=400, latency_us=2, expect=2.502),
    errata=(_ALGORITHM, _LINKS),
    undefined=_NO_BANDWIDTH,
)
def communication_ms(
    message_gb: Gigabytes, bandwidth_gb_s: GigabytesPerSecond, latency_us: Microseconds, algorithm: Choice
) -> Milliseconds:
    """Time of a message, as published."""
    # The published code takes the algorithm and ignores it; the sum keeps its axis.
    return message_ms(message_gb, bandwidth_gb_s, latency_us) + 0 * algorithm


@cost_model(
    formula=r"b\,s\,d \cdot 2 / 10^9",
    source="definition: document 004, section 7, analyze_tp_communication (bf16)",
    example=dict(batch_size=4, seq_len=2048, d_model=8192, expect=0.134217728),
)
def tp_message_gb(batch_size: Count, seq_len: Count, d_model: Count) -> Gigabytes:
    """Message of one tensor parallel all-reduce, as published."""
    return batch_size * seq_len * d_model * 2 / 1e9


@cost_model(
    formula=r"\left(\alpha\,10^{-6} + 2S/\beta\right) 10^3",
    source="definition: document 004, section 7, analyze_tp_communication (attention_allreduce_ms, mlp_allreduce_ms)",
    example=dict(tp_message_gb=0.134217728, bandwidth_gb_s=600, latency_us=1, tp_size=8, expect=0.44839243),
    errata=(_TP, _LINKS),
    undefined=_NO_BANDWIDTH,
)
def tp_all_reduce_ms(
    tp_message_gb: Gigabytes, bandwidth_gb_s: GigabytesPerSecond, latency_us: Microseconds, tp_size: Count
) -> Milliseconds:
    """Time of one tensor parallel all-reduce, as published."""
    # The published code takes the number of GPUs and ignores it; the sum keeps its axis.
    return message_ms(2 * tp_message_gb, bandwidth_gb_s, latency_us) + 0 * tp_size


@cost_model(
    formula=r"t_{attention} + t_{MLP}",
    source="definition: document 004, section 7, analyze_tp_communication (total_per_layer_ms)",
    example=dict(tp_all_reduce_ms=0.44839243, expect=0.89678486),
    errata=(_TP,),
)
def tp_layer_ms(tp_all_reduce_ms: Milliseconds) -> Milliseconds:
    """Tensor parallel communication of one layer, as published."""
    return tp_all_reduce_ms + tp_all_reduce_ms


@cost_model(
    formula=r"4\,S",
    source="definition: document 004, section 7, analyze_tp_communication (bytes_per_layer_gb)",
    example=dict(tp_message_gb=0.134217728, expect=0.536870912),
    errata=(_FACTOR,),
)
def tp_layer_gb(tp_message_gb: Gigabytes) -> Gigabytes:
    """Tensor parallel traffic of one layer, as published."""
    return 4 * tp_message_gb


@cost_model(
    formula=r"2\,\frac{t-1}{t}\,\frac{S}{\beta} + 2\,(t-1)\,\alpha",
    source="patarasuk-yuan-2009, sec. 3",
    example=dict(tp_message_gb=0.134217728, tp_size=8, bandwidth_gb_s=600, latency_us=1, expect=0.40546837),
)
def tp_all_reduce_ms_corrected(
    tp_message_gb: Gigabytes, tp_size: Count, bandwidth_gb_s: GigabytesPerSecond, latency_us: Microseconds
) -> Milliseconds:
    """Time of one tensor parallel all-reduce over a ring, put right."""
    return ring_all_reduce(tp_message_gb, tp_size, bandwidth_gb_s, latency_us / 1e6) * 1000


@cost_model(
    formula=r"2\,t_{all-reduce}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces forward)",
    example=dict(tp_all_reduce_ms_corrected=0.40546837, expect=0.81093674),
)
def tp_layer_ms_corrected(tp_all_reduce_ms_corrected: Milliseconds) -> Milliseconds:
    """Tensor parallel communication of one layer's forward pass, put right."""
    return 2 * tp_all_reduce_ms_corrected


@cost_model(
    formula=r"4\,t_{all-reduce}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces forward, two backward)",
    example=dict(tp_all_reduce_ms_corrected=0.40546837, expect=1.62187348),
)
def tp_layer_step_ms_corrected(tp_all_reduce_ms_corrected: Milliseconds) -> Milliseconds:
    """Tensor parallel communication of one layer, forward and backward, put right."""
    return 4 * tp_all_reduce_ms_corrected


@cost_model(
    formula=r"4\,\frac{t-1}{t}\,S",
    source="patarasuk-yuan-2009, sec. 3 (two all-reduces)",
    example=dict(tp_message_gb=0.134217728, tp_size=8, expect=0.46976205),
    undefined="no rank takes part",
)
def tp_layer_gb_corrected(tp_message_gb: Gigabytes, tp_size: Count) -> Gigabytes:
    """Tensor parallel traffic of one layer's forward pass, put right."""
    return 4 * part_sent(tp_size) * tp_message_gb
