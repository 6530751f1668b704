"""Training on the samples: the policy by the training model, and the critic in proportion to it."""

from __future__ import annotations

from ..annotations import Choice, Count, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model
from .scoring import PPO


@cost_model(
    formula=r"u\,t_{step}",
    source="definition: optimizer steps of an iteration, each a training step of global_batch_size sequences",
    example=dict(updates_per_iteration=16.0, step_time=12.5, expect=200.0),
)
def policy_update_time(updates_per_iteration: Number, step_time: Seconds) -> Seconds:
    """Time to train the policy on the samples of an iteration."""
    return updates_per_iteration * step_time


@cost_model(
    formula=r"[\text{PPO}]\,\frac{N_c}{N_{matmul}}\,t_\pi",
    source="sheng-et-al-2024, sec. 2.1 (actor and critic are trained on the same samples); definition: in proportion to its size",
    example=dict(
        rl_algorithm=0,
        critic_parameters=3752462336,
        num_matmul_parameters=7504924672,
        policy_update_time=200.0,
        expect=100.0,
    ),
)
def critic_update_time(
    rl_algorithm: Choice, critic_parameters: Count, num_matmul_parameters: Count, policy_update_time: Seconds
) -> Seconds:
    """Time to train the critic on the samples of an iteration.

    Epochs, minibatches, GPUs and utilisation are those of the policy; the two take turns.
    """
    critic = critic_parameters / num_matmul_parameters * policy_update_time
    return jnp.where(rl_algorithm == PPO, critic, 0.0)


@cost_model(
    formula=r"t_\pi + t_c",
    source="definition: policy and critic take turns on the training GPUs",
    example=dict(policy_update_time=200.0, critic_update_time=100.0, expect=300.0),
    terms=("policy_update_time", "critic_update_time"),
)
def update_time(policy_update_time: Seconds, critic_update_time: Seconds) -> Seconds:
    """Time to train on the samples of an iteration."""
    return policy_update_time + critic_update_time
