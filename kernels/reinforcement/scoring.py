"""Scoring the samples: one forward pass of every role that judges them.

The policy and the reference are the same model. Reward model and critic have a size of their own; their passes cost in
proportion to it.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Flag, Flops, FlopsPerSecond, FlopsPerToken, Seconds
from ..arrays import jnp
from ..registry import cost_model

PPO = 0
"""Position of `ppo` among the options of rl_algorithm."""
MODEL = 1
"""Position of `model` among the options of reward_kind."""
GENERATION = 1
"""Position of `generation` among the options of scoring_side."""


@cost_model(
    formula=r"N_{matmul}",
    source="definition: a critic is as large as the policy unless its size is given",
    example=dict(num_matmul_parameters=7504924672, expect=7504924672.0),
)
def critic_parameters(num_matmul_parameters: Count) -> Count:
    """Parameters of the critic in matrix products, per token."""
    return num_matmul_parameters


@cost_model(
    formula=r"N_{matmul}",
    source="definition: a reward model is as large as the policy unless its size is given",
    example=dict(num_matmul_parameters=7504924672, expect=7504924672.0),
)
def reward_parameters(num_matmul_parameters: Count) -> Count:
    """Parameters of the reward model in matrix products, per token."""
    return num_matmul_parameters


@cost_model(
    formula=r"2\,N_{matmul} + A + L_{lin}\,F_{scan}",
    source="kaplan-et-al-2020, sec. 2.1 (2N per token forward, and attention)",
    example=dict(
        num_matmul_parameters=7504924672,
        executed_attention_flops_per_token=1.2e9,
        num_linear_layers=0,
        linear_scan_flops_per_token=0.0,
        expect=1.6209849344e10,
    ),
)
def forward_flops_per_token(
    num_matmul_parameters: Count,
    executed_attention_flops_per_token: FlopsPerToken,
    num_linear_layers: Count,
    linear_scan_flops_per_token: FlopsPerToken,
) -> FlopsPerToken:
    """FLOPs of one forward pass over a sample, per token."""
    mixing = executed_attention_flops_per_token + num_linear_layers * linear_scan_flops_per_token
    return 2 * num_matmul_parameters + mixing


@cost_model(
    formula=r"\frac{F_{prefill}}{t_{prefill}\,t\,p}",
    source="definition: a scoring pass reaches the rate of a prefill, communication included",
    example=dict(prefill_flops=1.41562646e14, prefill_time=0.0391, replica_size=8, expect=4.525661e14),
)
def forward_flops_per_second_per_gpu(
    prefill_flops: Flops, prefill_time: Seconds, replica_size: Count
) -> FlopsPerSecond:
    """FLOPs per second and GPU of a forward pass."""
    return prefill_flops / prefill_time / replica_size


@cost_model(
    formula=r"n_t \text{ or } n_g",
    source="definition: the side that scores does so with all its GPUs",
    example=dict(world_size=96, generation_gpus=32, scoring_side=1, expect=32.0),
)
def scoring_gpus(world_size: Count, generation_gpus: Count, scoring_side: Choice) -> Count:
    """GPUs that score samples."""
    return jnp.where(scoring_side == GENERATION, generation_gpus, world_size)


@cost_model(
    formula=r"\frac{S\,(s_p + s_o)\,F_{token}}{n_s\,\pi_{fwd}}",
    source="definition: forward FLOPs of all samples over the rate of the scoring GPUs",
    example=dict(
        trained_tokens_per_iteration=37748736,
        forward_flops_per_token=1.6209849344e10,
        scoring_gpus=64,
        forward_flops_per_second_per_gpu=4.525661e14,
        expect=21.126103,
    ),
)
def forward_pass_time(
    trained_tokens_per_iteration: Count,
    forward_flops_per_token: FlopsPerToken,
    scoring_gpus: Count,
    forward_flops_per_second_per_gpu: FlopsPerSecond,
) -> Seconds:
    """Time of one forward pass of the policy over all samples."""
    seconds_per_token = forward_flops_per_token / forward_flops_per_second_per_gpu
    return trained_tokens_per_iteration / scoring_gpus * seconds_per_token


@cost_model(
    formula=r"[\text{recomputed}]\,t_{fwd}",
    source="definition: a step of its own in the timings of verl (old_log_prob)",
    example=dict(recomputes_log_probs=1, forward_pass_time=21.126009, expect=21.126009),
)
def policy_scoring_time(recomputes_log_probs: Flag, forward_pass_time: Seconds) -> Seconds:
    """Time of the log-probabilities of the policy."""
    return recomputes_log_probs * forward_pass_time


@cost_model(
    formula=r"[\text{reference}]\,t_{fwd}",
    source="sheng-et-al-2024, sec. 2.1 (preparation: the reference policy, forward only)",
    example=dict(uses_reference=1, forward_pass_time=21.126009, expect=21.126009),
)
def reference_scoring_time(uses_reference: Flag, forward_pass_time: Seconds) -> Seconds:
    """Time of the log-probabilities of the reference."""
    return uses_reference * forward_pass_time


@cost_model(
    formula=r"[\text{PPO}]\,\frac{N_c}{N_{matmul}}\,t_{fwd}",
    source="sheng-et-al-2024, sec. 2.1 (preparation: the critic computes values)",
    example=dict(
        rl_algorithm=0,
        critic_parameters=3752462336,
        num_matmul_parameters=7504924672,
        forward_pass_time=21.126009,
        expect=10.5630045,
    ),
)
def critic_scoring_time(
    rl_algorithm: Choice, critic_parameters: Count, num_matmul_parameters: Count, forward_pass_time: Seconds
) -> Seconds:
    """Time of the values of the critic."""
    critic = critic_parameters / num_matmul_parameters * forward_pass_time
    return jnp.where(rl_algorithm == PPO, critic, 0.0)


@cost_model(
    formula=r"\frac{N_r}{N_{matmul}}\,t_{fwd} \text{ by a model, else } t_{rule}",
    source="sheng-et-al-2024, sec. 2.1 (preparation: the reward model, or rules)",
    example=dict(
        reward_kind=1,
        rule_reward_time=0,
        reward_parameters=1876231168,
        num_matmul_parameters=7504924672,
        forward_pass_time=21.126009,
        expect=5.28150225,
    ),
)
def reward_scoring_time(
    reward_kind: Choice,
    rule_reward_time: Seconds,
    reward_parameters: Count,
    num_matmul_parameters: Count,
    forward_pass_time: Seconds,
) -> Seconds:
    """Time of the rewards."""
    by_model = reward_parameters / num_matmul_parameters * forward_pass_time
    return jnp.where(reward_kind == MODEL, by_model, rule_reward_time)


@cost_model(
    formula=r"t_\pi + t_{ref} + t_r + t_c",
    source="sheng-et-al-2024, sec. 2.1 (the preparation stage); one pass after another on the same GPUs",
    example=dict(
        policy_scoring_time=21.126009,
        reference_scoring_time=21.126009,
        reward_scoring_time=5.28150225,
        critic_scoring_time=10.5630045,
        expect=58.09652475,
    ),
    terms=("policy_scoring_time", "reference_scoring_time", "reward_scoring_time", "critic_scoring_time"),
)
def scoring_time(
    policy_scoring_time: Seconds,
    reference_scoring_time: Seconds,
    reward_scoring_time: Seconds,
    critic_scoring_time: Seconds,
) -> Seconds:
    """Time to score the samples of an iteration."""
    return policy_scoring_time + reference_scoring_time + reward_scoring_time + critic_scoring_time
