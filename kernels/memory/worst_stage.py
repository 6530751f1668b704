"""What a GPU of the pipeline stage that needs most memory holds: layers and parameters."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Choice, Count
from ..registry import cost_model
from .model_states import Held
from .stage_layers import StageDepths
from .stage_memory import of_stage, resident_layers

_DEPTHS = dict(
    first_stage_layers=20,
    first_stage_moe_layers=0,
    middle_stage_layers=20,
    middle_stage_moe_layers=0,
    last_stage_layers=19,
    last_stage_moe_layers=0,
)


@cost_model(
    formula=r"n_i \text{ of the worst stage}",
    source="definition: under dualpipe with the layers of the opposite stage",
    example=dict(**_DEPTHS, worst_stage=2, expect=19.0),
)
def resident_layers_per_gpu(depths: StageDepths, worst_stage: Choice, pipeline_schedule: Choice) -> Count:
    """Layers on one GPU of the worst stage."""
    return of_stage(worst_stage, *resident_layers(depths, pipeline_schedule))


@cost_model(
    formula=r"P_{layers} + P_{edge} \text{ of the worst stage}",
    source="definition: parameters on one GPU, routed experts apart",
    example=dict(
        first_stage_layer_parameters=2139422720,
        middle_stage_layer_parameters=2139422720,
        last_stage_layer_parameters=2139422720,
        first_stage_edge_parameters=32768000,
        last_stage_edge_parameters=32776192,
        worst_stage=0,
        expect=2172190720.0,
    ),
)
def shared_parameters_per_gpu(
    first_stage_layer_parameters: Count,
    middle_stage_layer_parameters: Count,
    last_stage_layer_parameters: Count,
    first_stage_edge_parameters: Count,
    last_stage_edge_parameters: Count,
    worst_stage: Choice,
) -> Count:
    """Parameters on one GPU of the worst stage, without routed experts."""
    first = first_stage_layer_parameters + first_stage_edge_parameters
    last = last_stage_layer_parameters + last_stage_edge_parameters
    return of_stage(worst_stage, first, middle_stage_layer_parameters, last)


@cost_model(
    formula=r"P_{experts} \text{ of the worst stage}",
    source="definition: routed experts on one GPU",
    example=dict(
        first_stage_expert_parameters=2994733056,
        middle_stage_expert_parameters=3523215360,
        last_stage_expert_parameters=3523215360,
        worst_stage=0,
        expect=2994733056.0,
    ),
)
def expert_parameters_per_gpu(
    first_stage_expert_parameters: Count,
    middle_stage_expert_parameters: Count,
    last_stage_expert_parameters: Count,
    worst_stage: Choice,
) -> Count:
    """Parameters of routed experts on one GPU of the worst stage."""
    return of_stage(
        worst_stage, first_stage_expert_parameters, middle_stage_expert_parameters, last_stage_expert_parameters
    )


@cost_model(
    formula=r"P_{shared} + P_{experts}",
    source="definition: parameters on one GPU",
    example=dict(shared_parameters_per_gpu=2172190720, expert_parameters_per_gpu=0, expect=2172190720.0),
    terms=("shared_parameters_per_gpu", "expert_parameters_per_gpu"),
)
def parameters_per_gpu(shared_parameters_per_gpu: Count, expert_parameters_per_gpu: Count) -> Count:
    """Parameters on one GPU of the worst stage, before any ZeRO sharding."""
    return shared_parameters_per_gpu + expert_parameters_per_gpu


class HeldPerGpu(NamedTuple):
    """Parameters and layers of the worst stage on one GPU before any sharding."""

    shared_parameters_per_gpu: Count
    expert_parameters_per_gpu: Count
    resident_layers_per_gpu: Count


def held_of(worst: HeldPerGpu) -> Held:
    """What the worst stage holds."""
    return Held(*worst)
