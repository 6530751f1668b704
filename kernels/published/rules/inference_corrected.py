"""Latency of a request put right: the slower of arithmetic and memory traffic, with the cache read and weights that fit."""

from __future__ import annotations

from ...annotations import Bytes, Count, Number, PerSecond
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import cost_model
from .inference import decode_roofline_ms, prefill_roofline_ms
from .serving_inputs import Gigabytes, Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_ROOFLINE = "williams-waterman-patterson-2009, sec. 3 (the slower of arithmetic and memory traffic)"
_NO_RATE = "a GPU without arithmetic or without memory bandwidth answers nothing"
_CASE = dict(params_b=70, prompt_len=100, gen_len=50, batch_size=1)


@cost_model(
    formula=r"2N",
    source="definition: two bytes a parameter",
    example=dict(params_b=70, expect=140.0),
)
def model_memory_gb_corrected(params_b: Number) -> Gigabytes:
    """Weights of the model in bf16."""
    return 2.0 * params_b


@cost_model(
    formula=r"\lceil 2N / M \rceil",
    source="definition: GPUs whose memories hold the weights and nothing else",
    example=dict(model_memory_gb_corrected=140, expect=2.0),
    undefined="a GPU without memory holds nothing",
)
def min_gpus_for_weights(model_memory_gb_corrected: Gigabytes, gpu_memory_gb: Gigabytes) -> Count:
    """GPUs that hold the weights."""
    return jnp.where(gpu_memory_gb > 0, jnp.ceil(ratio(model_memory_gb_corrected, gpu_memory_gb)), jnp.nan)


@cost_model(
    formula=r"\max\left(b\,s_p\,2N/\pi,\ 2N/\beta\right)",
    source=_ROOFLINE,
    example=dict(params_b=70, prompt_len=100, batch_size=1, expect=41.791045),
    undefined=_NO_RATE,
)
def prefill_ms_corrected(
    params_b: Number,
    prompt_len: Count,
    batch_size: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Milliseconds:
    """Prefill of one batch at peak rates, at least one read of the weights."""
    return prefill_roofline_ms(params_b, prompt_len, batch_size, gpu_tflops, memory_bandwidth_tbs)


@cost_model(
    formula=r"\sum_{i<g} \max\left(\frac{2N + b\,m_{kv}(s_p + i)}{\beta},\ \frac{2N\,b}{\pi}\right)",
    source=_ROOFLINE,
    example=_CASE | dict(kv_cache_per_token=2621440, expect=2094.423422),
    undefined=_NO_RATE,
)
def decode_total_ms_roofline(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    batch_size: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
    kv_cache_per_token: Bytes,
) -> Milliseconds:
    """Decode with reads of the cache, one step for every generated token."""
    return decode_roofline_ms(
        params_b, prompt_len, gen_len, batch_size, gpu_tflops, memory_bandwidth_tbs, kv_cache_per_token
    )


@cost_model(
    formula=r"(g - 1)\,t_{decode}",
    source="definition: the prefill gives the first token",
    example=dict(decode_per_token_ms=41.791045, gen_len=50, expect=2047.7612),
)
def decode_total_ms_after_first_token(decode_per_token_ms: Milliseconds, gen_len: Count) -> Milliseconds:
    """Decode at the printed time of a token, without a step for the first one."""
    return decode_per_token_ms * (gen_len - 1)


@cost_model(
    formula=r"\sum_{i=1}^{g-1} \max\left(\frac{2N + b\,m_{kv}(s_p + i)}{\beta},\ \frac{2N\,b}{\pi}\right)",
    source=_ROOFLINE,
    example=_CASE | dict(kv_cache_per_token=2621440, expect=2052.554125),
    undefined=_NO_RATE,
)
def decode_total_ms_corrected(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    batch_size: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
    kv_cache_per_token: Bytes,
) -> Milliseconds:
    """Decode with reads of the cache, after the token that the prefill gives."""
    steps = jnp.maximum(gen_len - 1.0, 0.0)
    return decode_roofline_ms(
        params_b, prompt_len + 1, steps, batch_size, gpu_tflops, memory_bandwidth_tbs, kv_cache_per_token
    )


@cost_model(
    formula=r"t_{prefill} + t_{decode}",
    source=_ROOFLINE,
    example=dict(prefill_ms_corrected=41.791045, decode_total_ms_corrected=2052.554125, expect=2094.34517),
    terms=("prefill_ms_corrected", "decode_total_ms_corrected"),
)
def total_latency_ms_corrected(
    prefill_ms_corrected: Milliseconds, decode_total_ms_corrected: Milliseconds
) -> Milliseconds:
    """Latency of one batch with reads of the cache, on hardware that holds it."""
    return prefill_ms_corrected + decode_total_ms_corrected


@cost_model(
    formula=r"b\,g / t",
    source="definition: generated tokens over the time of their batch",
    example=dict(batch_size=1, gen_len=50, total_latency_ms_corrected=2094.34517, expect=23.873811),
    undefined="a batch that takes no time has no rate",
)
def inference_tokens_per_second_corrected(
    batch_size: Count, gen_len: Count, total_latency_ms_corrected: Milliseconds
) -> PerSecond:
    """Generated tokens per second with reads of the cache."""
    return ratio(batch_size * gen_len, total_latency_ms_corrected / 1000, jnp.nan)
