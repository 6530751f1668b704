"""The calibration: fitted values of inputs, for records that state none themselves.

Which inputs are fitted, and what is believed of them before a row is seen, is declared here and nowhere else. Values
are per record (one chip, one software stack, one network), with the value pooled over a class of records for those
that no measured row tells about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .axes import Inputs
from .calibration_fields import ALL, SOURCE, Calibrated, FittedField
from .records import Record, Source
from .vocabulary import Group

OWNERS = (Group.HARDWARE, Group.SOFTWARE, Group.NETWORK)
_GIVEN = ("given", "axis", "zip ")
_VENDORS = {"nvidia": "gpu", "amd": "amd", "google": "tpu"}
_STACKS = {"torch": "torch", "pytorch": "torch", "xla": "xla", "jax": "xla"}
_PLURALS = {
    (Group.HARDWARE, ALL): "chips",
    (Group.SOFTWARE, ALL): "stacks",
    (Group.SOFTWARE, "torch"): "torch stacks",
    (Group.SOFTWARE, "xla"): "xla stacks",
    (Group.SOFTWARE, "serving"): "serving stacks",
    (Group.NETWORK, ALL): "networks",
}


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a fitted input before any row is seen.

    `centre` is a value of the input, `reason` where it comes from. The widths are standard deviations in the free
    coordinate of the input (the logit between its bounds, the logarithm where it has no upper one): of the value over
    all records, of a class of records about that, and of one record about its class.
    """

    centre: float
    reason: str
    overall: float = 1.0
    group: float = 0.5
    record: float = 0.25


_TRAINING: Mapping[str, Mapping[str, Prior]] = MappingProxyType(
    {
        Group.HARDWARE: {
            "compute_efficiency": Prior(
                0.8, "published tables of products: 0.71-0.87 at their best shapes", 0.3, 0.5, 0.2
            ),
            "flop_energy": Prior(0.93e-12, "the declared default: what B200 and H100 sustain", 0.2, 0.2, 0.1),
            "hbm_efficiency": Prior(0.82, "published copy rates, 0.80-0.90", 0.3, 0.2, 0.2),
            "narrow_efficiency": Prior(0.9, "published tables of fp8 products", 0.4, 0.3, 0.2),
            "attention_efficiency": Prior(0.85, "FlashAttention-3 on H100, FlashAttention-2 on A100", 0.6, 0.4, 0.3),
            "gemm_half_size": Prior(350.0, "published tables of products: 144-536", 0.3, 0.3, 0.4),
        },
        Group.SOFTWARE: {
            "kernel_efficiency": Prior(0.92, "a little below the vendor's best", 0.5, 0.3, 0.3),
            "vector_traffic_factor": Prior(1.5, "between fused operators (1) and one kernel each (2)", 0.5, 0.3, 0.3),
            "launch_overhead": Prior(3e-4, "some twenty kernels of ten microseconds and more", 0.5, 0.3, 1.0),
            "tp_overlap": Prior(0.2, "few stacks hide tensor parallel communication", 0.7, 0.5, 0.8),
            "dp_overlap": Prior(0.6, "most stacks hide some of the gradient reduction", 0.7, 0.5, 0.6),
            "ep_overlap": Prior(0.3, "few stacks hide the exchanges of experts", 0.7, 0.5, 0.6),
        },
        Group.NETWORK: {
            "link_efficiency": Prior(0.8, "the declared default, nccl-tests", 0.3, 0.2, 0.3),
            "scale_up_half_message": Prior(12e6, "nccl-tests on A100 and H200", 0.5, 0.3, 0.5),
            "collective_overhead": Prior(35e-6, "the smallest messages of nccl-tests", 0.3, 0.1, 0.1),
        },
    }
)
_SERVING: Mapping[str, Mapping[str, Prior]] = MappingProxyType(
    {
        Group.HARDWARE: {
            "read_efficiency": Prior(0.85, "the declared default", 0.2, 0.1, 0.2),
        },
        Group.SOFTWARE: {
            "layer_gap": Prior(6e-5, "a dozen kernels of a few microseconds between them", 0.5, 0.5, 0.7),
            "pass_overhead": Prior(1e-4, "a sampling kernel and a synchronisation", 0.7, 0.5, 0.5),
            "pass_collective_overhead": Prior(1.2e-5, "all-reduces of small messages in a CUDA graph", 0.5, 0.3, 0.5),
            "kv_reread_share": Prior(0.1, "most kernels take the query heads of a group together", 0.5, 0.5, 1.5),
            "widening_flops": Prior(2.0, "one conversion and one multiplication by the scale", 0.5, 0.3, 0.3),
        },
    }
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One fit of the shipped calibration: its inputs by the catalog whose records own them, and what it is fitted on.

    `kinds` are kinds of measured tables, `file` the file beside this module that holds the values. The inputs of other
    stages keep their values in it.
    """

    inputs: Mapping[str, Mapping[str, Prior]]
    kinds: tuple[str, ...]
    file: str


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "training": Stage(_TRAINING, ("training", "gemm", "collectives"), "calibration.yaml"),
        "serving": Stage(_SERVING, ("inference", "saturated"), "serving_calibration.yaml"),
    }
)
"""The fits of the shipped calibration, in the order in which they build on one another."""

CALIBRATED: Mapping[str, Mapping[str, Prior]] = MappingProxyType(
    {
        owner: {name: prior for stage in STAGES.values() for name, prior in stage.inputs.get(owner, {}).items()}
        for owner in OWNERS
    }
)
"""All inputs that the shipped calibration fits, by the catalog whose records own the values."""


ByClass = Mapping[str, Mapping[str, Calibrated]]
"""Leaf, then class (`all` over every class), to value."""


@dataclass(frozen=True)
class Calibration:
    """Fitted values: `pooled` by catalog, leaf and class; `records` by catalog, record and leaf; one value of others.

    `date` is that of the fit. Records that state a leaf themselves keep their own value.
    """

    pooled: Mapping[str, ByClass] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Mapping[str, Calibrated]]] = field(default_factory=dict)
    everywhere: Mapping[str, Calibrated] = field(default_factory=dict)
    date: str = ""

    def __bool__(self) -> bool:
        return bool(self.everywhere or any(self.pooled.values()))

    def value_of(self, record: Record, leaf: str) -> tuple[Calibrated, str] | None:
        """The value of a leaf that a record takes, with what it is pooled over; None where the leaf is not fitted."""
        field = self.field_of(record, leaf)
        return None if field is None else (field[0], field[1].pooled)

    def field_of(self, record: Record, leaf: str) -> tuple[Calibrated, FittedField] | None:
        """The value of a leaf that a record takes, and the field that lends it; None where the leaf is not fitted."""
        own = self.records.get(record.catalog, {}).get(record.name, {}).get(leaf)
        if own is not None:
            return own, _field(own, record, record.name, "", 0.0)
        classes = self.pooled.get(record.catalog, {}).get(leaf, {})
        known = [kind for kind in dict.fromkeys((class_of(record), ALL)) if kind in classes]
        kind = next((kind for kind in known if classes[kind].rows), known[-1] if known else None)
        if kind is None:
            return None
        pooled, spread = _pooled(record.catalog, kind, classes[kind]), _spread(record, leaf, kind)
        return classes[kind], _field(classes[kind], record, kind, pooled, spread)

    def completed(self, record: Record) -> Record:
        """The record with a field for every fitted leaf of its catalog that it does not state itself."""
        stated = {leaf: own for leaf, own in record.fields.items() if not isinstance(own, FittedField)}
        leaves = [leaf for leaf in self.pooled.get(record.catalog, {}) if leaf not in stated]
        found = {leaf: value for leaf in leaves if (value := self.field_of(record, leaf)) is not None}
        if not found:
            return record if len(stated) == len(record.fields) else replace(record, fields=stated)
        most = max((value for value, _ in found.values()), key=lambda value: (value.rows, value.families))
        source = Source(SOURCE, f"fitted on {counted(most)}, {self.date}")
        fields = {leaf: field for leaf, (_, field) in found.items()}
        return replace(record, fields={**stated, **fields}, sources={**record.sources, SOURCE: source})

    def without(self, leaves: Collection[str]) -> Calibration:
        """The calibration of all other leaves."""
        return Calibration(
            {c: {leaf: by for leaf, by in found.items() if leaf not in leaves} for c, found in self.pooled.items()},
            {
                c: {name: {x: v for x, v in found.items() if x not in leaves} for name, found in records.items()}
                for c, records in self.records.items()
            },
            {leaf: value for leaf, value in self.everywhere.items() if leaf not in leaves},
            self.date,
        )

    def beside(self, other: Calibration) -> Calibration:
        """What this calibration adds to `other`: values of single records, and leaves that `other` does not have."""
        pooled = {
            catalog: {leaf: by for leaf, by in found.items() if leaf not in other.pooled.get(catalog, {})}
            for catalog, found in self.pooled.items()
        }
        return replace(self, pooled={catalog: found for catalog, found in pooled.items() if found})

    def overlaid(self, other: Calibration) -> Calibration:
        """This calibration with every leaf that `other` has taken from there, for all records."""
        taken = {*other.everywhere, *(leaf for found in other.pooled.values() for leaf in found)}
        kept = self.without(taken)
        catalogs = {*kept.pooled, *other.pooled}
        records = {
            catalog: {
                name: {**kept.records.get(catalog, {}).get(name, {}), **other.records.get(catalog, {}).get(name, {})}
                for name in {**kept.records.get(catalog, {}), **other.records.get(catalog, {})}
            }
            for catalog in catalogs
        }
        pooled = {c: {**kept.pooled.get(c, {}), **other.pooled.get(c, {})} for c in catalogs}
        return Calibration(pooled, records, {**kept.everywhere, **other.everywhere}, other.date or self.date)


def class_of(record: Record) -> str:
    """The class of a record, whose pooled values it takes where no row tells its own; `all` where it has none.

    A fact `kind` says it; otherwise the vendor does for a chip, and a fact that names torch or xla for a stack.
    """
    if isinstance(kind := record.facts.get("kind"), str):
        return kind
    if record.catalog == Group.HARDWARE:
        return _VENDORS.get(str(record.facts.get("vendor", "")).casefold(), ALL)
    if record.catalog == Group.SOFTWARE:
        named = (str(value).casefold() for value in record.facts.values())
        return next((_STACKS[name] for name in named if name in _STACKS), ALL)
    return ALL


def _spread(record: Record, leaf: str, kind: str) -> float:
    """How far a record that no row tells about lies from the value of a class, in the free coordinate.

    It is what the fit believes before it sees a row: the width of a record about its class, and that of a class about
    all records where not even the class was measured.
    """
    prior = CALIBRATED.get(record.catalog, {}).get(leaf) or Prior(0.0, "")
    return math.hypot(prior.record, prior.group if kind == ALL != class_of(record) else 0.0)


def _field(found: Calibrated, record: Record, label: str, pooled: str, spread: float) -> FittedField:
    over = pooled if not found.rows else f"pooled over {pooled}" if pooled else ""
    told = [over, f"± {found.error:.2g}", counted(found) if found.rows else ""]
    note = ", ".join(part for part in told if part)
    shown = f"{found.value:.6g}"
    return FittedField(found.value, shown, SOURCE, note, pooled, found.error, spread, record.catalog, label)


def _pooled(catalog: str, kind: str, found: Calibrated) -> str:
    """How many records of a class a value is pooled over, in words."""
    if not found.rows:
        return "a prior value, no row tells"
    what = _PLURALS.get((Group(catalog), kind), f"{kind}s" if catalog == Group.HARDWARE else f"{kind} {catalog}s")
    return f"{found.records} {what.removesuffix('s') if found.records == 1 else what}"


def counted(found: Calibrated) -> str:
    """The rows and families that a value was fitted on, in words."""
    rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows"
    return f"{rows} of {'1 family' if found.families == 1 else f'{found.families} families'}"


def pooled_notices(inputs: Inputs, read: Collection[str]) -> tuple[str, ...]:
    """A notice for each record that lends inputs in `read` values fitted on other records, or on none."""
    notices = []
    for record in inputs.records:
        lent = [
            f"{leaf} {fitted.value:.3g} ({fitted.pooled})"
            for leaf, fitted in record.fields.items()
            if isinstance(fitted, FittedField) and fitted.pooled and leaf in read and not _given(inputs, leaf)
        ]
        if lent:
            notices.append(f"{record.catalog} {record.name}: values pooled over others of its class: {', '.join(lent)}")
    return tuple(notices)


def _given(inputs: Inputs, leaf: str) -> bool:
    """Whether the user gave a leaf, or nothing did, so that no record decides it."""
    value = inputs.values.get(leaf)
    return value is None or value.origin.startswith(_GIVEN)
