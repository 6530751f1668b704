"""Times of one layer for one micro-batch on one GPU, operator by operator.

A backward matrix product is two products of the forward's size, so it takes twice the forward time; so do the
traffic-bound operators. Flash attention recomputes the scores: its backward is 2.5 times its forward.
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, BytesPerSecond, Choice, Count, Flops, FlopsPerSecond, Number, Seconds
from .flops import FLASH, FULL, SELECTIVE
from .primitives.roofline import memory_bound, roofline_time
from .registry import cost_model

_RATES = dict(attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12)


@cost_model(
    formula=r"\max(F/\pi, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(projection_flops=1.54618823e11, projection_traffic=1.90840832e8, **_RATES, expect=2.08367e-4),
)
def projection_time(
    projection_flops: Flops,
    projection_traffic: Bytes,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of the attention projections of one layer."""
    return roofline_time(projection_flops, projection_traffic, attainable_flops, attainable_hbm_bandwidth)


@cost_model(
    formula=r"\max(F/\pi, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(attention_core_flops=3.43597384e10, attention_core_traffic=1.8874368e7, **_RATES, expect=4.63038e-5),
)
def attention_core_time(
    attention_core_flops: Flops,
    attention_core_traffic: Bytes,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of scores and weighted values of one layer."""
    return roofline_time(attention_core_flops, attention_core_traffic, attainable_flops, attainable_hbm_bandwidth)


@cost_model(
    formula=r"Q/\beta",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(vector_traffic=1.71966464e8, attainable_hbm_bandwidth=2.8475e12, expect=6.03921e-5),
)
def vector_layer_time(vector_traffic: Bytes, attainable_hbm_bandwidth: BytesPerSecond) -> Seconds:
    """Forward time of norms, residuals and activation of one layer."""
    return vector_traffic / attainable_hbm_bandwidth


@cost_model(
    formula=r"\max(F/\pi, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(lm_head_flops=2.68435456e11, lm_head_traffic=2.96484864e8, **_RATES, expect=3.61748e-4),
)
def lm_head_forward_time(
    lm_head_flops: Flops,
    lm_head_traffic: Bytes,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of the head and the loss for one micro-batch."""
    return roofline_time(lm_head_flops, lm_head_traffic, attainable_flops, attainable_hbm_bandwidth)


@cost_model(
    formula=r"t_{proj} + t_{core} + t_{ffn} + t_{vec}",
    source="definition: a sum of operators, each by its own roofline",
    example=dict(
        projection_time=2.08367e-4,
        attention_core_time=4.63038e-5,
        feed_forward_layer_time=9.72380e-4,
        vector_layer_time=6.03921e-5,
        expect=1.2874429e-3,
    ),
    terms=("projection_time", "attention_core_time", "feed_forward_layer_time", "vector_layer_time"),
)
def layer_forward_time(
    projection_time: Seconds,
    attention_core_time: Seconds,
    feed_forward_layer_time: Seconds,
    vector_layer_time: Seconds,
) -> Seconds:
    """Forward time of one layer for one micro-batch, without communication."""
    return projection_time + attention_core_time + feed_forward_layer_time + vector_layer_time


@cost_model(
    formula=r"2.5 \text{ (flash)}, 2 \text{ (unfused)}",
    source="dao-2023, sec. 4.1 (five products backward against two forward)",
    example=dict(attention_kernel=1, expect=2.5),
)
def attention_backward_ratio(attention_kernel: Choice) -> Number:
    """Backward over forward time of the attention core."""
    return jnp.where(attention_kernel == FLASH, 2.5, 2.0)


@cost_model(
    formula=r"2\,(t_{proj} + t_{ffn} + t_{vec}) + r_b\,t_{core}",
    source="chowdhery-et-al-2022, app. B (backward is two products per forward product); dao-2023, sec. 4.1",
    example=dict(
        projection_time=2.08367e-4,
        attention_core_time=4.63038e-5,
        feed_forward_layer_time=9.72380e-4,
        vector_layer_time=6.03921e-5,
        attention_backward_ratio=2.5,
        expect=2.5980377e-3,
    ),
)
def layer_backward_time(
    projection_time: Seconds,
    attention_core_time: Seconds,
    feed_forward_layer_time: Seconds,
    vector_layer_time: Seconds,
    attention_backward_ratio: Number,
) -> Seconds:
    """Backward time of one layer for one micro-batch, without communication.

    Recomputation is counted apart.
    """
    linear = projection_time + feed_forward_layer_time + vector_layer_time
    return 2 * linear + attention_backward_ratio * attention_core_time


@cost_model(
    formula=r"0,\ t_{core},\ t_F \text{ for none, selective, full}",
    source="korthikanti-et-al-2022, sec. 5",
    example=dict(recompute=2, attention_core_time=4.63038e-5, layer_forward_time=1.2874429e-3, expect=1.2874429e-3),
)
def layer_recompute_time(recompute: Choice, attention_core_time: Seconds, layer_forward_time: Seconds) -> Seconds:
    """Time to recompute one layer's activations for one micro-batch."""
    partial = jnp.where(recompute == SELECTIVE, attention_core_time, 0.0)
    return jnp.where(recompute == FULL, layer_forward_time, partial)


@cost_model(
    formula=r"3\sum_i t_i\,[Q_i/\beta > F_i/\pi] + (1 + r_b)\,t_{core}\,[Q_{core}/\beta > F_{core}/\pi] + 3\,t_{vec}",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(
        projection_flops=1.54618823e11,
        projection_traffic=1.90840832e8,
        projection_time=2.08367e-4,
        feed_forward_hbm_bound_time=0.0,
        attention_core_flops=3.43597384e10,
        attention_core_traffic=1.8874368e7,
        attention_core_time=4.63038e-5,
        attention_backward_ratio=2.5,
        vector_layer_time=6.03921e-5,
        **_RATES,
        expect=1.811763e-4,
    ),
)
def layer_hbm_bound_time(
    projection_flops: Flops,
    projection_traffic: Bytes,
    projection_time: Seconds,
    feed_forward_hbm_bound_time: Seconds,
    attention_core_flops: Flops,
    attention_core_traffic: Bytes,
    attention_core_time: Seconds,
    attention_backward_ratio: Number,
    vector_layer_time: Seconds,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of one layer bound by memory bandwidth, forward and backward."""
    rates = (attainable_flops, attainable_hbm_bandwidth)
    projection = projection_time * memory_bound(projection_flops, projection_traffic, *rates)
    core = attention_core_time * memory_bound(attention_core_flops, attention_core_traffic, *rates)
    return 3 * (projection + feed_forward_hbm_bound_time + vector_layer_time) + (1 + attention_backward_ratio) * core


@cost_model(
    formula=r"b\,s\,h\,a_w/c",
    source="shoeybi-et-al-2019, sec. 3 (the all-reduce carries the hidden states)",
    example=dict(micro_batch_tokens=4096, hidden_size=8192, activation_width=2, expect=6.7108864e7),
)
def hidden_states_message(micro_batch_tokens: Count, hidden_size: Count, activation_width: Bytes) -> Bytes:
    """Hidden states of one micro-batch.

    The buffer of tensor and pipeline parallel communication.
    """
    return micro_batch_tokens * hidden_size * activation_width
