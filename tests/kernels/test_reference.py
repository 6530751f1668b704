"""The graph against an independent derivation in plain Python, which imports nothing of this package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import jax
import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.sweeps.known import legal_conditions

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
REGISTRY = shipped_registry()


def reference(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"reference_{name}", REFERENCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ARCHITECTURE, NETWORK = reference("architecture"), reference("network")
TRAINING, SERVING = reference("training"), reference("serving")
LAYERS = reference("layers")

MODELS = {
    "gpt-3-13b": dict(
        hidden_size=5120, num_layers=40, num_attention_heads=40, num_key_value_heads=40, head_dim=128,
        intermediate_size=20480, vocab_size=50257, gated_mlp=0, tied_embeddings=1, num_position_embeddings=2048,
        qkv_bias=1, attention_output_bias=1, mlp_bias=1, norm_bias=1,
    ),
    "llama-2-70b": dict(
        hidden_size=8192, num_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
        intermediate_size=28672, vocab_size=32000, gated_mlp=1, tied_embeddings=0,
    ),
    "gemma-2-27b": dict(
        hidden_size=4608, num_layers=46, num_attention_heads=32, num_key_value_heads=16, head_dim=128,
        intermediate_size=36864, vocab_size=256000, gated_mlp=1, tied_embeddings=1, sliding_window=4096,
        num_sliding_layers=23, norms_per_layer=4,
    ),
    "mixtral-8x7b": dict(
        hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        intermediate_size=14336, vocab_size=32000, gated_mlp=1, tied_embeddings=0, num_experts=8, experts_per_token=2,
        moe_intermediate_size=14336,
    ),
    "deepseek-v3": dict(
        hidden_size=7168, num_layers=61, num_attention_heads=128, num_key_value_heads=128, head_dim=128,
        intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256,
        experts_per_token=8, num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=3, q_lora_rank=1536,
        kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
    ),
    "hybrid": dict(
        hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        intermediate_size=14336, vocab_size=128256, gated_mlp=1, tied_embeddings=0, num_linear_layers=24,
        linear_inner_size=8192, linear_state_size=128, linear_num_heads=128, linear_num_groups=8,
        linear_chunk_size=256,
    ),
}  # fmt: skip
MACHINE = dict(
    peak_flops_bf16=989.4e12, peak_flops_fp8=1978.9e12, matmul_format=2, hbm_capacity=80 * 2**30,
    hbm_bandwidth=3.35e12, scale_up_size=8, scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_size=16,
    scale_out_bandwidth=50e9, scale_out_latency=5e-6, tier2_size=64, tier2_bandwidth=25e9, tier2_latency=9e-6,
    tier2_oversubscription=2,
)  # fmt: skip
PRECISION = dict(
    weight_width=2, activation_width=2, gradient_width=4, master_width=4, optimizer_width=8, kv_width=2
)  # fmt: skip
FP8 = dict(matmul_format=4)
LORA = dict(lora_rank=16, frozen_share=1)
REAL_LINKS = dict(
    scale_up_half_message=2e6, scale_out_half_message=8e6, tier2_half_message=8e6, collective_overhead=11e-6,
    scale_up_reduces=1,
)  # fmt: skip

TRAINED = [
    ("gpt-3-13b", dict(world_size=8, tp=1, global_batch_size=64, seq_len=2048)),
    ("gpt-3-13b", dict(world_size=64, tp=8, pp=4, global_batch_size=512, seq_len=2048, attention_kernel=0, dropout=1)),
    ("gpt-3-13b", dict(world_size=64, tp=8, pp=4, vpp=5, global_batch_size=512, seq_len=2048, attention_kernel=0,
                       dropout=1, recompute=1, zero_stage=0)),
    ("gpt-3-13b", dict(world_size=64, tp=2, pp=2, global_batch_size=256, seq_len=2048, attention_kernel=0, dropout=1,
                       recompute=2, sequence_parallel=0, micro_batch_size=4, vector_traffic_factor=1.7)),
    ("gpt-3-13b", dict(world_size=1, global_batch_size=1, seq_len=128, launch_overhead=1e-3, step_overhead=0.02)),
    ("gpt-3-13b", dict(world_size=16, tp=2, pp=4, global_batch_size=32, seq_len=2048, recompute=2, dropout=1,
                       recompute_layer_share=0.4, launch_overhead=4e-3, all_reduce_algorithm=0)),
    ("gpt-3-13b", dict(world_size=64, tp=2, pp=8, global_batch_size=64, seq_len=2048, pipeline_schedule=2)),
    ("llama-2-70b", dict(world_size=512, tp=8, pp=4, global_batch_size=1024, seq_len=4096, micro_batch_size=2)),
    ("llama-2-70b", dict(world_size=512, tp=8, pp=8, vpp=5, global_batch_size=1024, seq_len=4096, pp_overlap=0.7,
                         pipeline_schedule=1)),
    ("llama-2-70b", dict(world_size=512, tp=4, pp=2, global_batch_size=1024, seq_len=4096, zero_stage=2,
                         dp_overlap=0.9, tp_overlap=0.5, comm_slowdown=0.3)),
    ("llama-2-70b", dict(world_size=256, zero_stage=3, global_batch_size=512, seq_len=4096, recompute=2,
                         dp_overlap=1.0)),
    ("llama-2-70b", dict(world_size=2048, tp=8, pp=2, zero_stage=3, global_batch_size=1024, seq_len=4096)),
    ("llama-2-70b", dict(world_size=1024, zero_stage=3, dp_replicate=8, global_batch_size=1024, seq_len=4096,
                         recompute=1, recompute_layer_share=0.25, all_reduce_algorithm=1)),
    ("llama-2-70b", dict(world_size=1024, tp=8, pp=4, cp=4, global_batch_size=64, seq_len=131072, cp_overlap=1.0)),
    ("llama-2-70b", dict(world_size=1024, tp=4, pp=4, cp=8, global_batch_size=64, seq_len=131072, recompute=1,
                         cp_overlap=0.5, comm_slowdown=0.1)),
    ("llama-2-70b", dict(world_size=1024, tp=2, pp=4, cp=16, global_batch_size=64, seq_len=131072, recompute=2,
                         fused_cross_entropy=1, cp_exchange=1)),
    ("llama-2-70b", dict(world_size=128, tp=16, pp=2, global_batch_size=64, seq_len=4096, sequence_parallel=0)),
    ("llama-2-70b", dict(world_size=8192, tp=8, pp=1, global_batch_size=1024, seq_len=4096, gradient_norm_passes=2)),
    ("llama-2-70b", dict(world_size=256, tp=4, pp=8, global_batch_size=128, seq_len=4096, pipeline_schedule=2,
                         zero_stage=2, pp_overlap=1.0)),
    ("llama-2-70b", dict(world_size=256, tp=4, pp=8, global_batch_size=128, seq_len=4096, pipeline_schedule=3)),
    ("llama-2-70b", dict(world_size=512, tp=8, pp=8, global_batch_size=256, seq_len=4096, first_stage_layers=9,
                         last_stage_layers=5)),
    ("llama-2-70b", dict(world_size=64, tp=8, pp=2, global_batch_size=64, seq_len=4096, first_stage_layers=38)),
    ("llama-2-70b", dict(world_size=64, tp=8, pp=2, global_batch_size=64, seq_len=4096, optimizer_offload=0.6)),
    ("llama-2-70b", dict(world_size=64, tp=8, global_batch_size=64, seq_len=4096, tdp=300, hbm_efficiency=0.9,
                         synchronous_attention=1, synchronous_share=0.6, kernel_efficiency=0.9, gemm_half_size=150)),
    ("llama-2-70b", FP8 | dict(world_size=128, tp=4, pp=2, global_batch_size=128, seq_len=8192)),
    ("llama-2-70b", FP8 | dict(world_size=128, tp=2, pp=4, global_batch_size=128, seq_len=8192, recompute=2, tdp=700,
                               gemm_half_size=120, fp8_activation_input=1)),
    ("llama-2-70b", LORA | dict(world_size=8, tp=8, global_batch_size=32, seq_len=4096)),
    ("llama-2-70b", LORA | dict(world_size=64, zero_stage=3, global_batch_size=64, seq_len=4096, recompute=2)),
    ("llama-2-70b", LORA | dict(world_size=8, tp=8, global_batch_size=32, seq_len=4096, adapts_feed_forward=0)),
    ("llama-2-70b", dict(world_size=64, tp=8, global_batch_size=64, seq_len=4096, frozen_share=0.3)),
    ("mixtral-8x7b", dict(world_size=64, ep=8, global_batch_size=64, seq_len=1024, launch_overhead=1e-3)),
    ("llama-2-70b", REAL_LINKS | dict(world_size=256, tp=8, pp=2, global_batch_size=256, seq_len=4096,
                                      sequence_parallel=0)),
    ("llama-2-70b", REAL_LINKS | dict(world_size=256, tp=16, global_batch_size=256, seq_len=2048, zero_stage=0,
                                      dp_replicate=4, sequence_parallel=0, scale_out_reduces=1)),
    ("gemma-2-27b", dict(world_size=64, tp=4, pp=2, global_batch_size=128, seq_len=8192, recompute=1)),
    ("gemma-2-27b", dict(world_size=64, tp=1, pp=2, global_batch_size=128, seq_len=2048, zero_stage=3)),
    ("gemma-2-27b", dict(world_size=64, tp=8, global_batch_size=128, seq_len=8192, attention_kernel=0)),
    ("hybrid", dict(world_size=64, tp=2, global_batch_size=128, seq_len=8192)),
    ("hybrid", dict(world_size=64, tp=4, pp=2, global_batch_size=128, seq_len=8192, recompute=1, gemm_half_size=90)),
    ("hybrid", dict(world_size=64, cp=4, global_batch_size=128, seq_len=32768, recompute=2)),
    ("mixtral-8x7b", dict(world_size=64, ep=8, global_batch_size=256, seq_len=4096)),
    ("mixtral-8x7b", dict(world_size=64, tp=2, ep=8, pp=2, global_batch_size=256, seq_len=4096, recompute=2,
                          ep_overlap=0.6, recompute_layer_share=0.5)),
    ("mixtral-8x7b", dict(world_size=64, tp=2, ep=8, cp=4, global_batch_size=256, seq_len=4096, zero_stage=3,
                          recompute=1)),
    ("mixtral-8x7b", dict(world_size=64, tp=2, ep=4, cp=4, pp=8, global_batch_size=16, seq_len=4096, zero_stage=3)),
    ("mixtral-8x7b", dict(world_size=32, ep=1, global_batch_size=32, seq_len=512, zero_stage=2)),
    ("mixtral-8x7b", dict(world_size=64, tp=4, expert_tp=1, ep=8, global_batch_size=256, seq_len=4096,
                          expert_imbalance=1.4, gemm_half_size=200)),
    ("mixtral-8x7b", dict(world_size=64, tp=2, expert_tp=1, ep=4, pp=2, global_batch_size=256, seq_len=4096,
                          sequence_parallel=0, recompute=2, zero_stage=3)),
    ("mixtral-8x7b", FP8 | dict(world_size=64, tp=2, ep=8, global_batch_size=256, seq_len=4096)),
    ("mixtral-8x7b", LORA | dict(world_size=64, ep=8, global_batch_size=256, seq_len=4096)),
    ("deepseek-v3", dict(world_size=2048, ep=64, global_batch_size=16384, seq_len=4096, ep_overlap=1.0,
                         recompute=1)),
    ("deepseek-v3", dict(world_size=2048, ep=64, global_batch_size=16384, seq_len=4096, num_mtp_layers=1,
                         expert_dispatch=1, dispatch_width=1)),
    ("deepseek-v3", FP8 | dict(world_size=2048, ep=64, pp=16, tp=1, global_batch_size=15360, seq_len=4096,
                               pipeline_schedule=3, first_stage_layers=4, last_stage_layers=1, num_mtp_layers=1)),
    ("deepseek-v3", dict(world_size=61 * 64, pp=61, ep=64, tp=1, global_batch_size=3840, seq_len=4096)),
    ("deepseek-v3", dict(world_size=1024, ep=1, tp=8, global_batch_size=128, seq_len=64, attention_kernel=0)),
    ("deepseek-v3", dict(world_size=1024, tp=4, cp=4, ep=32, global_batch_size=256, seq_len=32768, recompute=2,
                         zero_stage=2, reduce_width=2)),
    ("deepseek-v3", dict(world_size=1024, tp=4, cp=4, ep=32, global_batch_size=256, seq_len=32768, cp_exchange=1)),
    ("mixtral-8x7b", dict(world_size=64, ep=8, dp_replicate=2, global_batch_size=256, seq_len=4096, zero_stage=2)),
    ("llama-2-70b", dict(world_size=64, tp=8, pp=2, global_batch_size=64, seq_len=4096, activation_offload=0.5)),
    ("llama-2-70b", dict(world_size=64, tp=8, pp=2, global_batch_size=64, seq_len=4096, activation_offload=1.0,
                         recompute=2, offload_overlap=0.8, host_bandwidth=50e9)),
    ("llama-2-70b", dict(world_size=64, zero_stage=3, global_batch_size=64, seq_len=4096, weight_offload=1.0)),
    ("hybrid", dict(world_size=64, tp=2, cp=8, global_batch_size=128, seq_len=16384, cp_overlap=1.0)),
]  # fmt: skip
REAL_PASSES = dict(layer_gap=4e-5, pass_overhead=1e-4, pass_collective_overhead=1.3e-5, vector_traffic_factor=1.6)
SERVED = [
    ("gpt-3-13b", dict(tp=1, prompt_len=128, output_len=1, concurrency=1)),
    ("llama-2-70b", dict(tp=8, prompt_len=1024, output_len=256, concurrency=64)),
    ("llama-2-70b", REAL_PASSES | REAL_LINKS | dict(tp=8, prompt_len=1024, output_len=256, concurrency=64,
                                                    gemm_half_size=400, kv_reread_share=0.4, prefill_batch=64,
                                                    output_len_cv=0.8, prompt_len_cv=0.6)),
    ("llama-2-70b", dict(tp=16, pp=2, prompt_len=1024, output_len=256, concurrency=512, prefix_hit_rate=0.7)),
    ("llama-2-70b", dict(tp=4, pp=8, prompt_len=1024, output_len=2, concurrency=3)),
    ("llama-2-70b", dict(tp=2, cp=4, prompt_len=131072, output_len=100, concurrency=8, prefix_hit_rate=0.25)),
    ("llama-2-70b", dict(tp=1, weight_width=0.625, widening_flops=2.5, peak_flops_fp32=67e12, prompt_len=5,
                         output_len=200, concurrency=1)),
    ("llama-2-70b", FP8 | dict(tp=8, weight_width=1, activation_width=1, kv_width=1, prompt_len=2048, output_len=256,
                               concurrency=64, draft_len=3)),
    ("gemma-2-27b", dict(tp=2, prompt_len=8000, output_len=300, concurrency=16)),
    ("gemma-2-27b", dict(tp=2, prompt_len=8000, output_len=300, concurrency=16, prefix_hit_rate=0.9)),
    ("mixtral-8x7b", dict(tp=2, prompt_len=1000, output_len=100, concurrency=1)),
    ("mixtral-8x7b", dict(tp=2, pp=2, prompt_len=1000, output_len=101, concurrency=256)),
    ("mixtral-8x7b", dict(tp=4, expert_tp=1, ep=4, prompt_len=1000, output_len=101, concurrency=32,
                          expert_imbalance=1.3)),
    ("deepseek-v3", dict(tp=8, prompt_len=4096, output_len=1000, concurrency=256)),
    ("deepseek-v3", REAL_PASSES | dict(tp=4, expert_tp=1, ep=32, prompt_len=4096, output_len=1000, concurrency=1024,
                                       dispatch_width=1, expert_dispatch=1, draft_len=1, prefill_batch=16)),
    ("hybrid", dict(tp=4, prompt_len=8192, output_len=128, concurrency=32, gemm_half_size=90)),
]  # fmt: skip


def configuration(model: str, given: dict[str, float]) -> dict[str, float]:
    """Every leaf: what is given here, else its declared default."""
    values = MODELS[model] | MACHINE | PRECISION | given
    defaults = {leaf.name: leaf.default_value for leaf in REGISTRY.vocabulary.values() if not leaf.required}
    return defaults | {name: float(value) for name, value in values.items()}


def evaluated(outputs: list[str], values: dict[str, float]) -> dict[str, float]:
    graph = resolve(REGISTRY, outputs, values.keys())
    assert graph.missing == {}
    with jax.enable_x64(True):
        results = graph(values)
        return {name: float(results[name]) for name in outputs}


def legality(values: dict[str, float], outputs: list[str]) -> dict[str, float]:
    """Margins of the legal conditions that apply to the outputs."""
    graph = resolve(REGISTRY, outputs, values.keys())
    return evaluated(list(legal_conditions(REGISTRY, graph, values.keys())), values)


@pytest.mark.parametrize(("model", "given"), TRAINED)
def test_training_step_equals_the_reference(model: str, given: dict[str, float]) -> None:
    values = configuration(model, given)
    wanted = TRAINING.step(values, ARCHITECTURE, NETWORK)
    assert {name: margin for name, margin in legality(values, list(wanted)).items() if margin < 0} == {}
    assert evaluated(list(wanted), values) == pytest.approx(wanted, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("model", "given"), SERVED)
def test_passes_of_a_replica_equal_the_reference(model: str, given: dict[str, float]) -> None:
    values = configuration(model, given)
    references = SERVING.References(ARCHITECTURE, NETWORK, LAYERS)
    wanted = dict(
        decode_step_time=SERVING.decode_step(values, references), prefill_time=SERVING.prefill_pass(values, references)
    )
    assert {name: margin for name, margin in legality(values, list(wanted)).items() if margin < 0} == {}
    assert evaluated(list(wanted), values) == pytest.approx(wanted, rel=1e-9)


def test_reference_imports_nothing_of_the_package() -> None:
    for path in REFERENCE.glob("*.py"):
        assert "rooflax" not in path.read_text(encoding="utf-8")
        assert "jax" not in path.read_text(encoding="utf-8")
