"""Memory of training: every parallelism against the independent derivation, published peaks, and what must add up."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import jax
import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve

REGISTRY = shipped_registry()
REFERENCE = Path(__file__).resolve().parents[1] / "reference"
GIB = 2.0**30
LLAMA_3_70B = dict(
    hidden_size=8192, num_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
    intermediate_size=28672, vocab_size=128256, gated_mlp=1, tied_embeddings=0,
)  # fmt: skip
DEEPSEEK_V3 = dict(
    hidden_size=7168, num_layers=61, num_attention_heads=128, num_key_value_heads=128, head_dim=192,
    intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256, experts_per_token=8,
    num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=3, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip
GPT_3 = dict(
    hidden_size=12288, num_layers=96, num_attention_heads=96, num_key_value_heads=96, head_dim=128,
    intermediate_size=49152, vocab_size=50257, gated_mlp=0, tied_embeddings=1, num_position_embeddings=2048,
    qkv_bias=1, attention_output_bias=1, mlp_bias=1, norm_bias=1,
)  # fmt: skip
HYBRID = dict(
    hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    intermediate_size=14336, vocab_size=65536, gated_mlp=1, tied_embeddings=0, num_experts=16, experts_per_token=2,
    moe_intermediate_size=14336, num_dense_layers=16, num_linear_layers=28, linear_inner_size=8192,
    linear_state_size=16, linear_num_heads=128,
)  # fmt: skip
MIXED = dict(weight_width=2, activation_width=2, gradient_width=4, master_width=4, optimizer_width=8)
LORA = dict(frozen_share=1, lora_rank=16)
RUNS = [
    (LLAMA_3_70B, dict(world_size=64, pp=8, tp=8, global_batch_size=64, pipeline_schedule=2)),
    (LLAMA_3_70B, dict(world_size=64, pp=8, tp=4, global_batch_size=64, pipeline_schedule=3)),
    (LLAMA_3_70B | dict(tied_embeddings=1), dict(world_size=8, pp=2, tp=4, global_batch_size=8, pipeline_schedule=3)),
    (LLAMA_3_70B, dict(world_size=64, pp=8, vpp=2, tp=8, global_batch_size=64, recompute=2, recompute_layer_share=0.3)),
    (LLAMA_3_70B, dict(world_size=32, pp=4, tp=8, global_batch_size=32, first_stage_layers=18, last_stage_layers=18)),
    (LLAMA_3_70B, dict(world_size=16, pp=2, tp=8, global_batch_size=32, first_stage_layers=42, last_stage_layers=38)),
    (LLAMA_3_70B, dict(world_size=256, dp_replicate=4, zero_stage=3, global_batch_size=256, cp=2, cp_exchange=1)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, weight_offload=0.5, optimizer_offload=0.8)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, activation_offload=0.7, zero_stage=2)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, recompute=2, activation_offload=1.0, zero_stage=3)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, tp=4, fp8_activation_input=1, **LORA)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, zero_stage=3, adapts_feed_forward=0, **LORA)),
    (LLAMA_3_70B, dict(world_size=8, global_batch_size=8, tp=8, frozen_share=0.4, fused_cross_entropy=1)),
    (DEEPSEEK_V3, dict(world_size=2048, pp=16, ep=64, global_batch_size=8192, first_stage_layers=4,
                       last_stage_layers=1, num_mtp_layers=1, expert_imbalance=1.4)),
    (DEEPSEEK_V3, dict(world_size=2048, pp=16, ep=64, global_batch_size=8192, first_stage_layers=1,
                       last_stage_layers=4, num_mtp_layers=1, pipeline_schedule=3, recompute=1)),
    (DEEPSEEK_V3, dict(world_size=512, pp=8, tp=2, ep=32, global_batch_size=512, first_stage_layers=1,
                       last_stage_layers=6, attention_kernel=0, recompute=1, recompute_layer_share=0.5)),
    (DEEPSEEK_V3, dict(world_size=512, ep=64, zero_stage=3, global_batch_size=512, **LORA)),
    (DEEPSEEK_V3, dict(world_size=512, ep=64, global_batch_size=512, adapts_feed_forward=0, **LORA)),
    (DEEPSEEK_V3, dict(world_size=512, ep=64, zero_stage=2, cp=4, cp_exchange=1, global_batch_size=512)),
    (GPT_3, dict(world_size=64, tp=8, pp=8, vpp=3, global_batch_size=64, attention_kernel=0, dropout=1)),
    (GPT_3, dict(world_size=64, tp=8, pp=8, global_batch_size=64, attention_kernel=0, dropout=1, recompute=1,
                 recompute_layer_share=0.25, sequence_parallel=0, loss_copies=1)),
    (HYBRID, dict(world_size=64, tp=2, ep=8, pp=2, global_batch_size=64)),
    (HYBRID, dict(world_size=64, pp=4, ep=8, zero_stage=3, global_batch_size=64, dropout=1, **LORA)),
]  # fmt: skip


Point = Mapping[str, float]


pytestmark = pytest.mark.usefixtures("double_precision")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"memory_reference_{name}", REFERENCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


MEMORY, ARCHITECTURE = module("memory"), module("architecture")


def configuration(*parts: Point) -> Point:
    """Every leaf: the declared default, and over it what is given; the later part wins."""
    values = {leaf.name: leaf.default_value for leaf in REGISTRY.vocabulary.values() if not leaf.required}
    for part in ({"micro_batch_size": 1, "seq_len": 4096}, MIXED, *parts):
        values |= {name: float(value) for name, value in part.items()}
    return values


def evaluated(names: list[str], values: Point) -> Point:
    graph = resolve(REGISTRY, names, values.keys())
    assert graph.missing == {}
    results = graph(values)
    return {name: float(results[name]) for name in names}


def value(name: str, *parts: Point) -> float:
    return evaluated([name], configuration(*parts))[name]


@pytest.mark.parametrize(("model", "run"), RUNS)
def test_peak_equals_the_reference(model: Point, run: Point) -> None:
    values = configuration(model, run)
    ranks = values["world_size"] / (values["tp"] * values["pp"] * values["cp"])
    micro_batches = values["global_batch_size"] / values["micro_batch_size"] / ranks
    wanted = MEMORY.peak_memory(values, ARCHITECTURE, micro_batches)
    names = {
        "total": "memory_per_gpu",
        "allocated": "allocated_memory",
        "first": "first_stage_memory",
        "last": "last_stage_memory",
        "shared": "shared_parameters_per_gpu",
        "experts": "expert_parameters_per_gpu",
        "updated": "updated_parameters_per_gpu",
    }
    adapters = ("resident_layers_per_gpu", "lora_layer_parameters")
    found = dict(evaluated([*names.values(), *adapters], values))
    assert math.prod(found.pop(name) for name in adapters) == pytest.approx(wanted.pop("adapters"), rel=1e-9)
    assert found == pytest.approx({names[key]: number for key, number in wanted.items()}, rel=1e-9)


@pytest.mark.parametrize(("model", "run"), RUNS)
def test_worst_stage_is_the_largest_and_its_classes_add_up(model: Point, run: Point) -> None:
    stages = ["first_stage_memory", "middle_stage_memory", "last_stage_memory"]
    classes = ["weight_memory", "gradient_memory", "optimizer_memory", "activation_memory"]
    rest = ["fragmentation_memory", "overhead_memory"]
    found = evaluated(
        [*stages, *classes, *rest, "worst_stage", "reserved_memory", "memory_per_gpu"], configuration(model, run)
    )
    worst = max(found[stage] for stage in stages)
    assert found[stages[int(found["worst_stage"])]] == worst
    assert sum(found[name] for name in classes) == pytest.approx(worst, rel=1e-12)
    assert found["reserved_memory"] == pytest.approx(worst + found["fragmentation_memory"], rel=1e-12)
    assert found["memory_per_gpu"] == pytest.approx(found["reserved_memory"] + found["overhead_memory"], rel=1e-12)


# SimuMax, docs/b200/b200_release_v1.2_summary.json: torch max_memory_allocated of Megatron-Core on eight B200, models
# cut to few layers, cross-entropy fused, context parallelism by exchange of heads. First and last rank where told.
CUT_LLAMA, CUT_DEEPSEEK = LLAMA_3_70B | dict(num_layers=12), DEEPSEEK_V3 | dict(num_layers=4, num_dense_layers=1)


@pytest.mark.parametrize(
    ("model", "run", "quantity", "wanted"),
    [
        (CUT_LLAMA, dict(pp=2), "first_stage_memory", 66.55),
        (CUT_LLAMA, dict(pp=2), "last_stage_memory", 62.967),
        (CUT_LLAMA, dict(tp=4), "allocated_memory", 39.07),
        (CUT_LLAMA, dict(cp=8, seq_len=131072), "allocated_memory", 147.99),
        (CUT_DEEPSEEK, dict(ep=8), "allocated_memory", 104.3),
        (CUT_DEEPSEEK, dict(ep=4, pp=2), "allocated_memory", 114.0),
    ],
)
def test_published_peaks_of_megatron_core(model: Point, run: Point, quantity: str, wanted: float) -> None:
    fixed = dict(world_size=8, global_batch_size=32, fused_cross_entropy=1, cp_exchange=1)
    assert value(quantity, model, fixed, run) / GIB == pytest.approx(wanted, rel=0.011)


def test_activations_of_korthikanti_figure_1() -> None:
    """Korthikanti et al. 2022, fig. 1: 175B, tp 8, pp 8, vpp 3: 66.8 GiB on the first stage, 12.35 with both."""
    run = dict(world_size=64, tp=8, pp=8, vpp=3, global_batch_size=64, seq_len=2048, attention_kernel=0, dropout=1)
    plain = value("first_stage_stored_activations", GPT_3, run, dict(sequence_parallel=0))
    both = value("first_stage_stored_activations", GPT_3, run, dict(sequence_parallel=1, recompute=1))
    assert plain / GIB == pytest.approx(66.84375, rel=1e-6)
    assert both / GIB == pytest.approx(12.3515625, rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "wanted"), [({}, (8, 7, 1)), (dict(pipeline_schedule=2), (8, 8, 8)),
                             (dict(pipeline_schedule=3), (9, 9, 9)), (dict(vpp=2), (11.5, 10.5, 4.5))],
)  # fmt: skip
def test_micro_batches_in_flight_of_every_schedule(schedule: Point, wanted: tuple[float, ...]) -> None:
    """1F1B p - i. ZB-H1 (Qi et al. 2024, sec. 2.1): all as the first. DualPipe (DeepSeek-V3, table 2): p + 1."""
    given = {"pp": 8, "num_micro_batches": 64, **schedule}
    for stage, number in zip(("first", "middle", "last"), wanted, strict=True):
        name = f"{stage}_stage_micro_batches"
        graph = resolve(REGISTRY, [name], {*given, "middle_stage_place"})
        values = configuration(given, dict(middle_stage_place=1))
        assert float(graph({n: values[n] for n in graph.inputs})[name]) == number


def test_dualpipe_holds_two_copies_of_the_parameters() -> None:
    """DeepSeek-V3, table 2: twice the parameters."""
    run = dict(world_size=64, tp=8, pp=8, global_batch_size=64)
    once = value("middle_stage_layer_parameters", LLAMA_3_70B, run)
    twice = value("middle_stage_layer_parameters", LLAMA_3_70B, run, dict(pipeline_schedule=3))
    assert twice == 2 * once
    ends = value("first_stage_edge_parameters", LLAMA_3_70B, run, dict(pipeline_schedule=3))
    assert ends == 2 * 128256 * 8192 / 8 + 8192


def test_context_parallel_exchange_of_heads_keeps_the_output_twice() -> None:
    run = dict(world_size=8, cp=8, global_batch_size=1, seq_len=32768)
    ring = value("attention_activations", LLAMA_3_70B, run)
    heads = value("attention_activations", LLAMA_3_70B, run, dict(cp_exchange=1))
    assert heads - ring == 4096 * 2 * 8192


def test_experts_regroup_the_tensor_parallel_ranks_where_they_are_not_split() -> None:
    """64 ranks: experts in 8 groups split over 4 ranks are held twice; whole on each rank, 8 times."""
    run = dict(world_size=64, tp=4, ep=8, global_batch_size=64)
    assert value("expert_shard_degree", DEEPSEEK_V3, run) == 2
    assert value("expert_shard_degree", DEEPSEEK_V3, run, dict(expert_tp=1)) == 8
    split = value("routed_parameters_per_gpu", DEEPSEEK_V3, run)
    assert value("routed_parameters_per_gpu", DEEPSEEK_V3, run, dict(expert_tp=1)) == 4 * split


def test_hybrid_shards_repeat_the_states() -> None:
    """Zhao et al. 2023, sec. 3.2.2: shards over an eighth of the ranks are eight times as large."""
    run = dict(world_size=512, zero_stage=3, global_batch_size=512)
    whole = value("optimizer_memory", LLAMA_3_70B, run)
    hybrid = value("optimizer_memory", LLAMA_3_70B, run, dict(dp_replicate=8))
    assert hybrid == pytest.approx(8 * whole, rel=1e-12)


def test_frozen_weights_keep_neither_states_nor_inputs() -> None:
    run = dict(world_size=8, global_batch_size=8, tp=8)
    states = evaluated(["gradient_memory", "optimizer_memory"], configuration(LLAMA_3_70B, run, dict(frozen_share=1)))
    assert set(states.values()) == {0.0}
    trained = value("stored_layer_activations", LLAMA_3_70B, run)
    frozen = value("stored_layer_activations", LLAMA_3_70B, run, dict(frozen_share=1))
    inputs = 8192 + 8192 + 28672
    assert trained - frozen == pytest.approx(4096 * 2 * inputs / 8, rel=1e-12)
    adapted = value("stored_layer_activations", LLAMA_3_70B, run, LORA)
    assert adapted == trained


def test_more_stages_never_hide_a_worse_one_between() -> None:
    """Three leading dense layers, a layer a stage: the first mixture, which is the fourth stage, needs most."""
    run = dict(world_size=61 * 64, pp=61, ep=64, global_batch_size=3840)
    found = evaluated(["middle_stage_place", "middle_stage_moe_layers", "worst_stage"], configuration(DEEPSEEK_V3, run))
    assert found == {"middle_stage_place": 3, "middle_stage_moe_layers": 1, "worst_stage": 1}


@pytest.mark.parametrize(("model", "run"), RUNS)
def test_slopes_are_finite(model: Point, run: Point) -> None:
    values = configuration(model, run)
    graph = resolve(REGISTRY, ["memory_per_gpu"], values.keys())
    moved = {name: values[name] for name in graph.inputs}
    slopes = jax.grad(lambda point: graph(point)["memory_per_gpu"])(moved)
    assert {name: float(slope) for name, slope in slopes.items() if not jax.numpy.isfinite(slope)} == {}
