"""Published tables and limits, each with its source; numbers as published or derived from it by hand."""

from __future__ import annotations

import pytest
from quantity_values import value

from rooflax.kernels.discovery import shipped_registry

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
DEEPSEEK_V3 = dict(
    hidden_size=7168, num_layers=61, num_attention_heads=128, num_key_value_heads=128, head_dim=128,
    intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256, experts_per_token=8,
    num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=3, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip
GPT_3 = dict(
    hidden_size=12288, num_layers=96, num_attention_heads=96, num_key_value_heads=96, head_dim=128,
    intermediate_size=49152, vocab_size=51200, gated_mlp=0, tied_embeddings=1,
)  # fmt: skip
NVLINK = dict(
    scale_up_size=8, scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_bandwidth=50e9,
    scale_out_latency=5e-6, link_efficiency=1.0,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("double_precision")


def layer_activations(**given: float) -> float:
    """Activations of one layer in units of s b h, in the setting of Korthikanti: GELU, dropout, no flash, 2 bytes."""
    shape = GPT_3 | dict(micro_batch_size=1, seq_len=2048, activation_width=2, dropout=1, attention_kernel=0)
    return value("layer_activation_memory", **(shape | given)) / (2048 * 12288)


# Korthikanti et al. 2022, table 2: activation memory per layer; a s / h = 96 * 2048 / 12288 = 16.
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (dict(tp=1), 34 + 5 * 16),
        (dict(tp=8, sequence_parallel=0), 10 + 24 / 8 + 5 * 16 / 8),
        (dict(tp=8, sequence_parallel=1), (34 + 5 * 16) / 8),
        (dict(tp=8, sequence_parallel=0, recompute=1), 10 + 24 / 8),
        (dict(tp=8, sequence_parallel=1, recompute=1), 34 / 8),
        (dict(tp=1, recompute=2), 2),
    ],
)
def test_activations_of_korthikanti_table_2(given: dict[str, float], wanted: float) -> None:
    assert layer_activations(**given) == pytest.approx(wanted, rel=1e-12)


def test_activations_of_a_gated_bf16_block_with_flash() -> None:
    """Tensor by tensor for Llama, 2 bytes each: two norm inputs, two matrix inputs, q k v o, three inner tensors; the
    log-sum-exp of every head in fp32."""
    h, f, heads, kv, d = 8192, 28672, 64, 8, 128
    per_token = 2 * (2 * h + 2 * h + heads * d + 2 * kv * d + heads * d + 3 * f) + 4 * heads
    found = value("layer_activation_memory", **LLAMA_2_70B, micro_batch_size=1, seq_len=4096, activation_width=2)
    assert found == 4096 * per_token


def test_activations_of_a_mixture_hold_a_copy_per_expert() -> None:
    """Mixtral: the router keeps its input, each of two experts a copy and three inner tensors; scores are in fp32."""
    moe = value("layer_activation_memory", **MIXTRAL, micro_batch_size=1, seq_len=4096, activation_width=2)
    dense = MIXTRAL | dict(num_experts=1, experts_per_token=1, moe_intermediate_size=0)
    one = value("layer_activation_memory", **dense, micro_batch_size=1, seq_len=4096, activation_width=2)
    scores = 4 * 8
    assert moe - one == 4096 * (2 * (2 * 4096 + 3 * 14336) + scores)


@pytest.mark.parametrize(("recompute", "core"), [(0, 0), (1, 5 * 96 * 2048**2), (2, (34 + 5 * 16) * 2048 * 12288)])
def test_recomputation_holds_what_it_recomputes(recompute: int, core: float) -> None:
    shape = GPT_3 | dict(micro_batch_size=1, seq_len=2048, activation_width=2, dropout=1, attention_kernel=0)
    assert value("recompute_working_memory", **shape, recompute=recompute) == pytest.approx(core, rel=1e-12)


# Rajbhandari et al. 2020, fig. 1 and sec. 5: fp16 weights and gradients, K = 12.
@pytest.mark.parametrize(("stage", "wanted"), [(0, 16), (1, 4 + 12 / 64), (2, 2 + 14 / 64), (3, 16 / 64)])
def test_zero_bytes_per_parameter(stage: int, wanted: float) -> None:
    widths = dict(weight_width=2, gradient_width=2, master_width=4, optimizer_width=8)
    assert value("state_bytes_per_parameter", shard_degree=64, zero_stage=stage, **widths) == pytest.approx(wanted)


def test_zero_memory_of_a_7_5b_model_on_64_gpus() -> None:
    """Rajbhandari et al. 2020, fig. 1: 120 GB, 31.4 GB, 16.6 GB and 1.9 GB."""
    parts = ("weight_memory", "gradient_memory", "optimizer_memory")
    given = dict(
        shared_parameters_per_gpu=7.5e9, expert_parameters_per_gpu=0, working_layer_parameters=0,
        routed_parameters_per_gpu=0, resident_layers_per_gpu=32, lora_layer_parameters=0, activation_width=2,
        shard_degree=64, expert_shard_degree=64, weight_width=2, gradient_width=2, master_width=4, optimizer_width=8,
    )  # fmt: skip
    for stage, wanted in enumerate((120e9, 31.4e9, 16.6e9, 1.9e9)):
        assert sum(value(part, **given, zero_stage=stage) for part in parts) == pytest.approx(wanted, rel=0.015)


def test_distributed_optimizer_of_megatron() -> None:
    """Megatron-LM, docs of the distributed optimizer: bf16 weights and fp32 gradients take 6 + 12/d bytes."""
    widths = dict(weight_width=2, gradient_width=4, master_width=4, optimizer_width=8)
    assert value("state_bytes_per_parameter", shard_degree=16, zero_stage=1, **widths) == 6 + 12 / 16


def test_expert_parameters_shard_over_their_own_replicas() -> None:
    """64 ranks in expert groups of 8 hold every expert 8 times, not 64 times."""
    given = dict(tp=1, pp=1, cp=1, ep=8, world_size=64)
    assert value("expert_shard_degree", **given) == 8
    assert value("shard_degree", **given) == 64


@pytest.mark.parametrize(("model", "total", "active"), [(MIXTRAL, 46.7e9, 12.9e9), (DEEPSEEK_V3, 671e9, 37.6e9)])
def test_parameters_of_mixtures(model: dict[str, float], total: float, active: float) -> None:
    """Mixtral 8x7B: 46.7B and 12.9B (release of 2023-12-11). DeepSeek-V3: 671B and 37B (abstract of its report)."""
    assert value("num_parameters", **model) == pytest.approx(total, rel=2e-3)
    assert value("num_active_parameters", **model) == pytest.approx(active, rel=3e-3)


def test_parameters_of_llama_2_70b_and_gpt_3() -> None:
    """The checkpoint of Llama-2-70B holds 68,976,648,192 elements; GPT-3 is 175B (Brown et al. 2020, table 2.1)."""
    assert value("num_parameters", **LLAMA_2_70B) == 68_976_648_192
    biases = dict(qkv_bias=1, attention_output_bias=1, mlp_bias=1, norm_bias=1, num_position_embeddings=2048)
    assert value("num_parameters", **GPT_3, **biases) == pytest.approx(174.6e9, rel=1e-3)


def test_flops_per_token_of_palm_appendix_b() -> None:
    """6N + 12 L H Q T, N without the input embedding."""
    matrices = 80 * (2 * 8192 * 128 * (64 + 8) + 3 * 8192 * 28672) + 8192 * 32000
    wanted = 6 * matrices + 12 * 80 * 64 * 128 * 4096
    assert value("model_flops_per_token", **LLAMA_2_70B, seq_len=4096) == wanted
    half = value("model_flops_per_token", **LLAMA_2_70B, seq_len=4096, causal_attention_counted=1)
    assert half == wanted - 6 * 80 * 64 * 128 * 4096


@pytest.mark.parametrize(("layers", "h", "heads"), [(24, 2304, 24), (96, 12288, 96), (128, 25600, 160)])
def test_flops_per_step_of_megatron_with_full_recomputation(layers: int, h: int, heads: int) -> None:
    """Narayanan et al. 2021, eq. 3: 96 B s l h^2 (1 + s/6h + V/16lh), full attention square, activations recomputed.

    The paper recomputes the head's input too; the last term is 6BshV either way.
    """
    batch, s, vocabulary = 512, 2048, 51200
    given = dict(
        hidden_size=h, num_layers=layers, num_attention_heads=heads, num_key_value_heads=heads, head_dim=h / heads,
        intermediate_size=4 * h, vocab_size=vocabulary, gated_mlp=0, tied_embeddings=1, seq_len=s,
        global_batch_size=batch, recompute=2, attention_kernel=0,
    )  # fmt: skip
    wanted = 96 * batch * s * layers * h**2 * (1 + s / (6 * h) + vocabulary / (16 * layers * h))
    assert value("executed_flops_per_step", **given) == pytest.approx(wanted, rel=1e-12)


def test_flash_executes_half_the_square_and_recomputes_in_backward() -> None:
    """Dao 2023, sec. 4.1: causal halves the FLOPs; backward takes 2.5 times the forward."""
    attention = 4 * 64 * 128 * 4096 / 2 * 80
    given = LLAMA_2_70B | dict(seq_len=4096)
    assert value("executed_attention_flops_per_token", **given) == attention
    linear = 6 * value("num_matmul_parameters", **given)
    assert value("executed_flops_per_token", **given) == linear + 3.5 * attention
    assert value("executed_flops_per_token", **given, recompute=1) == linear + 4.5 * attention


# Narayanan et al. 2021, sec. 2.2: bubble over ideal time (p - 1) / m, over v when interleaved.
@pytest.mark.parametrize(("pp", "m", "vpp", "wanted"), [(1, 8, 1, 0), (4, 8, 1, 3 / 8), (4, 8, 2, 3 / 16)])
def test_pipeline_bubble(pp: int, m: int, vpp: int, wanted: float) -> None:
    assert value("pipeline_bubble_overhead", pp=pp, num_micro_batches=m, vpp=vpp) == wanted


def test_micro_batches_in_flight() -> None:
    """Narayanan et al. 2021, sec. 2.2.1: at most p; Korthikanti et al. 2022, sec. 4.2.3: times 1 + (p-1)/(p v)."""
    assert value("first_stage_micro_batches", num_micro_batches=64, pp=8) == 8
    assert value("first_stage_micro_batches", num_micro_batches=4, pp=8) == 4
    assert value("first_stage_micro_batches", num_micro_batches=64, pp=8, vpp=2) == 8 * (1 + 7 / 16)
    assert value("last_stage_micro_batches", num_micro_batches=64, pp=8) == 1


def test_key_value_cache_per_token() -> None:
    """Llama-2-70B: 2 * 80 * 8 * 128 * 2 bytes. DeepSeek-V3 report, MLA: 61 * (512 + 64) * 2 bytes."""
    assert 80 * value("kv_bytes_per_token_layer", **LLAMA_2_70B, kv_width=2) == 327_680
    assert 61 * value("kv_bytes_per_token_layer", **DEEPSEEK_V3, kv_width=2) == 70_272


def test_key_value_cache_is_replicated_beyond_its_heads() -> None:
    lengths = dict(prompt_len=1000, output_len=24, concurrency=4, kv_width=2)
    whole = 4 * 1024 * 327_680
    for tp, parts in ((1, 1), (8, 8), (16, 8)):
        assert value("kv_cache_memory", **LLAMA_2_70B, **lengths, tp=tp) == whole / parts
    assert value("kv_cache_memory", **DEEPSEEK_V3, **lengths, tp=8) == 4 * 1024 * 70_272


def test_sliding_window_bounds_the_cache() -> None:
    window = MIXTRAL | dict(sliding_window=4096, num_sliding_layers=32)
    given = window | dict(concurrency=1, output_len=1, kv_width=2)
    assert value("kv_cache_memory", **given, prompt_len=99_999) == value("kv_cache_memory", **given, prompt_len=4095)


# Expected distinct experts of Mixtral: 8 (1 - (3/4)^B).
@pytest.mark.parametrize(("batch", "wanted"), [(1, 2.0), (8, 7.2), (64, 8.0)])
def test_experts_that_a_decode_batch_touches(batch: int, wanted: float) -> None:
    assert value("decode_active_experts", **MIXTRAL, decode_tokens=batch) == pytest.approx(wanted, abs=5e-3)


def test_dense_model_reads_its_one_expert() -> None:
    assert value("decode_active_experts", num_experts=1, experts_per_token=1, decode_tokens=7) == 1


def test_all_reduce_on_one_tier_and_on_two() -> None:
    """Ring of 8 on 450 GB/s; of 64 ranks eight rings leave a node through eight ports, each with an eighth."""
    message = dict(hidden_states_message=1e9, sequence_parallel=0, all_reduce_algorithm=0)
    assert value("tp_all_reduce_time", **message, **NVLINK, tp=1) == 0
    one = 2 * 7 / 8 * 1e9 / 450e9 + 14e-6
    assert value("tp_all_reduce_time", **message, **NVLINK, tp=8) == pytest.approx(one, rel=1e-12)
    ports, steps = 2 * 63 / 64 * 1e9 / 8 / 50e9, 2 * (8 * 7 * 1e-6 + 7 * 5e-6)
    assert ports > 2 * 63 / 64 * 1e9 / 450e9
    assert value("tp_all_reduce_time", **message, **NVLINK, tp=64) == pytest.approx(ports + steps, rel=1e-12)


def test_ring_attention_waits_for_the_slowest_link() -> None:
    """Liu, Zaharia and Abbeel 2023, sec. 3: c - 1 exchanges of one block; between nodes each crosses one NIC."""
    given = LLAMA_2_70B | NVLINK | dict(micro_batch_tokens=4096, activation_width=2, tp=4)
    block = 4096 * 2 * 2 * 8 * 128 / 4
    inside, across = block / 450e9 + 1e-6, block / 50e9 + 5e-6
    assert value("cp_layer_comm_time", **given, cp=2) == pytest.approx(3 * inside, rel=1e-12)
    assert value("cp_layer_comm_time", **given, cp=8) == pytest.approx(3 * 7 * across, rel=1e-12)
    for recompute in (1, 2):
        again = value("cp_layer_comm_time", **given, cp=8, recompute=recompute)
        assert again == pytest.approx(4 * 7 * across, rel=1e-12)


def test_expert_groups_lie_inside_the_data_and_context_ranks() -> None:
    """Liu et al. 2025: expert parallelism folds over cp and dp, so 8 ranks next to tp = 1 stay inside a node of 8."""
    given = MIXTRAL | NVLINK | dict(micro_batch_size=1, seq_len=8192, activation_width=2, tp=1, ep=8)
    message = 8192 / 2 * 4096 * 2 * 2
    inside = 4 * (7 / 8 * message / 450e9 + 7e-6)
    assert value("ep_layer_comm_time", **given, cp=2) == pytest.approx(inside, rel=1e-12)


# Narayanan et al. 2021 and Korthikanti et al. 2022, sec. 4.2.2: all-reduces of one layer, forward and backward.
@pytest.mark.parametrize(
    ("recompute", "sequence_parallel", "wanted"), [(0, 0, 4), (0, 1, 5), (2, 0, 6), (2, 1, 7), (1, 1, 5)]
)
def test_tensor_parallel_collectives_of_a_layer(recompute: int, sequence_parallel: int, wanted: int) -> None:
    given = dict(tp_all_reduce_time=1.0, recompute=recompute, sequence_parallel=sequence_parallel, tp=8)
    given |= dict(num_layers=32, num_moe_layers=0)
    assert value("tp_layer_comm_time", **given) == wanted


# Rajbhandari et al. 2020, sec. 7: 2, 2, 2 and 3 times the parameters.
@pytest.mark.parametrize(("stage", "wanted"), [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_zero_communication_volume(stage: int, wanted: int) -> None:
    given = NVLINK | dict(
        shared_parameters_per_gpu=1e9, expert_parameters_per_gpu=0, weight_width=2, gradient_width=2, zero_stage=stage,
        num_micro_batches=1, dp=8, scale_up_latency=0, layers_per_stage=1, resident_layers_per_gpu=1,
        lora_layer_parameters=0,
    )  # fmt: skip
    assert value("dp_comm_time", **given) == pytest.approx(wanted * 2e9 * 7 / 8 / 450e9, rel=1e-12)


def test_sharded_weights_are_gathered_in_every_micro_batch() -> None:
    given = NVLINK | dict(
        shared_parameters_per_gpu=1e9, expert_parameters_per_gpu=0, weight_width=2, gradient_width=2, zero_stage=3,
        dp=8, layers_per_stage=4, resident_layers_per_gpu=4, lora_layer_parameters=0,
    )  # fmt: skip
    once = value("dp_comm_time", **given, num_micro_batches=1)
    assert value("dp_comm_time", **given, num_micro_batches=5) == pytest.approx(5 * once, rel=1e-12)


def test_decode_context_is_the_mean_over_the_steps() -> None:
    steps = range(1, 100)
    assert value("decode_context", prompt_len=1000, output_len=100) == 1000 + sum(steps) / len(steps)


def test_dense_and_expert_layers_have_rooflines_of_their_own() -> None:
    """A layer of experts bound by memory between layers bound by arithmetic costs more than their mean suggests."""
    rates = dict(attainable_flops=1e15, attainable_hbm_bandwidth=3e12, weight_width=2, activation_width=2)
    rates |= dict(gradient_width=4)
    given = MIXTRAL | rates | dict(num_dense_layers=16, micro_batch_tokens=4096, tp=1, ep=1, num_experts=256)
    parts = [value(f"{kind}_feed_forward_time", **given) for kind in ("dense", "routed", "shared")]
    flops = 6 * 4096 * 4096 * 14336 / 1e15
    moved = 256 * 3 * 4096 * 14336 * 2 / 3e12
    assert parts[0] == pytest.approx(flops, rel=0.05)
    assert parts[1] == pytest.approx(moved, rel=0.02)
    assert parts[2] == 0
    assert value("feed_forward_layer_time", **given) == pytest.approx(sum(parts) / 2, rel=1e-12)


def test_gpu_hours_of_llama_2_by_the_6nd_rule() -> None:
    """Touvron et al. 2023, table 2: 1,720,320 A100 hours for 70B and 2T tokens; the rule at 45 % is within a tenth."""
    given = dict(num_parameters=68.98e9, tokens=2e12, world_size=2048, peak_flops=312e12, mfu=0.45)
    assert value("gpu_hours_6nd", **given) == pytest.approx(1_720_320, rel=0.1)


# A format without a tensor path runs at the rate of the next wider one.
@pytest.mark.parametrize(
    ("option", "rates", "wanted"),
    [
        (2, dict(peak_flops_fp16=125e12), 125e12),
        (4, dict(peak_flops_bf16=312e12), 312e12),
        (6, dict(peak_flops_bf16=989e12, peak_flops_fp8=1979e12), 1979e12),
        (5, dict(peak_flops_fp16=312e12, peak_flops_int8=624e12), 624e12),
        (0, dict(peak_flops_bf16=989e12, peak_flops_fp32=67e12), 67e12),
        (1, dict(peak_flops_bf16=989e12, peak_flops_fp32=67e12), 67e12),
    ],
)
def test_rate_of_a_format(option: int, rates: dict[str, float], wanted: float) -> None:
    assert value("peak_flops", matmul_format=option, **rates) == wanted
