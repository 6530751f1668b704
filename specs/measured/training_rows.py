"""Rows of training tables: step times and rates, and the layouts they were measured on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..catalog import Catalogs
from .cells import Row, confidence_of, family_of, number, text
from .layouts import layout_inputs
from .memory_rows import bytes_of, part_of
from .rows import MeasuredRow, Target

_TERA = 1e12


def training_rows(file: str, rows: Sequence[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured runs of a training table."""
    return tuple(_row(file, row, catalogs) for row in rows)


def _row(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    layout = layout_inputs(row, catalogs)
    targets = targets_of(row)
    refused = layout.refused
    if not targets:
        targets = (Target("step_time", math.nan, "s"),)
        refused = refused or "nothing was measured: none of `iter_time_s`, `tokens_per_s_per_gpu`, … is stated"
    inputs = dict(layout.inputs)
    if not refused and counts_half(row):
        inputs["causal_attention_counted"] = True
    return MeasuredRow(
        file=file,
        id=text(row, "id"),
        family=family_of(file, row),
        confidence=confidence_of(row),
        targets=targets,
        inputs={} if refused else inputs,
        refused=refused,
        assumed=layout.assumed,
    )


def targets_of(row: Row) -> tuple[Target, ...]:
    """What was measured, the first of time, tokens per second, FLOP/s and MFU being primary."""
    return primary_first(list(_measured(row)))


def _measured(row: Row) -> Iterator[Target]:
    time, tokens, flops = (number(row, name) for name in ("iter_time_s", "tokens_per_s_per_gpu", "tflops_per_gpu"))
    if time:
        yield Target("step_time", time, "s")
    if tokens:
        yield Target("tokens_per_second_per_gpu", tokens, "1/s", rate=True)
    if flops:
        counted = "executed" if _counts_recomputation(row) else "model"
        yield Target(f"{counted}_flops_per_second_per_gpu", flops * _TERA, "FLOP/s", rate=True)
    for column, quantity in (("mfu_pct", "predicted_mfu"), ("hfu_pct", "predicted_hfu")):
        share = number(row, column)
        if share:
            yield Target(quantity, share / 100, "1", rate=True)
    memory = number(row, "peak_mem_gib")
    if memory:
        definition = text(row, "mem_kind")
        yield Target(part_of(definition), bytes_of(memory, definition), "B")


def primary_first(targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets with the first as the primary one, and none of the others."""
    return tuple(
        Target(t.quantity, t.value, t.unit, primary=place == 0, rate=t.rate) for place, t in enumerate(targets)
    )


def _counts_recomputation(row: Row) -> bool:
    kind = text(row, "tflops_kind").lower()
    return any(words in kind for words in ("hardware", "incl. full recompute", "recomputation counted"))


def counts_half(row: Row) -> bool:
    """Whether a published FLOP/s or MFU counts only the causal half of attention.

    Megatron-Bridge does since 2025: its FLOP/s over its tokens/s of Llama 3 8B at 8192 tokens are 51.5 GFLOP, which is
    6 N and half of the square.
    """
    kind = text(row, "tflops_kind").lower()
    return "megatron-bridge formula" in kind or ("causal" in kind and "not halved" not in kind)
