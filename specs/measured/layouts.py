"""The layout of a measured training row: everything its time and its memory depend on, except what was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from ..catalog import Catalogs
from ..vocabulary import CATALOGS, shipped
from .architecture import architecture
from .cells import Part, Refused, Row, text
from .machines import hardware_record, machine, precision
from .recomputation import recomputation
from .splits import batch, degrees, splits
from .stacks import HABITS, Habits, software, stack_of

_OWN_COLUMNS = frozenset(
    ("tp", "pp", "cp", "ep", "seq_len", "precision", "model", "pipeline_schedule", "cp_exchange", "gpus_per_node")
)
_PINNED = ("first_stage_layers", "last_stage_layers", "expert_tp")
_RANK = re.compile(r"rank ?(\d+)")
_LORA_RANK = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """The inputs of one training run as `rooflax.evaluate` takes them, and what was assumed.

    `refused` says why a row cannot be expressed; it is empty where it can.
    """

    inputs: Mapping[str, object] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    refused: str = ""


def layout_inputs(row: Row, catalogs: Catalogs) -> Layout:
    """The layout of a row with the columns of the training tables; columns named like inputs win over all others."""
    try:
        part = _layout(row, catalogs)
    except Refused as refusal:
        return Layout(refused=str(refusal))
    return Layout(part.inputs, part.assumed)


def _layout(row: Row, catalogs: Catalogs) -> Part:
    hardware = hardware_record(row, catalogs)
    model = architecture(row, catalogs)
    known = _fields(model, catalogs)
    habits = HABITS.get(stack_of(row, catalogs), Habits())
    capacity = hardware.fields["hbm_capacity"].value if "hbm_capacity" in hardware.fields else 0.0
    found = degrees(row, capacity, _weights(known))
    part = model | machine(row, catalogs) | precision(row, hardware, habits.precision) | software(row, catalogs)
    part |= splits(row, habits, found, int(known("num_layers"))) | batch(row, habits, found)
    return part | recomputation(row, habits, known) | _tuning(row) | given(row)


def _fields(model: Part, catalogs: Catalogs) -> Callable[[str], float]:
    """The dimensions of a model by name, from what was stated or from its record."""
    record = catalogs.get("model", str(model.inputs["model"])) if "model" in model.inputs else None

    def known(leaf: str) -> float:
        stated = model.inputs.get(leaf)
        if isinstance(stated, int | float):
            return float(stated)
        if record is not None and leaf in record.fields:
            return record.fields[leaf].value
        return 0.0

    return known


def _weights(known: Callable[[str], float]) -> float:
    """Roughly the parameters of a dense model."""
    heads = known("num_attention_heads") + known("num_key_value_heads")
    attention = 2 * known("hidden_size") * known("head_dim") * heads
    feed_forward = (2 + known("gated_mlp")) * known("hidden_size") * known("intermediate_size")
    return known("num_layers") * (attention + feed_forward)


def _tuning(row: Row) -> Part:
    """Frozen weights and adapters of fine-tuning."""
    task = text(row, "task").lower()
    if task == "sft":
        return Part({}, ("short packed sequences attend as one of seq_len tokens",))
    if task != "lora":
        return Part()
    notes = text(row, "notes").lower()
    told = _RANK.search(notes)
    rank = int(told[1]) if told else _LORA_RANK
    words = () if told else (f"adapters of rank {rank}, the default of NeMo",)
    inputs: dict[str, object] = {"frozen_share": 1.0, "lora_rank": rank}
    if "attention-only" in notes:
        return Part(inputs | {"adapts_feed_forward": False}, words)
    return Part(inputs, (*words, "adapters beside every matrix of a layer"))


def given(row: Row) -> Part:
    """Cells of columns that are named like inputs, such as `network`, `dropout` or `head_dim`."""
    return Part({name: _value(text(row, name)) for name in row if name in input_columns() and text(row, name)})


@cache
def input_columns() -> frozenset[str]:
    """The inputs that a column of their name states."""
    catalogs = {group.value for group in CATALOGS}
    return (frozenset(shipped()) | catalogs | set(_PINNED)) - _OWN_COLUMNS


def _value(cell: str) -> object:
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    try:
        return float(cell)
    except ValueError:
        return cell
