"""The serving fleet: textbook limits, a simulation of every request, and the published formulas."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.serving.batching import CHUNKED, DISAGGREGATED, SEPARATE
from rooflax.specs.vocabulary import Kind

REGISTRY = shipped_registry()
DEFAULTS = {leaf.name: leaf.default_value for leaf in REGISTRY.vocabulary.values() if not leaf.required}
SWITCHES = {leaf.name for leaf in REGISTRY.vocabulary.values() if leaf.kind in (Kind.FLAG, Kind.CHOICE)}
pytestmark = pytest.mark.usefixtures("double_precision")


FLEET = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "reference" / "serving_fleet.py")))
PREFILL, DECODE, MIXED, CHUNKS, STEPS = 0.04, 0.01, 0.028, 2, 100
# One replica of one GPU: prompts of two chunks, a hundred tokens after the first.
REPLICA = dict(
    concurrency=32, pp=1, tp=1, replica_size=1, draft_time=0, prefill_time=PREFILL, decode_step_time=DECODE,
    mixed_step_time=MIXED, decode_attention_time=0,
    prompt_len=CHUNKS * 512, prefill_chunk=512, prompts_per_pass=1, output_len=STEPS + 1,
    prefix_hit_rate=0, decode_tokens_per_step=1, exposed_kv_transfer_time=0, serving_replicas=1,
)  # fmt: skip
MODES = (SEPARATE, CHUNKED, DISAGGREGATED)


@cache
def compiled(names: tuple[str, ...], given: frozenset[str]) -> tuple[tuple[str, ...], Callable[..., list[Any]]]:
    """The graph of some quantities as one function of its inputs, and their names."""
    graph = resolve(REGISTRY, names, given)
    assert graph.missing == {}

    def all_of(inputs: dict[str, Any]) -> list[Any]:
        found = graph(inputs)
        return [found[name] for name in names]

    return graph.inputs, jax.jit(all_of)


def values(*names: str, **given: float) -> list[float]:
    """Quantities of the replica, with the declared defaults."""
    inputs = REPLICA | given
    reads, function = compiled(names, frozenset(inputs))
    return [float(v) for v in function({n: float(inputs.get(n, DEFAULTS.get(n, 0.0))) for n in reads})]


def value(name: str, **given: float) -> float:
    return values(name, **given)[0]


def test_one_request_at_a_time() -> None:
    """A single slot: prefill, then every step its own; nothing interrupts."""
    rate, tpot, latency = values(
        "saturated_requests_per_second", "saturated_tpot", "saturated_request_latency", batching=SEPARATE, concurrency=1
    )
    assert tpot == pytest.approx(DECODE, rel=1e-12)
    assert latency == pytest.approx(PREFILL + STEPS * DECODE, rel=1e-12)
    assert rate == pytest.approx(1 / latency, rel=1e-12)


@given(
    slots=st.integers(1, 512), pp=st.sampled_from([1, 2, 4]), batch=st.integers(1, 4), output=st.integers(2, 2000),
    accepted=st.floats(1, 4),
)  # fmt: skip
def test_littles_law_where_prefill_takes_turns(slots: int, pp: int, batch: int, output: int, accepted: float) -> None:
    """Requests in flight are the rate times the time of a request: all slots are taken, none more than once."""
    with jax.enable_x64(True):
        rate, latency = values(
            "saturated_requests_per_second", "saturated_request_latency", batching=SEPARATE, concurrency=slots, pp=pp,
            prompts_per_pass=batch, output_len=output, decode_tokens_per_step=accepted,
        )  # fmt: skip
        assert rate * latency == pytest.approx(slots, rel=1e-9)


@given(slots=st.integers(1, 512), pp=st.sampled_from([1, 2]), prompt=st.integers(1, 20000), output=st.integers(2, 2000))
def test_littles_law_with_chunks(slots: int, pp: int, prompt: int, output: int) -> None:
    """As many sequences decode as there are slots, or fewer where prefill bounds the rate."""
    with jax.enable_x64(True):
        rate, decoding, busy = values(
            "saturated_requests_per_second", "saturated_decoding_sequences", "steps_per_completed_request",
            batching=CHUNKED, concurrency=slots, pp=pp, prompt_len=prompt, output_len=output,
        )  # fmt: skip
        batch = max(slots / pp, 1)
        wanted = min(slots, slots / batch * (output - 1) / (prompt / 512))
        assert decoding == pytest.approx(wanted, rel=1e-9)
        assert busy >= prompt / 512 * (1 - 1e-12)
        assert rate <= slots / batch / (prompt / 512 * MIXED) * (1 + 1e-12)


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_chunked_equals_separate_where_mixing_gains_nothing(slots: int) -> None:
    """A mixed step as long as its parts one after the other; while decoding bounds the rate."""
    both = [
        value("saturated_requests_per_second", batching=mode, concurrency=slots, output_len=1001,
              mixed_step_time=DECODE + PREFILL / CHUNKS)
        for mode in (SEPARATE, CHUNKED)
    ]  # fmt: skip
    assert both[0] == pytest.approx(both[1], rel=1e-12)


@given(slots=st.integers(1, 512), prefill=st.floats(1e-3, 10), output=st.integers(2, 4000))
def test_balanced_disaggregation_equals_taking_turns_per_gpu(slots: int, prefill: float, output: int) -> None:
    """Prefill and decode seconds of a request add up on one GPU or on two; what is gained is latency."""
    with jax.enable_x64(True):
        per_gpu = [
            value("saturated_output_tokens_per_second_per_gpu", batching=mode, concurrency=slots, prefill_time=prefill,
                  output_len=output)
            for mode in (SEPARATE, DISAGGREGATED)
        ]  # fmt: skip
        assert per_gpu[0] == pytest.approx(per_gpu[1], rel=1e-9)
        assert value("saturated_tpot", batching=DISAGGREGATED, concurrency=slots, output_len=output) == pytest.approx(
            DECODE
        )


def test_another_ratio_than_the_balanced_one_is_bound_by_the_scarcer_kind() -> None:
    balanced = value("prefill_replica_ratio", batching=DISAGGREGATED)
    decode, prefill = values("decode_requests_per_second", "prefill_requests_per_second", batching=DISAGGREGATED)
    for share in (0.5, 1.0, 2.0):
        rate, gpus = values(
            "saturated_requests_per_second", "gpus_per_serving_replica", batching=DISAGGREGATED,
            prefill_replica_ratio=balanced * share,
        )  # fmt: skip
        assert rate == pytest.approx(min(decode, share * balanced * prefill), rel=1e-12)
        assert gpus == pytest.approx(1 + share * balanced)


def test_throughput_saturates_where_steps_cost_in_proportion_to_the_batch() -> None:
    """Compute bound: a step takes B t_1, so the rate tends to 1 / (t_p + d t_1) at any batch."""
    rates = [
        value("saturated_requests_per_second", batching=SEPARATE, concurrency=slots, decode_step_time=slots * 1e-3)
        for slots in (1, 10, 100, 1000)
    ]
    assert rates == pytest.approx([1 / (PREFILL + STEPS * 1e-3)] * 4, rel=1e-12)


def test_throughput_saturates_at_the_prefills_where_steps_cost_the_same() -> None:
    """Memory bound: the steps of a request shrink with the batch, its prefill stays."""
    rates = [value("saturated_requests_per_second", batching=SEPARATE, concurrency=slots) for slots in (1, 100, 1e9)]
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] == pytest.approx(1 / PREFILL, rel=1e-6)


def test_taking_turns_is_what_a_replica_of_full_batches_does() -> None:
    given = dict(batching=SEPARATE, concurrency=64, pp=2, output_len=257)
    static = values("saturated_output_tokens_per_second", "static_output_tokens_per_second", **given)
    assert static[0] == pytest.approx(64 * 257 / (32 * PREFILL + 256 * DECODE), rel=1e-12)
    assert static[1] == pytest.approx(static[0], rel=1e-9)


def test_speculation_and_the_cache_of_prefixes_shorten_what_they_should() -> None:
    given = dict(batching=CHUNKED, output_len=1001)
    steps, mixed, tpot = values("decode_steps_per_request", "prefill_steps_per_request", "saturated_tpot", **given)
    faster = values(
        "decode_steps_per_request", "prefill_steps_per_request", decode_tokens_per_step=2, prefix_hit_rate=0.75, **given
    )
    assert faster == pytest.approx([steps / 2, mixed / 4], rel=1e-12)
    assert value("saturated_tpot", decode_tokens_per_step=2, batching=DISAGGREGATED) == pytest.approx(DECODE / 2)
    assert value("prefill_steps_per_request", prefix_hit_rate=1) == pytest.approx(1 / 512)
    assert tpot == pytest.approx(DECODE + mixed * (MIXED - DECODE) * 32 / 1000, rel=1e-12)


def test_a_prompt_shorter_than_a_chunk_fills_a_part_of_a_step() -> None:
    for tokens, wanted in ((128, DECODE + (MIXED - DECODE) / 4), (512, MIXED), (1536, 3 * MIXED)):
        assert value("service_ttft", batching=CHUNKED, prompt_len=tokens) == pytest.approx(wanted, rel=1e-12)


def test_both_definitions_of_time_per_token() -> None:
    """The one leaves out the first token, the other divides everything by all tokens."""
    tpot, normalized, latency, first = values(
        "saturated_tpot", "saturated_tpot_with_first", "saturated_request_latency", "service_ttft", batching=CHUNKED
    )
    assert normalized * 101 == pytest.approx(latency, rel=1e-12)
    assert tpot * 100 == pytest.approx(latency - first, rel=1e-12)


@pytest.mark.parametrize("rate", [1.0, 10.0, 24.0])
def test_ttft_of_distserve(rate: float) -> None:
    """Zhong et al. 2024, eq. 1 (M/D/1): D + R D^2 / (2 (1 - R D)); eq. 2 with two stages, D + R D^2 / (4 (2 - R D))."""
    given = dict(batching=DISAGGREGATED, request_rate=rate, prefill_replicas=1)
    wanted = PREFILL + rate * PREFILL**2 / (2 * (1 - rate * PREFILL))
    assert value("served_ttft", **given) == pytest.approx(wanted, rel=1e-12)
    staged = PREFILL + rate * PREFILL**2 / (4 * (2 - rate * PREFILL))
    assert value("served_ttft", pp=2, **given) == pytest.approx(staged, rel=1e-12)


def test_no_load_waits_for_nothing() -> None:
    for mode in MODES:
        rate, ttft, service, tpot, tail = values(
            "saturated_requests_per_second", "served_ttft", "service_ttft", "served_tpot", "tail_ttft", batching=mode,
            request_rate=1e-6,
        )  # fmt: skip
        assert rate > 1
        assert ttft == pytest.approx(service, rel=1e-5)
        assert tail == pytest.approx(service, rel=1e-5)
        assert tpot == pytest.approx(DECODE, rel=1e-5)


def test_an_overloaded_fleet_says_so() -> None:
    assert value("served_ttft", batching=CHUNKED, request_rate=1e4) > 1e3
    assert value("serves_request_rate", batching=CHUNKED, request_rate=1e4) < 0


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_shared_queue_has_the_servers_of_all_replicas(replicas: int) -> None:
    """M/D/1 before each replica's prefill becomes M/D/R, its slots become one group of R B."""
    rate = 0.9 * replicas * value("saturated_requests_per_second", batching=SEPARATE)
    prefill, slot = values(
        "prefill_queue_time", "slot_queue_time", batching=SEPARATE, request_rate=rate, serving_replicas=replicas,
        request_routing=1,
    )  # fmt: skip

    def wait(utilisation: float, servers: float) -> float:
        return utilisation ** (math.sqrt(2 * servers + 2) - 1) / 2 * utilisation / rate / (1 - utilisation)

    assert prefill == pytest.approx(wait(rate / replicas * PREFILL, replicas), rel=1e-12)
    assert slot == pytest.approx(wait(0.9, 32 * replicas), rel=1e-12)


@pytest.mark.parametrize("mode", [SEPARATE, CHUNKED])
def test_saturated_replica_equals_the_simulation(mode: int) -> None:
    """Outputs of different lengths, so that slots fall free one by one."""
    requests = FLEET.poisson(3, math.inf, 6_000, STEPS, output_variation=0.5)
    times = FLEET.Times(PREFILL, DECODE, MIXED, CHUNKS)
    served = (FLEET.separate, FLEET.chunked)[mode](requests, 32, times)[1_000:5_000]
    rate = (len(served) - 1) / (served[-1].begun - served[0].begun)
    tpot = sum(one.last - one.first for one in served) / sum(one.request.steps for one in served)
    wanted = values("saturated_requests_per_second", "saturated_tpot", batching=mode)
    assert [rate, tpot] == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize("mode", [SEPARATE, CHUNKED])
@pytest.mark.parametrize("variation", [0.0, 1.0])
@pytest.mark.parametrize(("load", "most"), [(0.3, 0.15), (0.6, 0.15), (0.8, 0.3), (0.9, 0.3)])
def test_served_requests_equal_the_simulation(mode: int, variation: float, load: float, most: float) -> None:
    """25,000 requests at a replica of 32 slots; the 99th percentile is within 40 %, or 60 % where lengths vary."""
    rate = load * value("saturated_requests_per_second", batching=mode)
    requests = FLEET.poisson(2, rate, 25_000, STEPS, variation, variation)
    times = FLEET.Times(PREFILL, DECODE, MIXED, CHUNKS)
    served = (FLEET.separate, FLEET.chunked)[mode](requests, 32, times)[2_000:]
    first = [one.first - one.request.arrival for one in served]
    ttft, tail, tpot, latency = values(
        "served_ttft", "tail_ttft", "served_tpot", "served_request_latency", batching=mode, request_rate=rate,
        prompt_len_cv=variation, output_len_cv=variation,
    )  # fmt: skip
    assert ttft == pytest.approx(FLEET.mean(first), rel=most)
    assert tail == pytest.approx(FLEET.quantile(first, 0.99), rel=0.6 if variation else 0.4)
    per_token = sum(one.last - one.first for one in served) / sum(one.request.steps for one in served)
    assert tpot == pytest.approx(per_token, rel=0.05)
    assert latency == pytest.approx(FLEET.mean([one.last - one.request.arrival for one in served]), rel=0.05)


def test_static_batches_equal_the_simulation() -> None:
    requests = FLEET.poisson(5, math.inf, 64_000, STEPS, output_variation=0.8)
    seconds = FLEET.static(requests, 32, FLEET.Times(PREFILL, DECODE))
    tokens = sum(1 + one.steps for one in requests)
    found = value("static_output_tokens_per_second", output_len_cv=0.8)
    assert found == pytest.approx(tokens / seconds, rel=0.03)


def test_replicas_for_a_utilisation() -> None:
    rate = value("saturated_requests_per_second", batching=CHUNKED)
    inputs = {n: v for n, v in REPLICA.items() if n != "serving_replicas"}
    inputs |= dict(batching=CHUNKED, request_rate=10 * rate, target_utilisation=0.8)
    graph = resolve(REGISTRY, ["serving_utilisation", "whole_replicas_needed"], inputs.keys())
    found = graph(
        {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in inputs}
        | {n: float(v) for n, v in inputs.items()}
    )
    assert float(found["serving_replicas"]) == pytest.approx(12.5)
    assert float(found["serving_utilisation"]) == pytest.approx(0.8)
    assert float(found["whole_replicas_needed"]) == 10


def test_a_replica_that_is_full_of_what_memory_holds() -> None:
    """The share of memory for the cache in place of `concurrency`."""
    inputs = frozenset(n for n in REPLICA if n != "concurrency") | {"kv_memory_share", "max_concurrency"}
    reads, function = compiled(("saturated_decoding_sequences",), inputs)
    given = REPLICA | dict(kv_memory_share=0.9, max_concurrency=40, batching=CHUNKED)
    assert float(function({n: float(given.get(n, DEFAULTS.get(n, 0))) for n in reads})[0]) == pytest.approx(40)


@pytest.mark.parametrize("mode", MODES)
def test_goodput_is_the_rate_and_the_goals_say_whether_it_counts(mode: int) -> None:
    capacity, gpus = values("saturated_requests_per_second", "gpus_per_serving_replica", batching=mode)
    below = dict(batching=mode, request_rate=0.5 * capacity)
    assert value("goodput_per_gpu", **below) == pytest.approx(0.5 * capacity / gpus)
    assert value("goodput_per_gpu", batching=mode, request_rate=2 * capacity) == pytest.approx(capacity / gpus)
    tail, tpot, latency = values("tail_ttft", "served_tpot", "served_request_latency", **below)
    for name, goal, met in (
        ("meets_ttft_goal", "ttft_goal", tail),
        ("meets_tpot_goal", "tpot_goal", tpot),
        ("meets_latency_goal", "latency_goal", latency),
    ):
        assert value(name, **below, **{goal: met + 0.1}) == pytest.approx(0.1)
        assert value(name, **below, **{goal: met - 0.001}) == pytest.approx(-0.001)


def test_slots_that_requests_hold_by_littles_law() -> None:
    """At 60 % of the rate the simulation has as many in flight as the formula says, within 5 %."""
    rate = 0.6 * value("saturated_requests_per_second", batching=SEPARATE)
    requests = FLEET.poisson(4, rate, 20_000, STEPS)
    served = FLEET.separate(requests, 32, FLEET.Times(PREFILL, DECODE))[1_000:]
    held = rate * FLEET.mean([one.last - one.begun for one in served])
    assert 32 - value("idle_slots", batching=SEPARATE, request_rate=rate) == pytest.approx(held, rel=0.05)


def test_cache_of_llama_2_70b_over_infiniband() -> None:
    """2 x 80 layers x 8 heads x 128 x 2 B = 320 KiB a token; eight ranks each send an eighth at 400 Gb/s."""
    model = dict(num_attention_layers=80, num_linear_layers=0, sliding_share=0, kv_bytes_per_token_layer=4096,
                 linear_state_bytes=0, cp=1, kv_split=8, prompt_len=1500)  # fmt: skip
    network = dict(scale_out_bandwidth=50e9, scale_out_latency=0, scale_up_bandwidth=450e9, scale_up_latency=0,
                   scale_up_size=8, link_efficiency=1)  # fmt: skip
    assert value("kv_transfer_bytes", **model) == 1500 * 320 * 1024 / 8
    assert value("kv_transfer_time", **model, **network) == pytest.approx(1500 * 40 * 1024 / 50e9)
    assert value("kv_transfer_time", **model, **network, kv_transfer_tier=0) == pytest.approx(1500 * 40 * 1024 / 450e9)
    windows = model | dict(sliding_share=0.5, sliding_window=500)
    assert value("kv_transfer_bytes", **windows) == pytest.approx(1000 * 40 * 1024)


def test_a_transfer_is_waited_for_after_the_first_token() -> None:
    given = dict(batching=DISAGGREGATED, request_rate=1)
    without, with_transfer = (
        values("served_ttft", "served_request_latency", "served_tpot", **given, exposed_kv_transfer_time=exposed)
        for exposed in (0.0, 0.5)
    )
    assert with_transfer[0] == without[0]
    assert with_transfer[1] - without[1] == pytest.approx(0.5)
    assert with_transfer[2] - without[2] == pytest.approx(0.5 / STEPS)


EDGES = dict(
    request_rate=5.0, ttft_goal=1.0, tpot_goal=0.1, latency_goal=10.0, replica_size=1.0, kv_transfer_time=0.001,
    exposed_kv_transfer_time=0.0, kv_link_utilisation=0.0, kv_transfer_bytes=1.0,
)  # fmt: skip


FLEET_NAMES = tuple(
    name
    for name, model in REGISTRY.quantities.items()
    if model.module.startswith("rooflax.kernels.serving") and name not in EDGES and "quantiles" not in name
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "edge",
    [
        dict(output_len=1.0),
        dict(concurrency=1.0),
        dict(request_rate=1e-9),
        dict(request_rate=1e9),
        dict(prompt_len_cv=0.0, output_len_cv=0.0),
        dict(prompt_len_cv=3.0, output_len_cv=3.0),
        dict(prefix_hit_rate=1.0, output_len=1.0),
        dict(prompt_len=1e6, output_len=2.0),
        dict(pp=8.0, concurrency=2.0),
        dict(ttft_percentile=0.9),
        dict(request_routing=1.0, serving_replicas=1.0),
    ],
    ids=str,
)
def test_everything_is_finite_at_the_edges(mode: int, edge: dict[str, float]) -> None:
    """Values and slopes of every quantity of the fleet, in single precision."""
    inputs = REPLICA | EDGES | edge | dict(batching=mode)
    reads, function = slopes_of_all(frozenset(REPLICA | EDGES | {"batching": 0}))
    moved = {n: np.float32(inputs.get(n, DEFAULTS.get(n, 0.0))) for n in reads}
    with jax.enable_x64(False):
        (_, found), slopes = function(moved)
    assert {n: float(v) for n, v in found.items() if not math.isfinite(v)} == {}
    assert {n: float(s) for n, s in slopes.items() if not math.isfinite(s) and n not in SWITCHES} == {}


@cache
def slopes_of_all(given: frozenset[str]) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """Every quantity of the fleet, and the slopes of a sum of all; an infinite one anywhere makes it NaN."""
    graph = resolve(REGISTRY, FLEET_NAMES, given)
    assert graph.missing == {}

    def all_of(inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        found = graph(inputs)
        return sum(found[name] * 1e-9 for name in FLEET_NAMES), {name: found[name] for name in FLEET_NAMES}

    return graph.inputs, jax.jit(jax.value_and_grad(all_of, has_aux=True))
