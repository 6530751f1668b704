"""Latency and throughput of one serving replica.

Prompts are prefilled one at a time; `concurrency` sequences decode together.
"""

from __future__ import annotations

import jax.numpy as jnp

from ..annotations import Count, PerSecond, Seconds
from ..registry import cost_model


@cost_model(
    formula=r"t_{step}",
    source="definition: time between two tokens of a sequence, the first token not counted",
    example=dict(decode_step_time=9.21e-3, expect=9.21e-3),
)
def tpot(decode_step_time: Seconds) -> Seconds:
    """Time per output token after the first."""
    return decode_step_time


@cost_model(
    formula=r"t_{prefill}",
    source="definition: an idle replica; no queue",
    example=dict(prefill_time=3.91e-2, expect=3.91e-2),
)
def ttft(prefill_time: Seconds) -> Seconds:
    """Time to the first token of a request that does not wait."""
    return prefill_time


@cost_model(
    formula=r"t_{first} + (s_o - 1)\,t_{token}",
    source="definition: the first token comes from the prefill",
    example=dict(ttft=3.91e-2, tpot=9.21e-3, output_len=257, expect=2.39686),
)
def request_latency(ttft: Seconds, tpot: Seconds, output_len: Count) -> Seconds:
    """Time of one request that does not wait."""
    return ttft + (output_len - 1) * tpot


@cost_model(
    formula=r"\frac{B\,s_o}{\max(1, B/p)\,t_{prefill} + (s_o - 1)\,t_{step}}",
    source="definition: full batches, prefills and decode steps take turns; the stages of a pipeline prefill p prompts at once",
    example=dict(
        concurrency=64, output_len=257, prefill_time=3.91e-2, decode_step_time=9.21e-3, pp=2, expect=4557.5457
    ),
)
def output_tokens_per_second(
    concurrency: Count, output_len: Count, prefill_time: Seconds, decode_step_time: Seconds, pp: Count
) -> PerSecond:
    """Output tokens per second of one replica."""
    busy = jnp.maximum(concurrency / pp, 1.0) * prefill_time + (output_len - 1) * decode_step_time
    return concurrency * output_len / busy


@cost_model(
    formula=r"r / (t\,p)",
    source="definition: output tokens per second over the GPUs of the replica",
    example=dict(output_tokens_per_second=4548.0, replica_size=16, expect=284.25),
)
def output_tokens_per_second_per_gpu(output_tokens_per_second: PerSecond, replica_size: Count) -> PerSecond:
    """Output tokens per second and GPU."""
    return output_tokens_per_second / replica_size
