"""What the time of a training step must obey: sums, limits, closed forms, published step times."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import rooflax
from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.training.step import STEP_TERMS
from rooflax.validation import SHIPPED, validate

REGISTRY = shipped_registry()
LLAMA_2_70B = dict(
    hidden_size=8192, num_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
    intermediate_size=28672, vocab_size=32000, gated_mlp=1, tied_embeddings=0,
)  # fmt: skip
MIXTRAL = dict(
    hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    intermediate_size=14336, vocab_size=32000, gated_mlp=1, tied_embeddings=0, num_experts=8, experts_per_token=2,
    moe_intermediate_size=14336,
)  # fmt: skip
H100 = dict(
    peak_flops_bf16=989.4e12, peak_flops_fp8=1978.9e12, matmul_format=2, hbm_capacity=80 * 2**30,
    hbm_bandwidth=3.35e12, gemm_half_size=100, scale_up_size=8, scale_up_bandwidth=450e9, scale_up_latency=1e-6,
    scale_out_bandwidth=50e9, scale_out_latency=5e-6, weight_width=2, activation_width=2, gradient_width=4,
    master_width=4, optimizer_width=8,
)  # fmt: skip
DENSE = LLAMA_2_70B | H100 | dict(world_size=512, tp=8, pp=4, global_batch_size=1024, seq_len=4096)
EXPERTS = MIXTRAL | H100 | dict(world_size=64, tp=2, ep=8, global_batch_size=256, seq_len=4096)
BUSY = DENSE | dict(
    cp=2, recompute=2, recompute_layer_share=0.5, launch_overhead=2e-3, step_overhead=0.1, optimizer_offload=0.2,
    activation_offload=0.1, pp_overlap=0.3, first_stage_layers=19, last_stage_layers=19, dp_overlap=0.4,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("double_precision")


def values(names: list[str], given: dict[str, float]) -> dict[str, float]:
    """Quantities from the given values and the declared defaults."""
    graph = resolve(REGISTRY, names, given.keys())
    assert graph.missing == {}
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given}
    found = graph(defaults | {n: float(v) for n, v in given.items()})
    return {name: float(found[name]) for name in names}


def value(name: str, given: dict[str, float]) -> float:
    return values([name], given)[name]


@pytest.mark.parametrize("given", [DENSE, EXPERTS, BUSY])
def test_the_terms_of_a_step_add_up(given: dict[str, float]) -> None:
    computed = [name for name in STEP_TERMS if name in REGISTRY.quantities]
    found = values([*computed, "step_time"], given)
    assert set(STEP_TERMS) - set(computed) == {"step_overhead"}
    assert min(found.values()) >= 0
    total = math.fsum(found[name] for name in computed) + given.get("step_overhead", 0)
    assert total == pytest.approx(found["step_time"], rel=1e-12)


def test_the_classes_of_memory_add_up() -> None:
    terms = REGISTRY.quantities["memory_per_gpu"].declared.terms
    assert len(terms) > 3
    found = values([*terms, "memory_per_gpu"], BUSY)
    assert math.fsum(found[name] for name in terms) == pytest.approx(found["memory_per_gpu"], rel=1e-12)


def test_a_group_of_one_is_free_whatever_its_links() -> None:
    alone = LLAMA_2_70B | H100 | dict(world_size=1, global_batch_size=4, seq_len=4096)
    alone |= dict(scale_up_latency=1.0, scale_out_latency=1.0, collective_overhead=1.0, scale_up_half_message=1e12)
    kinds = ("tp", "cp", "ep", "pp", "dp")
    found = values([*(f"exposed_{kind}_comm_time" for kind in kinds), "pipeline_bubble_time"], alone)
    assert set(found.values()) == {0.0}


def bubble(schedule: int, forward: float, inputs: float, weights: float, pp: int = 8, vpp: int = 1) -> float:
    """Bubble of one step of 16 micro-batches."""
    backward = inputs + weights
    given = dict(pipeline_schedule=schedule, pp=pp, vpp=vpp, num_micro_batches=16)
    given |= dict(stage_time=16 * (forward + backward), stage_backward_time=16 * backward)
    return value("pipeline_bubble_time", given | dict(stage_weight_gradient_time=16 * weights))


def test_the_bubble_of_zero_bubble_is_a_third() -> None:
    """Qi et al. 2024, sec. 2.3: ZB-H1 cuts the bubble of 1F1B to a third where its three passes take as long."""
    assert bubble(2, 1, 1, 1) == pytest.approx(bubble(0, 1, 1, 1) / 3)


@pytest.mark.parametrize(("forward", "inputs", "weights"), [(1, 1, 1), (2, 3, 1), (1, 1.5, 0.5)])
def test_bubbles_of_deepseek_v3_table_2(forward: float, inputs: float, weights: float) -> None:
    """DeepSeek-V3, table 2: (PP-1)(F+B), (PP-1)(F+B-2W) and (PP/2-1)(F&B+B-3W), B the full backward."""
    backward = inputs + weights
    both = forward + backward  # a forward beside a backward takes their sum unless communication hides
    assert bubble(0, forward, inputs, weights) == pytest.approx(7 * (forward + backward))
    assert bubble(1, forward, inputs, weights, vpp=4) == pytest.approx(7 * (forward + backward) / 4)
    assert bubble(2, forward, inputs, weights) == pytest.approx(7 * (forward + backward - 2 * weights))
    assert bubble(3, forward, inputs, weights) == pytest.approx(3 * (both + backward - 3 * weights))


@pytest.mark.parametrize("schedule", range(4))
def test_one_stage_has_no_bubble(schedule: int) -> None:
    assert bubble(schedule, 1, 1, 1, pp=1) == 0


def test_bubbles_shrink_in_the_order_of_the_papers() -> None:
    found = [value("pipeline_bubble_time", DENSE | dict(pp=8, pipeline_schedule=schedule)) for schedule in (0, 2, 3)]
    assert found[0] > found[1] > found[2] > 0


def test_frozen_matrices_have_no_weight_gradients() -> None:
    """A third of the arithmetic of the products goes, and of the exchange of gradients all but its latency."""
    names = ["layer_weight_gradient_time", "feed_forward_time", "optimizer_time", "exposed_dp_comm_time"]
    trained, frozen = values(names, DENSE), values(names, DENSE | dict(frozen_share=1))
    assert frozen.pop("feed_forward_time") == pytest.approx(trained["feed_forward_time"] * 2 / 3, rel=0.02)
    assert frozen.pop("exposed_dp_comm_time") == pytest.approx(2 * 15 * 5e-6, rel=1e-9)
    assert set(frozen.values()) == {0.0}


@pytest.mark.parametrize("given", [DENSE, EXPERTS])
def test_eight_bits_buy_less_than_a_factor_of_two(given: dict[str, float]) -> None:
    """Attention, head, vector operators and communication stay, casts are added."""
    gain = value("step_time", given) / value("step_time", given | dict(matmul_format=4))
    assert 1.05 < gain < 1.6
    products = value("dense_feed_forward_time", given) / value("dense_feed_forward_time", given | dict(matmul_format=4))
    assert products < 2


def test_hidden_communication_leaves_the_longer_of_both() -> None:
    for kind in ("tp", "ep"):
        given = {f"{kind}_layer_comm_time": 3.0, f"{kind}_overlap": 1.0}
        work = dict(layer_forward_time=0.4, layer_backward_time=0.6, layer_recompute_time=0.5)
        assert value(f"exposed_{kind}_layer_time", given | work) == pytest.approx(3.0 - 1.5)
        assert value(f"exposed_{kind}_layer_time", given | work | {f"{kind}_overlap": 0.0}) == 3.0
        longer = work | dict(layer_forward_time=4.0)
        assert value(f"exposed_{kind}_layer_time", given | longer) == 0.0
        assert value(f"exposed_{kind}_layer_time", given | longer | dict(comm_slowdown=0.2)) == pytest.approx(0.6)


def test_an_operator_lies_between_its_longer_bound_and_their_sum() -> None:
    """Physics: never a maximum of sums; small products and few tokens are slower, never faster."""
    given = DENSE | dict(gemm_half_size=0)
    for tokens in (1, 16, 256, 4096):
        found = values(
            ["dense_feed_forward_flops", "dense_feed_forward_traffic", "dense_feed_forward_time", "attainable_flops",
             "attainable_hbm_bandwidth"], given | dict(micro_batch_tokens=tokens),
        )  # fmt: skip
        arithmetic = found["dense_feed_forward_flops"] / found["attainable_flops"]
        traffic = found["dense_feed_forward_traffic"] / found["attainable_hbm_bandwidth"]
        time = found["dense_feed_forward_time"]
        assert max(arithmetic, traffic) <= time <= arithmetic + traffic
        slower = value("dense_feed_forward_time", given | dict(micro_batch_tokens=tokens, gemm_half_size=200))
        assert slower > time


def test_the_busiest_rank_of_experts_decides() -> None:
    once, uneven = (
        values(["routed_feed_forward_time", "dispatch_time"], EXPERTS | dict(expert_imbalance=share))
        for share in (1.0, 1.5)
    )
    assert uneven == pytest.approx({name: 1.5 * time for name, time in once.items()})


def test_four_exchanges_of_tokens_a_mixture_layer() -> None:
    """Dispatch and combine, forward and backward; a dispatch in 8 bits sends half as much."""
    free = EXPERTS | dict(scale_up_latency=0, scale_out_latency=0, tp=1)
    tokens = 4096 * 4096 * 2 * 2
    assert value("ep_layer_comm_time", free) == pytest.approx(4 * 7 / 8 * tokens / (450e9 * 0.8))
    narrow = value("ep_layer_comm_time", free | dict(dispatch_width=1))
    assert narrow == pytest.approx(3 * 7 / 8 * tokens / (450e9 * 0.8))


def test_the_optimizer_streams_its_shard() -> None:
    """Gradients twice, moments and master there and back, weights once: 4 + 4 + 16 + 8 + 2 bytes over dp ranks."""
    found = values(["optimizer_time", "shared_parameters_per_gpu", "dp"], DENSE)
    wanted = found["shared_parameters_per_gpu"] / found["dp"] * 34 / (3.35e12 * 0.85)
    assert found["optimizer_time"] == pytest.approx(wanted)


def test_rings_and_trees_cross_where_their_formulas_do() -> None:
    """Ring 2(n-1)/n m/b + 2(n-1)a; a double tree has 92 % of the bandwidth and 2 log2(n) latencies."""
    n, bandwidth, latency = 8, 450e9 * 0.8, 1e-6
    crossing = (2 * (n - 1) - 2 * 3) * latency / ((1 / 0.92 - 1) * 2 * (n - 1) / n / bandwidth)
    given = H100 | dict(tp=n, sequence_parallel=0)
    for message, faster in ((crossing * 0.99, 1), (crossing * 1.01, 0)):
        ring, tree, best = (
            value("tp_all_reduce_time", given | dict(hidden_states_message=message, all_reduce_algorithm=choice))
            for choice in range(3)
        )
        assert ring == pytest.approx(2 * (n - 1) / n * message / bandwidth + 2 * (n - 1) * latency)
        assert best == (ring, tree)[faster] < (ring, tree)[1 - faster]


def test_the_best_micro_batch_balances_bubble_and_latency() -> None:
    """A micro-batch of b sequences takes x + y b; (B/(d b) + p - 1)(x + y b) is least at sqrt(B x / (d (p - 1) y)).

    Bytes cost nothing here, so x is the latency of collectives and y arithmetic.
    """
    given = DENSE | dict(hbm_bandwidth=1e22, gemm_half_size=0, scale_up_latency=3e-4, vocab_size=1, pp=16, zero_stage=0)

    def stage(size: float) -> float:
        found = values(["stage_time", "num_micro_batches"], given | dict(micro_batch_size=size))
        return found["stage_time"] / found["num_micro_batches"]

    slope = stage(2.0) - stage(1.0)
    fixed = stage(1.0) - slope
    assert stage(7.0) == pytest.approx(fixed + 7 * slope, rel=1e-9)
    dp, batch, stages = 512 / (8 * 16), 1024, 16
    best = math.sqrt(batch / dp * fixed / ((stages - 1) * slope))
    assert 1 < best < batch / dp

    graph = resolve(REGISTRY, ["step_time"], given.keys() | {"micro_batch_size"})
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given}
    inputs = defaults | {n: float(v) for n, v in given.items()}

    def step(size: jax.Array) -> jax.Array:
        return graph(inputs | {"micro_batch_size": size})["step_time"]

    time, incline = jax.value_and_grad(step)(best)
    assert float(incline) * best / float(time) == pytest.approx(0, abs=2e-4)
    assert float(time) < min(float(step(jnp.asarray(best * 0.8))), float(step(jnp.asarray(best * 1.25))))


@pytest.mark.parametrize("kind", ["selective", "full"])
def test_recomputation_adds_what_it_runs_again(kind: str) -> None:
    option = ("none", "selective", "full").index(kind)
    found = values(["recompute_time", "attention_core_time", "layer_forward_time"], DENSE | dict(recompute=option))
    once = found["attention_core_time"] if kind == "selective" else found["layer_forward_time"]
    micro_batches, depth = 1024 / 16, 20
    assert found["recompute_time"] == pytest.approx(micro_batches * depth * once)
    half = value("recompute_time", DENSE | dict(recompute=option, recompute_layer_share=0.5))
    assert half == pytest.approx(found["recompute_time"] / 2)


def test_step_times_of_korthikanti_table_5(tmp_path: Path) -> None:
    """22B, 175B, 530B and 1T on A100, full and selective recomputation; nothing was fitted to these rows."""
    with (SHIPPED / "training.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    place = tmp_path / "training.csv"
    with place.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *(row for row in rows if row[0].startswith("val-korthikanti-2022-"))])
    primary = [record for record in validate(place).records if record.target.primary]
    errors = [record.predicted / record.target.value - 1 for record in primary if record.predicted]
    assert len(errors) == 8
    assert max(map(abs, errors)) < 0.16
    assert sum(map(abs, errors)) / len(errors) < 0.08


def test_a_step_without_enough_memory_keeps_its_time() -> None:
    found = rooflax.evaluate(
        ["step_time", "fits_memory"], model="llama-2-70b", hardware="a100-sxm-80gb", world_size=8, global_batch_size=8,
        seq_len=4096,
    )  # fmt: skip
    assert found["fits_memory"].item() < 0
    assert found["step_time"].item() > 0
