"""Rows of inference tables: latencies and token rates of one replica.

A static batch prefills all its prompts together and then decodes to the end. Tables of continuous batching seldom state
how many sequences ran at once: as many as the memory holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ..catalog import Catalogs
from .architecture import architecture
from .cells import Part, Refused, Row, confidence_of, count, family_of, number, text
from .layouts import given
from .machines import hardware_record, machine
from .rows import MeasuredRow, Target
from .serving_loads import CONTINUOUS, SATURATED, load_inputs, load_of, measured
from .stacks import stack_of
from .training_rows import primary_first

_WEIGHTS = (
    ("int4", "w4a16e16"),
    ("int8", "w8a16e16"),
    ("fp8", "fp8-kv8"),
    ("fp4", "nvfp4"),
    ("bf16", "w16a16e16"),
    ("fp16", "w16a16e16"),
)
_CACHES = (("fp8", 1), ("int8", 1), ("16", 2))
_ROOM = 1.5
_IN_FOUR_BITS = "w4a16e16"
_GROUP = re.compile(r"g ?= ?(\d+)")
_FOUR_BITS, _SCALE_AND_ZERO = 0.5, 4
"""Bytes of a weight, and of the scale and the zero, two each, of a quantisation group."""


def inference_rows(file: str, rows: Sequence[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured runs of an inference table."""
    return tuple(_row(file, row, catalogs) for row in rows)


def _row(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    part, refused, kind = Part(), "", ""
    targets: tuple[Target, ...] = ()
    try:
        kind = SATURATED if load_of(row) is CONTINUOUS else ""
        targets = primary_first(list(measured(row, _replicas(row, _stated_size(row)))))
        part = _inputs(row, catalogs)
        targets = primary_first(list(measured(row, _replicas(row, _size(part)))))
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
        kind=kind,
    )


def _inputs(row: Row, catalogs: Catalogs) -> Part:
    found = architecture(row, catalogs) | machine(row, catalogs) | _precision(row) | _stack(row, catalogs)
    return load_inputs(row) | found | _degrees(row, catalogs) | given(row)


def _stated_size(row: Row) -> int:
    return (count(row, "tp") or 1) * (count(row, "pp") or 1)


def _size(part: Part) -> float:
    """GPUs of one replica: experts may be spread over more ranks than attention."""
    tp, pp, ep, expert_tp = (float(str(part.inputs.get(name, 1))) for name in ("tp", "pp", "ep", "expert_tp"))
    return max(tp, ep * expert_tp) * pp


def _replicas(row: Row, size: float) -> float:
    """Replicas of `size` GPUs that share a rate of all GPUs."""
    return max((count(row, "n_gpus") or size) / size, 1.0)


def _degrees(row: Row, catalogs: Catalogs) -> Part:
    """Tensor, pipeline and expert parallel degrees; where several GPUs are not shared out, as few a replica as do."""
    tp, ep, gpus = count(row, "tp"), count(row, "ep") or 1, count(row, "n_gpus") or 1
    assumed = ()
    if tp is None:
        tp = _fewest(row, catalogs, gpus) if gpus > 1 else 1
        told = f"tp = {tp}, the fewest GPUs whose memory is half again as large as the weights"
        assumed = (told,) if gpus > 1 else ()
    degrees: dict[str, object] = {"tp": tp, "pp": count(row, "pp") or 1}
    if ep > 1:
        degrees |= {"ep": ep, "expert_tp": max(tp // ep, 1)}
    return Part(degrees, assumed)


def _fewest(row: Row, catalogs: Catalogs, gpus: int) -> int:
    """The least power of two of GPUs that hold the weights with room for half as much again."""
    parameters = number(row, "params_b")
    if parameters is None:
        raise Refused("`tp` is not stated, nor `params_b` to tell how many GPUs a replica needs")
    precision = catalogs.get("precision", str(_precision(row).inputs["precision"]))
    capacity = hardware_record(row, catalogs).fields["hbm_capacity"].value
    needed = _ROOM * parameters * 1e9 * precision.fields["weight_width"].value / capacity
    return min(2 ** max(math.ceil(math.log2(needed)), 0), gpus)


def _stack(row: Row, catalogs: Catalogs) -> Part:
    """The software stack, if the catalog knows what the row names."""
    name = stack_of(row, catalogs)
    if name:
        return Part({"software_stack": name})
    told = text(row, "framework")
    why = f"{told!r} is none of the catalog" if told else "none is stated"
    return Part({"software_stack": "pooled-serving"}, (f"values pooled over serving stacks: {why}",))


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
