"""The feed-forward of one layer: arithmetic, traffic and time forward, one micro-batch, one GPU.

Dense layers and layers of experts have rooflines of their own: where every expert sees few tokens the one waits for
memory and the other for arithmetic, and a mean over both would hide it.
"""

from __future__ import annotations

from .annotations import Bytes, BytesPerSecond, Count, Flag, Flops, FlopsPerSecond, Seconds
from .primitives.roofline import memory_bound, roofline_time
from .registry import cost_model

_RATES = dict(attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12)
_DEEPSEEK_V3 = dict(num_layers=61, num_moe_layers=58)


@cost_model(
    formula=r"2\,T\,W_{mlp}/t",
    source="chowdhery-et-al-2022, app. B; shoeybi-et-al-2019, sec. 3 (columns are split)",
    example=dict(micro_batch_tokens=4096, dense_mlp_weights=704643072, tp=8, expect=7.21554506e11),
)
def dense_feed_forward_flops(micro_batch_tokens: Count, dense_mlp_weights: Count, tp: Count) -> Flops:
    """FLOPs of one dense feed-forward."""
    return 2 * micro_batch_tokens * dense_mlp_weights / tp


@cost_model(
    formula=r"2\,T\,\left((k + E_s)W_e + hE\right)/t",
    source="fedus-zoph-shazeer-2021, sec. 2 (routed experts and the router)",
    example=dict(
        micro_batch_tokens=4096,
        expert_weights=44040192,
        hidden_size=7168,
        num_experts=256,
        experts_per_token=8,
        num_shared_experts=1,
        tp=1,
        expect=3.26202549e12,
    ),
)
def expert_feed_forward_flops(
    micro_batch_tokens: Count,
    expert_weights: Count,
    hidden_size: Count,
    num_experts: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    tp: Count,
) -> Flops:
    """FLOPs of the experts and the router of one layer."""
    weights = (experts_per_token + num_shared_experts) * expert_weights + hidden_size * num_experts
    return 2 * micro_batch_tokens * weights / tp


@cost_model(
    formula=r"W_{mlp}w/t + T\,a_w\,\left(2h + (2+g)f/t\right)",
    source="definition: the matrices once, input read, output written, the inner tensors written and read",
    example=dict(
        micro_batch_tokens=4096,
        dense_mlp_weights=704643072,
        hidden_size=8192,
        intermediate_size=28672,
        gated_mlp=1,
        tp=8,
        weight_width=2,
        activation_width=2,
        expect=3.98458880e8,
    ),
)
def dense_feed_forward_traffic(
    micro_batch_tokens: Count,
    dense_mlp_weights: Count,
    hidden_size: Count,
    intermediate_size: Count,
    gated_mlp: Flag,
    tp: Count,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Bytes:
    """Memory traffic of one dense feed-forward."""
    per_token = 2 * hidden_size + (2 + gated_mlp) * intermediate_size / tp
    return dense_mlp_weights * weight_width / tp + micro_batch_tokens * activation_width * per_token


@cost_model(
    formula=r"\left(E/e + E_s\right)W_e w/t + T\,a_w\,(k + E_s)\left(2h + (2+g)f_e/t\right)",
    source="definition: the matrices of all local experts once, one copy of the token for each expert it visits",
    example=dict(
        micro_batch_tokens=4096,
        expert_weights=44040192,
        hidden_size=7168,
        moe_intermediate_size=2048,
        gated_mlp=1,
        num_experts=256,
        experts_per_token=8,
        num_shared_experts=1,
        tp=1,
        ep=64,
        weight_width=2,
        activation_width=2,
        expect=1.950351360e9,
    ),
)
def expert_feed_forward_traffic(
    micro_batch_tokens: Count,
    expert_weights: Count,
    hidden_size: Count,
    moe_intermediate_size: Count,
    gated_mlp: Flag,
    num_experts: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    tp: Count,
    ep: Count,
    weight_width: Bytes,
    activation_width: Bytes,
) -> Bytes:
    """Memory traffic of the experts of one layer."""
    weights = (num_experts / ep + num_shared_experts) * expert_weights * weight_width / tp
    per_copy = 2 * hidden_size + (2 + gated_mlp) * moe_intermediate_size / tp
    return weights + micro_batch_tokens * activation_width * (experts_per_token + num_shared_experts) * per_copy


@cost_model(
    formula=r"\left[(L - L_{moe})F_{dense} + L_{moe}F_{experts}\right]/L",
    source="definition: mean over all layers",
    example=dict(
        dense_feed_forward_flops=3.24705e12, expert_feed_forward_flops=3.26202549e12, **_DEEPSEEK_V3, expect=3.261289e12
    ),
)
def feed_forward_flops(
    num_layers: Count, num_moe_layers: Count, dense_feed_forward_flops: Flops, expert_feed_forward_flops: Flops
) -> Flops:
    """FLOPs of the feed-forward, mean over dense and expert layers."""
    return mean_over_layers(num_layers, num_moe_layers, dense_feed_forward_flops, expert_feed_forward_flops)


@cost_model(
    formula=r"\left[(L - L_{moe})Q_{dense} + L_{moe}Q_{experts}\right]/L",
    source="definition: mean over all layers",
    example=dict(
        dense_feed_forward_traffic=1.3631488e9,
        expert_feed_forward_traffic=1.95035136e9,
        **_DEEPSEEK_V3,
        expect=1.921472681e9,
    ),
)
def feed_forward_traffic(
    num_layers: Count, num_moe_layers: Count, dense_feed_forward_traffic: Bytes, expert_feed_forward_traffic: Bytes
) -> Bytes:
    """Memory traffic of the feed-forward, mean over dense and expert layers."""
    return mean_over_layers(num_layers, num_moe_layers, dense_feed_forward_traffic, expert_feed_forward_traffic)


@cost_model(
    formula=r"\max(F/\pi, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        dense_feed_forward_flops=7.21554506e11, dense_feed_forward_traffic=3.9845888e8, **_RATES, expect=9.72380e-4
    ),
)
def dense_feed_forward_time(
    dense_feed_forward_flops: Flops,
    dense_feed_forward_traffic: Bytes,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of one dense feed-forward."""
    return roofline_time(
        dense_feed_forward_flops, dense_feed_forward_traffic, attainable_flops, attainable_hbm_bandwidth
    )


@cost_model(
    formula=r"\max(F/\pi, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        expert_feed_forward_flops=3.26202549e12, expert_feed_forward_traffic=1.95035136e9, **_RATES, expect=4.395965e-3
    ),
)
def expert_feed_forward_time(
    expert_feed_forward_flops: Flops,
    expert_feed_forward_traffic: Bytes,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of the experts of one layer, without communication."""
    return roofline_time(
        expert_feed_forward_flops, expert_feed_forward_traffic, attainable_flops, attainable_hbm_bandwidth
    )


@cost_model(
    formula=r"\left[(L - L_{moe})\,t_{dense} + L_{moe}\,t_{experts}\right]/L",
    source="definition: mean over all layers, each by its own roofline",
    example=dict(
        dense_feed_forward_time=4.0e-3, expert_feed_forward_time=4.395965e-3, **_DEEPSEEK_V3, expect=4.376491e-3
    ),
)
def feed_forward_layer_time(
    num_layers: Count, num_moe_layers: Count, dense_feed_forward_time: Seconds, expert_feed_forward_time: Seconds
) -> Seconds:
    """Forward time of the feed-forward of one layer, mean over all layers."""
    return mean_over_layers(num_layers, num_moe_layers, dense_feed_forward_time, expert_feed_forward_time)


@cost_model(
    formula=r"\left[(L - L_{moe})\,t_{dense}[Q/\beta > F/\pi] + L_{moe}\,t_{experts}[Q/\beta > F/\pi]\right]/L",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(
        dense_feed_forward_flops=3.24705e12,
        dense_feed_forward_traffic=1.3631488e9,
        dense_feed_forward_time=4.375783e-3,
        expert_feed_forward_flops=3.26202549e12,
        expert_feed_forward_traffic=2.4e10,
        expert_feed_forward_time=8.428446e-3,
        **_DEEPSEEK_V3,
        **_RATES,
        expect=8.013932e-3,
    ),
)
def feed_forward_hbm_bound_time(
    num_layers: Count,
    num_moe_layers: Count,
    dense_feed_forward_flops: Flops,
    dense_feed_forward_traffic: Bytes,
    dense_feed_forward_time: Seconds,
    expert_feed_forward_flops: Flops,
    expert_feed_forward_traffic: Bytes,
    expert_feed_forward_time: Seconds,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of the feed-forward that is bound by memory bandwidth.

    Mean over all layers.
    """
    rates = (attainable_flops, attainable_hbm_bandwidth)
    dense = dense_feed_forward_time * memory_bound(dense_feed_forward_flops, dense_feed_forward_traffic, *rates)
    experts = expert_feed_forward_time * memory_bound(expert_feed_forward_flops, expert_feed_forward_traffic, *rates)
    return mean_over_layers(num_layers, num_moe_layers, dense, experts)


def mean_over_layers(num_layers: Count, num_moe_layers: Count, dense: Count, experts: Count) -> Count:
    """The mean over all layers of what dense layers and layers of experts have."""
    share = num_moe_layers / num_layers
    return (1 - share) * dense + share * experts
