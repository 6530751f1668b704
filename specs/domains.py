"""What values a name takes, and the reading of what a user wrote as one of them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from .known import Known
from .scalars import as_float
from .units import parse_quantity
from .vocabulary import Kind, Leaf, nearest

_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Domain:
    """The values of one input: a leaf's own, or any finite number or option for a pinned quantity.

    Reading gives the number that enters the kernels: in `unit`, 0 or 1 for a flag, the position of an option.
    """

    name: str
    unit: str
    label: str
    options: tuple[str, ...] = ()
    leaf: Leaf | None = None

    @property
    def flag(self) -> bool:
        """Whether the values are true and false."""
        return self.leaf is not None and self.leaf.kind is Kind.FLAG

    def read(self, value: object) -> float:
        """The number that `value` stands for. Raises ValueError with a sentence for the user."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None:
            raise ValueError("no value is given")
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"one value was expected, found {shown(value)}")
        if self.options:
            return self._option(value)
        if self.flag:
            return self._flag(value)
        if isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a number")
        number = parse_quantity(value, self.unit) if isinstance(value, str) else as_float(value)
        self.check(number, shown(value))
        return number

    def check(self, number: float, written: str) -> None:
        """Raises ValueError where `number` is one that no model or machine could ever have."""
        if not math.isfinite(number):
            raise ValueError(f"{written} is not finite")
        if self.leaf is not None and not self.leaf.admits(number):
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise ValueError(f"{written} is not {self.leaf.domain()}{unit}")

    def read_numbers(self, array: np.ndarray) -> np.ndarray:
        """The numbers of an array that holds numbers or flags, as float64. Raises ValueError where one is wrong."""
        if array.dtype.kind == "b" and not self.flag:
            raise ValueError("true and false are not numbers")
        numbers = array.astype(np.float64)
        if numbers.size:
            # A domain is an interval, of whole numbers for a count, so the extremes and any fraction stand for all.
            suspects = [numbers.min(), numbers.max(), *numbers[numbers != np.floor(numbers)].flat[:1]]
            for number in map(float, suspects):
                self.check(number, shown(number))
        return numbers

    def labels(self, numbers: np.ndarray) -> np.ndarray:
        """The labels of an axis through `numbers`: option names, or the numbers themselves."""
        return np.array([self.options[int(number)] for number in numbers]) if self.options else numbers

    def _option(self, value: object) -> float:
        written = str(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = f"{as_float(value):g}"
        if written in self.options and not isinstance(value, bool):
            return float(self.options.index(written))
        found = nearest(written, self.options)
        meant = f"; did you mean `{found}`?" if found else ""
        raise ValueError(f"{shown(value)} is not one of {', '.join(self.options)}{meant}")

    def _flag(self, value: object) -> float:
        if isinstance(value, str) or value not in (0, 1):
            raise ValueError(f"{shown(value)} is not true or false")
        return 1.0 if value else 0.0


def domain_of(name: str, known: Known) -> Domain:
    """The domain of a leaf, or of a computed quantity that is pinned (any finite value in its unit)."""
    leaf = known.vocabulary.get(name)
    if leaf is not None:
        return Domain(name, leaf.unit, leaf.label, leaf.options, leaf)
    return Domain(name, known.units.get(name, "1"), name, known.options.get(name, ()))


def shown(value: object) -> str:
    """A value as a message shows it: the way YAML writes it, cut to a readable length."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, float):
        return f"{value:.12g}"
    if value is not None and not isinstance(value, str | bool | int):
        return f"a {type(value).__name__}"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"`{value}`"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
