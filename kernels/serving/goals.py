"""What users see at a request rate, and the goals it is held to.

A goal for the first token is held at a percentile, goals for later tokens and for the whole request in the mean.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..primitives.lognormal import quantile_over_mean
from ..primitives.queueing import late_wait, root_of_squares
from ..registry import constraint, cost_model
from .arrivals import prefill_wait, slot_wait
from .batching import CHUNKED, DISAGGREGATED, SEPARATE


@cost_model(
    formula=r"\frac{d\,t_d}{1 - \min(1, \rho_d)\,f},\quad f = \frac{E}{E + K\,t_d},\quad \rho_d = \frac{\lambda}{R\,X_d};\ \text{disaggregated} + t_{exp} + W_s",
    source="definition: decoding proceeds in the share of time that prefills leave; agrawal-et-al-2024, sec. 3.2",
    example=dict(
        batching=CHUNKED,
        request_rate=100,
        serving_replicas=10,
        decode_requests_per_second=20,
        decode_steps_per_request=256,
        active_round_time=0.01,
        prefill_interruption_time=0.04,
        steps_per_completed_request=4,
        decode_batch=64,
        exposed_kv_transfer_time=0.001,
        slot_queue_time=0.1,
        expect=3.4133333,
    ),
)
def served_decode_time(
    batching: Choice,
    request_rate: PerSecond,
    serving_replicas: Count,
    decode_requests_per_second: PerSecond,
    decode_steps_per_request: Count,
    active_round_time: Seconds,
    prefill_interruption_time: Seconds,
    steps_per_completed_request: Count,
    decode_batch: Count,
    exposed_kv_transfer_time: Seconds,
    slot_queue_time: Seconds,
) -> Seconds:
    """Time from the first to the last token of a request, at the request rate.

    Prefills take the share of time that the arriving requests need. With replicas for prefill, the cache and a slot are
    waited for after the first token.
    """
    steps = jnp.maximum(steps_per_completed_request, 1 / decode_batch)
    lost = prefill_interruption_time / (prefill_interruption_time + steps * active_round_time)
    load = jnp.minimum(request_rate / (serving_replicas * decode_requests_per_second), 1.0)
    handover = jnp.where(batching == DISAGGREGATED, exposed_kv_transfer_time + slot_queue_time, 0.0)
    return decode_steps_per_request * active_round_time / (1 - load * lost) + handover


@cost_model(
    formula=r"t_{dec} / (s_o - 1)",
    source="zhong-et-al-2024, sec. 1 (TPOT: mean time of a token, the first not counted)",
    example=dict(served_decode_time=3.4133333, output_len=257, expect=1.3333333e-2),
)
def served_tpot(served_decode_time: Seconds, output_len: Count) -> Seconds:
    """Time per output token after the first, at the request rate.

    The mean over a request, interruptions included; 0 where the first token is the last.
    """
    return ratio(served_decode_time, output_len - 1)


@cost_model(
    formula=r"W + t_{first}",
    source="zhong-et-al-2024, sec. 3.1 (queueing and execution)",
    example=dict(queue_time=0.134, service_ttft=0.05, expect=0.184),
    terms=("queue_time", "service_ttft"),
)
def served_ttft(queue_time: Seconds, service_ttft: Seconds) -> Seconds:
    """Mean time to the first token, at the request rate."""
    return queue_time + service_ttft


@cost_model(
    formula=r"t_{ttft} + t_{dec}",
    source="definition: from arrival to the last token",
    example=dict(served_ttft=0.184, served_decode_time=3.4133333, expect=3.5973333),
    terms=("served_ttft", "served_decode_time"),
)
def served_request_latency(served_ttft: Seconds, served_decode_time: Seconds) -> Seconds:
    """Mean time of a request, at the request rate."""
    return served_ttft + served_decode_time


@cost_model(
    formula=r"\frac{t_{ttft} + t_{dec}}{s_o}",
    source="yu-et-al-2022, sec. 6; kwon-et-al-2023, sec. 6.1 (normalized latency: waits and the first token count)",
    example=dict(served_request_latency=3.5973333, output_len=257, expect=1.3997406e-2),
)
def served_tpot_with_first(served_request_latency: Seconds, output_len: Count) -> Seconds:
    """Time of a request, waits included, over all of its output tokens."""
    return served_request_latency / output_len


@cost_model(
    formula=r"t_{ttft} + \sqrt{\sum_i (q_i - m_i)_+^2},\ i \in \{\text{own prompt}, W_p, W_s, W_b\}",
    source="whitt-1993, sec. 4 (exponential tails of waits); definition: lognormal prompts, a uniform rest of a step, and "
    "independent excesses that add in quadrature",
    example=dict(
        batching=CHUNKED,
        served_ttft=0.2,
        service_ttft=0.05,
        prefill_utilisation=0.5,
        slot_utilisation=0.9,
        step_boundary_time=0.004,
        request_rate=100,
        serving_replicas=10,
        prefill_replicas=10,
        concurrency=49,
        slot_time_variation_squared=0.5,
        prompt_len_cv=0.5,
        expect=2.4187970,
    ),
)
def tail_ttft(
    batching: Choice,
    served_ttft: Seconds,
    service_ttft: Seconds,
    prefill_utilisation: Number,
    slot_utilisation: Number,
    step_boundary_time: Seconds,
    request_rate: PerSecond,
    serving_replicas: Count,
    prefill_replicas: Count,
    request_routing: Choice,
    concurrency: Count,
    slot_time_variation_squared: Number,
    prompt_len_cv: Number,
    ttft_percentile: Number,
) -> Seconds:
    """Percentile of the time to the first token, at the request rate.

    A share `ttft_percentile` of requests stays below. The quantile of a sum, from the excess of each part's quantile over its mean.
    """
    prompts = prefill_wait(prefill_utilisation, request_rate, prefill_replicas, request_routing, prompt_len_cv)
    slots = slot_wait(
        slot_utilisation, request_rate, serving_replicas, request_routing, concurrency, slot_time_variation_squared
    )
    before = late_wait(prompts, ttft_percentile) - prompts.probability * prompts.delay
    slot = late_wait(slots, ttft_percentile) - slots.probability * slots.delay
    own = service_ttft * (quantile_over_mean(prompt_len_cv, ttft_percentile) - 1)
    step = step_boundary_time * (2 * ttft_percentile - 1)
    excesses = (own, before, jnp.where(batching == DISAGGREGATED, 0.0, slot), step)
    return served_ttft + root_of_squares(*(jnp.maximum(excess, 0.0) for excess in excesses))


@constraint(
    message="the first tokens of nearly all requests take up to {tail_ttft}, the goal is {ttft_goal}",
    formula=r"g - t_q",
    source="zhong-et-al-2024, sec. 1 (service level objective of TTFT)",
    example=dict(tail_ttft=0.7, ttft_goal=0.5, expect=-0.2),
)
def meets_ttft_goal(tail_ttft: Seconds, ttft_goal: Seconds) -> Seconds:
    """Time to spare before the first token is late."""
    return ttft_goal - tail_ttft


@constraint(
    message="a token takes {served_tpot}, the goal is {tpot_goal}",
    formula=r"g - t_{token}",
    source="zhong-et-al-2024, sec. 1 (service level objective of TPOT)",
    example=dict(served_tpot=0.03, tpot_goal=0.02, expect=-0.01),
)
def meets_tpot_goal(served_tpot: Seconds, tpot_goal: Seconds) -> Seconds:
    """Time to spare for each token."""
    return tpot_goal - served_tpot


@constraint(
    message="a request takes {served_request_latency}, the goal is {latency_goal}",
    formula=r"g - t",
    source="kwon-et-al-2023, sec. 6.1 (latency of a request)",
    example=dict(served_request_latency=12.0, latency_goal=10.0, expect=-2.0),
)
def meets_latency_goal(served_request_latency: Seconds, latency_goal: Seconds) -> Seconds:
    """Time to spare for a request."""
    return latency_goal - served_request_latency


@cost_model(
    formula=r"\frac{\min(\lambda, R\,X)}{R\,n}",
    source="zhong-et-al-2024, sec. 1 (per-GPU goodput: the rate served within the goals)",
    example=dict(
        request_rate=100, serving_replicas=10, saturated_requests_per_second=14.619883, serving_gpus=80, expect=1.25
    ),
)
def goodput_per_gpu(
    request_rate: PerSecond,
    serving_replicas: Count,
    saturated_requests_per_second: PerSecond,
    serving_gpus: Count,
) -> PerSecond:
    """Requests per second and GPU that are served; goodput where the goals are met.

    The rate alone: whether the goals are met, the conditions `meets_..._goal` tell.
    """
    return jnp.minimum(request_rate, serving_replicas * saturated_requests_per_second) / serving_gpus


@cost_model(
    formula=r"B - \frac{\lambda}{R}\,t_{dec}, \text{ or, separate, } B - \frac{\lambda}{R}\,(t_{first} + t_{dec})",
    source="little-1961; a slot is held while its sequence decodes and, where prefill takes turns, is read",
    example=dict(
        batching=CHUNKED,
        concurrency=64,
        request_rate=100,
        serving_replicas=10,
        service_ttft=0.05,
        served_decode_time=3.4133333,
        expect=29.866667,
    ),
)
def idle_slots(
    batching: Choice,
    concurrency: Count,
    request_rate: PerSecond,
    serving_replicas: Count,
    service_ttft: Seconds,
    served_decode_time: Seconds,
) -> Count:
    """Slots of a replica that no request holds, mean.

    Where it is 0, the batch at which steps are timed is the batch that the request rate makes; `concurrency` is an axis.
    """
    held = served_decode_time + jnp.where(batching == SEPARATE, service_ttft, 0.0)
    return concurrency - request_rate / serving_replicas * held
