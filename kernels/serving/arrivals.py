r"""Requests arriving at a fleet: replicas, utilisation, and what a request waits for.

Arrivals are Poisson. A request waits for three things, and the waits add up:

- the prompts before it: prefill comes before decoding, so prompts see a server that decode steps only delay to their end
  (an M/G/1 queue with vacations; the mean is exact). The variation of service is that of prompt lengths: time in
  proportion to length.
- the end of the step that is running: half a step, where one is running.
- a slot: `concurrency` servers on each replica, held from the first piece of the prompt to the last token.

Steps cost what they do at the batch of `concurrency`, also where fewer sequences are in flight: an upper bound at low
load. The batch that holds itself is where `idle_slots` is 0.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..primitives.queueing import Wait, wait_before
from ..registry import constraint, cost_model
from .batching import CHUNKED, DISAGGREGATED

RANDOM, SHARED = range(2)


@cost_model(
    formula=r"\lambda / X",
    source="definition: not rounded; at exactly so many replicas the queue never settles",
    example=dict(request_rate=100, saturated_requests_per_second=14.619883, expect=6.84),
)
def replicas_needed(request_rate: PerSecond, saturated_requests_per_second: PerSecond) -> Count:
    """Replicas that just sustain the request rate, relaxed to a real number."""
    return request_rate / saturated_requests_per_second


@cost_model(
    formula=r"\lceil \lambda / X \rceil",
    source="definition: the smallest whole number; a quotient within half a part in a million of one counts as whole",
    example=dict(replicas_needed=6.84, expect=7.0),
)
def whole_replicas_needed(replicas_needed: Count) -> Count:
    """Replicas that just sustain the request rate, a whole number."""
    return jnp.ceil(replicas_needed * (1 - 5e-7))


@cost_model(
    when_given="target_utilisation",
    formula=r"\frac{\lambda}{X\,\rho}",
    source="definition: as many replicas as leave the stated share of them idle, not rounded",
    example=dict(request_rate=100, saturated_requests_per_second=14.619883, target_utilisation=0.8, expect=8.55),
)
def serving_replicas(
    request_rate: PerSecond, saturated_requests_per_second: PerSecond, target_utilisation: Number
) -> Count:
    """Replicas of the service, from the utilisation they are provided for."""
    return request_rate / (saturated_requests_per_second * target_utilisation)


@cost_model(
    formula=r"R\,n",
    source="definition: every replica, with its part of the prefill replicas",
    example=dict(serving_replicas=10, gpus_per_serving_replica=8, expect=80.0),
)
def serving_gpus(serving_replicas: Count, gpus_per_serving_replica: Count) -> Count:
    """GPUs of the whole service."""
    return serving_replicas * gpus_per_serving_replica


@cost_model(
    formula=r"\rho = \frac{\lambda}{R\,X}",
    source="definition: the request rate over the largest that the replicas sustain",
    example=dict(request_rate=100, serving_replicas=10, saturated_requests_per_second=14.619883, expect=0.684),
)
def serving_utilisation(
    request_rate: PerSecond, serving_replicas: Count, saturated_requests_per_second: PerSecond
) -> Number:
    """Utilisation of the service; above 1 the queue grows without end."""
    return request_rate / (serving_replicas * saturated_requests_per_second)


@constraint(
    message="{request_rate} arrive; {serving_replicas} replicas sustain {saturated_requests_per_second} each",
    guards=("queue_time", "service_hourly_cost"),
    formula=r"R\,X - \lambda",
    source="definition: a queue settles only below saturation",
    example=dict(request_rate=200, serving_replicas=10, saturated_requests_per_second=14.619883, expect=-53.80117),
)
def serves_request_rate(
    request_rate: PerSecond, serving_replicas: Count, saturated_requests_per_second: PerSecond
) -> PerSecond:
    """Requests per second that the service could still take."""
    return serving_replicas * saturated_requests_per_second - request_rate


@cost_model(
    formula=r"R_p = R \text{ or, disaggregated, } r\,R",
    source="definition: every replica, or those that do nothing else",
    example=dict(batching=DISAGGREGATED, serving_replicas=10, prefill_replica_ratio=1.0625, expect=10.625),
)
def prefill_replicas(batching: Choice, serving_replicas: Count, prefill_replica_ratio: Number) -> Count:
    """Replicas that read prompts."""
    return serving_replicas * jnp.where(batching == DISAGGREGATED, prefill_replica_ratio, 1.0)


@cost_model(
    formula=r"\rho_p = \frac{\lambda}{R_p\,X_p}",
    source="definition: share of time in which a replica reads prompts",
    example=dict(request_rate=100, prefill_replicas=10, prefill_requests_per_second=20, expect=0.5),
)
def prefill_utilisation(
    request_rate: PerSecond, prefill_replicas: Count, prefill_requests_per_second: PerSecond
) -> Number:
    """Utilisation of the replicas that read prompts, by prompts."""
    return request_rate / (prefill_replicas * prefill_requests_per_second)


@cost_model(
    formula=r"\rho_s = \frac{\lambda}{R\,X_d} \cdot \frac{d}{G\,K}",
    source="definition: of the slots that decoding takes at saturation, the share that the request rate asks for",
    example=dict(
        batching=CHUNKED,
        request_rate=100,
        serving_replicas=10,
        decode_requests_per_second=12.5,
        decode_steps_per_request=256,
        decode_batch=64,
        steps_per_completed_request=8,
        expect=0.4,
    ),
)
def slot_utilisation(
    batching: Choice,
    request_rate: PerSecond,
    serving_replicas: Count,
    decode_requests_per_second: PerSecond,
    decode_steps_per_request: Count,
    decode_batch: Count,
    steps_per_completed_request: Count,
) -> Number:
    """Utilisation of the slots, each one sequence.

    Below that of the service where chunked prefill bounds the rate.
    """
    taken = ratio(decode_steps_per_request, decode_batch * steps_per_completed_request)
    occupancy = jnp.where(batching == CHUNKED, taken, 1.0)
    return request_rate / (serving_replicas * decode_requests_per_second) * occupancy


def prefill_wait(utilisation: Number, rate: PerSecond, replicas: Count, routing: Choice, variation: Number) -> Wait:
    """The wait for prompts before, of `rate` prompts per second at all `replicas`."""
    servers = jnp.where(routing == SHARED, replicas, 1.0)
    return wait_before(utilisation, utilisation * replicas / rate / servers, servers, variation**2)


@cost_model(
    formula=r"\frac{1 + c_p^2}{2}\,\frac{\rho_p}{1 - \rho_p}\,\frac{1}{X_p}",
    source="zhong-et-al-2024, sec. 3.1, eq. 1 (M/D/1); kleinrock-1975, sec. 5.6 (Pollaczek-Khinchine)",
    example=dict(prefill_utilisation=0.5, request_rate=100, prefill_replicas=10, prompt_len_cv=0.5, expect=0.03125),
)
def prefill_queue_time(
    prefill_utilisation: Number,
    request_rate: PerSecond,
    prefill_replicas: Count,
    request_routing: Choice,
    prompt_len_cv: Number,
) -> Seconds:
    """Mean wait of a request for the prompts before it.

    With a shared queue, that of as many servers as replicas.
    """
    wait = prefill_wait(prefill_utilisation, request_rate, prefill_replicas, request_routing, prompt_len_cv)
    return wait.probability * wait.delay


@cost_model(
    formula=r"c_s^2 = (x\,c_o)^2 + ((1-x)\,c_p)^2,\quad x = \frac{t_{dec}}{t_{first} + t_{dec}} \text{ or, disaggregated, } 1",
    source="definition: prompt and output lengths are independent, and time in proportion to each",
    example=dict(
        batching=CHUNKED,
        service_ttft=1.0,
        saturated_decode_time=4.0,
        prompt_len_cv=1.0,
        output_len_cv=0.5,
        expect=0.2,
    ),
)
def slot_time_variation_squared(
    batching: Choice,
    service_ttft: Seconds,
    saturated_decode_time: Seconds,
    prompt_len_cv: Number,
    output_len_cv: Number,
) -> Number:
    """Squared coefficient of variation of the time that a request holds its slot."""
    decoding = saturated_decode_time / (service_ttft + saturated_decode_time)
    share = jnp.where(batching == DISAGGREGATED, 1.0, decoding)
    return (share * output_len_cv) ** 2 + ((1 - share) * prompt_len_cv) ** 2


def slot_wait(
    utilisation: Number, rate: PerSecond, replicas: Count, routing: Choice, slots: Count, variation_squared: Number
) -> Wait:
    """The wait for a slot, of `rate` requests per second at all `replicas` with `slots` each."""
    groups = jnp.where(routing == SHARED, replicas, 1.0)
    return wait_before(utilisation, utilisation * replicas / rate / groups, slots * groups, variation_squared)


@cost_model(
    formula=r"\frac{1 + c_s^2}{2}\,\frac{\rho_s^{\sqrt{2(B+1)} - 1}}{1 - \rho_s}\,\frac{\rho_s R}{\lambda}",
    source="sakasegawa-1977; whitt-1993, sec. 2 (Allen and Cunneen's form for general service)",
    example=dict(
        slot_utilisation=0.9,
        request_rate=100,
        serving_replicas=10,
        concurrency=49,
        slot_time_variation_squared=0.5,
        expect=0.26150883,
    ),
)
def slot_queue_time(
    slot_utilisation: Number,
    request_rate: PerSecond,
    serving_replicas: Count,
    request_routing: Choice,
    concurrency: Count,
    slot_time_variation_squared: Number,
) -> Seconds:
    """Mean wait of a request for a free slot."""
    wait = slot_wait(
        slot_utilisation, request_rate, serving_replicas, request_routing, concurrency, slot_time_variation_squared
    )
    return wait.probability * wait.delay


@cost_model(
    formula=r"\frac{t_d}{2}\left(1 - e^{-\lambda\,(t_{first} + t_{dec})/R}\right) \text{ or, disaggregated, } 0",
    source="doshi-1986, sec. 2 (residual vacation); the number in flight on an idle replica is Poisson (M/G/infinity)",
    example=dict(
        batching=CHUNKED,
        request_rate=1,
        serving_replicas=10,
        decode_round_time=0.01,
        service_ttft=0.5,
        served_decode_time=4.5,
        expect=1.9673467e-3,
    ),
)
def step_boundary_time(
    batching: Choice,
    request_rate: PerSecond,
    serving_replicas: Count,
    decode_round_time: Seconds,
    service_ttft: Seconds,
    served_decode_time: Seconds,
) -> Seconds:
    """Mean wait of a prompt for the end of the decode step that is running."""
    running = -jnp.expm1(-request_rate / serving_replicas * (service_ttft + served_decode_time))
    return jnp.where(batching == DISAGGREGATED, 0.0, decode_round_time / 2 * running)


@cost_model(
    formula=r"W_p + W_b + W_s \text{ or, disaggregated, } W_p",
    source="definition: a slot is waited for before the prompt or, with replicas for prefill, after it",
    example=dict(
        batching=CHUNKED,
        prefill_queue_time=0.03,
        step_boundary_time=0.004,
        slot_queue_time=0.1,
        expect=0.134,
    ),
)
def queue_time(
    batching: Choice, prefill_queue_time: Seconds, step_boundary_time: Seconds, slot_queue_time: Seconds
) -> Seconds:
    """Mean wait of a request before its prompt is begun."""
    slot = jnp.where(batching == DISAGGREGATED, 0.0, slot_queue_time)
    return prefill_queue_time + step_boundary_time + slot
