"""Fitted values as fields of records: what the calibration lends an input, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .distributions import FreeNormal, slope_of_free
from .records import Field

SOURCE = "calibration"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One fitted value: in the unit of its input, with its standard error and the rows that tell about it."""

    value: float
    error: float
    rows: int
    families: int
    records: int = 1


@dataclass(frozen=True, slots=True)
class FittedField(Field):
    """A field of a record that the calibration lends; `pooled` says over whom, "" for the record's own value.

    `error` is the standard error of the value that `label` (a record, or a class of them) of the catalog `owner` has;
    `spread` is how far one record lies from it, a standard deviation in the free coordinate: 0 for a record's own
    value, the prior widths for one that no row tells about.
    """

    pooled: str = ""
    error: float = 0.0
    spread: float = 0.0
    owner: str = ""
    label: str = ALL

    @classmethod
    def everywhere(cls, found: Calibrated) -> FittedField:
        """A value that holds for all records."""
        return cls(found.value, f"{found.value:.6g}", SOURCE, error=found.error)

    def distribution(self, low: float, high: float, error: float | None = None) -> FreeNormal:
        """What is known of the value, between the bounds of its input; certain where it lies at one of them.

        `error` is that of the value in the free coordinate, where it is known better than by its standard error.
        """
        slope = slope_of_free(self.value, low, high)
        if not slope > 0:
            return FreeNormal(self.value, 0.0, low, high)
        own = self.error / slope if error is None else error
        return FreeNormal(self.value, math.hypot(own, self.spread), low, high)


@dataclass(frozen=True)
class Lent:
    """What the calibration lends one input: a field per label along `dims` (one dim or none).

    None stands for a record that states the value itself.
    """

    dims: tuple[str, ...]
    fields: tuple[FittedField | None, ...]
