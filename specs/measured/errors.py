"""Errors of predictions: one record per measured number, and statistics that weight families equally."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .rows import VALIDATED, MeasuredRow, Target


@dataclass(frozen=True, slots=True)
class Record:
    """One measured number beside what was predicted.

    `predicted` is None where `refused` says why. `baseline` is the prediction of the constant-MFU rule and `left_out`
    that of a model fitted without the row's family, where there are such.
    """

    row: MeasuredRow
    target: Target
    predicted: float | None = None
    refused: str = ""
    baseline: float | None = None
    left_out: float | None = None

    @property
    def counts(self) -> bool:
        """Whether the record enters statistics: the primary one of a row that can be trusted."""
        return self.target.primary and self.row.confidence in VALIDATED

    def as_mapping(self) -> dict[str, Any]:
        """Plain data: what `--json` writes."""
        measured = self.target.value
        return {
            "file": self.row.file,
            "id": self.row.id,
            "source_family": self.row.family,
            "confidence": self.row.confidence,
            "quantity": self.target.quantity,
            "primary": self.target.primary,
            "unit": self.target.unit,
            "measured": measured if math.isfinite(measured) else None,
            "predicted": self.predicted,
            "refused": self.refused,
        }


def relative_error(target: Target, predicted: float) -> float:
    """The error of a prediction over the measured number; that of a rate is the error of the time it stands for."""
    return target.value / predicted - 1 if target.rate else predicted / target.value - 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, mean and 90th percentile of absolute errors, and the median of signed ones; NaN where there are none."""

    count: int
    median: float
    mean: float
    p90: float
    bias: float

    @classmethod
    def of(cls, errors: Sequence[float]) -> Spread:
        """The spread of relative errors."""
        if not errors:
            return cls(0, math.nan, math.nan, math.nan, math.nan)
        sizes = np.abs(errors)
        return cls(
            len(errors),
            float(np.median(sizes)),
            float(sizes.mean()),
            float(np.quantile(sizes, 0.9)),
            float(np.median(errors)),
        )


@dataclass(frozen=True, slots=True)
class Family:
    """The rows of one family in one file: how many count, why some were refused, and the errors of the others.

    `untrusted` rows are of low confidence and enter nothing else.
    """

    file: str
    kind: str
    name: str
    rows: int
    untrusted: int
    refused: Mapping[str, int]
    errors: Spread
    baseline: Spread
    left_out: Spread


def families(records: Iterable[Record]) -> tuple[Family, ...]:
    """The families of all files, in the order of their first rows."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.target.primary:
            groups.setdefault((record.row.file, record.row.kind, record.row.family), []).append(record)
    return tuple(_family(*key, group) for key, group in groups.items())


def _family(file: str, kind: str, name: str, records: Sequence[Record]) -> Family:
    counted = [record for record in records if record.counts]
    return Family(
        file=file,
        kind=kind,
        name=name,
        rows=len(counted),
        untrusted=len(records) - len(counted),
        refused=Counter(record.refused for record in counted if record.predicted is None),
        errors=Spread.of([relative_error(r.target, r.predicted) for r in counted if r.predicted is not None]),
        baseline=Spread.of([relative_error(r.target, r.baseline) for r in counted if r.baseline is not None]),
        left_out=Spread.of([relative_error(r.target, r.left_out) for r in counted if r.left_out is not None]),
    )


@dataclass(frozen=True, slots=True)
class Overall:
    """Families of one kind of table, each with the same weight: the spread of their median absolute errors.

    `p90` of a spread is the 90th percentile of the families' medians, `bias` the median of their biases.
    """

    kind: str
    families: int
    rows: int
    predicted: int
    errors: Spread
    baseline: Spread
    left_out: Spread


def overall(found: Sequence[Family]) -> tuple[Overall, ...]:
    """The statistics over families, one for each kind of table; a family in two files is one family."""
    kinds = dict.fromkeys(family.kind for family in found)
    return tuple(_overall(kind, [family for family in found if family.kind == kind]) for kind in kinds)


def _overall(kind: str, found: Sequence[Family]) -> Overall:
    return Overall(
        kind=kind,
        families=sum(family.errors.count > 0 for family in found),
        rows=sum(family.rows for family in found),
        predicted=sum(family.errors.count for family in found),
        errors=_over([family.errors for family in found]),
        baseline=_over([family.baseline for family in found]),
        left_out=_over([family.left_out for family in found]),
    )


def _over(spreads: Sequence[Spread]) -> Spread:
    """The spread of the medians of families."""
    told = [spread for spread in spreads if spread.count]
    medians = Spread.of([spread.median for spread in told])
    bias = float(np.median([spread.bias for spread in told])) if told else math.nan
    return Spread(medians.count, medians.median, medians.mean, medians.p90, bias)
