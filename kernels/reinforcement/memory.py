"""Memory of a GPU that generates and trains in turn."""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Flag, Number
from ..arrays import jnp
from ..registry import constraint, cost_model
from .cluster import DISAGGREGATED
from .scoring import MODEL, PPO


@cost_model(
    formula=r"[\text{reference}]\,M_w + [\text{model}]\,\frac{N_r}{N}\,M_w + [\text{PPO}]\,\frac{N_c}{N}\,M_{states}",
    source="definition: roles sharded as the policy is, weights only where they are not trained",
    example=dict(
        uses_reference=1,
        reward_kind=1,
        rl_algorithm=0,
        critic_parameters=3752462336,
        reward_parameters=1876231168,
        num_matmul_parameters=7504924672,
        weight_memory=2e9,
        model_state_memory=1e10,
        expect=7.5e9,
    ),
)
def other_roles_memory(
    uses_reference: Flag,
    reward_kind: Choice,
    rl_algorithm: Choice,
    critic_parameters: Count,
    reward_parameters: Count,
    num_matmul_parameters: Count,
    weight_memory: Bytes,
    model_state_memory: Bytes,
) -> Bytes:
    """Reference, reward model and critic on one training GPU."""
    reference = uses_reference * weight_memory
    reward = jnp.where(reward_kind == MODEL, reward_parameters / num_matmul_parameters * weight_memory, 0.0)
    critic = jnp.where(rl_algorithm == PPO, critic_parameters / num_matmul_parameters * model_state_memory, 0.0)
    return reference + reward + critic


@cost_model(
    formula=r"\max\left(M_{train} + [\text{kept}](M_{weights} + M_{kv}),\ M_{serve} + (1-\omega)(M_w + M_{opt})\right) + M_{roles}",
    source="sheng-et-al-2024, sec. 7 (generation weights and cache leave the GPU while it trains)",
    example=dict(
        memory_per_gpu=6e10,
        serving_memory_per_gpu=6.5e10,
        serving_weight_memory=1.5e10,
        kv_cache_memory=4.5e10,
        weight_memory=2e9,
        optimizer_memory=8e9,
        other_roles_memory=2e9,
        releases_generation_memory=1,
        training_state_offload=0.5,
        placement=0,
        expect=7.2e10,
    ),
)
def rl_memory_per_gpu(
    memory_per_gpu: Bytes,
    serving_memory_per_gpu: Bytes,
    serving_weight_memory: Bytes,
    kv_cache_memory: Bytes,
    weight_memory: Bytes,
    optimizer_memory: Bytes,
    other_roles_memory: Bytes,
    releases_generation_memory: Flag,
    training_state_offload: Number,
    placement: Choice,
) -> Bytes:
    """Peak memory of reinforcement learning on one GPU.

    Of the side that needs more. Gradients and activations are freed before generation starts. Apart, a GPU holds one side only; the other roles are
    on the training side.
    """
    together = jnp.where(placement == DISAGGREGATED, 0.0, 1.0)
    kept = together * (1 - releases_generation_memory) * (serving_weight_memory + kv_cache_memory)
    states = together * ((1 - training_state_offload) * (weight_memory + optimizer_memory) + other_roles_memory)
    return jnp.maximum(memory_per_gpu + other_roles_memory + kept, serving_memory_per_gpu + states)


@constraint(
    message="reinforcement learning needs {rl_memory_per_gpu}, a GPU has {hbm_capacity}",
    formula=r"C - M",
    source="definition: capacity less peak memory",
    example=dict(rl_memory_per_gpu=9e10, hbm_capacity=85899345920, expect=-4.100654e9),
)
def fits_rl_memory(rl_memory_per_gpu: Bytes, hbm_capacity: Bytes) -> Bytes:
    """Memory left on a GPU of reinforcement learning."""
    return hbm_capacity - rl_memory_per_gpu
