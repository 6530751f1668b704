"""Reinforcement learning put right: every GPU of the generating side has its share of the batch."""

from __future__ import annotations

from ...annotations import Bytes, Choice, Count, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import cost_model
from .inference import decode_roofline_ms, prefill_roofline_ms
from .reinforcement import REWARD_SIZE, iteration_ms, training_gpus
from .serving_inputs import Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_ROOFLINE = "williams-waterman-patterson-2009, sec. 3; pope-et-al-2022, sec. 2 (weights and cache read once a step)"
_CASE = dict(params_b=70, batch_size=512, prompt_len=100, gen_len=50)


@cost_model(
    formula=r"n \text{, async } n - \lfloor n / 2 \rfloor",
    source="definition: GPUs that do not train while others do",
    example=dict(total_gpus=256, rl_mode=1, expect=128.0),
)
def rl_generating_gpus(total_gpus: Count, rl_mode: Choice) -> Count:
    """GPUs that generate and score."""
    return jnp.where(rl_mode == 0, total_gpus, total_gpus - training_gpus(total_gpus, rl_mode))


@cost_model(
    formula=r"w\,\left(t_{prefill}(B) + \sum_{i=1}^{g-1} t_{decode}(B, s_p + i)\right),\ B = \frac{b}{r\,w}",
    source=_ROOFLINE,
    example=_CASE
    | dict(
        rl_generating_gpus=256,
        gpus_per_replica=2,
        max_concurrent_by_memory=50.86,
        kv_cache_per_token=2621440,
        expect=1061.749288,
    ),
    undefined="fewer GPUs generate than one replica of the model needs",
)
def rl_generate_ms_corrected(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    rl_generating_gpus: Count,
    gpus_per_replica: Count,
    max_concurrent_by_memory: Count,
    kv_cache_per_token: Bytes,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Milliseconds:
    """Generation of one batch on all replicas, put right.

    In rounds where the memory of a replica holds no more at a time. Peak rates, no communication within a replica: a lower bound.
    """
    replicas = jnp.floor(ratio(rl_generating_gpus, gpus_per_replica))
    each = ratio(batch_size, replicas)
    rounds = jnp.maximum(jnp.ceil(each / jnp.maximum(jnp.floor(max_concurrent_by_memory), 1.0)), 1.0)
    batch = each / rounds
    tflops, bandwidth = gpus_per_replica * gpu_tflops, gpus_per_replica * memory_bandwidth_tbs
    steps = jnp.maximum(gen_len - 1.0, 0.0)
    prefill = prefill_roofline_ms(params_b, prompt_len, batch, tflops, bandwidth)
    decode = decode_roofline_ms(params_b, prompt_len + 1, steps, batch, tflops, bandwidth, kv_cache_per_token)
    return jnp.where(replicas >= 1, rounds * (prefill + decode), jnp.nan)


@cost_model(
    formula=r"\max\left(\frac{b\,(s_p + g)\,2 N_r}{n\,\pi},\ \frac{2 N_r}{\beta}\right),\ N_r = N / 10",
    source=_ROOFLINE,
    example=_CASE | dict(rl_generating_gpus=128, expect=8.484848),
    undefined="no GPU scores",
)
def rl_score_ms_corrected(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    rl_generating_gpus: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Milliseconds:
    """Scoring of one batch, every GPU its share, put right."""
    each = ratio(batch_size, rl_generating_gpus, jnp.nan)
    return prefill_roofline_ms(params_b / REWARD_SIZE, prompt_len + gen_len, each, gpu_tflops, memory_bandwidth_tbs)


@cost_model(
    formula=r"t_{gen} + t_{score} + t_{train} \text{, async } \max(t_{gen} + t_{score},\ t_{train})",
    source="definition: the document's iteration, with generation and scoring on all GPUs of their side",
    example=dict(
        rl_generate_ms_corrected=1061.75,
        rl_score_ms_corrected=8.5,
        rl_train_ms=2036.4,
        rl_mode=1,
        expect=2036.4,
    ),
)
def rl_iteration_ms_corrected(
    rl_generate_ms_corrected: Milliseconds,
    rl_score_ms_corrected: Milliseconds,
    rl_train_ms: Milliseconds,
    rl_mode: Choice,
) -> Milliseconds:
    """Time of one iteration, put right."""
    return iteration_ms(rl_mode, rl_generate_ms_corrected, rl_score_ms_corrected, rl_train_ms)
