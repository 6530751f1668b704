"""Latency of a request: prompt at the peak rate of arithmetic, tokens at the peak memory bandwidth, as printed and right."""

from __future__ import annotations

from typing import NamedTuple

from ...annotations import Array, Bytes, Count, Flag, Number, PerSecond
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .serving_inputs import Gigabytes, Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_SECTION = "definition: document 004, section 9, calculate_inference_latency"
_RAISES = "the document's code divides by zero here: no arithmetic, no bandwidth, or a batch that takes no time"
_CASE = dict(params_b=70, prompt_len=100, gen_len=50, batch_size=1)
_CACHE = Erratum(
    "I4.14",
    wrong="the cache of a token is as wide as the model: 2.62 MB for LLaMA-2-70B",
    right="0.328 MB, from 8 key/value heads of 128; main model `kv_cache_memory`",
    why="d_model stands for the key/value width, which is true of multi-head attention alone",
)
_COMPUTE = Erratum(
    "I4.14",
    wrong="a prompt of one token takes 0.14 ms",
    right="41.8 ms: `rules.prefill_ms_corrected`",
    why="the weights must be read once even for one token, so a short prompt is bound by memory",
)
_NO_CACHE = Erratum(
    "I4.14",
    wrong="a decode step takes as long at any batch and any context; tokens per second grow with the batch without end",
    right="the larger of reading weights and cache and of 2 N FLOP a sequence: `rules.decode_total_ms_corrected`",
    why="the text counts the reads of the cache, the code leaves them out, and no step is bound by arithmetic",
)
_FIRST = Erratum(
    "I4.14",
    wrong="`gen_len` decode steps",
    right="`gen_len - 1`: `rules.decode_total_ms_after_first_token`",
    why="the prefill gives the first token",
)
_ONE_GPU = Erratum(
    "I4.3",
    wrong="70B answers on one GPU of 80 GB",
    right="its weights need 2 GPUs: `rules.min_gpus_for_weights`",
    why="tensor parallelism is left out of latency and serving",
)


class Latency(NamedTuple):
    """What the document's function returns for one batch, NaN in all of it where the function raises."""

    prefill_ms: Array
    decode_per_token_ms: Array
    decode_total_ms: Array
    total_ms: Array
    tokens_per_second: Array


def latency_as_printed(
    params_b: Array,
    prompt_len: Array | float,
    gen_len: Array | float,
    batch_size: Array | float,
    tflops: Array | float,
    bandwidth: Array | float,
) -> Latency:
    """Prefill and decode of one batch, in the order of the document's own arithmetic."""
    params = params_b * 1e9
    flops = batch_size * prompt_len * 2 * params
    prefill = ratio(flops, jnp.asarray(tflops) * 1e12, jnp.nan) * 1000
    per_token = ratio(params * 2, jnp.asarray(bandwidth) * 1e12, jnp.nan) * 1000
    total = prefill + per_token * gen_len
    return Latency(
        prefill, per_token, per_token * gen_len, total, ratio(jnp.asarray(batch_size * gen_len), total / 1000, jnp.nan)
    )


def prefill_roofline_ms(
    params_b: Array, prompt_len: Array, batch_size: Array, tflops: Array, bandwidth: Array
) -> Array:
    """Prefill of one batch: its arithmetic, or one read of the weights."""
    arithmetic = ratio(batch_size * prompt_len * 2 * params_b, tflops, jnp.nan)
    return jnp.maximum(arithmetic, ratio(2 * params_b, bandwidth, jnp.nan))


def decode_roofline_ms(
    params_b: Array,
    prompt_len: Array,
    steps: Array,
    batch_size: Array,
    tflops: Array,
    bandwidth: Array,
    kv_bytes: Array,
) -> Array:
    """`steps` decode steps of one batch: each reads weights and cache, or does its arithmetic if that takes longer.

    Step i reads a cache of prompt_len + i tokens a sequence, so the steps bound by arithmetic come first and both kinds
    have closed sums.
    """
    growth = ratio(batch_size * kv_bytes / 1e9, bandwidth, jnp.nan)
    first = ratio(2 * params_b, bandwidth, jnp.nan) + growth * prompt_len
    arithmetic = ratio(batch_size * 2 * params_b, tflops, jnp.nan)
    always = jnp.where(arithmetic > first, steps, 0.0)
    crossing = jnp.where(growth > 0, jnp.ceil(ratio(arithmetic - first, growth)), always)
    bound = jnp.minimum(jnp.maximum(crossing, 0.0), steps)
    reading = steps - bound
    return bound * arithmetic + reading * (first + growth * (bound + steps - 1) / 2)


@cost_model(
    formula=r"[\pi = 0 \lor \beta = 0 \lor t_{prefill} + g\,t_{decode} = 0]",
    source=_SECTION,
    example=_CASE | dict(expect=0.0),
)
def inference_raises(
    params_b: Number,
    prompt_len: Count,
    gen_len: Count,
    batch_size: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Flag:
    """Whether the document's latency function divides by zero."""
    found = latency_as_printed(params_b, prompt_len, gen_len, batch_size, gpu_tflops, memory_bandwidth_tbs)
    return jnp.where(jnp.isnan(found.tokens_per_second), 1.0, 0.0)


@cost_model(
    formula=r"b\,s_p\,2N / \pi",
    source=_SECTION,
    example=_CASE | dict(inference_raises=0, expect=14.141414),
    errata=(_COMPUTE, _ONE_GPU),
    undefined=_RAISES,
)
def prefill_ms(
    params_b: Number, prompt_len: Count, batch_size: Count, gpu_tflops: TeraflopsPerSecond, inference_raises: Flag
) -> Milliseconds:
    """Prefill of one batch, as published."""
    found = latency_as_printed(params_b, prompt_len, 0.0, batch_size, gpu_tflops, 1.0)
    return jnp.where(inference_raises > 0, jnp.nan, found.prefill_ms)


@cost_model(
    formula=r"2N / \beta",
    source=_SECTION,
    example=dict(params_b=70, inference_raises=0, expect=41.791045),
    errata=(_NO_CACHE, _ONE_GPU),
    undefined=_RAISES,
)
def decode_per_token_ms(
    params_b: Number, memory_bandwidth_tbs: TerabytesPerSecond, inference_raises: Flag
) -> Milliseconds:
    """Decode of one token, as published: one read of the weights."""
    found = latency_as_printed(params_b, 0.0, 0.0, 0.0, 1.0, memory_bandwidth_tbs)
    return jnp.where(inference_raises > 0, jnp.nan, found.decode_per_token_ms)


@cost_model(
    formula=r"g\,t_{decode}",
    source=_SECTION,
    example=dict(decode_per_token_ms=41.791045, gen_len=50, expect=2089.55225),
    errata=(_FIRST, _NO_CACHE),
    undefined=_RAISES,
)
def decode_total_ms(decode_per_token_ms: Milliseconds, gen_len: Count) -> Milliseconds:
    """Decode of all tokens, as published."""
    return decode_per_token_ms * gen_len


@cost_model(
    formula=r"t_{prefill} + t_{decode}",
    source=_SECTION,
    example=dict(prefill_ms=14.141414, decode_total_ms=2089.552239, expect=2103.693653),
    terms=("prefill_ms", "decode_total_ms"),
    errata=(_NO_CACHE, _ONE_GPU),
    undefined=_RAISES,
)
def total_latency_ms(prefill_ms: Milliseconds, decode_total_ms: Milliseconds) -> Milliseconds:
    """Latency of one batch, as published."""
    return prefill_ms + decode_total_ms


@cost_model(
    formula=r"b\,g / t",
    source=_SECTION,
    example=dict(batch_size=1, gen_len=50, total_latency_ms=2103.693653, expect=23.767719),
    errata=(_NO_CACHE, _ONE_GPU),
    undefined=_RAISES,
)
def inference_tokens_per_second(batch_size: Count, gen_len: Count, total_latency_ms: Milliseconds) -> PerSecond:
    """Generated tokens per second, as published."""
    return ratio(batch_size * gen_len, total_latency_ms / 1000, jnp.nan)


@cost_model(
    formula=r"2 \cdot L\,h \cdot 2",
    source=_SECTION,
    example=dict(expect=2621440.0),
    errata=(_CACHE,),
)
def kv_cache_per_token(num_layers: Count, d_model: Count) -> Bytes:
    """Key/value cache of one token, as published."""
    return 2 * num_layers * d_model * 2.0


@cost_model(
    formula=r"(s_p + g)\,m_{kv}",
    source=_SECTION,
    example=dict(prompt_len=100, gen_len=50, kv_cache_per_token=2621440, inference_raises=0, expect=0.393216),
    errata=(_CACHE,),
    undefined=_RAISES,
)
def kv_cache_per_seq_gb(
    prompt_len: Count, gen_len: Count, kv_cache_per_token: Bytes, inference_raises: Flag
) -> Gigabytes:
    """Key/value cache of one sequence, as published."""
    return jnp.where(inference_raises > 0, jnp.nan, (prompt_len + gen_len) * kv_cache_per_token / 1e9)


@cost_model(
    formula=r"b\,(s_p + g)\,m_{kv}",
    source=_SECTION,
    example=dict(batch_size=8, kv_cache_per_seq_gb=0.393216, expect=3.145728),
    errata=(_CACHE,),
    undefined=_RAISES,
)
def kv_cache_total_gb(batch_size: Count, kv_cache_per_seq_gb: Gigabytes) -> Gigabytes:
    """Key/value cache of one batch, as published."""
    return batch_size * kv_cache_per_seq_gb
