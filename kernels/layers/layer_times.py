"""Times of one layer for one micro-batch on one GPU: forward, backward and recomputation, mean over all layers."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Choice, Count, Number, Seconds
from ..arrays import jnp
from ..model.flops import FULL, SELECTIVE
from ..registry import cost_model


class MixerMix(NamedTuple):
    """How many layers mix tokens by attention, and how many by a linear recurrence."""

    num_layers: Count
    num_linear_layers: Count


def mean_over_mixers(mix: MixerMix, attention: Seconds, linear: Seconds) -> Seconds:
    """The mean over all layers of what attention layers and linear layers have."""
    share = mix.num_linear_layers / mix.num_layers
    return (1 - share) * attention + share * linear


_HYBRID = dict(num_layers=80, num_linear_layers=20)
_MIXER = r"\left[(L - L_{lin})\,x_{att} + L_{lin}\,x_{lin}\right]/L"


@cost_model(
    formula=_MIXER + r",\ x_{att} = t_{proj} + t_{core},\ x_{lin} = t_{proj} + t_{scan}",
    source="definition: mean over all layers, each kind by its own roofline",
    example=dict(
        projection_time=2e-4,
        attention_core_time=5e-5,
        linear_projection_time=3e-4,
        linear_scan_time=1e-4,
        **_HYBRID,
        expect=2.875e-4,
    ),
)
def mixer_forward_time(
    mix: MixerMix,
    projection_time: Seconds,
    attention_core_time: Seconds,
    linear_projection_time: Seconds,
    linear_scan_time: Seconds,
) -> Seconds:
    """Forward time of attention, or what stands in its place, in one layer."""
    return mean_over_mixers(mix, projection_time + attention_core_time, linear_projection_time + linear_scan_time)


@cost_model(
    formula=_MIXER + r",\ x_{att} = t^X_{proj} + r_b t_{core},\ x_{lin} = t^X_{proj} + 2 t_{scan}",
    source="dao-2023, sec. 4.1 (flash backward); dao-gu-2024, sec. 6 (every product of the scan has two gradients)",
    example=dict(
        projection_input_gradient_time=2e-4,
        attention_core_time=5e-5,
        attention_backward_ratio=2.5,
        linear_input_gradient_time=3e-4,
        linear_scan_time=1e-4,
        **_HYBRID,
        expect=3.6875e-4,
    ),
)
def mixer_input_gradient_time(
    mix: MixerMix,
    projection_input_gradient_time: Seconds,
    attention_core_time: Seconds,
    attention_backward_ratio: Number,
    linear_input_gradient_time: Seconds,
    linear_scan_time: Seconds,
) -> Seconds:
    """Backward time of attention in one layer, without weight gradients."""
    attention = projection_input_gradient_time + attention_backward_ratio * attention_core_time
    return mean_over_mixers(mix, attention, linear_input_gradient_time + 2 * linear_scan_time)


@cost_model(
    formula=_MIXER + r",\ x = t^W_{proj}",
    source="definition: mean over all layers",
    example=dict(projection_weight_gradient_time=2e-4, linear_weight_gradient_time=3e-4, **_HYBRID, expect=2.25e-4),
)
def mixer_weight_gradient_time(
    mix: MixerMix, projection_weight_gradient_time: Seconds, linear_weight_gradient_time: Seconds
) -> Seconds:
    """Time of the weight gradients of attention in one layer."""
    return mean_over_mixers(mix, projection_weight_gradient_time, linear_weight_gradient_time)


@cost_model(
    formula=r"t_{mix} + t_{ffn} + t_{vec} + t_{lora}",
    source="definition: a sum of operators, each by its own roofline",
    example=dict(
        mixer_forward_time=2.5e-4,
        feed_forward_layer_time=9.7e-4,
        vector_layer_time=6e-5,
        adapter_time=0.0,
        expect=1.28e-3,
    ),
    terms=("mixer_forward_time", "feed_forward_layer_time", "vector_layer_time", "adapter_time"),
)
def layer_forward_time(
    mixer_forward_time: Seconds,
    feed_forward_layer_time: Seconds,
    vector_layer_time: Seconds,
    adapter_time: Seconds,
) -> Seconds:
    """Forward time of one layer for one micro-batch, without communication."""
    return mixer_forward_time + feed_forward_layer_time + vector_layer_time + adapter_time


@cost_model(
    formula=r"(1 - \varphi)\left(t^W_{mix} + t^W_{ffn}\right)",
    source="hu-et-al-2021, sec. 4.2 (frozen matrices need no gradient)",
    example=dict(
        mixer_weight_gradient_time=2.5e-4, feed_forward_weight_gradient_time=9.7e-4, frozen_share=0.5, expect=6.1e-4
    ),
)
def layer_weight_gradient_time(
    mixer_weight_gradient_time: Seconds, feed_forward_weight_gradient_time: Seconds, frozen_share: Number
) -> Seconds:
    """Time of the weight gradients of one layer for one micro-batch."""
    return (1 - frozen_share) * (mixer_weight_gradient_time + feed_forward_weight_gradient_time)


@cost_model(
    formula=r"t^X_{mix} + t^X_{ffn} + t^B_{vec} + t^W + 2\,t_{lora}",
    source="chowdhery-et-al-2022, app. B (backward is two products per forward product); dao-2023, sec. 4.1",
    example=dict(
        mixer_input_gradient_time=3e-4,
        feed_forward_input_gradient_time=9.7e-4,
        vector_backward_time=9e-5,
        layer_weight_gradient_time=1.2e-3,
        adapter_time=1e-5,
        expect=2.58e-3,
    ),
)
def layer_backward_time(
    mixer_input_gradient_time: Seconds,
    feed_forward_input_gradient_time: Seconds,
    vector_backward_time: Seconds,
    layer_weight_gradient_time: Seconds,
    adapter_time: Seconds,
) -> Seconds:
    """Backward time of one layer for one micro-batch, without communication.

    Recomputation is counted apart.
    """
    inputs = mixer_input_gradient_time + feed_forward_input_gradient_time + vector_backward_time
    return inputs + layer_weight_gradient_time + 2 * adapter_time


@cost_model(
    formula=r"\rho\,(0,\ t_{core},\ t_F) \text{ for none, selective, full}",
    source="korthikanti-et-al-2022, sec. 5",
    example=dict(
        recompute=2,
        recompute_layer_share=0.5,
        attention_core_time=5e-5,
        layer_forward_time=1.28e-3,
        **_HYBRID,
        expect=6.4e-4,
    ),
)
def layer_recompute_time(
    mix: MixerMix,
    recompute: Choice,
    recompute_layer_share: Number,
    attention_core_time: Seconds,
    layer_forward_time: Seconds,
) -> Seconds:
    """Time to recompute one layer's activations, mean over all layers."""
    core = mean_over_mixers(mix, attention_core_time, jnp.zeros_like(attention_core_time))
    again = jnp.where(recompute == FULL, layer_forward_time, jnp.where(recompute == SELECTIVE, core, 0.0))
    return recompute_layer_share * again


@cost_model(
    formula=r"t_{proj}^{HBM} + t_{ffn}^{HBM} + (1 + r_b)\,t_{core}\,[Q/\beta > F/\pi_a] + t_{vec} + t^B_{vec} + 3 t_{lora}",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(
        projection_hbm_bound_time=0.0,
        feed_forward_hbm_bound_time=1e-4,
        attention_core_time=5e-5,
        attention_core_intensity=2.0,
        attention_backward_ratio=2.5,
        vector_layer_time=6e-5,
        vector_backward_time=9e-5,
        adapter_time=0.0,
        expect=2.5e-4,
    ),
)
def layer_hbm_bound_time(
    projection_hbm_bound_time: Seconds,
    feed_forward_hbm_bound_time: Seconds,
    attention_core_time: Seconds,
    attention_core_intensity: Number,
    attention_backward_ratio: Number,
    vector_layer_time: Seconds,
    vector_backward_time: Seconds,
    adapter_time: Seconds,
) -> Seconds:
    """Time of one layer that waits for memory, forward and backward."""
    core = jnp.where(attention_core_intensity < 1, (1 + attention_backward_ratio) * attention_core_time, 0.0)
    products = projection_hbm_bound_time + feed_forward_hbm_bound_time
    return products + core + vector_layer_time + vector_backward_time + 3 * adapter_time


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
