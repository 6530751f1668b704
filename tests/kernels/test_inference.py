"""Limits of a serving replica that textbooks and papers state, each derived by hand from the machine's numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantity_values import value, values

from rooflax.kernels.discovery import shipped_registry

REGISTRY = shipped_registry()
LLAMA_70B = dict(
    hidden_size=8192, num_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
    intermediate_size=28672, vocab_size=32000, gated_mlp=1, tied_embeddings=0,
)  # fmt: skip
DEEPSEEK_V3 = dict(
    hidden_size=7168, num_layers=61, num_attention_heads=128, num_key_value_heads=128, head_dim=128,
    intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256, experts_per_token=8,
    num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=3, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip
RATE, BANDWIDTH = 1e15, 3e12
IDEAL = dict(
    peak_flops_bf16=RATE, compute_efficiency=1, hbm_bandwidth=BANDWIDTH, read_efficiency=1, matmul_format=2,
    hbm_capacity=80 * 2**30, weight_width=2, activation_width=2, kv_width=2, pass_collective_overhead=0,
)  # fmt: skip
NVLINK = dict(
    scale_up_size=8, scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_bandwidth=50e9,
    scale_out_latency=5e-6, link_efficiency=1.0,
)  # fmt: skip
REPLICA = LLAMA_70B | IDEAL | NVLINK | dict(prompt_len=128, output_len=128, concurrency=1)

pytestmark = pytest.mark.usefixtures("double_precision")


def test_one_sequence_waits_for_the_weights() -> None:
    """All weights but the table of embeddings over the bandwidth; 68.45e9 in the layers and 0.26e9 in the head."""
    weights = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672) + 8192 * 32000
    bound = 2 * weights / BANDWIDTH
    assert bound < value("decode_step_time", **REPLICA) < 1.02 * bound


@pytest.mark.parametrize("width", [2, 1, 0.5])
def test_narrow_weights_are_read_sooner(width: float) -> None:
    """The layers' weights in their width, the head in 16 bits; products in 16 bits."""
    layers = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    bound = (width * layers + 2 * 8192 * 32000) / BANDWIDTH
    assert value("decode_step_time", **(REPLICA | dict(weight_width=width))) == pytest.approx(bound, rel=0.03)


def test_widening_takes_its_time() -> None:
    """At 2 instructions a weight and 20e12 a second, each of the 68.45e9 weights of the layers costs 0.1 ps."""
    narrow = REPLICA | dict(weight_width=0.5, peak_flops_fp32=20e12)
    layers = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    more = value("decode_step_time", **narrow, widening_flops=2) - value("decode_step_time", **narrow)
    assert more == pytest.approx(layers * 1e-13, rel=1e-3)
    assert value("widening_time", weight_width=2, matmul_format=2, widening_flops=2, peak_flops_fp32=20e12) == 0


def test_throughput_saturates_at_the_compute_bound() -> None:
    """At a short context and any number of sequences, 2 FLOPs a weight and token are all that counts."""
    bound = RATE / (2 * 68.71e9)
    short = REPLICA | dict(prompt_len=1, output_len=2, vector_traffic_factor=1)

    def rate(concurrency: float) -> float:
        step = value("decode_step_time", **(short | dict(concurrency=concurrency)))
        vectors = value("decode_vector_time", **(short | dict(concurrency=concurrency)))
        return concurrency / (step - vectors)

    rates = [rate(4.0**power) for power in range(9)]
    assert rates == sorted(rates)
    assert rates[0] < 0.01 * bound
    assert 0.98 * bound < rates[-1] < bound


def test_a_pipeline_shortens_no_token() -> None:
    alone = value("decode_step_time", **(REPLICA | dict(concurrency=8)))
    for pp in (2, 4, 8):
        piped = REPLICA | dict(concurrency=8 * pp, pp=pp)
        found = values(["decode_step_time", "decode_pp_time", "output_tokens_per_second"], **piped)
        hops = (pp - 1) * (8 * 8192 * 2 / 450e9 + 1e-6)
        assert found["decode_pp_time"] == pytest.approx(hops, rel=1e-9)
        assert found["decode_step_time"] == pytest.approx(alone + hops, rel=1e-9)
        assert found["output_tokens_per_second"] > 0.95 * pp * value(
            "output_tokens_per_second", **(REPLICA | dict(concurrency=8))
        )


def test_small_messages_wait_for_their_steps() -> None:
    """Two all-reduces a layer, each a start and 2 (t - 1) latencies; 16 KiB over the links is next to nothing."""
    ring = REPLICA | dict(pass_collective_overhead=1e-5, all_reduce_algorithm=0)
    for tp in (2, 4, 8):
        waiting = 160 * (1e-5 + 2 * (tp - 1) * 1e-6)
        assert waiting < value("decode_tp_time", **ring, tp=tp) < 1.01 * waiting
    assert value("decode_tp_time", **ring, tp=1) == 0


def test_latent_cache_is_small() -> None:
    """DeepSeek-V2, sec. 2.1.4: 512 + 64 elements a token and layer, whole on every tensor parallel rank."""
    lengths = dict(prompt_len=1000, output_len=24, kv_width=2)
    for tp in (1, 8):
        assert value("kv_cache_per_sequence", **DEEPSEEK_V3, **lengths, tp=tp) == 1024 * 61 * 576 * 2


# Leviathan et al. 2023, eq. 1 and theorem 3.8.
@settings(deadline=None, max_examples=30)
@given(rate=st.floats(0, 1), drafted=st.integers(0, 12), cost=st.floats(0, 0.5))
def test_tokens_of_a_step_are_a_geometric_sum(rate: float, drafted: int, cost: float) -> None:
    tokens = sum(rate**power for power in range(drafted + 1))
    chosen = dict(acceptance_rate=rate, draft_len=drafted, draft_time_share=cost)
    assert value("decode_tokens_per_step", **chosen) == pytest.approx(tokens, rel=1e-6)
    assert value("speculation_speedup", **chosen) == pytest.approx(tokens / (1 + cost * drafted), rel=1e-6)


def test_checking_drafts_is_nearly_free_for_one_sequence() -> None:
    """Weights and cache are read once for all drafted tokens, so one sequence gains what the theorem promises."""
    drafted = dict(acceptance_rate=0.8, draft_len=4, draft_time_share=0.05)
    gained = value("tpot", **REPLICA) / value("tpot", **REPLICA, **drafted)
    assert gained == pytest.approx(value("speculation_speedup", **drafted), rel=0.01)
    many = REPLICA | dict(concurrency=512)
    assert value("tpot", **many) / value("tpot", **many, **drafted) < 1


def test_cached_prefixes_are_not_computed() -> None:
    long = REPLICA | dict(prompt_len=8192)
    flops = [value("prefill_flops", **long, prefix_hit_rate=rate) for rate in (0, 0.5, 1)]
    layers, head, pairs = 2 * 68.4510e9, 2 * 8192 * 32000, 4 * 8192 * 80
    assert flops[0] == pytest.approx(8192 * layers + head + pairs * 8192**2 / 2, rel=1e-4)
    assert flops[1] == pytest.approx(4096 * layers + head + pairs * 4096 * (4096 + 2048), rel=1e-4)
    assert flops[2] == head
    assert math.isfinite(value("prefill_time", **long, prefix_hit_rate=1))


def test_the_first_token_counts_or_not() -> None:
    found = values(["ttft", "tpot", "tpot_with_first", "request_latency"], **REPLICA)
    assert found["request_latency"] == pytest.approx(found["ttft"] + 127 * found["tpot"], rel=1e-12)
    assert found["tpot_with_first"] == pytest.approx(found["request_latency"] / 128, rel=1e-12)


def test_the_parts_of_a_pass_add_up() -> None:
    whole = REPLICA | dict(tp=8, pp=2, layer_gap=3e-5, pass_overhead=1e-4, prefill_chunk=512)
    for name in ("decode_step_time", "prefill_time", "mixed_step_time"):
        terms = REGISTRY.quantities[name].terms
        found = values([name, *terms], **whole)
        assert sum(found[term] for term in terms) == pytest.approx(found[name], rel=1e-12)


def test_a_mixed_step_reads_the_weights_once() -> None:
    """A chunk beside the decodes takes less than both apart, and no less than either."""
    busy = REPLICA | dict(concurrency=64, prompt_len=512, prefill_chunk=512, prefill_batch=1)
    found = values(["mixed_step_time", "decode_step_time", "prefill_time"], **busy)
    assert found["mixed_step_time"] < 0.9 * (found["decode_step_time"] + found["prefill_time"])
    assert found["mixed_step_time"] > max(found["decode_step_time"], found["prefill_time"])


@settings(deadline=None, max_examples=20)
@given(tp=st.sampled_from([2, 4, 8]), pp=st.sampled_from([1, 2]), prompt=st.integers(100, 20000))
def test_as_many_sequences_as_memory_holds(tp: int, pp: int, prompt: int) -> None:
    place = REPLICA | dict(tp=tp, pp=pp, prompt_len=prompt, kv_memory_share=1, max_batch_size=1e6)
    del place["concurrency"]
    most = value("max_concurrency", **place)
    assert value("concurrency", **place) == most
    assert value("fitting_concurrency", **place) - 1 < most
    room = [value("fits_serving_memory", **place, concurrency=most + more) for more in (0, 1)]
    if value("fitting_concurrency", **place) >= 1:
        assert room[0] >= 0 > room[1]


def test_an_engine_limits_its_batch() -> None:
    place = REPLICA | dict(tp=8, kv_memory_share=1, max_batch_size=16)
    assert value("max_concurrency", **place) == 16
    assert value("max_concurrency", **place, pp=2) == 32


def test_where_prefill_bounds_a_replica_mixed_steps_decide() -> None:
    """Four tokens after the first and two chunks: of 32 slots 4/2 decode, and every step is mixed."""
    bound = dict(
        batching=1, output_len=5, prompt_len=1024, prefill_chunk=512, concurrency=32, pp=1, tp=1, replica_size=1,
        draft_time=0, decode_step_time=0.01, mixed_step_time=0.028, decode_attention_time=0.005, prefill_time=0.04,
        exposed_kv_transfer_time=0,
    )  # fmt: skip
    names = ["saturated_requests_per_second", "saturated_tpot", "active_slot_share", "active_round_time"]
    found = values(names, **bound)
    rate, tpot, share, step = (found[name] for name in names)
    assert share == pytest.approx(2 / 32, rel=1e-12)
    assert step == pytest.approx(0.01 - 30 / 32 * 0.005, rel=1e-12)
    assert rate == pytest.approx(1 / (2 * 0.028), rel=1e-12)
    assert tpot == pytest.approx(0.028, rel=1e-12)


def test_more_memory_is_no_harm_where_prefill_bounds() -> None:
    """Short outputs after long prompts: slots beyond what prefill keeps busy change nothing."""
    place = REPLICA | dict(tp=8, prompt_len=2048, output_len=32, kv_memory_share=1, max_batch_size=1e6)
    del place["concurrency"]
    rates = [
        value("saturated_requests_per_second", **(place | dict(hbm_capacity=size * 1e9))) for size in (30, 60, 300)
    ]
    assert rates[1:] == pytest.approx(rates[:1] * 2, rel=1e-9)
    some = [value("saturated_requests_per_second", **(REPLICA | dict(concurrency=c))) for c in (1, 8, 64, 512)]
    assert some == sorted(some)


def test_attention_groups_without_sequences_are_no_help() -> None:
    alone = DEEPSEEK_V3 | IDEAL | NVLINK | dict(prompt_len=100000, output_len=100, concurrency=1, tp=1, expert_tp=1)
    for name in ("decode_attention_time", "kv_cache_memory"):
        assert value(name, **alone, ep=64) == value(name, **alone, ep=1)


def test_a_mixture_whose_prompts_are_all_cached_computes_nothing() -> None:
    place = DEEPSEEK_V3 | IDEAL | NVLINK | dict(prompt_len=1000, output_len=100, concurrency=1, tp=8)
    found = value("prefill_feed_forward_time", **place, prefix_hit_rate=1)
    assert found == pytest.approx(58 * 2 * 3 * 7168 * 2048 / 8 / BANDWIDTH + 3 * 2 * 3 * 7168 * 18432 / 8 / BANDWIDTH)


def test_data_parallel_attention_shares_the_experts() -> None:
    """DeepSeek-V3 on 32 GPUs: attention on one each, experts on all; each token crosses to 8 experts and back."""
    place = DEEPSEEK_V3 | IDEAL | NVLINK | dict(prompt_len=1024, output_len=256, concurrency=4096)
    spread = place | dict(tp=1, expert_tp=1, ep=32)
    assert value("attention_groups", tp=1, expert_tp=1, ep=32) == 32
    assert value("replica_size", tp=1, expert_tp=1, ep=32, cp=1, pp=1) == 32
    assert value("decode_tokens_per_rank", **spread) == 128
    assert value("kv_cache_memory", **spread) == pytest.approx(128 * 1280 * 61 * 576 * 2, rel=1e-12)
    crossing = 128 * 7168 * 8 * 2
    inside = 31 / 32 * crossing * 2  # both ways; 24 of 31 peers are in other nodes, through one port of 50 GB/s
    assert value("decode_ep_time", **spread) > 58 * inside * 24 / 31 / 50e9
    assert value("decode_tp_time", **spread) == 0


@pytest.mark.parametrize(("tp", "ep", "wanted"), [(4, 8, 0), (8, 4, 0), (4, 6, -0.5), (8, 6, -2)])
def test_attention_groups_are_whole(tp: int, ep: int, wanted: float) -> None:
    assert value("divides_replica", tp=tp, ep=ep, expert_tp=1) == wanted


def test_more_experts_than_tokens_are_not_read() -> None:
    """Mixtral: one token reads 2 of 8 experts, many read all."""
    mixture = dict(
        hidden_size=4096, num_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        intermediate_size=14336, vocab_size=32000, gated_mlp=1, tied_embeddings=0, num_experts=8, experts_per_token=2,
        moe_intermediate_size=14336,
    )  # fmt: skip
    place = mixture | IDEAL | NVLINK | dict(prompt_len=10, output_len=10)
    expert = 3 * 4096 * 14336 * 2
    for concurrency, read in ((1, 2.0), (8, 8 * (1 - 0.75**8)), (64, 8.0)):
        found = value("decode_feed_forward_time", **place, concurrency=concurrency)
        assert found == pytest.approx(32 * read * expert / BANDWIDTH, rel=0.03)


# DeepEP, README, low-latency kernels: dispatch in fp8 and combine in bf16 of 128 tokens on H800, 8 experts of 256 each.
@pytest.mark.parametrize(("ep", "published"), [(8, 191), (16, 313), (32, 428), (64, 487), (128, 561), (256, 554)])
def test_exchange_of_experts_beside_published_kernels(ep: int, published: float) -> None:
    links = dict(
        scale_up_size=8, scale_up_bandwidth=200e9, scale_up_latency=0.6e-6, scale_out_bandwidth=50e9,
        scale_out_latency=2.7e-6, link_efficiency=0.8, scale_up_half_message=12e6, pass_collective_overhead=1.2e-5,
    )  # fmt: skip
    place = DEEPSEEK_V3 | IDEAL | links | dict(tp=1, expert_tp=1, ep=ep, dispatch_width=1)
    layer = value("decode_ep_time", **place, prompt_len=1, output_len=2, concurrency=128 * ep) / 58
    assert layer == pytest.approx(published * 1e-6, rel=0.25)
