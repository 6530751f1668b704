r"""Latencies of requests in the steady state of full slots, without a queue.

By Little's law the sequences between their first and their last token are the rate times that duration.
"""

from __future__ import annotations

from ..annotations import Choice, Count, PerSecond, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..registry import cost_model
from .batching import CHUNKED, DISAGGREGATED


@cost_model(
    formula=r"t_p, \text{ or, chunked, } \max(n_c, 1)\,t_d + n_c\,(t_m - t_d)",
    source="agrawal-et-al-2024, sec. 4.1 (the chunks of a prompt in consecutive steps)",
    example=dict(
        batching=CHUNKED,
        prefill_time=0.0391,
        prefill_steps_per_request=0.5,
        mixed_round_time=0.025,
        decode_round_time=0.0092,
        expect=0.0171,
    ),
)
def service_ttft(
    batching: Choice,
    prefill_time: Seconds,
    prefill_steps_per_request: Count,
    mixed_round_time: Seconds,
    decode_round_time: Seconds,
) -> Seconds:
    """Time to the first token from when a prompt is begun.

    A prompt shorter than a chunk makes its step longer in proportion to what it fills of it.
    """
    filled = prefill_steps_per_request * (mixed_round_time - decode_round_time)
    chunked = jnp.maximum(prefill_steps_per_request, 1.0) * decode_round_time + filled
    return jnp.where(batching == CHUNKED, chunked, prefill_time)


@cost_model(
    formula=r"d\,t_d + (G - \min(b_p, G))\,E \;\text{separate},\quad d\,t_d + \frac{d}{K}\,E \;\text{chunked},\quad d\,t_d + t_{exp} \;\text{disaggregated}",
    source="little-1961; yu-et-al-2022, sec. 3; agrawal-et-al-2024, sec. 3.2 (generation stalls); patel-et-al-2024",
    example=dict(
        batching=CHUNKED,
        decode_steps_per_request=256,
        active_round_time=0.0092,
        decode_batch=64,
        prompts_per_pass=1,
        steps_per_completed_request=4,
        prefill_interruption_time=0.0316,
        exposed_kv_transfer_time=0.001,
        expect=4.3776,
    ),
)
def saturated_decode_time(
    batching: Choice,
    decode_steps_per_request: Count,
    active_round_time: Seconds,
    decode_batch: Count,
    prompts_per_pass: Count,
    steps_per_completed_request: Count,
    prefill_interruption_time: Seconds,
    exposed_kv_transfer_time: Seconds,
) -> Seconds:
    """Time from first to last token of a request, where all slots are taken.

    Separate: each of the other sequences of the batch interrupts it once by its own prefill. Chunked: of its steps as
    many are mixed as of all.
    """
    interruptions = jnp.where(
        batching == CHUNKED,
        ratio(decode_steps_per_request, steps_per_completed_request),
        decode_batch - jnp.minimum(prompts_per_pass, decode_batch),
    )
    transfer = jnp.where(batching == DISAGGREGATED, exposed_kv_transfer_time, 0.0)
    waiting = interruptions * prefill_interruption_time + transfer
    # An output of one token ends with its prefill.
    goes_on = decode_steps_per_request > 0
    return decode_steps_per_request * active_round_time + jnp.where(goes_on, waiting, 0.0)


@cost_model(
    formula=r"t_{dec} / (s_o - 1)",
    source="zhong-et-al-2024, sec. 1 (TPOT: mean time of a token, the first not counted)",
    example=dict(saturated_decode_time=4.3776, output_len=257, expect=0.0171),
)
def saturated_tpot(saturated_decode_time: Seconds, output_len: Count) -> Seconds:
    """Time per output token after the first, where all slots are taken.

    The mean over a request, interruptions included; 0 where the first token is the last.
    """
    return ratio(saturated_decode_time, output_len - 1)


@cost_model(
    formula=r"t_{first} + t_{dec}",
    source="definition: from when the prompt is begun to the last token",
    example=dict(service_ttft=0.05, saturated_decode_time=4.3776, expect=4.4276),
    terms=("service_ttft", "saturated_decode_time"),
)
def saturated_request_latency(service_ttft: Seconds, saturated_decode_time: Seconds) -> Seconds:
    """Time of one request without its wait for a slot, where all slots are taken."""
    return service_ttft + saturated_decode_time


@cost_model(
    formula=r"\frac{t_{first} + t_{dec}}{s_o}",
    source="yu-et-al-2022, sec. 6; kwon-et-al-2023, sec. 6.1 (normalized latency: the first token counts)",
    example=dict(saturated_request_latency=4.4276, output_len=257, expect=1.7228016e-2),
)
def saturated_tpot_with_first(saturated_request_latency: Seconds, output_len: Count) -> Seconds:
    """Time of a request over all of its output tokens, where all slots are taken."""
    return saturated_request_latency / output_len


@cost_model(
    formula=r"X\,t_{dec}",
    source="little-1961",
    example=dict(saturated_requests_per_second=14.619883, saturated_decode_time=4.3776, expect=64.0),
)
def saturated_decoding_sequences(saturated_requests_per_second: PerSecond, saturated_decode_time: Seconds) -> Count:
    """Sequences of a replica between their first and last token, mean.

    Below `concurrency` where prefill bounds the rate.
    """
    return saturated_requests_per_second * saturated_decode_time
