"""Rows of memory tables: which part of the memory each one states, and the layouts it was measured on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..catalog import Catalogs
from .architecture import architecture
from .cells import Part, Refused, Row, confidence_of, count, family_of, number, required, text
from .layouts import layout_inputs
from .machines import machine
from .memory_habits import memory_habits
from .rows import MeasuredRow, Target

_GIB = 2.0**30
_GB = 1e9
_FORMULA = "computed by the formulas of the paper, not measured"
_DEFINITIONS = (
    ("max_memory_allocated", "allocated_memory"),
    ("max allocated", "allocated_memory"),
    ("max_reserved", "reserved_memory"),
    ("max_memory_reserved", "reserved_memory"),
    ("peak_memory_usage", "reserved_memory"),
    ("reserved", "reserved_memory"),
    ("allocated", "allocated_memory"),
)
"""What a definition contains, the first that fits, and the quantity it stands for. `peak_memory_usage` is what NeMo
calls the most that the allocator has reserved. Everything else, nvidia-smi above all, is the whole device."""
_STAGES = (("last", "last_stage_memory"), ("first", "first_stage_memory"))


def memory_rows(file: str, rows: Sequence[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured memories of a memory table."""
    return tuple(_row(file, row, catalogs) for row in rows)


def _row(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    part, refused = Part(), ""
    try:
        quantity = quantity_of(row)
        part = _serving(row, catalogs) if quantity == "serving_memory_per_gpu" else _training(row, catalogs)
    except Refused as refusal:
        quantity, refused = _fallback(row), str(refusal)
    memory = memory_of(row)
    if memory is None:
        refused = refused or "nothing was measured: `mem_gib` is not stated"
    return MeasuredRow(
        file=file,
        id=text(row, "id"),
        family=family_of(file, row),
        confidence=confidence_of(row),
        targets=(Target(quantity, math.nan if memory is None else memory, "B"),),
        inputs={} if refused else part.inputs,
        refused=refused,
        assumed=part.assumed,
    )


def memory_of(row: Row) -> float | None:
    """The memory of a row in bytes, or None where it states none."""
    stated = number(row, "mem_gib")
    return None if stated is None else bytes_of(stated, text(row, "mem_definition"))


def bytes_of(stated: float, definition: str) -> float:
    """A stated memory in bytes: GiB, or decimal GB where the definition says GB."""
    words = definition.replace(",", " ").replace("(", " ").split()
    return stated * (_GB if "GB" in words else _GIB)


def part_of(definition: str) -> str:
    """The quantity that a memory so defined measures; the whole device where the words say nothing else."""
    told = definition.lower()
    return next((name for word, name in _DEFINITIONS if word in told), "memory_per_gpu")


def quantity_of(row: Row) -> str:
    """The quantity that a row's memory is, from what `kind` counts and how `mem_definition` measures it.

    Raises Refused where no quantity is that.
    """
    kind, definition = text(row, "kind").lower(), text(row, "mem_definition").lower()
    if "percent" in definition or "%" in kind:
        raise Refused("a percentage of what another layout needs; the memory of one layout was expected")
    if "inference" in kind:
        return "serving_memory_per_gpu"
    if kind.startswith("activations"):
        return "first_stage_stored_activations"
    if kind.startswith("parameters"):
        return "model_state_memory"
    stage = next((name for word, name in _STAGES if f"{word} pipeline stage" in kind), None)
    measured = part_of(definition)
    if stage is not None and measured != "allocated_memory":
        raise Refused(f"`kind` is {text(row, 'kind')!r}: of single stages only the allocated memory is described")
    return stage or measured


def _fallback(row: Row) -> str:
    """The quantity of a refused row."""
    return "activation_memory" if "activation" in text(row, "kind").lower() else "memory_per_gpu"


def _training(row: Row, catalogs: Catalogs) -> Part:
    """The layout of a training run, with what only its memory depends on."""
    tuned = "lora" in text(row, "notes").lower() and not text(row, "task")
    layout = layout_inputs({**row, "task": "lora"} if tuned else row, catalogs)
    if layout.refused:
        raise Refused(layout.refused)
    habits = memory_habits(row, layout.inputs, _known(layout.inputs, catalogs))
    formula = (_FORMULA,) if "analytic" in text(row, "notes").lower() else ()
    return Part(layout.inputs, (*layout.assumed, *formula)) | habits


def _known(inputs: Mapping[str, object], catalogs: Catalogs) -> dict[str, float]:
    """The dimensions of the model: its record's, and what the row states instead."""
    record = catalogs.get("model", str(inputs["model"])) if "model" in inputs else None
    fields = {} if record is None else {name: field.value for name, field in record.fields.items()}
    stated = {name: float(value) for name, value in inputs.items() if isinstance(value, int | float)}
    return fields | stated


def _serving(row: Row, catalogs: Catalogs) -> Part:
    """A replica that serves: sequences of seq_len tokens in all, `micro_batch_seqs` of them at once."""
    width = 2 if "16" in text(row, "precision") else None
    if width is None:
        raise Refused(f"`precision` is {text(row, 'precision')!r}; one of fp16, bf16 was expected")
    inputs: dict[str, object] = {
        "precision": "w16a16e16",
        "tp": count(row, "tp") or 1,
        "pp": count(row, "pp") or 1,
        "prompt_len": required(row, "seq_len") - 1,
        "output_len": 1,
        "concurrency": required(row, "micro_batch_seqs"),
    }
    return architecture(row, catalogs) | machine(row, catalogs) | Part(inputs)
