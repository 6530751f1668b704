"""GPUs that serve users, as printed: one request at a time on each GPU, whatever the memory and the target."""

from __future__ import annotations

from ...annotations import Bytes, Count, Flag, Number, PerSecond
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .inference import latency_as_printed
from .serving_inputs import Gigabytes, Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_SECTION = "definition: document 004, section 9, estimate_serving_gpus"
_RAISES = "the document's code divides by zero here: a request without tokens, cache or time"
_CASE = dict(params_b=70, prompt_len=100, gen_len=50)
_WEIGHTS = Erratum(
    "I4.1",
    wrong="the weights of 70B take 1.4e-7 GB, so that all 80 GB are left for the cache",
    right="140 GB, at least 2 GPUs a replica with 20 GB left, 50 requests: `rules.max_concurrent_by_memory`",
    why="billions of parameters times 2 B are GB already; the code divides by 1e9 once more, its comment says 20 GB",
)
_UNUSED = Erratum(
    "I4.2",
    wrong="22 GPUs for 10 requests a second within 1000 ms, though one request takes 2103.7 ms",
    right="`rules.serving_gpus_corrected`, and `rules.serving_meets_target_corrected` tells whether the target holds",
    why="neither target latency, memory nor batching enters the number of GPUs: one request at a time on each",
)
_REPLICA = Erratum(
    "I4.3",
    wrong="each GPU of 80 GB is a replica of a 70B model",
    right="GPUs come in multiples of `rules.gpus_per_replica`",
    why="tensor parallelism is left out; per GPU the ideal rate is the same, but no single one holds the weights",
)


@cost_model(
    formula=r"[t = 0 \lor g = 0 \lor m_{kv} = 0]",
    source=_SECTION,
    example=_CASE | dict(kv_cache_per_token=2621440, expect=0.0),
)
def serving_raises(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    kv_cache_per_token: Bytes,
    h100_tflops: TeraflopsPerSecond,
    h100_bandwidth_tbs: TerabytesPerSecond,
) -> Flag:
    """Whether the document's serving function divides by zero."""
    rate = latency_as_printed(params_b, prompt_len, gen_len, 1.0, h100_tflops, h100_bandwidth_tbs).tokens_per_second
    cache = (prompt_len + gen_len) * kv_cache_per_token
    return jnp.where(jnp.isnan(rate) | (gen_len == 0) | (cache == 0), 1.0, 0.0)


@cost_model(
    formula=r"u\,r",
    source=_SECTION,
    example=dict(num_users=1000, requests_per_second_per_user=0.01, serving_raises=0, expect=10.0),
    undefined=_RAISES,
)
def total_rps(num_users: Count, requests_per_second_per_user: PerSecond, serving_raises: Flag) -> PerSecond:
    """Requests per second of all users, as published."""
    return jnp.where(serving_raises > 0, jnp.nan, num_users * requests_per_second_per_user)


@cost_model(
    formula=r"s_p\,2N/\pi + g\,2N/\beta",
    source=_SECTION + ": one H100, whatever the hardware",
    example=_CASE | dict(serving_raises=0, expect=2103.69365),
    errata=(_REPLICA,),
    undefined=_RAISES,
)
def single_request_latency_ms(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    h100_tflops: TeraflopsPerSecond,
    h100_bandwidth_tbs: TerabytesPerSecond,
    serving_raises: Flag,
) -> Milliseconds:
    """Latency of one request alone on an H100, as published."""
    found = latency_as_printed(params_b, prompt_len, gen_len, 1.0, h100_tflops, h100_bandwidth_tbs)
    return jnp.where(serving_raises > 0, jnp.nan, found.total_ms)


@cost_model(
    formula=r"(g / t) / g",
    source=_SECTION,
    example=dict(gen_len=50, single_request_latency_ms=2103.69365, expect=0.475354384),
    errata=(_UNUSED, _REPLICA),
    undefined=_RAISES,
)
def requests_per_gpu(gen_len: Count, single_request_latency_ms: Milliseconds) -> PerSecond:
    """Requests per second of one GPU, as published."""
    rate = ratio(gen_len, single_request_latency_ms / 1000, jnp.nan)
    return ratio(rate, gen_len, jnp.nan)


@cost_model(
    formula=r"\lceil R / R_{GPU} \rceil",
    source=_SECTION,
    example=dict(total_rps=10, requests_per_gpu=0.475354384, expect=22.0),
    errata=(_UNUSED, _REPLICA),
    undefined=_RAISES,
)
def gpus_needed(total_rps: PerSecond, requests_per_gpu: PerSecond) -> Count:
    """GPUs that serve the users, as published."""
    return jnp.ceil(ratio(total_rps, requests_per_gpu, jnp.nan))


@cost_model(
    formula=r"(s_p + g)\,m_{kv}",
    source=_SECTION,
    example=dict(prompt_len=100, gen_len=50, kv_cache_per_token=2621440, serving_raises=0, expect=0.393216),
    undefined=_RAISES,
)
def kv_cache_per_request_gb(
    prompt_len: Count, gen_len: Count, kv_cache_per_token: Bytes, serving_raises: Flag
) -> Gigabytes:
    """Key/value cache of one request, as published."""
    return jnp.where(serving_raises > 0, jnp.nan, (prompt_len + gen_len) * kv_cache_per_token / 1e9)


@cost_model(
    formula=r"2 P_b / 10^9",
    source=_SECTION,
    example=dict(params_b=70, serving_raises=0, expect=1.4e-7),
    errata=(_WEIGHTS,),
    undefined=_RAISES,
)
def model_memory_gb(params_b: Number, serving_raises: Flag) -> Gigabytes:
    """Weights of the model, as published."""
    return jnp.where(serving_raises > 0, jnp.nan, params_b * 2 / 1e9)


@cost_model(
    formula=r"\min\left((M - 2 P_b/10^9) / m_{request},\ t_{target} / t\right)",
    source=_SECTION,
    example=dict(
        gpu_memory_gb=80,
        model_memory_gb=1.4e-7,
        kv_cache_per_request_gb=0.393216,
        target_latency_ms=1000,
        single_request_latency_ms=2103.69365,
        expect=0.475354384,
    ),
    errata=(_WEIGHTS, _UNUSED),
    undefined=_RAISES,
)
def max_concurrent_requests(
    gpu_memory_gb: Gigabytes,
    model_memory_gb: Gigabytes,
    kv_cache_per_request_gb: Gigabytes,
    target_latency_ms: Milliseconds,
    single_request_latency_ms: Milliseconds,
) -> Count:
    """Requests of one GPU at a time, as published."""
    memory = ratio(gpu_memory_gb - model_memory_gb, kv_cache_per_request_gb, jnp.nan)
    return jnp.minimum(memory, ratio(target_latency_ms, single_request_latency_ms, jnp.nan))
