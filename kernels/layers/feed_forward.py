"""The feed-forward of one layer, mean over dense layers and layers of experts.

Each kind has a roofline of its own: where every expert sees few tokens it waits for memory while a dense layer waits
for arithmetic, and a mean over both would hide it.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count, Flops, Seconds
from ..example_inputs import DEEPSEEK_V3_LAYERS
from ..registry import cost_model


class LayerMix(NamedTuple):
    """How many layers there are of each kind."""

    num_layers: Count
    num_moe_layers: Count


def mean_over_layers(mix: LayerMix, dense: Count, experts: Count) -> Count:
    """The mean over all layers of what dense layers and layers of experts have."""
    share = mix.num_moe_layers / mix.num_layers
    return (1 - share) * dense + share * experts


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_feed_forward_flops=4.0,
        routed_feed_forward_flops=5.0,
        shared_feed_forward_flops=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_flops(
    mix: LayerMix, dense_feed_forward_flops: Flops, routed_feed_forward_flops: Flops, shared_feed_forward_flops: Flops
) -> Flops:
    """FLOPs of the feed-forward, mean over all layers."""
    return mean_over_layers(mix, dense_feed_forward_flops, routed_feed_forward_flops + shared_feed_forward_flops)


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_feed_forward_traffic=4.0,
        routed_feed_forward_traffic=5.0,
        shared_feed_forward_traffic=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_traffic(
    mix: LayerMix,
    dense_feed_forward_traffic: Bytes,
    routed_feed_forward_traffic: Bytes,
    shared_feed_forward_traffic: Bytes,
) -> Bytes:
    """Memory traffic of the feed-forward, mean over all layers."""
    return mean_over_layers(mix, dense_feed_forward_traffic, routed_feed_forward_traffic + shared_feed_forward_traffic)


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_feed_forward_time=4.0,
        routed_feed_forward_time=5.0,
        shared_feed_forward_time=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_layer_time(
    mix: LayerMix,
    dense_feed_forward_time: Seconds,
    routed_feed_forward_time: Seconds,
    shared_feed_forward_time: Seconds,
) -> Seconds:
    """Forward time of the feed-forward of one layer, mean over all layers."""
    return mean_over_layers(mix, dense_feed_forward_time, routed_feed_forward_time + shared_feed_forward_time)


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_input_gradient_time=4.0,
        routed_input_gradient_time=5.0,
        shared_input_gradient_time=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_input_gradient_time(
    mix: LayerMix,
    dense_input_gradient_time: Seconds,
    routed_input_gradient_time: Seconds,
    shared_input_gradient_time: Seconds,
) -> Seconds:
    """Time of the input gradients of the feed-forward, mean over all layers."""
    return mean_over_layers(mix, dense_input_gradient_time, routed_input_gradient_time + shared_input_gradient_time)


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_weight_gradient_time=4.0,
        routed_weight_gradient_time=5.0,
        shared_weight_gradient_time=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_weight_gradient_time(
    mix: LayerMix,
    dense_weight_gradient_time: Seconds,
    routed_weight_gradient_time: Seconds,
    shared_weight_gradient_time: Seconds,
) -> Seconds:
    """Time of the weight gradients of the feed-forward, mean over all layers."""
    return mean_over_layers(mix, dense_weight_gradient_time, routed_weight_gradient_time + shared_weight_gradient_time)


@cost_model(
    formula=r"\left[(L - L_{moe})\,x_{dense} + L_{moe}\,(x_{routed} + x_{shared})\right]/L",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        dense_hbm_bound_time=4.0,
        routed_hbm_bound_time=5.0,
        shared_hbm_bound_time=1.0,
        **DEEPSEEK_V3_LAYERS,
        expect=5.901639,
    ),
)
def feed_forward_hbm_bound_time(
    mix: LayerMix, dense_hbm_bound_time: Seconds, routed_hbm_bound_time: Seconds, shared_hbm_bound_time: Seconds
) -> Seconds:
    """Time of the feed-forward that waits for memory, mean over all layers."""
    return mean_over_layers(mix, dense_hbm_bound_time, routed_hbm_bound_time + shared_hbm_bound_time)
