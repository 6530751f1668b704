"""The unknown of an equation: the input that is solved for, and the values at which it is tried."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...specs.axes import Axis, Inputs, Value
from ...specs.domains import Domain, domain_of, shown
from ...specs.known import UnknownName, input_name
from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ...specs.vocabulary import CATALOGS, Kind
from ..known import RegistryNames

LEAST, MOST = 1e-18, 1e30
PER_DECADE = 20
EVEN = 256
AT_ENDS = (1e-4, 1e-2)
_SMALLEST = 1e-250
_WIDTH = 1e-6


@dataclass(frozen=True)
class Unknown:
    """An input that is solved for, and the range in which its value is looked for.

    `low` and `high` are in the input's unit; `low` itself is left out where `above`. Where no end is known, values up
    to 10^30 are tried, and where the range begins at 0, values from 10^-18 (of the upper end, where that is finite).
    `whole` says that the range is no part of it that was asked for, `bounded` that the input has a lowest value.
    """

    name: str
    unit: str
    low: float
    high: float
    above: bool = False
    whole: bool = True
    bounded: bool = True

    def nodes(self) -> np.ndarray:
        """The values at which the quantity is looked at first, ascending.

        At least 20 a decade, over a finite range at least 256 evenly spaced ones too, and more next to both ends.
        """
        pieces = [np.empty(0)]
        if self.high > 0:
            pieces.append(_positive(max(self.low, 0.0), self.high))
        if self.low < 0:
            pieces.append(-_positive(max(-self.high, 0.0), -self.low))
        nodes = np.unique(np.concatenate(pieces)) + 0.0
        nodes = np.unique(np.concatenate([nodes, *_beside(nodes[0], nodes[1]), *_beside(nodes[-1], nodes[-2])]))
        return nodes[1:] if self.above and nodes[0] == self.low else nodes

    @property
    def tried(self) -> str:
        """The range in words: `any mfu`, `any dp of at least 0`, `mfu from 0.1 to 0.5`."""
        if self.whole:
            return f"any {self.name}" + ("" if self.bounded else " of at least 0")
        low, high = (format_quantity(bound, self.unit) for bound in (self.low, self.high))
        return f"{self.name} from {low} to {high}"


def _positive(low: float, high: float) -> np.ndarray:
    """Nodes from `low` >= 0 to `high`, which is MOST where there is no upper end."""
    start = low or (LEAST if high == MOST else high * LEAST)
    decades = math.log10(high / start)
    spaced = np.geomspace(start, high, 1 + math.ceil(PER_DECADE * decades))
    spaced[0], spaced[-1] = start, high
    even = np.linspace(low, high, EVEN + 1) if high < MOST else np.array([low])
    return np.concatenate([spaced, even])


def _beside(end: float, next_node: float) -> list[np.ndarray]:
    """Nodes next to an end, where an extremum has no two neighbours otherwise; 0 has enough of them beside it."""
    return [np.array([end + part * (next_node - end) for part in AT_ENDS])] if end else []


def unknown_of(known: RegistryNames, written: str, between: tuple[object, object] | None = None) -> Unknown:
    """The unknown of that name, looked for in its domain or in the part of it that `between` gives.

    Of an input without a lowest value negative ones are tried only where `between` asks for them. Raises RooflaxError
    for what cannot be solved for.
    """
    name = number_name(known, written, "so no equation is solved for it")
    domain, leaf = domain_of(name, known), known.vocabulary.get(name)
    lowest, highest = (leaf.low, leaf.high) if leaf else (-math.inf, math.inf)
    low, high = lowest if math.isfinite(lowest) else 0.0, min(highest, MOST)
    if between is not None:
        low, high = (_bound(domain, value) for value in between)
        for bound, given in zip((low, high), between, strict=True):
            if bound and not _SMALLEST <= abs(bound) <= MOST:
                sizes = f"from {_SMALLEST:g} to {MOST:g} {domain.unit if domain.unit != '1' else ''}".rstrip()
                raise RooflaxError(f"`{name}`: the bound {shown(given)}: it is 0, or {sizes} in size")
            if not lowest <= bound <= highest:
                raise RooflaxError(f"`{name}` is {leaf.domain() if leaf else ''}; {_between(low, high, domain)} is not")
        if not high - low > _WIDTH * max(abs(low), abs(high)):
            raise RooflaxError(
                f"`{name}`: {_between(low, high, domain)} lies nothing, or too little; the lower bound comes first"
            )
    above = bool(leaf and leaf.above and low == leaf.low)
    return Unknown(name, domain.unit, low, high, above, between is None, math.isfinite(lowest))


def number_name(known: RegistryNames, written: str, refused: str) -> str:
    """The input of that name, one that takes any number of a range.

    Raises RooflaxError for a name nobody knows, and for counts, flags, choices and records, of which `refused` tells
    what they cannot do.
    """
    try:
        name = input_name(written, known)
    except UnknownName as error:
        raise RooflaxError(f"`{written}`: {error}") from None
    if kind := _kind(name, known):
        raise RooflaxError(f"`{name}` is {kind}, {refused}; give it as an axis and compare its values")
    return name


def _kind(name: str, known: RegistryNames) -> str:
    """What a name is that has no values in between; empty for a number that may be any of a range."""
    if name in CATALOGS:
        return "the name of a record"
    leaf = known.vocabulary.get(name)
    if name in known.options or (leaf and leaf.kind is Kind.CHOICE):
        return "one of several options"
    kinds = {Kind.COUNT: "a whole number", Kind.FLAG: "true or false"}
    return kinds.get(leaf.kind, "") if leaf else ""


def _bound(domain: Domain, value: object) -> float:
    try:
        return Domain(domain.name, domain.unit, domain.label).read(value)
    except ValueError as error:
        raise RooflaxError(f"`{domain.name}`: a bound: {error}") from None


def _between(low: float, high: float, domain: Domain) -> str:
    """Bounds in words, with their units."""
    first, last = (format_quantity(bound, domain.unit) for bound in (low, high))
    return f"between {first} and {last}"


def with_unknown(inputs: Inputs, name: str) -> Inputs:
    """The inputs with a value of no consequence for the unknown, whatever was given for it; its own axis is gone."""
    followers = [value.name for value in inputs.values.values() if name in value.dims and value.name != name]
    if followers:
        raise RooflaxError(f"`{name}` is solved for, but {', '.join(followers)} varies along it; give it another axis")
    axes = [_stripped(axis, name) for axis in inputs.axes if axis.name != name]
    values = {**inputs.values, name: Value(name, (), np.asarray(1.0), "unknown")}
    return replace(inputs, axes=tuple(axes), values=values)


def _stripped(axis: Axis, name: str) -> Axis:
    return replace(axis, coords={member: labels for member, labels in axis.coords.items() if member != name})
