"""Peak memory of a training step on one GPU of the pipeline stage that needs most, by class."""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Number
from ..registry import constraint, cost_model
from .model_states import (
    Sharding,
    StateWidths,
    Trained,
    WorkingLayer,
    gradient_bytes,
    sharded,
    trained_parts,
    weight_bytes,
)
from .stage_memory import of_stage
from .worst_stage import HeldPerGpu, held_of

_WIDTHS = dict(weight_width=2, gradient_width=4, master_width=4, optimizer_width=8, activation_width=2)
_SHARDS = dict(shard_degree=16, expert_shard_degree=16, zero_stage=1)
_HELD = dict(
    shared_parameters_per_gpu=2172190720,
    expert_parameters_per_gpu=0,
    resident_layers_per_gpu=20,
    lora_layer_parameters=0,
)
_UNIT = dict(working_layer_parameters=106971136, routed_parameters_per_gpu=0)


@cost_model(
    formula=r"(1 - \varphi)\left(P_s/d_s + P_e/d_e\right) + n\,A_{lora}/d_s \text{ from stage 1 on}",
    source="rajbhandari-et-al-2020, sec. 5.1",
    example=dict(**_HELD, **_SHARDS, expect=135761920.0),
)
def updated_parameters_per_gpu(worst: HeldPerGpu, trained: Trained, sharding: Sharding) -> Count:
    """Parameters that one GPU of the worst stage updates.

    Those whose optimizer states it holds.
    """
    return sharded(*trained_parts(held_of(worst), trained), sharding, sharding.zero_stage >= 1)


@cost_model(
    formula=r"(1 - \omega_w)\,w\,(P_s/d_s + P_e/d_e) + [\text{stage 3 or offloaded}]\,2\,w\,(P_{layer} + P_{routed})",
    source="rajbhandari-et-al-2020, sec. 5.3; zhao-et-al-2023, sec. 4 (the layer at work and the next one are gathered)",
    example=dict(**_HELD, **_WIDTHS, **_SHARDS, **_UNIT, expect=4344381440.0),
)
def weight_memory(
    worst: HeldPerGpu, trained: Trained, widths: StateWidths, sharding: Sharding, unit: WorkingLayer
) -> Bytes:
    """Memory of the weights on one GPU of the worst stage.

    ZeRO stage 3 holds a shard of everything and, gathered, the layer at work and the prefetched next one; so do
    weights on the host.
    """
    return weight_bytes(held_of(worst), trained, widths, sharding, unit)


@cost_model(
    formula=r"g\,(P_s/d_s + P_e/d_e) \text{ from stage 2 on} + a_w P_{layer}",
    source="rajbhandari-et-al-2020, sec. 5.2 (kept, or made, reduced in buckets and dropped)",
    example=dict(**_HELD, **_WIDTHS, **_SHARDS, **_UNIT, expect=8902705152.0),
)
def gradient_memory(
    worst: HeldPerGpu, trained: Trained, widths: StateWidths, sharding: Sharding, unit: WorkingLayer
) -> Bytes:
    """Memory of the gradients of the weights on one GPU of the worst stage.

    Those that are kept, and those of one layer as its products give them.
    """
    return gradient_bytes(held_of(worst), trained, widths, sharding, unit)


@cost_model(
    formula=r"(1 - \omega_o)(o + w_m)\,P_{opt}",
    source="rajbhandari-et-al-2020, sec. 3.1 and 5.1; ren-et-al-2021, sec. 3 (states on the host)",
    example=dict(updated_parameters_per_gpu=1.375e8, optimizer_width=8, master_width=4, expect=1.65e9),
)
def optimizer_memory(
    updated_parameters_per_gpu: Count, optimizer_width: Bytes, master_width: Bytes, optimizer_offload: Number
) -> Bytes:
    """Memory of moments and master weights on one GPU of the worst stage."""
    return (1 - optimizer_offload) * (optimizer_width + master_width) * updated_parameters_per_gpu


@cost_model(
    formula=r"M_w + M_g + M_o",
    source="rajbhandari-et-al-2020, sec. 3",
    example=dict(weight_memory=4.34e9, gradient_memory=8.9e9, optimizer_memory=1.65e9, expect=1.489e10),
    terms=("weight_memory", "gradient_memory", "optimizer_memory"),
)
def model_state_memory(weight_memory: Bytes, gradient_memory: Bytes, optimizer_memory: Bytes) -> Bytes:
    """Memory of weights, gradients and optimizer states on the worst stage."""
    return weight_memory + gradient_memory + optimizer_memory


@cost_model(
    formula=r"A \text{ of the worst stage}",
    source="korthikanti-et-al-2022, sec. 4.2.3 and 4.3",
    example=dict(
        first_stage_activations=8e9,
        middle_stage_activations=6e9,
        last_stage_activations=3e9,
        worst_stage=0,
        expect=8e9,
    ),
)
def activation_memory(
    first_stage_activations: Bytes,
    middle_stage_activations: Bytes,
    last_stage_activations: Bytes,
    worst_stage: Choice,
) -> Bytes:
    """Memory of activations and logits on one GPU of the worst stage."""
    return of_stage(worst_stage, first_stage_activations, middle_stage_activations, last_stage_activations)


@cost_model(
    formula=r"M_w + M_g + M_o + M_a",
    source="rajbhandari-et-al-2020, sec. 3",
    example=dict(
        weight_memory=4.34e9, gradient_memory=8.9e9, optimizer_memory=1.65e9, activation_memory=8e9, expect=2.289e10
    ),
    terms=("weight_memory", "gradient_memory", "optimizer_memory", "activation_memory"),
)
def allocated_memory(
    weight_memory: Bytes, gradient_memory: Bytes, optimizer_memory: Bytes, activation_memory: Bytes
) -> Bytes:
    """Peak of what tensors take on one GPU of the worst stage.

    What `torch.cuda.max_memory_allocated` reports.
    """
    return weight_memory + gradient_memory + optimizer_memory + activation_memory


@cost_model(
    formula=r"f\,M_{alloc}",
    source="definition: blocks that the allocator has taken from the device and cannot use",
    example=dict(allocated_memory=2.289e10, fragmentation_share=0.05, expect=1.1445e9),
)
def fragmentation_memory(allocated_memory: Bytes, fragmentation_share: Number) -> Bytes:
    """Memory the allocator holds beyond what tensors take."""
    return allocated_memory * fragmentation_share


@cost_model(
    formula=r"M_{alloc} + M_f",
    source="definition: what the allocator has taken from the device",
    example=dict(allocated_memory=2.289e10, fragmentation_memory=1.1445e9, expect=2.40345e10),
    terms=("allocated_memory", "fragmentation_memory"),
)
def reserved_memory(allocated_memory: Bytes, fragmentation_memory: Bytes) -> Bytes:
    """Peak of what the allocator holds on one GPU of the worst stage.

    What `torch.cuda.max_memory_reserved` reports.
    """
    return allocated_memory + fragmentation_memory


@cost_model(
    formula=r"M_w + M_g + M_o + M_a + M_f + M_x",
    source="rajbhandari-et-al-2020, sec. 3",
    example=dict(
        weight_memory=4.34e9,
        gradient_memory=8.9e9,
        optimizer_memory=1.65e9,
        activation_memory=8e9,
        fragmentation_memory=1.1445e9,
        overhead_memory=2e9,
        expect=2.60345e10,
    ),
    terms=(
        "weight_memory",
        "gradient_memory",
        "optimizer_memory",
        "activation_memory",
        "fragmentation_memory",
        "overhead_memory",
    ),
)
def memory_per_gpu(
    weight_memory: Bytes,
    gradient_memory: Bytes,
    optimizer_memory: Bytes,
    activation_memory: Bytes,
    fragmentation_memory: Bytes,
    overhead_memory: Bytes,
) -> Bytes:
    """Peak memory of training on one GPU of the worst stage.

    What the device must have: tensors, what the allocator wastes, and what lies outside it.
    """
    tensors = weight_memory + gradient_memory + optimizer_memory + activation_memory
    return tensors + fragmentation_memory + overhead_memory


@constraint(
    message="needs {memory_per_gpu} on the worst stage, a GPU has {hbm_capacity}",
    formula=r"C - M",
    source="definition: capacity less peak memory",
    example=dict(memory_per_gpu=9e10, hbm_capacity=85899345920, expect=-4.100654e9),
)
def fits_memory(memory_per_gpu: Bytes, hbm_capacity: Bytes) -> Bytes:
    """Memory left on a GPU while training."""
    return hbm_capacity - memory_per_gpu
