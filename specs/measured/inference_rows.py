"""Rows of inference tables: latencies and token rates of one replica.

A static batch prefills all its prompts together and then decodes to the end. Tables of continuous batching do not state
how many sequences ran at once: as many as the memory holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from ..catalog import Catalogs
from .architecture import architecture
from .cells import Part, Refused, Row, confidence_of, count, family_of, number, required, text
from .layouts import given
from .machines import machine
from .rows import MeasuredRow, Target
from .stacks import stack_of
from .training_rows import primary_first

_MILLI = 1e-3
_WEIGHTS = (
    ("int4", "w4a16e16"),
    ("int8", "w8a16e16"),
    ("fp8", "fp8-kv8"),
    ("fp4", "nvfp4"),
    ("bf16", "w16a16e16"),
    ("fp16", "w16a16e16"),
)
_CACHES = (("fp8", 1), ("int8", 1), ("16", 2))
_IN_FOUR_BITS = "w4a16e16"
_GROUP = re.compile(r"g ?= ?(\d+)")
_FOUR_BITS, _SCALE_AND_ZERO = 0.5, 4
"""Bytes of a weight, and of the scale and the zero, two each, of a quantisation group."""


def inference_rows(file: str, rows: Sequence[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured runs of an inference table."""
    return tuple(_row(file, row, catalogs) for row in rows)


def _row(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    part, refused = Part(), ""
    targets: tuple[Target, ...] = ()
    try:
        targets = primary_first(list(_measured(row)))
        part = _inputs(row, catalogs)
    except Refused as refusal:
        refused = str(refusal)
    if not targets:
        targets = (Target("request_latency", math.nan, "s"),)
        columns = "`e2e_latency_ms`, `tpot_ms`, `ttft_ms`, `output_tok_s_total`"
        refused = refused or f"nothing was measured: none of {columns} is stated"
    return MeasuredRow(
        file=file,
        id=text(row, "id"),
        family=family_of(file, row),
        confidence=confidence_of(row),
        targets=targets,
        inputs={} if refused else part.inputs,
        refused=refused,
        assumed=part.assumed,
    )


def _measured(row: Row) -> Iterator[Target]:
    """What was measured, in the order in which one of them is primary.

    The time of a whole batch stands as the rate at which it produces tokens, which is what the model predicts of one.
    """
    batch, tokens = _batch(row) or 1, number(row, "output_len")
    whole, token, first, rate = (
        number(row, name) for name in ("e2e_latency_ms", "tpot_ms", "ttft_ms", "output_tok_s_total")
    )
    if whole and batch == 1:
        yield Target("request_latency", whole * _MILLI, "s")
    elif whole and tokens:
        yield Target("output_tokens_per_second", batch * tokens / (whole * _MILLI), "1/s", rate=True)
    if token:
        yield Target("tpot", token * _MILLI, "s")
    if first:
        yield Target("ttft", first * _MILLI, "s")
    if rate:
        yield Target("output_tokens_per_second", rate / _replicas(row), "1/s", rate=True)


def _inputs(row: Row, catalogs: Catalogs) -> Part:
    prompt, output = required(row, "input_len"), count(row, "output_len")
    if output is None and number(row, "ttft_ms") is None:
        raise Refused("`output_len` is not stated")
    batch = _batch(row)
    if batch is None:
        raise Refused("the batch is not stated: neither `batch_size` nor `max_concurrency`")
    lengths: dict[str, object] = {
        "prompt_len": prompt,
        "output_len": output or 1,
        "concurrency": batch,
        "prefill_batch": batch,
    }
    degrees: dict[str, object] = {name: count(row, name) or 1 for name in ("tp", "pp")}
    if (count(row, "ep") or 1) > 1:
        raise Refused("`ep` is above 1: expert parallel serving is not described")
    found = architecture(row, catalogs) | machine(row, catalogs) | _precision(row) | _stack(row, catalogs)
    return found | Part(lengths | degrees) | given(row)


def _stack(row: Row, catalogs: Catalogs) -> Part:
    """The software stack, if the catalog knows what the row names."""
    name = stack_of(row, catalogs)
    if name:
        return Part({"software_stack": name})
    told = text(row, "framework")
    return Part({}, (f"no software stack: {f'{told!r} is none of the catalog' if told else 'none is stated'}",))


def _batch(row: Row) -> int | None:
    return count(row, "batch_size") or count(row, "max_concurrency")


def _replicas(row: Row) -> float:
    """Replicas that share a rate of all GPUs."""
    size = (count(row, "tp") or 1) * (count(row, "pp") or 1)
    return max((count(row, "n_gpus") or size) / size, 1.0)


def _precision(row: Row) -> Part:
    """The serving precision: the weights' format, and the cache's where it is stated."""
    told = (text(row, "weight_dtype") or text(row, "precision")).lower()
    record = next((record for word, record in _WEIGHTS if word in told), None)
    if record is None:
        raise Refused(f"`precision` is {told!r}; one of bf16, fp16, fp8, fp4, int8, int4 was expected")
    cache = text(row, "kv_dtype").lower()
    width = next((width for word, width in _CACHES if word in cache), None)
    own: dict[str, object] = {"kv_width": width} if width else {}
    group = _GROUP.search(told)
    if group and record == _IN_FOUR_BITS:
        own["weight_width"] = _FOUR_BITS + _SCALE_AND_ZERO / int(group[1])
    return Part({"precision": record} | own)
