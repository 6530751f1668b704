"""Annotations of cost models: an array with a unit, or a category of named options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from jax import Array
else:
    Array = Any


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a parameter or result, as the units module spells it."""

    text: str


@dataclass(frozen=True, slots=True)
class Category:
    """A result that is one of several named options, coded by position."""

    options: tuple[str, ...]


Bytes = Annotated[Array, Unit("B")]
BytesPerSecond = Annotated[Array, Unit("B/s")]
Flops = Annotated[Array, Unit("FLOP")]
FlopsPerSecond = Annotated[Array, Unit("FLOP/s")]
FlopsPerToken = Annotated[Array, Unit("FLOP/token")]
Seconds = Annotated[Array, Unit("s")]
Hours = Annotated[Array, Unit("h")]
Days = Annotated[Array, Unit("d")]
PerDay = Annotated[Array, Unit("1/d")]
Joules = Annotated[Array, Unit("J")]
JoulesPerBit = Annotated[Array, Unit("J/b")]
JoulesPerByte = Annotated[Array, Unit("J/B")]
JoulesPerToken = Annotated[Array, Unit("J/token")]
Watts = Annotated[Array, Unit("W")]
JoulesPerFlop = Annotated[Array, Unit("J/FLOP")]
PerSecond = Annotated[Array, Unit("1/s")]
Number = Annotated[Array, Unit("1")]
Count = Annotated[Array, Unit("1")]
Flag = Annotated[Array, Unit("1")]
Choice = Annotated[Array, Unit("1")]
Dollars = Annotated[Array, Unit("$")]
DollarsPerHour = Annotated[Array, Unit("$/h")]
DollarsPerToken = Annotated[Array, Unit("$/token")]
DollarsPerJoule = Annotated[Array, Unit("$/J")]
DollarsPerWatt = Annotated[Array, Unit("$/W")]
Kilograms = Annotated[Array, Unit("kg")]
KilogramsPerJoule = Annotated[Array, Unit("kg/J")]
