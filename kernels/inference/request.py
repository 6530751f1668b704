"""What a request takes on an idle replica, and what a replica yields that serves one full batch after the other.

A static batch: all prompts are prefilled, in as many passes as they need, and then all sequences decode together to the
end. Arrivals, queues and batches that requests join and leave at any time are in `kernels/serving`.
"""

from __future__ import annotations

from ..annotations import Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..registry import cost_model


@cost_model(
    formula=r"(t_{step} + t_{draft})/n",
    source="definition: time between two tokens of a sequence, the first token not counted; leviathan-kalman-matias-2023, sec. 3.3",
    example=dict(decode_step_time=9e-3, draft_time=1e-3, decode_tokens_per_step=2.5, expect=4e-3),
)
def tpot(decode_step_time: Seconds, draft_time: Seconds, decode_tokens_per_step: Number) -> Seconds:
    """Time per output token after the first."""
    return (decode_step_time + draft_time) / decode_tokens_per_step


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
    formula=r"t_{request}/s_o",
    source="definition: some benchmarks divide the whole latency by all tokens, the first included",
    example=dict(request_latency=2.39686, output_len=257, expect=9.326304e-3),
)
def tpot_with_first(request_latency: Seconds, output_len: Count) -> Seconds:
    """Time per output token, the first one and its prefill included."""
    return request_latency / output_len


@cost_model(
    formula=r"\max\left(\frac{B}{p\,b_p}, 1\right)",
    source="definition: the stages of a pipeline prefill p passes at once",
    example=dict(concurrency=64, pp=2, prompts_per_pass=4, expect=8.0),
)
def prefill_passes(concurrency: Count, pp: Count, prompts_per_pass: Count) -> Count:
    """Prefill passes of one static batch that follow one another."""
    return jnp.maximum(concurrency / (pp * prompts_per_pass), 1.0)


@cost_model(
    formula=r"n_{pass}\,t_{prefill} + (s_o - 1)\,t_{token}",
    source="definition: all prompts are prefilled, then all sequences decode to the end",
    example=dict(prefill_passes=8, prefill_time=3.91e-2, output_len=257, tpot=9.21e-3, expect=2.67056),
)
def batch_time(prefill_passes: Count, prefill_time: Seconds, output_len: Count, tpot: Seconds) -> Seconds:
    """Time of one static batch."""
    return prefill_passes * prefill_time + (output_len - 1) * tpot


@cost_model(
    formula=r"B\,s_o/t_{batch}",
    source="definition: output tokens of a static batch over its time",
    example=dict(concurrency=64, output_len=257, batch_time=2.67056, expect=6158.859),
)
def output_tokens_per_second(concurrency: Count, output_len: Count, batch_time: Seconds) -> PerSecond:
    """Output tokens per second of one replica with static batches."""
    return concurrency * output_len / batch_time


@cost_model(
    formula=r"r/n",
    source="definition: output tokens per second over the GPUs of the replica",
    example=dict(output_tokens_per_second=4548.0, replica_size=16, expect=284.25),
)
def output_tokens_per_second_per_gpu(output_tokens_per_second: PerSecond, replica_size: Count) -> PerSecond:
    """Output tokens per second and GPU with static batches."""
    return output_tokens_per_second / replica_size
