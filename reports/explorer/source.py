"""Sources: what the explorer shows. It asks for cuts, explanations and specs, wherever these come from.

Every method raises RooflaxError with a sentence for the reader where something cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import xarray as xr

    from ...specs.terms import Term
    from ..registry import Report


@dataclass(frozen=True)
class Dial:
    """An input that may be moved from `low` to `high`, in `unit`; at `value` unless it is."""

    name: str
    label: str
    unit: str
    value: float
    low: float
    high: float
    log: bool


@dataclass(frozen=True)
class Place:
    """Where a source is asked: positions along dims, and the values of the inputs that were moved."""

    at: Mapping[str, int] = field(default_factory=dict)
    dials: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """A quantity at one point: what adds up to it, why the point is infeasible if it is, and what else to know."""

    term: Term
    failure: str
    notices: tuple[str, ...] = ()


class Source(Protocol):
    """Results to look at: those of a store, or of a spec that is evaluated as one looks."""

    @property
    def title(self) -> str:
        """What the results are about."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What there is to say about all of them."""
        ...

    @property
    def dials(self) -> tuple[Dial, ...]:
        """The inputs that may be moved though they are no dims."""
        ...

    @property
    def start(self) -> Mapping[str, int]:
        """The positions along dims at which to look first; others have none that is better."""
        ...

    def dataset(self, group: str) -> xr.Dataset | None:
        """The names, dims, labels and attributes of a group, whose values are not to be read; None without it."""
        ...

    def cut(self, report: Report, choice: Mapping[str, str], place: Place) -> xr.Dataset:
        """What a picture of this choice needs, in memory."""
        ...

    def explain(self, quantity: str, place: Place) -> Explanation:
        """A quantity at a point; the place has a position along every dim that has no dial."""
        ...

    def elasticity(self, quantity: str, by: str, place: Place) -> float | None:
        """The relative change of a quantity per relative change of an input; None where there is none to be had."""
        ...

    def spec(self, report: Report, choice: Mapping[str, str], place: Place) -> str:
        """A spec whose run gives the same picture."""
        ...
