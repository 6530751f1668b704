"""A measured row: the inputs it states, what was measured, and why it cannot be predicted where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VALIDATED = ("high", "medium")
"""Confidences of rows that count; the rest is unverified and never a target."""


@dataclass(frozen=True, slots=True)
class Target:
    """One measured number: the quantity that predicts it, its value in the unit of the quantity.

    Exactly one target of a row is `primary`; the others count in no statistic. `rate` marks numbers that grow where
    time shrinks (tokens per second, FLOP/s, MFU), whose error is told as the error of the time.
    """

    quantity: str
    value: float
    unit: str
    primary: bool = True
    rate: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One row of a measured table, ready to be predicted.

    `inputs` are keyword inputs as `rooflax.evaluate` takes them (catalog names, leaves, pinned quantities). `refused`
    says what is missing or cannot be expressed; such a row has its targets all the same. `assumed` lists what the row
    does not state and which value was taken. `kind` is the kind of table the row is from: statistics over families are
    taken within a kind.
    """

    file: str
    id: str
    family: str
    confidence: str
    targets: tuple[Target, ...]
    inputs: Mapping[str, object] = field(default_factory=dict)
    refused: str = ""
    assumed: tuple[str, ...] = ()
    kind: str = ""

    @property
    def primary(self) -> Target:
        """The target that counts."""
        return next(target for target in self.targets if target.primary)
