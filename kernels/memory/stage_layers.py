"""Layers of the three kinds of stage, as parameters on one GPU.

A stage holds its own layers; under DualPipe a rank holds those of the stage opposite too: the first those of the last,
a middle one twice its own.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Choice, Count
from ..arrays import jnp
from ..example_inputs import EVEN_STAGES, LLAMA_70B_LAYERS
from ..registry import cost_model
from ..training.pipeline import DUALPIPE
from .stage_parameters import LayerParameters, PredictionModules, layers_of, mixtures_of_modules


class StageDepths(NamedTuple):
    """Layers of each kind of stage and mixtures among them."""

    first_stage_layers: Count
    first_stage_moe_layers: Count
    middle_stage_layers: Count
    middle_stage_moe_layers: Count
    last_stage_layers: Count
    last_stage_moe_layers: Count


@cost_model(
    formula=r"n_1\,P_{mix} + (n_1 - m_1)\,P_{mlp} + m_1\,P_{moe}",
    source="narayanan-et-al-2021, sec. 3; deepseek-v3-2024, table 2 (dualpipe: two copies)",
    example=dict(**LLAMA_70B_LAYERS, **EVEN_STAGES, expect=2139422720.0),
)
def first_stage_layer_parameters(depths: StageDepths, parts: LayerParameters, pipeline_schedule: Choice) -> Count:
    """Parameters of the first stage's layers on one GPU, without routed experts."""
    own = layers_of(parts, depths.first_stage_layers, depths.first_stage_moe_layers)
    opposite = layers_of(parts, depths.last_stage_layers, depths.last_stage_moe_layers)
    return own + jnp.where(pipeline_schedule == DUALPIPE, opposite, 0.0)


@cost_model(
    formula=r"n_2\,P_{mix} + (n_2 - m_2)\,P_{mlp} + m_2\,P_{moe}",
    source="narayanan-et-al-2021, sec. 3; deepseek-v3-2024, table 2 (dualpipe: two copies)",
    example=dict(**LLAMA_70B_LAYERS, **EVEN_STAGES, expect=2139422720.0),
)
def middle_stage_layer_parameters(depths: StageDepths, parts: LayerParameters, pipeline_schedule: Choice) -> Count:
    """Parameters of a middle stage's layers on one GPU, without routed experts."""
    own = layers_of(parts, depths.middle_stage_layers, depths.middle_stage_moe_layers)
    return own * jnp.where(pipeline_schedule == DUALPIPE, 2.0, 1.0)


@cost_model(
    formula=r"n_p\,P_{mix} + (n_p - m_p)\,P_{mlp} + m_p\,P_{moe}",
    source="narayanan-et-al-2021, sec. 3; deepseek-v3-2024, table 2 (dualpipe: two copies)",
    example=dict(**LLAMA_70B_LAYERS, **EVEN_STAGES, first_stage_layer_parameters=2139422720, expect=2139422720.0),
)
def last_stage_layer_parameters(
    depths: StageDepths, parts: LayerParameters, first_stage_layer_parameters: Count, pipeline_schedule: Choice
) -> Count:
    """Parameters of the last stage's layers on one GPU, without routed experts."""
    own = layers_of(parts, depths.last_stage_layers, depths.last_stage_moe_layers)
    return jnp.where(pipeline_schedule == DUALPIPE, first_stage_layer_parameters, own)


class RoutedExperts(NamedTuple):
    """Routed experts of one layer on one GPU, and the layers behind the head that may have some."""

    routed_parameters_per_gpu: Count
    num_mtp_layers: Count
    num_moe_layers: Count


_ROUTED = dict(routed_parameters_per_gpu=176160768, num_moe_layers=58, **EVEN_STAGES | dict(first_stage_moe_layers=17))


def modules_with_experts(experts: RoutedExperts) -> Count:
    """Prediction modules that have routed experts."""
    return mixtures_of_modules(PredictionModules(experts.num_mtp_layers, experts.num_moe_layers))


@cost_model(
    formula=r"m_1\,P_{routed}",
    source="lepikhin-et-al-2020, sec. 3; deepseek-v3-2024, table 2 (dualpipe: two copies)",
    example=dict(**_ROUTED, pp=4, expect=2994733056.0),
)
def first_stage_expert_parameters(
    depths: StageDepths, experts: RoutedExperts, pp: Count, pipeline_schedule: Choice
) -> Count:
    """Parameters of routed experts on a GPU of the first stage."""
    dual = pipeline_schedule == DUALPIPE
    mixtures = depths.first_stage_moe_layers + jnp.where(dual, depths.last_stage_moe_layers, 0.0)
    modules = jnp.where(dual | (pp <= 1), modules_with_experts(experts), 0.0)
    return (mixtures + modules) * experts.routed_parameters_per_gpu


@cost_model(
    formula=r"m_2\,P_{routed}",
    source="lepikhin-et-al-2020, sec. 3; deepseek-v3-2024, table 2 (dualpipe: two copies)",
    example=dict(**_ROUTED | dict(middle_stage_moe_layers=20), expect=3523215360.0),
)
def middle_stage_expert_parameters(depths: StageDepths, experts: RoutedExperts, pipeline_schedule: Choice) -> Count:
    """Parameters of routed experts on a GPU of a middle stage."""
    copies = jnp.where(pipeline_schedule == DUALPIPE, 2.0, 1.0)
    return copies * depths.middle_stage_moe_layers * experts.routed_parameters_per_gpu


@cost_model(
    formula=r"(m_p + n_{mtp})\,P_{routed}",
    source="lepikhin-et-al-2020, sec. 3; deepseek-v3-2024, sec. 2.2 and table 2",
    example=dict(
        **_ROUTED | dict(last_stage_moe_layers=19, num_mtp_layers=1),
        first_stage_expert_parameters=0,
        expect=3523215360.0,
    ),
)
def last_stage_expert_parameters(
    depths: StageDepths, experts: RoutedExperts, first_stage_expert_parameters: Count, pipeline_schedule: Choice
) -> Count:
    """Parameters of routed experts on a GPU of the last stage."""
    own = (depths.last_stage_moe_layers + modules_with_experts(experts)) * experts.routed_parameters_per_gpu
    return jnp.where(pipeline_schedule == DUALPIPE, first_stage_expert_parameters, own)
