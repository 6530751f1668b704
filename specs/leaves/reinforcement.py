"""Post-training by reinforcement: what an iteration samples, where it runs, and what scores it."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_leaf = partial(Leaf, unit="1", group=Group.REINFORCEMENT)
_flag = partial(_leaf, kind=Kind.FLAG, high=1)
_choice = partial(_leaf, kind=Kind.CHOICE)

LEAVES = (
    _leaf("prompts_per_iteration", kind=Kind.COUNT, label="Prompts of one iteration", low=1),
    _leaf(
        "samples_per_prompt",
        kind=Kind.COUNT,
        label="Samples drawn for every prompt",
        low=1,
        aliases=("group_size", "num_generations"),
        note="the group whose mean reward GRPO takes as its baseline; 1 is usual with a critic",
    ),
    _leaf(
        "longest_over_mean_output",
        kind=Kind.CONTINUOUS,
        label="Longest output of an iteration over the mean one",
        low=1,
        note="`output_len` is the mean; a cap on the length bounds this",
    ),
    _leaf(
        "longest_start",
        kind=Kind.CONTINUOUS,
        label="When the longest sample starts: 0 with the first, 1 with the last",
        high=1,
        default=1.0,
        reason="outputs that end at a cap: one of the longest starts among the last; otherwise an upper estimate",
        note="0 is longest first, the least an iteration can take",
    ),
    _leaf(
        "policy_epochs",
        kind=Kind.COUNT,
        label="Times that an iteration trains on every sample",
        low=1,
        default=1,
        reason="samples are used once, as in AReaL and the recipes of verl",
        aliases=("ppo_epochs",),
    ),
    _leaf(
        "policy_minibatches",
        kind=Kind.COUNT,
        label="Optimizer steps of one epoch over the samples",
        low=1,
        note="give this or global_batch_size, the sequences of one optimizer step",
    ),
    _leaf(
        "cluster_size",
        kind=Kind.COUNT,
        label="GPUs of the run, generating and training together",
        low=1,
        note="give this or world_size, the GPUs that train",
    ),
    _choice(
        "placement",
        label="Where policies generate and train",
        options=("colocated", "disaggregated"),
        default="colocated",
        reason="all GPUs do both in turn: the default of verl and NeMo RL",
        note="disaggregated: some GPUs generate while the others train",
    ),
    _leaf(
        "generation_share",
        kind=Kind.CONTINUOUS,
        label="Share of the GPUs that generate, where placement is disaggregated",
        high=1,
        default=0.5,
        reason="half and half, as in the runs that verl publishes on 32 to 128 GPUs",
    ),
    _leaf(
        "staleness",
        kind=Kind.CONTINUOUS,
        label="Policy versions by which a sample may lag, where placement is disaggregated",
        default=0.0,
        reason="on-policy: the policy that trains on a sample has drawn it",
        note="1 is one step off-policy; at 0 the two sides take turns",
    ),
    _flag(
        "continuous_generation",
        label="Replicas go on with the next samples while the longest ones end",
        default=1,
        reason="what asynchronous systems are built for; without effect at staleness 0",
        note="0: a batch ends before the next one starts",
    ),
    _choice(
        "rl_algorithm",
        label="What the advantage of a sample is measured against",
        options=("ppo", "grpo"),
        default="grpo",
        reason="the usual choice for reasoning since DeepSeek-R1",
        note="ppo trains a critic beside the policy, grpo takes the mean of the group",
    ),
    _flag(
        "uses_reference",
        label="A frozen reference policy scores the samples",
        default=1,
        reason="the KL penalty of PPO (Ouyang et al. 2022) and GRPO (Shao et al. 2024)",
    ),
    _flag(
        "recomputes_log_probs",
        label="The training engine computes the log-probabilities of samples again",
        default=1,
        reason="engines round differently; a step of its own in the timings of verl",
    ),
    _choice(
        "reward_kind",
        label="What rewards a sample",
        options=("rule", "model"),
        default="rule",
        reason="answers and programs are checked, as in DeepSeek-R1",
    ),
    _leaf(
        "rule_reward_time",
        unit="s",
        kind=Kind.CONTINUOUS,
        label="Time of an iteration that waits for rules to reward its samples",
        default=0.0,
        reason="answers are checked on CPUs while other samples are still generated, as in AReaL",
    ),
    _choice(
        "scoring_side",
        label="GPUs that score samples",
        options=("training", "generation"),
        default="training",
        reason="trainers compute log-probabilities in verl and AReaL",
    ),
    _choice(
        "weight_sync",
        label="How new weights reach the generating GPUs",
        options=("broadcast", "sharded"),
        default="broadcast",
        reason="one rank broadcasts whole tensors to all, as OpenRLHF and verl do",
        note="sharded: every rank sends and receives only its part",
    ),
    _flag(
        "releases_generation_memory",
        label="Colocated: weights and cache of generation leave the GPU while it trains",
        default=1,
        reason="the sleep mode of vLLM, on by default in verl (free_cache_engine)",
    ),
    _leaf(
        "training_state_offload",
        kind=Kind.CONTINUOUS,
        label="Colocated: share of the training states moved to the host while generating",
        high=1,
        default=0.0,
        reason="everything stays on the GPU unless asked",
    ),
)
