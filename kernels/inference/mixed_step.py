"""Mixed steps: a decode step that carries a chunk of prompts too, so that the weights are read once for both.

Where prefill bounds a replica, fewer sequences decode than it has slots; a mixed step carries those that do.
"""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Choice, Count, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from ..machine.network import Network
from ..primitives.arithmetic import ratio
from ..registry import cost_model
from . import served
from .example_replica import LLAMA_70B, RATES, RINGS, WIDTHS
from .served import PassRates, PassWidths, Served

_STEP = dict(mixed_tokens_per_rank=544, **LLAMA_70B)


@cost_model(
    formula=r"x\,T_{dec} + T_{chunk}/(n_a c)",
    source="agrawal-et-al-2024, sec. 4.1 (decodes and a chunk of a prompt in one batch)",
    example=dict(
        decode_tokens_per_rank=32, active_slot_share=1, prefill_chunk=512, attention_groups=1, cp=1, expect=544.0
    ),
)
def mixed_tokens_per_rank(
    decode_tokens_per_rank: Count, active_slot_share: Number, prefill_chunk: Count, attention_groups: Count, cp: Count
) -> Count:
    """Tokens of one mixed step on one tensor parallel group."""
    return active_slot_share * decode_tokens_per_rank + prefill_chunk / (attention_groups * cp)


@cost_model(
    formula=r"t_{proj} + t_{ffn} + t_{head}",
    source="agrawal-et-al-2024, sec. 4.1; williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(
        **_STEP,
        decode_tokens=32,
        active_slot_share=1,
        prefill_chunk=512,
        computed_prompt_len=1024,
        decode_tokens_per_rank=32,
        vocab_size=128256,
        embedding_width=2,
        wide_attainable_flops=742.05e12,
        **WIDTHS,
        **RATES,
        expect=0.01517173,
    ),
)
def mixed_product_time(
    layer: Served,
    mixed_tokens_per_rank: Count,
    decode_tokens_per_rank: Count,
    decode_tokens: Count,
    active_slot_share: Number,
    prefill_chunk: Count,
    computed_prompt_len: Count,
    vocab_size: Count,
    embedding_width: Bytes,
    wide_attainable_flops: FlopsPerSecond,
    widths: PassWidths,
    rates: PassRates,
) -> Seconds:
    """Matrix products of one mixed step.

    The head runs on decoded tokens and on the ends of prompts.
    """
    routed = active_slot_share * decode_tokens + prefill_chunk
    layers = served.projection_time(layer, mixed_tokens_per_rank, widths, rates) + served.feed_forward_time(
        layer, mixed_tokens_per_rank, routed, widths, rates
    )
    heads = active_slot_share * decode_tokens_per_rank + prefill_chunk / jnp.maximum(computed_prompt_len, 1.0)
    head = served.head_time(
        (heads, layer.hidden_size, vocab_size, layer.tp),
        embedding_width,
        (wide_attainable_flops, rates.reading_bandwidth, rates.gemm_half_size),
    )
    return layers + head


@cost_model(
    formula=r"x\,t_{att}^{dec} + t_{att}^{pre}\,T_{chunk}/T_{pre}",
    source="agrawal-et-al-2024, sec. 4.1; a chunk takes its share of what the whole prompt takes, on average over chunks",
    example=dict(
        decode_attention_time=5e-4,
        active_slot_share=1,
        prefill_attention_time=4e-4,
        prefill_chunk=512,
        prefill_tokens=1024,
        expect=7e-4,
    ),
)
def mixed_attention_time(
    decode_attention_time: Seconds,
    active_slot_share: Number,
    prefill_attention_time: Seconds,
    prefill_chunk: Count,
    prefill_tokens: Count,
) -> Seconds:
    """Attention of one mixed step."""
    return active_slot_share * decode_attention_time + prefill_attention_time * ratio(prefill_chunk, prefill_tokens)


@cost_model(
    formula=r"L\,(Q_{vec} + Q_{cast})/\beta_r",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(
        **_STEP, **WIDTHS, matmul_format=2, vector_traffic_factor=1.6, reading_bandwidth=2.8475e12, expect=0.004645035
    ),
)
def mixed_vector_time(
    layer: Served,
    mixed_tokens_per_rank: Count,
    widths: PassWidths,
    vector_traffic_factor: Number,
    matmul_format: Choice,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Vector operators of one mixed step."""
    return served.vector_time(
        layer, mixed_tokens_per_rank, widths, vector_traffic_factor, matmul_format, reading_bandwidth
    )


@cost_model(
    formula=r"t_{TP} + t_{EP} + t_{PP} + t_{CP}",
    source="shoeybi-et-al-2019, sec. 3; deepseek-v3-2024, sec. 3.4; context parallelism as its parts alone",
    example=dict(
        **_STEP,
        residual_width=2,
        dispatch_width=2,
        pp=1,
        pass_collective_overhead=1e-5,
        decode_cp_time=0.0,
        prefill_cp_time=0.0,
        prefill_chunk=512,
        prefill_tokens=1024,
        **RINGS,
        expect=0.01077225,
    ),
)
def mixed_comm_time(
    layer: Served,
    mixed_tokens_per_rank: Count,
    residual_width: Bytes,
    dispatch_width: Bytes,
    expert_dispatch: Choice,
    all_reduce_algorithm: Choice,
    pp: Count,
    network: Network,
    pass_collective_overhead: Seconds,
    decode_cp_time: Seconds,
    prefill_cp_time: Seconds,
    prefill_chunk: Count,
    prefill_tokens: Count,
) -> Seconds:
    """Communication of one mixed step."""
    started = served.started_by_stack(network, pass_collective_overhead)
    tensor = served.tp_time(layer, mixed_tokens_per_rank, residual_width, all_reduce_algorithm, started)
    experts = served.ep_time(layer, mixed_tokens_per_rank, residual_width, dispatch_width, expert_dispatch, started)
    stages = served.pp_time(layer, mixed_tokens_per_rank, residual_width, pp, network)
    context = decode_cp_time + prefill_cp_time * ratio(prefill_chunk, prefill_tokens)
    return tensor + experts + stages + context


_TERMS = ("mixed_product_time", "mixed_attention_time", "mixed_vector_time", "mixed_comm_time", "pass_gap_time")


@cost_model(
    formula=r"\sum_i t_i",
    source="agrawal-et-al-2024, sec. 4.1",
    example=dict.fromkeys(_TERMS, 1e-3) | dict(expect=5e-3),
    terms=_TERMS,
)
def mixed_step_time(
    mixed_product_time: Seconds,
    mixed_attention_time: Seconds,
    mixed_vector_time: Seconds,
    mixed_comm_time: Seconds,
    pass_gap_time: Seconds,
) -> Seconds:
    """Time of a decode step that carries a chunk of prompts too."""
    return mixed_product_time + mixed_attention_time + mixed_vector_time + mixed_comm_time + pass_gap_time
