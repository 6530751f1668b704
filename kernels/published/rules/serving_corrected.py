"""GPUs that serve users, put right: whole replicas that hold the model, and the batch they hold beside it."""

from __future__ import annotations

from ...annotations import Bytes, Count, Flag, Number, PerSecond
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import cost_model
from .inference import decode_roofline_ms, prefill_roofline_ms
from .serving_inputs import Gigabytes, Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_CASE = dict(params_b=70, prompt_len=100, gen_len=50)


@cost_model(
    formula=r"\lceil (2N + m_{request}) / M \rceil",
    source="definition: the least GPUs that hold the weights and the cache of one request",
    example=dict(model_memory_gb_corrected=140, kv_cache_per_request_gb=0.393216, expect=2.0),
    undefined="a GPU without memory holds no model",
)
def gpus_per_replica(
    model_memory_gb_corrected: Gigabytes, kv_cache_per_request_gb: Gigabytes, gpu_memory_gb: Gigabytes
) -> Count:
    """GPUs of the smallest replica, put right."""
    least = jnp.ceil(ratio(model_memory_gb_corrected + kv_cache_per_request_gb, gpu_memory_gb))
    return jnp.where(gpu_memory_gb > 0, least, jnp.nan)


@cost_model(
    formula=r"n_r\,M - 2N",
    source="definition: what the weights leave of the smallest replica",
    example=dict(gpus_per_replica=2, model_memory_gb_corrected=140, expect=20.0),
)
def kv_available_gb(
    gpus_per_replica: Count, gpu_memory_gb: Gigabytes, model_memory_gb_corrected: Gigabytes
) -> Gigabytes:
    """Memory for the cache in the smallest replica, put right."""
    return gpus_per_replica * gpu_memory_gb - model_memory_gb_corrected


@cost_model(
    formula=r"(n_r\,M - 2N) / m_{request}",
    source="definition: requests whose caches fit beside the weights of the smallest replica",
    example=dict(kv_available_gb=20, kv_cache_per_request_gb=0.393216, expect=50.862630),
)
def max_concurrent_by_memory(kv_available_gb: Gigabytes, kv_cache_per_request_gb: Gigabytes) -> Count:
    """Requests that the memory of the smallest replica holds, put right."""
    return ratio(kv_available_gb, kv_cache_per_request_gb, jnp.nan)


@cost_model(
    formula=r"[t \le t_{target}]",
    source="definition: the published latency of one request against the target",
    example=dict(single_request_latency_ms=2103.69365, target_latency_ms=1000, expect=0.0),
)
def meets_target_single(single_request_latency_ms: Milliseconds, target_latency_ms: Milliseconds) -> Flag:
    """Whether the published latency of one request meets the target."""
    return jnp.where(single_request_latency_ms <= target_latency_ms, 1.0, 0.0)


@cost_model(
    formula=r"t_{prefill}(B, n_r) + \sum_{i=1}^{g-1} t_{decode}(B, n_r, s_p + i),\ B = \lfloor c \rfloor",
    source="williams-waterman-patterson-2009, sec. 3; pope-et-al-2022, sec. 2 (weights and cache read once a step)",
    example=_CASE
    | dict(gpus_per_replica=2, max_concurrent_by_memory=50.86, kv_cache_per_token=2621440, expect=1497.23923),
    undefined="a GPU without arithmetic or memory bandwidth serves nobody",
)
def serving_latency_ms_corrected(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    gpus_per_replica: Count,
    max_concurrent_by_memory: Count,
    kv_cache_per_token: Bytes,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Milliseconds:
    """Latency of a request in the largest batch of a replica, put right.

    All requests of the batch start together; the GPUs of the replica share arithmetic, weights and cache at peak rates
    without communication, so this is a lower bound.
    """
    batch = jnp.maximum(jnp.floor(max_concurrent_by_memory), 1.0)
    tflops, bandwidth = gpus_per_replica * gpu_tflops, gpus_per_replica * memory_bandwidth_tbs
    steps = jnp.maximum(gen_len - 1.0, 0.0)
    decode = decode_roofline_ms(params_b, prompt_len + 1, steps, batch, tflops, bandwidth, kv_cache_per_token)
    return prefill_roofline_ms(params_b, prompt_len, batch, tflops, bandwidth) + decode


@cost_model(
    formula=r"n_r\,\lceil R\,t / B \rceil,\ B = \lfloor c \rfloor",
    source="definition: whole replicas, each serving its largest batch again and again",
    example=dict(
        total_rps=10,
        gpus_per_replica=2,
        max_concurrent_by_memory=50.86,
        serving_latency_ms_corrected=1497.24,
        expect=2.0,
    ),
)
def serving_gpus_corrected(
    total_rps: PerSecond,
    gpus_per_replica: Count,
    max_concurrent_by_memory: Count,
    serving_latency_ms_corrected: Milliseconds,
) -> Count:
    """GPUs that serve the users with full batches, put right."""
    batch = jnp.maximum(jnp.floor(max_concurrent_by_memory), 1.0)
    return gpus_per_replica * jnp.ceil(total_rps * serving_latency_ms_corrected / 1000 / batch)


@cost_model(
    formula=r"[t_B \le t_{target}]",
    source="definition: the latency of a request in a full batch against the target",
    example=dict(serving_latency_ms_corrected=1497.24, target_latency_ms=1000, expect=0.0),
)
def serving_meets_target_corrected(serving_latency_ms_corrected: Milliseconds, target_latency_ms: Milliseconds) -> Flag:
    """Whether a request in a full batch meets the target, put right."""
    return jnp.where(serving_latency_ms_corrected <= target_latency_ms, 1.0, 0.0)
