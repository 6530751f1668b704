"""The edges of the legal domain: finite values and slopes, in single precision too; and the conditions there."""

from __future__ import annotations

import math
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.primitives.arithmetic import ratio, remainder
from rooflax.kernels.training.pipeline import DUALPIPE
from rooflax.specs.vocabulary import Kind

REGISTRY = shipped_registry()
TINY = dict(
    hidden_size=64, num_layers=1, num_attention_heads=1, num_key_value_heads=1, head_dim=64, intermediate_size=256,
    vocab_size=1, gated_mlp=0, tied_embeddings=1, irreducible_loss=1.8172, parameter_coefficient=482.01,
    parameter_exponent=0.3478, token_coefficient=2085.43, token_exponent=0.3658,
)  # fmt: skip
LARGE = dict(
    hidden_size=7168, num_layers=64, num_attention_heads=128, num_key_value_heads=128, head_dim=128,
    intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256, experts_per_token=8,
    num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=4, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, sliding_window=4096, num_sliding_layers=32,
    irreducible_loss=1.3637, moe_parameter_coefficient=35.91, moe_parameter_exponent=-0.1889,
    moe_parameter_coefficient_growth=-0.2285, moe_parameter_exponent_growth=0.0098, moe_token_coefficient=35.98,
    moe_token_exponent=-0.1775, moe_token_coefficient_growth=0.5529, moe_token_exponent_growth=-0.0259,
)  # fmt: skip
MACHINE = dict(
    peak_flops_bf16=989.4e12, matmul_format=2, hbm_capacity=80 * 2**30, hbm_bandwidth=3.35e12, scale_up_size=8,
    scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_bandwidth=50e9, scale_out_latency=5e-6,
    weight_width=2, activation_width=2, gradient_width=4, master_width=4, optimizer_width=8, kv_width=2,
    gpu_hour_price=2.5, mfu=0.4, scale_up_energy_per_bit=1e-11, scale_out_energy_per_bit=3e-11, gemm_rows=4096,
    gemm_columns=4096, gemm_depth=4096, collective=0, collective_group=8, collective_message=1e9,
    prompts_per_iteration=64, samples_per_prompt=8, longest_over_mean_output=4,
    moe_start_experts=2.0732, moe_max_experts=290.4521, compute_budget=1e24, target_loss=2.0, unique_tokens=1e12,
    lifetime_inference_tokens=1e13,
)  # fmt: skip
OWNED = dict(
    idle_power=70, tdp=700, power_price=2.2e-8, grid_carbon_intensity=1.07e-7, embodied_carbon=462.5,
    gpu_capital_price=25000, server_capital_price=8000, network_capital_price=4000, storage_capital_price=1000,
    building_capital_price=10, hardware_lifetime=1461, building_lifetime=5479, cost_of_capital=0.08,
    fleet_utilisation=0.8, power_load=0.7, operations_price=0.12, mean_request_rate=50, service_time=365,
)  # fmt: skip
SERVICE = dict(
    request_rate=3, serving_replicas=2, ttft_goal=0.5, tpot_goal=0.05, latency_goal=20, prompt_len_median=900,
    prompt_len_p95=3000, output_len_median=130, output_len_p95=400,
)  # fmt: skip
MACHINE |= SERVICE
MIXED = dict(hidden_states_message=6.7e7, experts_per_token=2, dispatched_elements=6.7e7, dispatch_width=2, expert_tp=1)
ONE_GPU = dict(world_size=1, global_batch_size=1, seq_len=1, prompt_len=1, output_len=1, concurrency=1)
CASES = {
    "one GPU, one token": TINY | MACHINE | ONE_GPU,
    "one GPU, everything hidden": TINY | MACHINE | ONE_GPU
    | {f"{kind}_overlap": 1.0 for kind in ("tp", "dp", "pp", "ep", "cp")},
    "one GPU, prefill takes turns": TINY | MACHINE | ONE_GPU | dict(batching=0),
    "one GPU, prefill elsewhere": TINY | MACHINE | ONE_GPU | dict(batching=2, kv_transfer_overlap=1),
    "every expert active": TINY | MACHINE | ONE_GPU
    | dict(num_experts=4, experts_per_token=4, moe_intermediate_size=16),
    "no master weights, free links": TINY | MACHINE | ONE_GPU
    | dict(master_width=0, optimizer_width=0, gradient_width=0, scale_up_latency=0, scale_out_latency=0),
    "a large mixture": LARGE | MACHINE
    | dict(world_size=8192, tp=8, pp=16, cp=2, ep=32, global_batch_size=4096, seq_len=131072, recompute=1,
           prompt_len=131072, output_len=4096, concurrency=512, zero_stage=2),
    "unfused, recomputed, sharded": LARGE | MACHINE
    | dict(world_size=64, tp=2, ep=32, global_batch_size=256, seq_len=512, recompute=2, attention_kernel=0, dropout=1,
           zero_stage=3, sequence_parallel=0, prompt_len=512, output_len=2, concurrency=1),
}  # fmt: skip
# Published formulas have their own edges, which tests/golden compares.
OUTPUTS = [name for name, quantity in REGISTRY.quantities.items() if not quantity.namespace]


def graph_of(given: dict[str, float]):
    """The graph of everything, and its inputs with their defaults."""
    given = OWNED | given
    graph = resolve(REGISTRY, OUTPUTS, given.keys())
    assert graph.missing == {}
    return graph, {
        name: float(given[name]) if name in given else REGISTRY.vocabulary[name].default_value for name in graph.inputs
    }


@pytest.mark.parametrize("case", CASES)
def test_every_quantity_is_finite(case: str) -> None:
    graph, inputs = graph_of(CASES[case])
    values = graph({name: np.float32(value) for name, value in inputs.items()})
    assert {name: float(values[name]) for name in OUTPUTS if not math.isfinite(values[name])} == {}


@pytest.mark.parametrize("case", CASES)
def test_every_slope_is_finite(case: str) -> None:
    graph, inputs = graph_of(CASES[case])
    smooth = {
        name: np.float32(value)
        for name, value in inputs.items()
        if REGISTRY.vocabulary[name].kind not in (Kind.FLAG, Kind.CHOICE)
    }
    targets = ("step_time", "memory_per_gpu", "decode_step_time", "prefill_time", "serving_memory_per_gpu", "tokens",
               "training_energy", "request_energy", "ownership_hourly_cost", "request_cost")  # fmt: skip

    def everything(moved):
        values = graph(inputs | moved)
        return [values[name] for name in targets]

    values, pull_back = jax.vjp(everything, smooth)
    for position, target in enumerate(targets):
        (slopes,) = pull_back([np.float32(position == other) for other in range(len(values))])
        assert {name: float(slope) for name, slope in slopes.items() if not math.isfinite(slope)} == {}, target


TARGETS = ("step_time", "memory_per_gpu")
# Degrees place groups: where one begins to cross to another domain, its ring waits for the slower link at once.
COUNTS = ("micro_batch_size", "seq_len", "num_experts", "hidden_size", "vocab_size", "num_attention_heads")


def random_layout(seed: int) -> dict[str, float]:
    """A layout that meets every legal condition, with any choice of options and any shares."""
    chance = random.Random(seed)
    tp, pp, cp, ep = (2 ** chance.randint(0, most) for most in (3, 4, 2, 5))
    dp = max(2 ** chance.randint(0, 6), ep)
    layout = dict(tp=tp, pp=pp, cp=cp, ep=ep, world_size=tp * pp * cp * dp, seq_len=2 ** chance.randint(9, 17))
    layout |= dict(micro_batch_size=2 ** chance.randint(0, 2), vpp=1, num_linear_layers=chance.choice([0, 16]))
    layout["global_batch_size"] = layout["micro_batch_size"] * dp * pp * chance.randint(1, 6)
    options = {leaf.name: leaf for leaf in REGISTRY.vocabulary.values() if leaf.kind is Kind.CHOICE and leaf.default}
    for name in ("recompute", "attention_kernel", "zero_stage", "pipeline_schedule", "cp_exchange", "expert_dispatch",
                 "all_reduce_algorithm"):  # fmt: skip
        layout[name] = chance.randrange(len(options[name].options))
    if layout["pipeline_schedule"] == DUALPIPE and pp == 1:
        layout["pipeline_schedule"] = 0
    hidden = (f"{kind}_overlap" for kind in ("tp", "dp", "pp", "ep", "cp", "offload"))
    kept = ("weight_offload", "optimizer_offload", "activation_offload")
    for name in ("recompute_layer_share", "frozen_share", "comm_slowdown", *kept, *hidden):
        layout[name] = chance.choice([0.0, 1.0, chance.random()])
    for name in ("sequence_parallel", "dropout", "scale_up_reduces", "synchronous_attention", "fused_cross_entropy"):
        layout[name] = chance.randrange(2)
    layout |= dict(linear_inner_size=14336, linear_state_size=128, linear_num_heads=112, linear_num_groups=8)
    layout |= dict(linear_chunk_size=256, gemm_half_size=chance.choice([0, 120]), launch_overhead=chance.random() / 1e3)
    layout |= dict(tdp=chance.choice([0, 700]), scale_up_half_message=chance.choice([0, 1e7]), peak_flops_fp8=1.98e15)
    return LARGE | MACHINE | layout | dict(matmul_format=chance.choice([2, 4]), num_sliding_layers=16)


@pytest.mark.parametrize("seed", range(12))
def test_random_legal_layouts_have_finite_slopes_and_no_steps(seed: int) -> None:
    """Every slope along a leaf that is a number is finite; a count just beside a whole one changes nothing."""
    given = random_layout(seed)
    graph = resolve(REGISTRY, TARGETS, given.keys())
    assert graph.missing == {}
    inputs = {n: float(given[n]) if n in given else REGISTRY.vocabulary[n].default_value for n in graph.inputs}
    smooth = {n: v for n, v in inputs.items() if REGISTRY.vocabulary[n].kind not in (Kind.FLAG, Kind.CHOICE)}
    with jax.enable_x64(True):

        def both(moved):
            found = graph(inputs | moved)
            return jnp.stack([found[name] for name in TARGETS])

        values, pull_back = jax.vjp(both, {n: jnp.float64(v) for n, v in smooth.items()})
        wanted = np.asarray(values)
        assert np.all(np.isfinite(wanted))
        assert np.all(wanted > 0)
        for position, target in enumerate(TARGETS):
            (slopes,) = pull_back(jnp.eye(len(TARGETS))[position])
            assert {n: float(slope) for n, slope in slopes.items() if not math.isfinite(slope)} == {}, target
        for name in COUNTS:
            for side in (1 - 1e-9, 1 + 1e-9):
                if smooth[name] * side >= 1:
                    beside = np.asarray(both({name: smooth[name] * side}))
                    assert beside == pytest.approx(wanted, rel=1e-6), name


@pytest.mark.parametrize("seed", range(12))
def test_random_layouts_are_legal(seed: int) -> None:
    given = random_layout(seed)
    rules = [
        n for n, model in REGISTRY.constraints.items() if model.declared.constraint and model.declared.constraint.legal
    ]
    known = [name for name in rules if not resolve(REGISTRY, [name], given.keys()).missing]
    graph = resolve(REGISTRY, known, given.keys())
    with jax.enable_x64(True):
        margins = graph(
            {n: float(given[n]) if n in given else REGISTRY.vocabulary[n].default_value for n in graph.inputs}
        )
        assert {name: float(margins[name]) for name in known if margins[name] < 0} == {}


@pytest.mark.parametrize("case", CASES)
def test_single_precision_holds_four_digits_of_a_whole_evaluation(case: str) -> None:
    graph, inputs = graph_of(CASES[case])
    single = graph({name: np.float32(value) for name, value in inputs.items()})
    with jax.enable_x64(True):
        double = graph(inputs)
    # Of two large numbers.
    differences = {"fits_memory", "fits_serving_memory", "generation_tail_time"}
    differences |= {"generation_idle_share", "training_idle_share"}
    for name in OUTPUTS:
        if name not in differences:
            assert float(single[name]) == pytest.approx(float(double[name]), rel=1e-5, abs=1e-20), name


@pytest.mark.parametrize(("name", "degree"), [("tp_all_reduce_time", "tp"), ("dispatch_time", "ep")])
def test_an_unused_tier_leaves_no_noise_in_the_slope(name: str, degree: str) -> None:
    """Single precision agrees with double: the unstated bandwidth of outer tiers must not enter."""
    model = REGISTRY.quantities[name]
    given = {n: float(v) for n, v in (MACHINE | MIXED).items() if n in model.reads}
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in model.reads if n not in given and n != degree}

    def slope(size: float) -> float:
        return float(jax.grad(lambda group: model(defaults | given | {degree: group}))(size))

    for size in (3.0, 6.0, 7.0, 12.0, 24.0):
        single = slope(size)
        with jax.enable_x64(True):
            assert single == pytest.approx(slope(size), rel=1e-4)


def test_slope_along_a_degree_of_one_is_that_of_using_it() -> None:
    """A group of one costs nothing; its slope is what a second member would begin to cost."""
    model = REGISTRY.quantities["tp_all_reduce_time"]
    given = {n: float(v) for n, v in MACHINE.items() if n in model.reads} | dict(hidden_states_message=6.7e7)
    values = {n: REGISTRY.vocabulary[n].default_value for n in model.reads if n not in given} | given
    with jax.enable_x64(True):
        slope = float(jax.grad(lambda group: model(values | {"tp": group}))(1.0))
        assert slope == pytest.approx(2 * (6.7e7 / (450e9 * 0.8) + 1e-6), rel=1e-12)


STAGES = ("first_stage_layers", "middle_stage_layers", "last_stage_layers")


# Legal and illegal points of every condition: margin 0 or above holds.
@pytest.mark.parametrize(
    ("name", "given", "margin"),
    [
        ("fills_world", dict(world_size=4096, tp=8, pp=4, cp=1, dp=128), 0),
        ("fills_world", dict(world_size=4096, tp=8, pp=4, cp=1, dp=64), -2048),
        ("fills_world", dict(world_size=8, tp=16, pp=1, cp=1, dp=0.5), -0.5),
        ("divides_layers", dict(num_layers=80, pp=4, vpp=5) | dict.fromkeys(STAGES, 20), 0),
        ("divides_layers", dict(num_layers=2, pp=4, vpp=1) | dict.fromkeys(STAGES, 0.5), -2),
        ("divides_heads", dict(num_attention_heads=96, tp=12), 0),
        ("divides_batch", dict(global_batch_size=8, micro_batch_size=1, dp=16), -8),
        ("divides_batch", dict(global_batch_size=1536, micro_batch_size=3, dp=512 / 3 * 3), 0),
        ("divides_experts", dict(num_experts=1, ep=1), 0),
        ("divides_experts", dict(num_experts=1, ep=2), -1),
        ("divides_expert_ranks", dict(dp=4, cp=2, ep=8, tp=1, expert_tp=1), 0),
        ("divides_expert_ranks", dict(dp=4, cp=2, ep=8, tp=2, expert_tp=4), -16),
        ("divides_sequence", dict(seq_len=1_048_577, cp=2), -1),
        ("interleaves", dict(vpp=1, pp=1, num_micro_batches=7), 0),
        ("interleaves", dict(vpp=2, pp=1, num_micro_batches=7), -1),
        ("interleaves", dict(vpp=2, pp=4, num_micro_batches=8), 0),
        ("fits_network", dict(world_size=128, scale_up_size=8, scale_out_size=16, tier2_size=1, tier3_size=1), 0),
        ("has_peak_flops", dict(stated_peak_flops=1.0), 0),
        ("states_power", dict(tdp=700, idle_power=70), 630),
        ("states_power", dict(tdp=0, idle_power=70), -70),
    ],
)
def test_margin(name: str, given: dict[str, float], margin: float) -> None:
    found = REGISTRY.quantities[name]({key: np.float32(value) for key, value in given.items()})
    assert float(found) == pytest.approx(margin, abs=1e-6)


@pytest.mark.parametrize("divisor", [1, 3, 7, 48, 1000])
def test_whole_multiples_leave_nothing_in_single_precision(divisor: int) -> None:
    whole, one = jnp.arange(1, 4000, dtype=jnp.float32), jnp.float32(divisor)
    rounded = whole / one * one
    assert float(jnp.max(remainder(rounded, jnp.float32(1)))) == 0
    assert float(jnp.max(remainder(rounded * one, one))) == 0
    assert float(jnp.max(remainder(whole, 1 / one))) == 0


def test_remainder() -> None:
    assert remainder(jnp.array([7.0, 8.0, 0.5, 170.625]), jnp.array([4.0, 4.0, 1.0, 1.0])).tolist() == [
        3,
        0,
        0.5,
        0.625,
    ]


def test_ratio_by_zero_has_a_value_and_a_slope() -> None:
    three, zero = jnp.float32(3), jnp.float32(0)
    assert float(ratio(three, zero)) == 0
    assert float(jax.grad(lambda denominator: ratio(three, denominator, 7.0))(zero)) == 0
