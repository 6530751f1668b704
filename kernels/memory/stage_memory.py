"""Allocated memory at the peak of the first, a middle and the last pipeline stage, and which of them needs most.

Model states, what the micro-batches in flight keep, and the larger of two moments that do not coincide: a layer at
work, with everything stored, or, on the last stage, the head and the loss.
"""

from __future__ import annotations

from typing import Annotated

from ..annotations import Array, Bytes, Category, Choice, Count
from ..arrays import jnp
from ..example_inputs import EVEN_STAGES
from ..registry import cost_model
from ..training.pipeline import DUALPIPE
from .activations import LayerActivations, Tokens, kept, outside
from .model_states import Held, Sharding, StateWidths, Trained, WorkingLayer, state_bytes_of
from .stage_layers import StageDepths
from .stage_parameters import PredictionModules, mixtures_of_modules

STAGES = ("first", "middle", "last")
_PARTS = dict(mixer_activations=7e7, dense_mlp_activations=3e7, moe_mlp_activations=0, checkpoint_activations=8e6)
_TOKENS = dict(micro_batch_tokens=4096, hidden_size=8192, tp=8, activation_width=2)
_STATES = dict(
    weight_width=2,
    gradient_width=4,
    master_width=4,
    optimizer_width=8,
    activation_width=2,
    shard_degree=16,
    expert_shard_degree=16,
    zero_stage=1,
    lora_layer_parameters=0,
    working_layer_parameters=106971136,
    routed_parameters_per_gpu=0,
)


def module_activations(tokens: Tokens, modules: PredictionModules, parts: LayerActivations) -> Bytes:
    """What the prediction modules keep of one micro-batch: a layer each, and the two states they join with their norms."""
    layers = kept(parts, modules.num_mtp_layers, mixtures_of_modules(modules))
    return layers + outside(tokens, 4 * modules.num_mtp_layers * tokens.hidden_size)


@cost_model(
    formula=r"m_1\,n_1 A_{kept} + [p = 1]\,n_{mtp} A_{mtp}",
    source="korthikanti-et-al-2022, sec. 4.2.3 (micro-batches in flight); deepseek-v3-2024, table 2 (dualpipe: p + 1 over both directions)",
    example=dict(**_PARTS, **EVEN_STAGES, **_TOKENS, first_stage_micro_batches=4, pp=4, num_moe_layers=0, expect=8e9),
)
def first_stage_stored_activations(
    parts: LayerActivations,
    depths: StageDepths,
    first_stage_micro_batches: Count,
    tokens: Tokens,
    modules: PredictionModules,
    pp: Count,
    pipeline_schedule: Choice,
) -> Bytes:
    """Activations that the micro-batches in flight keep on the first stage."""
    own = kept(parts, depths.first_stage_layers, depths.first_stage_moe_layers)
    end = module_activations(tokens, modules, parts)
    opposite = kept(parts, depths.last_stage_layers, depths.last_stage_moe_layers) + end
    alone = own + jnp.where(pp <= 1, end, 0.0)
    return first_stage_micro_batches * jnp.where(pipeline_schedule == DUALPIPE, (own + opposite) / 2, alone)


@cost_model(
    formula=r"m_2\,n_2 A_{kept}",
    source="korthikanti-et-al-2022, sec. 4.2.3 (micro-batches in flight)",
    example=dict(**_PARTS, **EVEN_STAGES, middle_stage_micro_batches=3, expect=6e9),
)
def middle_stage_stored_activations(
    parts: LayerActivations, depths: StageDepths, middle_stage_micro_batches: Count
) -> Bytes:
    """Activations that the micro-batches in flight keep on a middle stage."""
    return middle_stage_micro_batches * kept(parts, depths.middle_stage_layers, depths.middle_stage_moe_layers)


@cost_model(
    formula=r"m_p\,(n_p A_{kept} + n_{mtp} A_{mtp})",
    source="korthikanti-et-al-2022, sec. 4.2.3 (micro-batches in flight); deepseek-v3-2024, sec. 2.2",
    example=dict(
        **_PARTS,
        **EVEN_STAGES,
        **_TOKENS,
        last_stage_micro_batches=1,
        first_stage_stored_activations=8e9,
        num_moe_layers=0,
        expect=2e9,
    ),
)
def last_stage_stored_activations(
    parts: LayerActivations,
    depths: StageDepths,
    last_stage_micro_batches: Count,
    first_stage_stored_activations: Bytes,
    tokens: Tokens,
    modules: PredictionModules,
    pipeline_schedule: Choice,
) -> Bytes:
    """Activations that the micro-batches in flight keep on the last stage."""
    own = kept(parts, depths.last_stage_layers, depths.last_stage_moe_layers)
    apart = last_stage_micro_batches * (own + module_activations(tokens, modules, parts))
    return jnp.where(pipeline_schedule == DUALPIPE, first_stage_stored_activations, apart)


@cost_model(
    formula=r"A_1 + \max(A_{work}, [p = 1]\,A_{head})",
    source="korthikanti-et-al-2022, sec. 4.2.3 and 4.3",
    example=dict(
        first_stage_stored_activations=8e9, layer_working_memory=2e8, head_working_memory=8e8, pp=4, expect=8.2e9
    ),
)
def first_stage_activations(
    first_stage_stored_activations: Bytes,
    layer_working_memory: Bytes,
    head_working_memory: Bytes,
    pp: Count,
    pipeline_schedule: Choice,
) -> Bytes:
    """Activations on the first stage at its peak."""
    has_head = (pp <= 1) | (pipeline_schedule == DUALPIPE)
    head = jnp.where(has_head, head_working_memory, 0.0)
    return first_stage_stored_activations + jnp.maximum(layer_working_memory, head)


@cost_model(
    formula=r"A_2 + A_{work}",
    source="korthikanti-et-al-2022, sec. 4.2.3",
    example=dict(middle_stage_stored_activations=6e9, layer_working_memory=2e8, expect=6.2e9),
)
def middle_stage_activations(middle_stage_stored_activations: Bytes, layer_working_memory: Bytes) -> Bytes:
    """Activations on a middle stage at its peak."""
    return middle_stage_stored_activations + layer_working_memory


@cost_model(
    formula=r"A_p + \max(A_{work}, A_{head})",
    source="korthikanti-et-al-2022, sec. 4.2.3 and 4.3",
    example=dict(last_stage_stored_activations=2e9, layer_working_memory=2e8, head_working_memory=8e8, expect=2.8e9),
)
def last_stage_activations(
    last_stage_stored_activations: Bytes, layer_working_memory: Bytes, head_working_memory: Bytes
) -> Bytes:
    """Activations, logits included, on the last stage at its peak."""
    return last_stage_stored_activations + jnp.maximum(layer_working_memory, head_working_memory)


def resident_layers(depths: StageDepths, pipeline_schedule: Choice) -> tuple[Count, Count, Count]:
    """Layers on a rank of each kind of stage; under DualPipe those of the opposite stage too."""
    dual = pipeline_schedule == DUALPIPE
    ends = depths.first_stage_layers + depths.last_stage_layers
    return (
        jnp.where(dual, ends, depths.first_stage_layers),
        jnp.where(dual, 2.0, 1.0) * depths.middle_stage_layers,
        jnp.where(dual, ends, depths.last_stage_layers),
    )


@cost_model(
    formula=r"M_w + M_g + M_o + A_1",
    source="rajbhandari-et-al-2020, sec. 3, on the first stage",
    example=dict(
        first_stage_layer_parameters=2139422720,
        first_stage_edge_parameters=32768000,
        first_stage_expert_parameters=0,
        first_stage_activations=8.2e9,
        **_STATES,
        **EVEN_STAGES,
        expect=2.307623e10,
    ),
)
def first_stage_memory(
    first_stage_layer_parameters: Count,
    first_stage_edge_parameters: Count,
    first_stage_expert_parameters: Count,
    first_stage_activations: Bytes,
    depths: StageDepths,
    trained: Trained,
    widths: StateWidths,
    sharding: Sharding,
    unit: WorkingLayer,
    pipeline_schedule: Choice,
) -> Bytes:
    """Allocated memory of a GPU of the first stage at its peak."""
    shared = first_stage_layer_parameters + first_stage_edge_parameters
    held = Held(shared, first_stage_expert_parameters, resident_layers(depths, pipeline_schedule)[0])
    return state_bytes_of(held, trained, widths, sharding, unit) + first_stage_activations


@cost_model(
    formula=r"[p > 2]\left(M_w + M_g + M_o + A_2\right)",
    source="rajbhandari-et-al-2020, sec. 3, on a middle stage",
    example=dict(
        middle_stage_layer_parameters=2139422720,
        middle_stage_expert_parameters=0,
        middle_stage_activations=6.2e9,
        pp=4,
        **_STATES,
        **EVEN_STAGES,
        expect=2.085505e10,
    ),
)
def middle_stage_memory(
    middle_stage_layer_parameters: Count,
    middle_stage_expert_parameters: Count,
    middle_stage_activations: Bytes,
    depths: StageDepths,
    trained: Trained,
    widths: StateWidths,
    sharding: Sharding,
    unit: WorkingLayer,
    pp: Count,
    pipeline_schedule: Choice,
) -> Bytes:
    """Allocated memory of a GPU of a middle stage at its peak.

    The one that needs most; 0 where there is none.
    """
    layers = resident_layers(depths, pipeline_schedule)[1]
    held = Held(middle_stage_layer_parameters, middle_stage_expert_parameters, layers)
    whole = state_bytes_of(held, trained, widths, sharding, unit) + middle_stage_activations
    return jnp.where(pp > 2, whole, 0.0)


@cost_model(
    formula=r"M_w + M_g + M_o + A_p",
    source="rajbhandari-et-al-2020, sec. 3, on the last stage",
    example=dict(
        last_stage_layer_parameters=2139422720,
        last_stage_edge_parameters=32776192,
        last_stage_expert_parameters=0,
        last_stage_activations=2.8e9,
        **_STATES,
        **EVEN_STAGES,
        expect=1.767629e10,
    ),
)
def last_stage_memory(
    last_stage_layer_parameters: Count,
    last_stage_edge_parameters: Count,
    last_stage_expert_parameters: Count,
    last_stage_activations: Bytes,
    depths: StageDepths,
    trained: Trained,
    widths: StateWidths,
    sharding: Sharding,
    unit: WorkingLayer,
    pipeline_schedule: Choice,
) -> Bytes:
    """Allocated memory of a GPU of the last stage at its peak."""
    shared = last_stage_layer_parameters + last_stage_edge_parameters
    held = Held(shared, last_stage_expert_parameters, resident_layers(depths, pipeline_schedule)[2])
    return state_bytes_of(held, trained, widths, sharding, unit) + last_stage_activations


@cost_model(
    formula=r"\arg\max(M_1, M_2, M_p)",
    source="definition: 0 first, 1 between, 2 last",
    example=dict(first_stage_memory=2.3e10, middle_stage_memory=2.1e10, last_stage_memory=1.8e10, expect=0.0),
)
def worst_stage(
    first_stage_memory: Bytes, middle_stage_memory: Bytes, last_stage_memory: Bytes
) -> Annotated[Array, Category(STAGES)]:
    """Pipeline stage that needs most memory."""
    before = jnp.maximum(first_stage_memory, middle_stage_memory)
    front = jnp.where(middle_stage_memory > first_stage_memory, 1.0, 0.0)
    return jnp.where(last_stage_memory > before, 2.0, front)


def of_stage(stage: Choice, first: Array, middle: Array, last: Array) -> Array:
    """The value of the stage that needs most memory."""
    return jnp.where(stage > 1.5, last, jnp.where(stage > 0.5, middle, first))
