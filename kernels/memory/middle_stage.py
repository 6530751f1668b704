"""Which of the stages between the first and the last needs most memory.

Of stages with equal layers the foremost, which has most micro-batches in flight. Where dense layers lead, a stage
further back, of mixtures only, holds more parameters: the two are compared.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count
from ..arrays import jnp
from ..registry import cost_model
from .activations import LayerActivations, kept
from .micro_batches_in_flight import Schedule, in_flight
from .model_states import Held, Sharding, StateWidths, Trained, WorkingLayer, state_bytes_of
from .stage_parameters import LayerKinds, LayerParameters, layers_of, mixtures_at


class MiddleStages(NamedTuple):
    """Layers in front of the middle stages and on each of them."""

    first_stage_layers: Count
    middle_stage_layers: Count


@cost_model(
    formula=r"\arg\max_{i \in \{1, i_{moe}\}} \left(M_{states} + m_i A_i\right)",
    source="definition: states and stored activations of the two candidates, counted from 0 at the first stage",
    example=dict(
        mixture_stage_place=3,
        first_stage_layers=1,
        middle_stage_layers=1,
        num_layers=61,
        num_moe_layers=58,
        mixer_parameters_per_gpu=187121664,
        dense_mlp_parameters_per_gpu=396361728,
        moe_shared_parameters_per_gpu=45875200,
        routed_parameters_per_gpu=176160768,
        working_layer_parameters=583483392,
        mixer_activations=8e8,
        dense_mlp_activations=5e8,
        moe_mlp_activations=9.9e8,
        checkpoint_activations=6e7,
        lora_layer_parameters=0,
        num_micro_batches=60,
        pp=61,
        weight_width=2,
        gradient_width=4,
        master_width=4,
        optimizer_width=8,
        activation_width=2,
        shard_degree=64,
        expert_shard_degree=1,
        expect=3.0,
    ),
)
def middle_stage_place(
    mixture_stage_place: Count,
    stages: MiddleStages,
    kinds: LayerKinds,
    layer: LayerParameters,
    unit: WorkingLayer,
    parts: LayerActivations,
    trained: Trained,
    widths: StateWidths,
    sharding: Sharding,
    schedule: Schedule,
) -> Count:
    """Place of the middle stage that needs most memory."""
    layers = stages.middle_stage_layers

    def memory(place: Count) -> Bytes:
        mixtures = mixtures_at(kinds, layers, stages.first_stage_layers, place)
        held = Held(layers_of(layer, layers, mixtures), mixtures * unit.routed_parameters_per_gpu, layers)
        states = state_bytes_of(held, trained, widths, sharding, unit)
        return states + in_flight(schedule, place) * kept(parts, layers, mixtures)

    foremost = jnp.ones_like(mixture_stage_place)
    return jnp.where(memory(mixture_stage_place) > memory(foremost), mixture_stage_place, foremost)
