"""The time of one prefill pass, operator by operator, and what it waits for besides; nothing hides behind anything."""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Choice, Count, Flag, Flops, FlopsPerSecond, Number, Seconds
from ..communication.cp_communication import key_value_message
from ..machine.network import Network, tiers_of
from ..machine.rates import attention_rate
from ..primitives.collectives import neighbour_exchange
from ..primitives.efficiency import product_time
from ..registry import cost_model
from . import served
from .example_replica import LINKS, LLAMA_70B, RATES, RINGS, WIDTHS
from .served import PassRates, PassWidths, Served

_PASS = dict(prefill_tokens_per_rank=1024, **LLAMA_70B)


@cost_model(
    formula=r"\sum_{layers}\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta_r + n_i t_w)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_PASS, **WIDTHS, **RATES, expect=0.004772005),
)
def prefill_projection_time(
    layer: Served, prefill_tokens_per_rank: Count, widths: PassWidths, rates: PassRates
) -> Seconds:
    """Attention projections of one prefill pass."""
    return served.projection_time(layer, prefill_tokens_per_rank, widths, rates)


@cost_model(
    formula=r"\sum_{layers}\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta_r + n_i t_w)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_PASS, prefill_tokens=1024, **WIDTHS, **RATES, expect=0.02076907),
)
def prefill_feed_forward_time(
    layer: Served, prefill_tokens_per_rank: Count, prefill_tokens: Count, widths: PassWidths, rates: PassRates
) -> Seconds:
    """Feed-forwards of one prefill pass."""
    return served.feed_forward_time(layer, prefill_tokens_per_rank, prefill_tokens, widths, rates)


@cost_model(
    formula=r"\pi_{16}\,\min\left(\eta_a\,(x_s)\,\frac{d}{d + 50}\,\frac{\bar s}{\bar s + 400}\,\eta_k, x_P\right)",
    source="shah-et-al-2024, fig. 5 (rates of fused attention by head dimension and length)",
    example=dict(
        wide_peak_flops=989.4e12,
        attention_efficiency=1.0,
        power_limited_share=1e6,
        head_dim=128,
        prefill_attended_tokens=4096,
        expect=6.783558e14,
    ),
)
def prefill_attention_rate(
    wide_peak_flops: FlopsPerSecond,
    attention_efficiency: Number,
    power_limited_share: Number,
    kernel_efficiency: Number,
    synchronous_attention: Flag,
    synchronous_share: Number,
    prefill_attended_tokens: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> FlopsPerSecond:
    """Rate that fused attention sustains in a prefill pass.

    That of training at twice the mean attended length, which is the length of a prompt without a cached part.
    """
    return attention_rate(
        wide_peak_flops,
        attention_efficiency,
        power_limited_share,
        kernel_efficiency,
        synchronous_attention,
        synchronous_share,
        2 * prefill_attended_tokens,
        head_dim,
        kv_lora_rank,
        qk_nope_head_dim,
        qk_rope_head_dim,
        v_head_dim,
    )


@cost_model(
    formula=r"\sqrt{(F/\pi_a)^2 + (Q_{kv}/\beta_r)^2}",
    source="dao-et-al-2022, sec. 3.1; williams-waterman-patterson-2009, sec. 3",
    example=dict(
        prefill_attention_flops=1.374389535e12,
        prefill_cache_traffic=335544320,
        tp=8,
        cp=1,
        attention_groups=1,
        prefill_attention_rate=4e14,
        reading_bandwidth=2.8475e12,
        expect=0.0004297492,
    ),
)
def prefill_attention_time(
    prefill_attention_flops: Flops,
    prefill_cache_traffic: Bytes,
    tp: Count,
    cp: Count,
    attention_groups: Count,
    prefill_attention_rate: FlopsPerSecond,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Attention, or a linear recurrence in its place, of one prefill pass."""
    gpus = tp * cp * attention_groups
    return product_time(
        prefill_attention_flops / (gpus * prefill_attention_rate), prefill_cache_traffic / (gpus * reading_bandwidth)
    )


@cost_model(
    formula=r"L\,(Q_{vec} + Q_{cast})/\beta_r",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(
        **_PASS, **WIDTHS, matmul_format=2, vector_traffic_factor=1.6, reading_bandwidth=2.8475e12, expect=0.008743596
    ),
)
def prefill_vector_time(
    layer: Served,
    prefill_tokens_per_rank: Count,
    widths: PassWidths,
    vector_traffic_factor: Number,
    matmul_format: Choice,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Vector operators of one prefill pass."""
    return served.vector_time(
        layer, prefill_tokens_per_rank, widths, vector_traffic_factor, matmul_format, reading_bandwidth
    )


@cost_model(
    formula=r"\sqrt{(F\phi/\pi_{16})^2 + (Q/\beta_r)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the last token of each prompt",
    example=dict(
        prompts_per_pass=4,
        attention_groups=1,
        hidden_size=8192,
        vocab_size=128256,
        tp=8,
        embedding_width=2,
        wide_attainable_flops=742.05e12,
        reading_bandwidth=2.8475e12,
        gemm_half_size=100,
        expect=9.232779e-05,
    ),
)
def prefill_head_time(
    prompts_per_pass: Count,
    attention_groups: Count,
    hidden_size: Count,
    vocab_size: Count,
    tp: Count,
    embedding_width: Bytes,
    wide_attainable_flops: FlopsPerSecond,
    reading_bandwidth: BytesPerSecond,
    gemm_half_size: Number,
) -> Seconds:
    """Language-model head of one prefill pass."""
    return served.head_time(
        (prompts_per_pass / attention_groups, hidden_size, vocab_size, tp),
        embedding_width,
        (wide_attainable_flops, reading_bandwidth, gemm_half_size),
    )


@cost_model(
    formula=r"2\,L\,t_{AR}(T\,h\,a_w)",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer); patarasuk-yuan-2009, sec. 3",
    example=dict(**_PASS, residual_width=2, pass_collective_overhead=1e-5, **RINGS, expect=0.01688895),
)
def prefill_tp_time(
    layer: Served,
    prefill_tokens_per_rank: Count,
    residual_width: Bytes,
    all_reduce_algorithm: Choice,
    network: Network,
    pass_collective_overhead: Seconds,
) -> Seconds:
    """Tensor parallel communication of one prefill pass."""
    started = served.started_by_stack(network, pass_collective_overhead)
    return served.tp_time(layer, prefill_tokens_per_rank, residual_width, all_reduce_algorithm, started)


@cost_model(
    formula=r"L_{moe}\,\iota\left(t_{A2A}(T h k w_d/t) + t_{A2A}(T h k a_w/t) + 2\sum_k\alpha_k\right),\ t_{A2A} \text{ without latency}",
    source="deepseek-v3-2024, sec. 3.4.1 (dispatch and combine in every layer of experts)",
    example=dict(**_PASS, residual_width=2, dispatch_width=1, pass_collective_overhead=1e-5, **LINKS, expect=0.0),
)
def prefill_ep_time(
    layer: Served,
    prefill_tokens_per_rank: Count,
    residual_width: Bytes,
    dispatch_width: Bytes,
    expert_dispatch: Choice,
    network: Network,
    pass_collective_overhead: Seconds,
) -> Seconds:
    """Expert parallel communication of one prefill pass."""
    started = served.started_by_stack(network, pass_collective_overhead)
    return served.ep_time(layer, prefill_tokens_per_rank, residual_width, dispatch_width, expert_dispatch, started)


@cost_model(
    formula=r"L_{att}\,(c-1)\left(\frac{m_{kv}}{\beta} + \alpha\right)",
    source="liu-zaharia-abbeel-2023, sec. 3 (keys and values travel the ring)",
    example=dict(
        prefill_tokens_per_rank=4096,
        num_attention_layers=80,
        num_key_value_heads=8,
        num_attention_heads=64,
        head_dim=128,
        activation_width=2,
        tp=1,
        cp=4,
        **LINKS,
        expect=0.01142481,
    ),
)
def prefill_cp_time(
    prefill_tokens_per_rank: Count,
    num_attention_layers: Count,
    num_key_value_heads: Count,
    num_attention_heads: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
    activation_width: Bytes,
    tp: Count,
    cp: Count,
    network: Network,
) -> Seconds:
    """Context parallel communication of one prefill pass."""
    message = key_value_message(
        prefill_tokens_per_rank,
        num_key_value_heads,
        num_attention_heads,
        head_dim,
        kv_lora_rank,
        qk_nope_head_dim,
        qk_rope_head_dim,
        v_head_dim,
        activation_width,
        tp,
    )
    return num_attention_layers * (cp - 1) * neighbour_exchange(message, tiers_of(network, cp, tp))


@cost_model(
    formula=r"(p-1)\left(\frac{T h a_w}{\beta} + \alpha\right)",
    source="definition: hidden states go to the next stage",
    example=dict(**_PASS | dict(tp=4), residual_width=2, pp=4, **LINKS, expect=0.001273291),
)
def prefill_pp_time(
    layer: Served, prefill_tokens_per_rank: Count, residual_width: Bytes, pp: Count, network: Network
) -> Seconds:
    """Pipeline communication of one prefill pass."""
    return served.pp_time(layer, prefill_tokens_per_rank, residual_width, pp, network)


_TERMS = (
    "prefill_projection_time",
    "prefill_feed_forward_time",
    "prefill_attention_time",
    "prefill_vector_time",
    "prefill_head_time",
    "prefill_tp_time",
    "prefill_ep_time",
    "prefill_cp_time",
    "prefill_pp_time",
    "pass_gap_time",
)


@cost_model(
    formula=r"\sum_i t_i",
    source="pope-et-al-2022, sec. 2.1",
    example=dict.fromkeys(_TERMS, 1e-3) | dict(expect=1e-2),
    terms=_TERMS,
)
def prefill_time(
    prefill_projection_time: Seconds,
    prefill_feed_forward_time: Seconds,
    prefill_attention_time: Seconds,
    prefill_vector_time: Seconds,
    prefill_head_time: Seconds,
    prefill_tp_time: Seconds,
    prefill_ep_time: Seconds,
    prefill_cp_time: Seconds,
    prefill_pp_time: Seconds,
    pass_gap_time: Seconds,
) -> Seconds:
    """Time of one prefill pass."""
    products = prefill_projection_time + prefill_feed_forward_time + prefill_head_time
    exchanged = prefill_tp_time + prefill_ep_time + prefill_cp_time + prefill_pp_time
    return products + prefill_attention_time + prefill_vector_time + exchanged + pass_gap_time
