"""The time of one decode step, operator by operator, and what it waits for besides.

Nothing hides behind anything else: the messages of a decode step are too small for a second batch to pay.
"""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Choice, Count, Flops, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from ..machine.network import Network, tiers_of
from ..primitives.collectives import all_gather
from ..primitives.efficiency import product_time
from ..registry import cost_model
from . import served
from .example_replica import LINKS, LLAMA_70B, RATES, RINGS, WIDTHS
from .served import PassRates, PassWidths, Served

_STEP = dict(decode_tokens_per_rank=32, **LLAMA_70B)


@cost_model(
    formula=r"\sum_{layers}\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta_r + n_i t_w)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product; pope-et-al-2022, sec. 2.1 (every weight is read)",
    example=dict(**_STEP, **WIDTHS, **RATES, expect=0.00125423),
)
def decode_projection_time(
    layer: Served, decode_tokens_per_rank: Count, widths: PassWidths, rates: PassRates
) -> Seconds:
    """Attention projections of one decode step."""
    return served.projection_time(layer, decode_tokens_per_rank, widths, rates)


@cost_model(
    formula=r"\sum_{layers}\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta_r + n_i t_w)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product; pope-et-al-2022, sec. 2.1 (every weight is read)",
    example=dict(**_STEP, decode_tokens=32, **WIDTHS, **RATES, expect=0.00573768),
)
def decode_feed_forward_time(
    layer: Served, decode_tokens_per_rank: Count, decode_tokens: Count, widths: PassWidths, rates: PassRates
) -> Seconds:
    """Feed-forwards of one decode step.

    Experts that no token visits are not read.
    """
    return served.feed_forward_time(layer, decode_tokens_per_rank, decode_tokens, widths, rates)


@cost_model(
    formula=r"\sqrt{(F/\pi_{16})^2 + (Q/\beta_r)^2}/(t\,c\,\min(n_a, G))",
    source="pope-et-al-2022, sec. 2.1 (the cache is read once); williams-waterman-patterson-2009, sec. 3",
    example=dict(
        decode_batch=32,
        decode_attention_flops=9.663676416e10,
        decode_cache_traffic=12079595520.0,
        tp=8,
        cp=1,
        attention_groups=1,
        wide_attainable_flops=742.05e12,
        reading_bandwidth=2.8475e12,
        expect=0.0005305218,
    ),
)
def decode_attention_time(
    decode_attention_flops: Flops,
    decode_cache_traffic: Bytes,
    tp: Count,
    cp: Count,
    attention_groups: Count,
    decode_batch: Count,
    wide_attainable_flops: FlopsPerSecond,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Attention, or a linear recurrence in its place, of one decode step.

    A sequence attends on one group, so that more groups than sequences are no help.
    """
    gpus = tp * cp * jnp.minimum(attention_groups, decode_batch)
    return product_time(
        decode_attention_flops / (gpus * wide_attainable_flops), decode_cache_traffic / (gpus * reading_bandwidth)
    )


@cost_model(
    formula=r"L\,(Q_{vec} + Q_{cast})/\beta_r",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(
        **_STEP,
        **WIDTHS,
        matmul_format=2,
        vector_traffic_factor=1.6,
        reading_bandwidth=2.8475e12,
        expect=0.0002732374,
    ),
)
def decode_vector_time(
    layer: Served,
    decode_tokens_per_rank: Count,
    widths: PassWidths,
    vector_traffic_factor: Number,
    matmul_format: Choice,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Vector operators of one decode step."""
    return served.vector_time(
        layer, decode_tokens_per_rank, widths, vector_traffic_factor, matmul_format, reading_bandwidth
    )


@cost_model(
    formula=r"\sqrt{(F\phi/\pi_{16})^2 + (Q/\beta_r)^2}",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        decode_tokens_per_rank=32,
        hidden_size=8192,
        vocab_size=128256,
        tp=8,
        embedding_width=2,
        wide_attainable_flops=742.05e12,
        reading_bandwidth=2.8475e12,
        gemm_half_size=100,
        expect=9.350552e-05,
    ),
)
def decode_head_time(
    decode_tokens_per_rank: Count,
    hidden_size: Count,
    vocab_size: Count,
    tp: Count,
    embedding_width: Bytes,
    wide_attainable_flops: FlopsPerSecond,
    reading_bandwidth: BytesPerSecond,
    gemm_half_size: Number,
) -> Seconds:
    """Language-model head of one decode step."""
    return served.head_time(
        (decode_tokens_per_rank, hidden_size, vocab_size, tp),
        embedding_width,
        (wide_attainable_flops, reading_bandwidth, gemm_half_size),
    )


@cost_model(
    formula=r"L\,t_{gap} + t_{pass}",
    source="definition: kernels of a pass start one after the other, each a moment after the last has drained",
    example=dict(num_layers=80, layer_gap=4e-5, pass_overhead=1e-4, expect=3.3e-3),
)
def pass_gap_time(num_layers: Count, layer_gap: Seconds, pass_overhead: Seconds) -> Seconds:
    """Time of one serving pass that neither computes nor moves anything."""
    return num_layers * layer_gap + pass_overhead


@cost_model(
    formula=r"2\,L\,t_{AR}(T\,h\,a_w)",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer); patarasuk-yuan-2009, sec. 3",
    example=dict(**_STEP, residual_width=2, pass_collective_overhead=1e-5, **RINGS, expect=0.00424778),
)
def decode_tp_time(
    layer: Served,
    decode_tokens_per_rank: Count,
    residual_width: Bytes,
    all_reduce_algorithm: Choice,
    network: Network,
    pass_collective_overhead: Seconds,
) -> Seconds:
    """Tensor parallel communication of one decode step."""
    started = served.started_by_stack(network, pass_collective_overhead)
    return served.tp_time(layer, decode_tokens_per_rank, residual_width, all_reduce_algorithm, started)


@cost_model(
    formula=r"L_{moe}\,\iota\left(t_{A2A}(T h k w_d/t) + t_{A2A}(T h k a_w/t) + 2\sum_k\alpha_k\right),\ t_{A2A} \text{ without latency}",
    source="deepseek-v3-2024, sec. 3.4.2 (dispatch and combine in every layer of experts; point-to-point sends)",
    example=dict(**_STEP, residual_width=2, dispatch_width=1, pass_collective_overhead=1e-5, **LINKS, expect=0.0),
)
def decode_ep_time(
    layer: Served,
    decode_tokens_per_rank: Count,
    residual_width: Bytes,
    dispatch_width: Bytes,
    expert_dispatch: Choice,
    network: Network,
    pass_collective_overhead: Seconds,
) -> Seconds:
    """Expert parallel communication of one decode step."""
    started = served.started_by_stack(network, pass_collective_overhead)
    return served.ep_time(layer, decode_tokens_per_rank, residual_width, dispatch_width, expert_dispatch, started)


@cost_model(
    formula=r"2\,L_{att}\,t_{AG}(c\,T\,a_w\,d_{att}/t) \text{ over } c \text{ ranks}",
    source="bhatia-et-al-2025 (a cache split by tokens: queries go to all its parts, partial results come back)",
    example=dict(
        decode_tokens_per_rank=8,
        attention_width=8192,
        num_attention_layers=80,
        residual_width=2,
        tp=2,
        cp=4,
        pass_collective_overhead=1e-5,
        **LINKS,
        expect=0.002167381,
    ),
)
def decode_cp_time(
    decode_tokens_per_rank: Count,
    attention_width: Count,
    num_attention_layers: Count,
    residual_width: Bytes,
    tp: Count,
    cp: Count,
    network: Network,
    pass_collective_overhead: Seconds,
) -> Seconds:
    """Context parallel communication of one decode step."""
    started = served.started_by_stack(network, pass_collective_overhead)
    message = cp * decode_tokens_per_rank * attention_width / tp * residual_width
    return 2 * num_attention_layers * all_gather(message, tiers_of(started, cp, tp))


@cost_model(
    formula=r"(p-1)\left(\frac{T h a_w}{\beta} + \alpha\right)",
    source="definition: hidden states go to the next stage",
    example=dict(**_STEP | dict(tp=4), residual_width=2, pp=4, **LINKS, expect=5.43216e-05),
)
def decode_pp_time(
    layer: Served, decode_tokens_per_rank: Count, residual_width: Bytes, pp: Count, network: Network
) -> Seconds:
    """Pipeline communication of one decode step."""
    return served.pp_time(layer, decode_tokens_per_rank, residual_width, pp, network)


_TERMS = (
    "decode_projection_time",
    "decode_feed_forward_time",
    "decode_attention_time",
    "decode_vector_time",
    "decode_head_time",
    "decode_tp_time",
    "decode_ep_time",
    "decode_cp_time",
    "decode_pp_time",
    "pass_gap_time",
)


@cost_model(
    formula=r"\sum_i t_i",
    source="pope-et-al-2022, sec. 2.1; nothing hides in a decode step",
    example=dict.fromkeys(_TERMS, 1e-3) | dict(expect=1e-2),
    terms=_TERMS,
)
def decode_step_time(
    decode_projection_time: Seconds,
    decode_feed_forward_time: Seconds,
    decode_attention_time: Seconds,
    decode_vector_time: Seconds,
    decode_head_time: Seconds,
    decode_tp_time: Seconds,
    decode_ep_time: Seconds,
    decode_cp_time: Seconds,
    decode_pp_time: Seconds,
    pass_gap_time: Seconds,
) -> Seconds:
    """Time of one decode step."""
    products = decode_projection_time + decode_feed_forward_time + decode_head_time
    exchanged = decode_tp_time + decode_ep_time + decode_cp_time + decode_pp_time
    return products + decode_attention_time + decode_vector_time + exchanged + pass_gap_time
