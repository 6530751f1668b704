"""Reinforcement learning: limits, simulations in plain Python, and the breakdowns that systems publish."""

from __future__ import annotations

import heapq
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve

REGISTRY = shipped_registry()
COLOCATED, DISAGGREGATED = 0, 1
PPO, GRPO = 0, 1
RULE, MODEL = 0, 1
TRAINING, GENERATION = 0, 1
BROADCAST, SHARDED = 0, 1

RUN = dict(
    cluster_size=64, prompts_per_iteration=256, samples_per_prompt=8, prompt_len=512, output_len=2048,
    longest_over_mean_output=3.0, policy_minibatches=4, concurrency=32, generation_replica_size=2,
    generation_tokens_per_second_per_gpu=1000.0, tail_step_time=0.01, step_time=5.0, forward_pass_time=12.0,
    weight_sync_bandwidth=4e10, weight_sync_bytes=16e9, num_matmul_parameters=7.5e9, tp=2, pp=1,
)  # fmt: skip
LAYOUT_8B = dict(
    hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    intermediate_size=14336, vocab_size=128256, gated_mlp=1, tied_embeddings=0, peak_flops_bf16=989.4e12,
    matmul_format=2, hbm_bandwidth=3.35e12, hbm_capacity=80 * 2**30, scale_up_size=8, scale_up_bandwidth=450e9,
    scale_up_latency=1e-6, scale_out_bandwidth=50e9, scale_out_latency=5e-6, weight_width=2, activation_width=2,
    gradient_width=4, master_width=4, optimizer_width=8, kv_width=2, gpu_hour_price=2.5,
)  # fmt: skip
WHOLE = LAYOUT_8B | dict(
    cluster_size=64, prompts_per_iteration=512, samples_per_prompt=16, prompt_len=512, output_len=4096,
    longest_over_mean_output=4.0, policy_minibatches=4, concurrency=64, tp=2, recompute=2,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("double_precision")


def values(*names: str, **inputs: float) -> list[float]:
    """Quantities from the given values and the declared defaults."""
    graph = resolve(REGISTRY, names, inputs.keys())
    assert graph.missing == {}
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in inputs}
    found = graph(defaults | {n: float(v) for n, v in inputs.items()})
    return [float(found[name]) for name in names]


def value(name: str, **inputs: float) -> float:
    return values(name, **inputs)[0]


def test_an_iteration_by_hand() -> None:
    """256 x 8 samples of 2048 tokens on 64 GPUs at 1000 tokens/s, PPO with everything on, one after another."""
    samples = 256 * 8
    work = samples * 2048 / (64 * 1000)
    residence = 32 * 2048 / (2 * 1000)
    tail = residence + 2 * 2048 * 0.01 + (work - residence) - work
    scoring = 12 + 12 + 12 * (3e9 / 7.5e9) + 12 * 0.5
    updates = 4 * 5.0 * 1.5
    weights = 8e9 / 4e10
    found = values(
        "generation_time", "scoring_time", "update_time", "weight_sync_time", "rl_iteration_time",
        "rl_samples_per_second", **RUN, weight_sync_message=8e9, rl_algorithm=PPO, reward_kind=MODEL,
        reward_parameters=3e9, critic_parameters=3.75e9,
    )  # fmt: skip
    total = work + tail + scoring + updates + weights
    assert found == pytest.approx([work + tail, scoring, updates, weights, total, samples / total], rel=1e-12)


def test_one_sample_takes_one_request_and_one_step() -> None:
    """One prompt, one replica, one output: the iteration is a request, its scores, a step and the weights."""
    one = WHOLE | dict(
        cluster_size=2, prompts_per_iteration=1, samples_per_prompt=1, concurrency=1, longest_over_mean_output=1,
        policy_minibatches=1,
    )  # fmt: skip
    total, request, scores, step, weights, tail = values(
        "rl_iteration_time", "request_latency", "scoring_time", "step_time", "weight_sync_time",
        "generation_tail_time", **one,
    )  # fmt: skip
    assert tail == pytest.approx(0.0, abs=1e-9)
    assert total == pytest.approx(request + scores + step + weights, rel=1e-12)


def makespan(lengths: list[float], slots: int) -> float:
    """Time until the last of the samples ends, each started as a slot becomes free."""
    free = [0.0] * slots
    for length in lengths:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def modelled(lengths: list[float], slots: int, longest_start: float) -> float:
    """The same from mean and maximum, at one second a token."""
    mean = sum(lengths) / len(lengths)
    return value(
        "generation_time", generation_work_time=sum(lengths) / slots, sample_residence_time=mean,
        longest_sample_time=max(lengths), longest_start=longest_start,
    )  # fmt: skip


@pytest.mark.parametrize("waves", [1, 2, 4, 16])
def test_capped_outputs_end_as_if_the_longest_had_started_last(waves: int) -> None:
    """Log-normal lengths cut off at about four times their mean, in random order.

    On average the model is 0, 7, 6 and 2 % above what 1, 2, 4 and 16 waves take; no run is shorter than with the
    longest first, and none exceeds Graham's bound, in which the longest is the only one left.
    """
    chance = random.Random(7)
    slots, found, last = 64, 0.0, 0.0
    for _ in range(20):
        lengths = [min(chance.lognormvariate(0, 1), 6.0) for _ in range(slots * waves)]
        end = makespan(lengths, slots)
        assert modelled(lengths, slots, 0.0) * (1 - 1e-12) <= end
        assert end <= sum(lengths) / slots + (1 - 1 / slots) * max(lengths)
        found, last = found + end, last + modelled(lengths, slots, 1.0)
    assert found * (1 - 1e-12) <= last <= 1.1 * found


def test_a_single_wave_takes_its_longest_sample() -> None:
    lengths = [1.0, 2.0, 5.0, 3.0]
    for start in (0.0, 0.5, 1.0):
        assert modelled(lengths, 4, start) == makespan(lengths, 4) == 5.0


def test_equal_lengths_leave_no_tail() -> None:
    assert value("generation_tail_time", **RUN | dict(longest_over_mean_output=1)) == pytest.approx(0.0, abs=1e-9)


SIDES = dict(generation_work_time=100.0, generation_tail_time=60.0, scoring_time=15.0, update_time=80.0,
             weight_sync_time=2.0, placement=DISAGGREGATED)  # fmt: skip


def period(staleness: int, side: int, continuous: int, batches: int = 400) -> float:
    """Mean time of an iteration, event by event: who waits for which version, machine and batch."""
    work, tail, score, update = 100.0, 60.0, 15.0, 80.0
    occupied = work + (0.0 if continuous else tail) + (score if side == GENERATION else 0.0)
    versions, generator, trainer = [0.0], 0.0, 0.0
    for batch in range(batches):
        start = max(generator, versions[max(0, batch - staleness)])
        generator = start + occupied
        ready = start + work + tail + (score if side == GENERATION else 0.0)
        trainer = max(trainer, ready) + update + (score if side == TRAINING else 0.0)
        versions.append(trainer)
    half = batches // 2
    return (versions[-1] - versions[half]) / (batches - half)


@pytest.mark.parametrize(
    ("staleness", "side", "continuous"), list(itertools.product([0, 1, 2, 3, 8], [TRAINING, GENERATION], [0, 1]))
)
def test_iteration_is_the_period_of_a_simulated_pipeline(staleness: int, side: int, continuous: int) -> None:
    found = value(
        "rl_iteration_time", **SIDES, staleness=staleness, scoring_side=side, continuous_generation=continuous
    )
    assert found - SIDES["weight_sync_time"] == pytest.approx(period(staleness, side, continuous), rel=2e-3)


def test_without_staleness_the_sides_take_turns() -> None:
    apart, turns, speedup = values(
        "rl_iteration_time", "synchronous_iteration_time", "asynchrony_speedup", **SIDES, staleness=0
    )
    assert apart == turns == 257.0
    assert speedup == 1.0


def test_with_much_staleness_the_slower_side_decides() -> None:
    assert value("rl_iteration_time", **SIDES, staleness=1e6) == 102.0
    assert value("rl_iteration_time", **SIDES | dict(update_time=300.0), staleness=1e6) == 317.0
    batches = value("rl_iteration_time", **SIDES, staleness=1e6, continuous_generation=0)
    assert batches == 162.0


def test_equal_sides_never_wait_at_one_step_off_policy() -> None:
    """What PRIME-RL states of its default: with equal times, one step of staleness leaves nobody idle."""
    even = dict(generation_work_time=100.0, generation_tail_time=0.0, scoring_time=0.0, update_time=100.0,
                weight_sync_time=0.0, placement=DISAGGREGATED, staleness=1)  # fmt: skip
    assert values("generation_idle_share", "training_idle_share", "asynchrony_speedup", **even) == [0.0, 0.0, 2.0]


times = st.floats(0.1, 1e4)


@settings(deadline=None, max_examples=60)
@given(work=times, tail=times, score=times, update=times, sync=times, staleness=st.floats(0, 8), side=st.booleans())
def test_staleness_only_helps_and_nobody_works_longer_than_an_iteration(
    work: float, tail: float, score: float, update: float, sync: float, staleness: float, side: bool
) -> None:
    given_times = dict(
        generation_work_time=work, generation_tail_time=tail, scoring_time=score, update_time=update,
        weight_sync_time=sync, placement=DISAGGREGATED, scoring_side=float(side),
    )  # fmt: skip
    now, idle, other = values(
        "rl_iteration_time", "generation_idle_share", "training_idle_share", **given_times, staleness=staleness
    )
    assert now >= value("rl_iteration_time", **given_times, staleness=staleness + 1) * (1 - 1e-6)
    assert value("synchronous_iteration_time", **given_times) >= now * (1 - 1e-6)
    for share in (idle, other):
        assert -1e-5 <= share < 1


def test_balanced_split_is_the_fastest_of_a_fine_grid() -> None:
    """Both sides in proportion to 1/GPUs, staleness without effect: 3000 and 1700 GPU-seconds of work on 100 GPUs."""

    def sides(share: float) -> dict[str, float]:
        return dict(
            placement=DISAGGREGATED, cluster_size=100, generation_share=share, generation_work_time=30 / share,
            generation_tail_time=5.0, scoring_time=0.0, update_time=17 / (1 - share), weight_sync_time=1.0,
            staleness=50,
        )  # fmt: skip

    grid = np.linspace(0.02, 0.98, 961)
    fastest = grid[np.argmin([value("rl_iteration_time", **sides(share)) for share in grid])]
    for share in (0.2, 0.5, 0.8):
        assert value("balanced_generation_share", **sides(share)) == pytest.approx(30 / 47, rel=1e-12)
    assert fastest == pytest.approx(30 / 47, abs=1e-3)
    assert value("rl_iteration_time", **sides(30 / 47)) == pytest.approx(1 + 47, rel=1e-12)


def test_balanced_split_of_the_whole_model_is_near_its_fastest() -> None:
    """With the training model underneath, whose communication does not shrink with GPUs."""
    many = WHOLE | dict(placement=DISAGGREGATED, staleness=8)
    split = {n / 32: value("rl_iteration_time", **many, generation_share=n / 32) for n in range(4, 29)}
    fastest = min(split, key=lambda share: split[share])
    assert value("balanced_generation_share", **many, generation_share=fastest) == pytest.approx(fastest, abs=1 / 32)


# Sheng et al. 2024, table 2, training 1-8-2 in p, t, d and generation 1-2: weights gathered by a GPU, in units of M.
@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        (dict(tp=8, pp=1, generation_replica_size=2, zero_stage=1), (8 - 2) / (2 * 8)),
        (dict(tp=8, pp=1, generation_replica_size=8, zero_stage=1), 0.0),
        (dict(tp=4, pp=2, generation_replica_size=1, zero_stage=1), (8 - 1) / 8),
        (dict(tp=1, pp=1, generation_replica_size=1, zero_stage=3), (16 - 1) / 16),
    ],
)
def test_resharding_volume(layout: dict[str, float], wanted: float) -> None:
    found = value("weight_sync_message", **layout, weight_sync_bytes=1.0, placement=COLOCATED, world_size=16)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_broadcast_sends_everything_and_shards_their_part() -> None:
    apart = dict(weight_sync_bytes=140e9, placement=DISAGGREGATED, generation_replica_size=8, world_size=64, tp=8)
    assert value("weight_sync_message", **apart, weight_sync=BROADCAST) == 140e9
    assert value("weight_sync_message", **apart, weight_sync=SHARDED) == 17.5e9
    assert value("weight_sync_message", **apart | dict(world_size=4, tp=4), weight_sync=SHARDED) == 35e9


def test_adapters_are_all_that_travels() -> None:
    whole = value("weight_sync_bytes", **WHOLE)
    adapters = value("weight_sync_bytes", **WHOLE, frozen_share=1, lora_rank=16)
    assert whole == pytest.approx(2 * 8.03e9, rel=1e-3)
    assert adapters == 2 * value("lora_parameters", **WHOLE, frozen_share=1, lora_rank=16)


def test_a_critic_costs_in_proportion_to_its_size_and_grpo_has_none() -> None:
    ppo = RUN | dict(rl_algorithm=PPO)
    assert value("update_time", **RUN) == 20.0
    assert value("update_time", **ppo) == 40.0
    assert value("update_time", **ppo, critic_parameters=0.75e9) == pytest.approx(22.0, rel=1e-12)
    assert value("scoring_time", **RUN) == 24.0
    assert value("scoring_time", **ppo) == 36.0
    assert value("scoring_time", **RUN, uses_reference=0, recomputes_log_probs=0, rule_reward_time=1.5) == 1.5


@pytest.mark.parametrize(("side", "gpus"), [(TRAINING, 48.0), (GENERATION, 16.0)])
def test_the_side_that_scores_does_so_with_all_its_gpus(side: int, gpus: float) -> None:
    apart = RUN | dict(placement=DISAGGREGATED, generation_share=0.25, scoring_side=side)
    assert value("scoring_gpus", **apart) == gpus


def test_cluster_and_training_gpus_follow_from_each_other() -> None:
    apart = dict(placement=DISAGGREGATED, generation_share=0.25)
    assert value("world_size", cluster_size=128, **apart, prompts_per_iteration=1) == 96
    assert value("cluster_size", world_size=96, **apart) == 128
    assert value("fills_cluster", cluster_size=128, **apart) == 0
    assert value("fills_cluster", cluster_size=128, world_size=128, **apart) == -32
    assert value("fills_cluster", cluster_size=128, placement=COLOCATED) == 0
    assert value("fills_cluster", cluster_size=1, **apart) == -1
    assert value("fills_cluster", cluster_size=16, placement=DISAGGREGATED, generation_share=1) == -1
    assert value("fills_generation_replicas", **RUN | dict(cluster_size=7)) == -1


def test_slots_need_samples_and_staleness_brings_them() -> None:
    few = RUN | dict(prompts_per_iteration=64, placement=DISAGGREGATED)  # 64 x 8 over 16 replicas: 32 for 40 slots
    assert value("fills_generation_slots", **few | dict(concurrency=40), staleness=0) == -8
    assert value("fills_generation_slots", **few | dict(concurrency=40), staleness=1) == 24
    assert value("fills_generation_slots", **RUN | dict(concurrency=65), staleness=1, placement=COLOCATED) == -1


def test_a_training_sequence_is_a_sample_or_holds_several() -> None:
    assert values("seq_len", "global_batch_size", "updates_per_iteration", **RUN) == [2560, 512, 4]
    packed = RUN | dict(seq_len=5120, policy_epochs=3)
    assert value("updates_per_iteration", **packed) == pytest.approx(3 * 4 / 2, rel=1e-12)


def test_generation_may_have_a_layout_of_its_own() -> None:
    own = dict(generation_tokens_per_second_per_gpu=2500.0, generation_replica_size=1, tail_step_time=0.006)
    names = ("step_time", "update_time", "memory_per_gpu")
    assert values(*names, **WHOLE, **own) == values(*names, **WHOLE)
    work = value("generation_work_time", **WHOLE, **own)
    assert work == pytest.approx(512 * 16 * 4096 / (64 * 2500), rel=1e-12)


def test_money_follows_all_gpus() -> None:
    found = value("rl_cost_per_million_samples", **RUN, gpu_hour_price=2.5)
    iteration = value("rl_iteration_time", **RUN)
    assert found == pytest.approx(1e6 * 64 * iteration / 3600 * 2.5 / 2048, rel=1e-12)


def test_memory_of_either_side() -> None:
    held = dict(
        memory_per_gpu=50e9, serving_memory_per_gpu=60e9, serving_weight_memory=8e9, kv_cache_memory=50e9,
        weight_memory=4e9, optimizer_memory=10e9, model_state_memory=20e9, num_matmul_parameters=8e9, hbm_capacity=80e9,
    )  # fmt: skip
    assert value("rl_memory_per_gpu", **held, placement=COLOCATED) == 60e9 + 14e9 + 4e9
    assert value("rl_memory_per_gpu", **held, placement=COLOCATED, training_state_offload=1) == 60e9 + 4e9
    kept = value("rl_memory_per_gpu", **held, placement=COLOCATED, releases_generation_memory=0)
    assert kept == 50e9 + 4e9 + 58e9
    assert value("fits_rl_memory", **held, placement=COLOCATED, releases_generation_memory=0) == -32e9
    assert value("rl_memory_per_gpu", **held, placement=DISAGGREGATED) == 60e9
    ppo = dict(rl_algorithm=PPO, reward_kind=MODEL, critic_parameters=4e9, reward_parameters=2e9)
    assert value("other_roles_memory", **held, **ppo) == 4e9 + 1e9 + 10e9


# Documentation of verl, "Recipe: Fully Async Policy Trainer" and "One Step Off Policy": seconds of a step, generation,
# log-probabilities and update of colocated runs of Qwen2.5-Math-7B on H20.
@pytest.mark.parametrize(
    ("step", "generation", "log_probs", "update"),
    [
        (790.10, 357.41, 107.71, 313.81),
        (365.28, 150.72, 70.26, 133.41),
        (356.30, 177.85, 53.92, 113.81),
        (749.0, 321.0, 88.0, 286.0),
        (699.0, 207.0, 119.0, 344.0),
    ],
)
def test_published_parts_of_a_synchronous_step_are_its_sum(
    step: float, generation: float, log_probs: float, update: float
) -> None:
    """Within 8 %: the sum of the printed parts lacks 1.4, 3.0, 3.0, 7.2 and 4.1 % of the printed step."""
    parts = dict(generation_time=generation, scoring_time=log_probs, update_time=update, weight_sync_time=0.0)
    total, share = values("synchronous_iteration_time", "generation_time_share", **parts)
    assert total == pytest.approx(step, rel=0.08)
    assert total < step
    assert 0.30 < share < 0.52


# The same, one step off-policy on 4 generating and 12 training GPUs: step, generation of a batch, log-probabilities and
# update; batches do not overlap in this trainer.
@pytest.mark.parametrize(
    ("step", "generation", "log_probs", "update", "synchronous"),
    [(520.0, 458.0, 108.0, 337.0, 749.0), (566.0, 501.0, 120.0, 347.0, 699.0)],
)
def test_published_one_step_off_policy(
    step: float, generation: float, log_probs: float, update: float, synchronous: float
) -> None:
    """12 % below the steps, which fluctuate; speedups over the colocated runs 14 % above the printed 1.44 and 1.23."""
    found = value(
        "rl_iteration_time", generation_work_time=generation, generation_tail_time=0.0, scoring_time=log_probs,
        update_time=update, weight_sync_time=0.3, placement=DISAGGREGATED, staleness=1, continuous_generation=0,
    )  # fmt: skip
    assert found == pytest.approx(step, rel=0.13)
    assert found < step
    assert synchronous / found == pytest.approx(synchronous / step, rel=0.15)


# The same, 64 + 64 GPUs, by staleness: the measured step. At 0 the trainer waits 128.47 s for samples and updates for
# 98.77 s. How the 128.47 s divide into work and tail is not printed and does not matter while the cycle binds.
@pytest.mark.parametrize(("staleness", "step"), [(0.0, 231.34), (0.1, 171.30), (0.3, 146.11), (0.5, 150.63)])
def test_published_effect_of_staleness(staleness: float, step: float) -> None:
    """Within 21 %: -1.8, +20.6, +19.6 and +0.6 %; part of an update overlaps generation there even at staleness 0."""
    found = value(
        "rl_iteration_time", generation_work_time=98.0, generation_tail_time=30.47, scoring_time=0.0, update_time=98.77,
        weight_sync_time=0.0, placement=DISAGGREGATED, staleness=staleness,
    )  # fmt: skip
    assert found == pytest.approx(step, rel=0.21)


def test_published_time_of_a_broadcast() -> None:
    """7.6e9 parameters in bf16 over a 400 Gb/s port: verl reports under 0.3 s at most times, 50 GB/s and above."""
    found = value("weight_sync_time", weight_sync_message=2 * 7.6e9, weight_sync_bandwidth=50e9)
    assert found == pytest.approx(0.3, rel=0.02)
