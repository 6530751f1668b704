"""What a serving row was measured under: a static batch, or requests that join and leave at any time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .cells import Part, Refused, Row, count, number, required, text
from .rows import Target

SATURATED = "saturated"
"""The kind of rows of continuous batching: statistics stand apart from those of static batches."""
_MILLI = 1e-3
_FULL = re.compile(r"in-?flight|continuous|saturated|offline")
_SERVER = re.compile(r"\bserver\b")
_CACHE_SHARE = re.compile(r"(?:mem_fraction|gpu_memory_utilization)\W+(0?\.\d+)")
_ENGINE_TOKENS = 8192
"""Tokens of one step of TensorRT-LLM unless built otherwise (trtllm-build --max_num_tokens)."""
_PROMPTS = {"llama2-70b": 300}
"""Mean tokens of the prompts of MLPerf Inference's data sets, as the published tables remark (OpenOrca)."""


@dataclass(frozen=True, slots=True)
class Load:
    """The quantities that predict what a row measured: latency, first token, further ones, output tokens a second."""

    latency: str
    first: str
    further: str
    rate: str


STATIC = Load("request_latency", "ttft", "tpot", "output_tokens_per_second")
CONTINUOUS = Load("saturated_request_latency", "service_ttft", "saturated_tpot", "saturated_output_tokens_per_second")


def load_of(row: Row) -> Load:
    """Whether a row tells of a static batch or of continuous batching."""
    return STATIC if count(row, "batch_size") else CONTINUOUS if _continuous(row) else STATIC


def _continuous(row: Row) -> bool:
    return bool(count(row, "max_concurrency") or _FULL.search(text(row, "scenario").lower()))


def measured(row: Row, replicas: float) -> Iterator[Target]:
    """What was measured, in the order in which one of them is primary.

    The time of a static batch stands as the rate at which it produces tokens. `replicas` share a rate of all GPUs.
    """
    load, batch, tokens = load_of(row), count(row, "batch_size") or 1, number(row, "output_len")
    whole, token, first, rate = (
        number(row, name) for name in ("e2e_latency_ms", "tpot_ms", "ttft_ms", "output_tok_s_total")
    )
    if whole and batch == 1:
        yield Target(load.latency, whole * _MILLI, "s")
    elif whole and tokens:
        yield Target(load.rate, batch * tokens / (whole * _MILLI), "1/s", rate=True)
    if token:
        yield Target(load.further, token * _MILLI, "s")
    if first:
        yield Target(load.first, first * _MILLI, "s")
    if rate:
        yield Target(load.rate, rate / replicas, "1/s", rate=True)


def load_inputs(row: Row) -> Part:
    """Lengths, and how many sequences run at once."""
    lengths = _benchmark_lengths(row) if "mlperf" in text(row, "scenario").lower() else _stated_lengths(row)
    if load_of(row) is CONTINUOUS:
        return lengths | _joining(row)
    batch = count(row, "batch_size")
    if batch is None:
        raise Refused("the batch is not stated: neither `batch_size` nor `max_concurrency`")
    return lengths | Part({"concurrency": batch, "prefill_batch": batch})


def _stated_lengths(row: Row) -> Part:
    prompt, output = required(row, "input_len"), count(row, "output_len")
    if output is None and number(row, "ttft_ms") is None:
        raise Refused("`output_len` is not stated")
    return Part({"prompt_len": prompt, "output_len": output or 1})


def _benchmark_lengths(row: Row) -> Part:
    """Lengths of a data set of MLPerf Inference; its outputs are the tokens over the samples of a second."""
    if _SERVER.search(text(row, "scenario").lower()):
        raise Refused("`scenario` is of requests that arrive at random, whose rate is not stated")
    name, samples, rate = (text(row, "model").lower(), number(row, "samples_per_s"), number(row, "output_tok_s_total"))
    if "gptj" in name:
        raise Refused("`scenario` searches with beams, which are not described")
    if name not in _PROMPTS or not samples or not rate:
        raise Refused("`input_len` is not stated, and the length of the benchmark's prompts is not known")
    prompt = _PROMPTS[name]
    lengths: dict[str, object] = {"prompt_len": prompt, "output_len": round(rate / samples)}
    return Part(lengths, (f"prompts of {prompt} tokens on average",))


def _joining(row: Row) -> Part:
    """Requests that join and leave: as many at once as are stated, or as the memory holds."""
    inputs: dict[str, object] = {"batching": "chunked", "prefill_chunk": _ENGINE_TOKENS}
    assumed = (f"steps of up to {_ENGINE_TOKENS} tokens, prompts and decodes together",)
    stated = count(row, "max_concurrency")
    if stated is not None:
        return Part(inputs | {"concurrency": stated}, assumed)
    share = _CACHE_SHARE.search(text(row, "notes").lower())
    if share:
        return Part(inputs | {"kv_memory_share": float(share[1])}, assumed)
    return Part(inputs | {"kv_memory_share": 0.9}, (*assumed, "the cache has 0.9 of the memory beside the weights"))
