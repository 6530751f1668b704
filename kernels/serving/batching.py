r"""Continuous batching in its steady state: what one replica sustains when a new request takes every slot that falls free.

The replica runs $B/G$ decode batches of $G$ sequences, one for each stage of its pipeline. A batch that completes one
request makes $K$ steps of $t_d$ each and loses $E$ to prefilling that request, so it completes one every $E + K\,t_d$.

- *Separate*: a prefill pass stops decoding; all $G$ sequences decode in every step. $E = t_p$, $K = d/G$.
- *Chunked*: $n_c$ of the steps also carry a piece of the prompt; every step, mixed or pure, gives each of the $G$ decoding
  sequences its token. $E = n_c\,(t_m - t_d)$, $K = \max(d/G, n_c)$: where more steps must be mixed than decoding needs,
  prefill bounds the rate and $d/n_c < G$ sequences decode, which is what a mixed step then carries.
- *Disaggregated*: prompts are read elsewhere. $E = 0$, $K = d/G$.

Where a mixed step takes as long as its two parts one after the other, $t_m = t_d + t_p/n_c$, chunked equals separate.

Assumptions: steps cost what they do at the full batch and at mean lengths; the queue never runs dry; nothing is preempted;
scheduling takes no time of its own. With chunks, `concurrency` counts the sequences that decode; the one that is being
read comes on top.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..registry import cost_model

SEPARATE, CHUNKED, DISAGGREGATED = range(3)


@cost_model(
    formula=r"t_d = t_{step} + t_{draft}",
    source="leviathan-kalman-matias-2023, sec. 3.3 (a step checks what was drafted before it)",
    example=dict(decode_step_time=9e-3, draft_time=2e-4, expect=9.2e-3),
    terms=("decode_step_time", "draft_time"),
)
def decode_round_time(decode_step_time: Seconds, draft_time: Seconds) -> Seconds:
    """Time of a decode step with its draft."""
    return decode_step_time + draft_time


@cost_model(
    formula=r"t_m = t_{mixed} + t_{draft}",
    source="leviathan-kalman-matias-2023, sec. 3.3 (a step checks what was drafted before it)",
    example=dict(mixed_step_time=2.48e-2, draft_time=2e-4, expect=2.5e-2),
    terms=("mixed_step_time", "draft_time"),
)
def mixed_round_time(mixed_step_time: Seconds, draft_time: Seconds) -> Seconds:
    """Time of a mixed step with its draft."""
    return mixed_step_time + draft_time


@cost_model(
    formula=r"d = (s_o - 1) / e",
    source="definition: the prefill yields the first token, every step e more",
    example=dict(output_len=257, decode_tokens_per_step=2.5, expect=102.4),
)
def decode_steps_per_request(output_len: Count, decode_tokens_per_step: Number) -> Count:
    """Decode steps of one request."""
    return (output_len - 1) / decode_tokens_per_step


@cost_model(
    formula=r"n_c = \max(1, s_c) / c",
    source="agrawal-et-al-2024, sec. 4.1 (a prompt is read in chunks); at least its last token is computed",
    example=dict(computed_prompt_len=768, prefill_chunk=512, expect=1.5),
)
def prefill_steps_per_request(computed_prompt_len: Count, prefill_chunk: Count) -> Count:
    """Mixed steps that read one prompt.

    Not rounded: what a prompt leaves of its last chunk, the next prompt fills.
    """
    return jnp.maximum(computed_prompt_len, 1.0) / prefill_chunk


@cost_model(
    formula=r"\frac{d}{G K} \;\text{chunked},\quad 1 \;\text{else}",
    source="agrawal-et-al-2024, sec. 4.2; where more steps must be mixed than decoding needs, slots stand idle",
    example=dict(
        batching=CHUNKED,
        decode_steps_per_request=64,
        decode_batch=64,
        steps_per_completed_request=2,
        expect=0.5,
    ),
)
def active_slot_share(
    batching: Choice, decode_steps_per_request: Count, decode_batch: Count, steps_per_completed_request: Count
) -> Number:
    """Share of a decode batch that decodes in the steady state.

    Below 1 where prefill bounds a chunked replica.
    """
    used = ratio(decode_steps_per_request / decode_batch, steps_per_completed_request, otherwise=1.0)
    return jnp.where(batching == CHUNKED, used, 1.0)


@cost_model(
    formula=r"\min\left(t_d - (1 - x)\,t_{att},\ t_m\right) \;\text{chunked},\quad t_d \;\text{else}",
    source="definition: slots that stand idle attend to nothing, and a step is no longer than one that carries a chunk besides",
    example=dict(
        batching=CHUNKED,
        decode_round_time=0.0092,
        decode_attention_time=0.002,
        active_slot_share=0.5,
        mixed_round_time=0.025,
        expect=0.0082,
    ),
)
def active_round_time(
    batching: Choice,
    decode_round_time: Seconds,
    decode_attention_time: Seconds,
    active_slot_share: Number,
    mixed_round_time: Seconds,
) -> Seconds:
    """Time of a decode step of the sequences that decode in the steady state.

    That of the full batch, unless prefill bounds a chunked replica.
    """
    fewer = decode_round_time - (1 - active_slot_share) * decode_attention_time
    return jnp.where(batching == CHUNKED, jnp.minimum(fewer, mixed_round_time), decode_round_time)


@cost_model(
    formula=r"E = \frac{t_p}{\min(b_p, G)} \;\text{separate},\quad n_c\,(t_m - t_d) \;\text{chunked},\quad 0 \;\text{disaggregated}",
    source="yu-et-al-2022, sec. 3; agrawal-et-al-2024, sec. 4; zhong-et-al-2024, sec. 2.3 (interference)",
    example=dict(
        batching=CHUNKED,
        prefill_time=0.0391,
        prompts_per_pass=1,
        decode_batch=64,
        prefill_steps_per_request=2,
        mixed_round_time=0.025,
        active_round_time=0.0092,
        expect=0.0316,
    ),
)
def prefill_interruption_time(
    batching: Choice,
    prefill_time: Seconds,
    prompts_per_pass: Count,
    decode_batch: Count,
    prefill_steps_per_request: Count,
    mixed_round_time: Seconds,
    active_round_time: Seconds,
) -> Seconds:
    """Time that prefilling one request takes from a decode batch."""
    separate = prefill_time / jnp.minimum(prompts_per_pass, decode_batch)
    chunked = prefill_steps_per_request * (mixed_round_time - active_round_time)
    return jnp.where(batching == SEPARATE, separate, jnp.where(batching == CHUNKED, chunked, 0.0))


@cost_model(
    formula=r"K = \frac{d}{G} \;\text{separate},\quad \max\left(\frac{d}{G}, n_c\right) \;\text{chunked},\quad \frac{\max(d, 1)}{G} \;\text{disaggregated}",
    source="agrawal-et-al-2024, sec. 4.2 (every step advances all decodes, and a prompt where there is one)",
    example=dict(
        batching=CHUNKED, decode_steps_per_request=256, decode_batch=64, prefill_steps_per_request=2, expect=4.0
    ),
)
def steps_per_completed_request(
    batching: Choice, decode_steps_per_request: Count, decode_batch: Count, prefill_steps_per_request: Count
) -> Count:
    """Steps of a decode batch for each request that it completes."""
    shared = decode_steps_per_request / decode_batch
    chunked = jnp.maximum(shared, prefill_steps_per_request)
    elsewhere = jnp.maximum(decode_steps_per_request, 1.0) / decode_batch
    return jnp.where(batching == CHUNKED, chunked, jnp.where(batching == DISAGGREGATED, elsewhere, shared))


@cost_model(
    formula=r"X_d = \frac{B}{G}\,\frac{1}{E + K\,t_d}",
    source="definition: a decode batch completes one request every E + K steps; see the text of the module",
    example=dict(
        concurrency=64,
        decode_batch=32,
        prefill_interruption_time=0.0316,
        steps_per_completed_request=4,
        active_round_time=0.0092,
        expect=29.239766,
    ),
)
def decode_requests_per_second(
    concurrency: Count,
    decode_batch: Count,
    prefill_interruption_time: Seconds,
    steps_per_completed_request: Count,
    active_round_time: Seconds,
) -> PerSecond:
    """Requests per second that one decoding replica completes."""
    cycle = prefill_interruption_time + steps_per_completed_request * active_round_time
    return concurrency / decode_batch / cycle


@cost_model(
    formula=r"X_p = \frac{\min(b_p, G)\,B/G}{t_p} \;\text{separate},\quad \frac{B/G}{n_c\,t_m} \;\text{chunked},\quad \frac{b_p\,p}{t_p} \;\text{disaggregated}",
    source="zhong-et-al-2024, sec. 3.1 (a prefill stage serves at the rate of its slowest stage)",
    example=dict(
        batching=SEPARATE,
        concurrency=64,
        decode_batch=32,
        prompts_per_pass=1,
        prefill_time=0.0391,
        prefill_steps_per_request=2,
        mixed_round_time=0.025,
        pp=2,
        expect=51.150895,
    ),
)
def prefill_requests_per_second(
    batching: Choice,
    concurrency: Count,
    decode_batch: Count,
    prompts_per_pass: Count,
    prefill_time: Seconds,
    prefill_steps_per_request: Count,
    mixed_round_time: Seconds,
    pp: Count,
) -> PerSecond:
    """Prompts per second that one replica reads if it does nothing else.

    A pipeline reads one pass in each of its stages.
    """
    batches = concurrency / decode_batch
    separate = jnp.minimum(prompts_per_pass, decode_batch) * batches / prefill_time
    chunked = batches / (prefill_steps_per_request * mixed_round_time)
    elsewhere = prompts_per_pass * pp / prefill_time
    return jnp.where(batching == CHUNKED, chunked, jnp.where(batching == DISAGGREGATED, elsewhere, separate))


@cost_model(
    formula=r"X = X_d, \text{ or, disaggregated, } \min(X_d, r\,X_p)",
    source="definition: what decoding completes, and with replicas for prefill no more than they read",
    example=dict(
        batching=DISAGGREGATED,
        decode_requests_per_second=27.173913,
        prefill_requests_per_second=25.575448,
        prefill_replica_ratio=0.5,
        expect=12.787724,
    ),
)
def saturated_requests_per_second(
    batching: Choice,
    decode_requests_per_second: PerSecond,
    prefill_requests_per_second: PerSecond,
    prefill_replica_ratio: Number,
) -> PerSecond:
    """Requests per second of a replica whose queue never runs dry.

    With disaggregation: of a decoding replica and its part of the prefill replicas.
    """
    fed = prefill_replica_ratio * prefill_requests_per_second
    limited = jnp.minimum(decode_requests_per_second, fed)
    return jnp.where(batching == DISAGGREGATED, limited, decode_requests_per_second)


@cost_model(
    formula=r"X\,s_o",
    source="definition: output tokens of the requests completed; yu-et-al-2022, sec. 3 (iteration-level scheduling)",
    example=dict(saturated_requests_per_second=14.619883, output_len=257, expect=3757.3099),
)
def saturated_output_tokens_per_second(saturated_requests_per_second: PerSecond, output_len: Count) -> PerSecond:
    """Output tokens per second of a replica whose queue never runs dry.

    What an offline benchmark of in-flight batching measures once its slots are full, and published tables of maximum
    throughput print. A batch of requests that starts and ends empty stays below it.
    """
    return saturated_requests_per_second * output_len


@cost_model(
    formula=r"X\,(s_p + s_o)",
    source="definition: prompt tokens found in the cache count as well",
    example=dict(saturated_requests_per_second=14.619883, prompt_len=1024, output_len=257, expect=18728.07),
)
def saturated_total_tokens_per_second(
    saturated_requests_per_second: PerSecond, prompt_len: Count, output_len: Count
) -> PerSecond:
    """Prompt and output tokens per second of a replica whose queue never runs dry."""
    return saturated_requests_per_second * (prompt_len + output_len)


@cost_model(
    formula=r"X\,s_o / n",
    source="definition: over all GPUs that serve, those for prefill included",
    example=dict(saturated_output_tokens_per_second=3757.3099, gpus_per_serving_replica=8, expect=469.66374),
)
def saturated_output_tokens_per_second_per_gpu(
    saturated_output_tokens_per_second: PerSecond, gpus_per_serving_replica: Count
) -> PerSecond:
    """Output tokens per second and GPU where queues never run dry."""
    return saturated_output_tokens_per_second / gpus_per_serving_replica


@cost_model(
    formula=r"X\,(s_p + s_o) / n",
    source="definition: over all GPUs that serve, those for prefill included",
    example=dict(saturated_total_tokens_per_second=18728.07, gpus_per_serving_replica=8, expect=2341.0088),
)
def saturated_total_tokens_per_second_per_gpu(
    saturated_total_tokens_per_second: PerSecond, gpus_per_serving_replica: Count
) -> PerSecond:
    """Prompt and output tokens per second and GPU where queues never run dry."""
    return saturated_total_tokens_per_second / gpus_per_serving_replica
