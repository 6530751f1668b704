"""Scales: where labels and values lie on a plot's axis, in which unit, and what stands at its ticks.

Numbers are divided by the prefix they share (25e9 B/s lie at 25 of "Bandwidth [GB/s]"); where they span too much for
one, every tick carries its own. Labels that are no numbers lie at 0, 1, 2 … in their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..prefixes import shared_prefix
from .labels import spread, texts_of, zipped_texts

if TYPE_CHECKING:
    import xarray as xr

Tick = tuple[float, str]
MOST_LABELS = 12
_DECADE = (1.0, 2.0, 5.0)
_LOG_FROM = 50.0
_TYPICAL = (0.1, 0.5, 0.9)
_LETTERS = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_FEWEST_TICKS = 3
_SHORT = (1e-3, 1e5)


@dataclass(frozen=True)
class Scale:
    """One axis of a plot: its title with the unit, the places of its labels and their texts, and its ticks.

    `factor` is what one step of the axis is worth in the base unit; `ticks` is empty where the plot may choose.
    """

    name: str
    title: str
    places: np.ndarray
    texts: tuple[str, ...]
    log: bool = False
    ticks: tuple[Tick, ...] = ()
    factor: float = 1.0

    @property
    def label(self) -> str:
        """The title without its unit."""
        return self.title.rpartition(" [")[0] or self.title

    @property
    def edges(self) -> np.ndarray:
        """The bounds of a cell around every place, one more than there are places."""
        places = np.log(self.places) if self.log else self.places
        if len(places) == 1:
            edges = np.array([places[0] - 0.5, places[0] + 0.5])
        else:
            middle = (places[1:] + places[:-1]) / 2
            edges = np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])
        return np.exp(edges) if self.log else edges

    @property
    def limits(self) -> tuple[float, float]:
        """The outermost bounds, the smaller one first."""
        return float(self.edges.min()), float(self.edges.max())


def labels_of_cells(x: Scale, y: Scale) -> dict[str, np.ndarray]:
    """The texts of both labels for every cell (y, x) of a map."""
    shape = len(y.places), len(x.places)
    return {
        "text_across": np.broadcast_to(np.array(x.texts), shape),
        "text_up": np.broadcast_to(np.array(y.texts)[:, None], shape),
    }


def named(label: str, unit: str) -> str:
    """An axis title; a plain number has no unit to show."""
    if unit in ("", "1"):
        return label
    return f"{label} [1{unit}]" if unit.startswith("/") else f"{label} [{unit}]"


def label_of(variable: xr.DataArray) -> str:
    """What a variable or a coordinate is called."""
    return str(variable.attrs.get("long_name", variable.name))


def axis_scale(coordinate: xr.DataArray) -> Scale:
    """The scale along a coordinate: numbers by their values, all else by their order."""
    values, unit = coordinate.to_numpy(), str(coordinate.attrs.get("units", "1"))
    name, label = str(coordinate.name), label_of(coordinate)
    zipped = zipped_texts(coordinate)
    if zipped or values.dtype.kind not in "fiu":
        title, texts = zipped or (label, texts_of(coordinate))
        return Scale(name, title, np.arange(len(values), dtype=float), texts, ticks=tuple(spread(texts)))
    numbers = values.astype(float)
    shared = shared_prefix(numbers, unit)
    shown, factor = shared or ("", 1.0)
    log = grows_by_factors(numbers)
    texts = tuple(format_quantity(number, unit) for number in numbers)
    ticks = _ticks(numbers / factor, factor, "1" if shared else unit, log=log)
    return Scale(name, named(label, shown), numbers / factor, texts, log, ticks, factor)


def grows_by_factors(numbers: np.ndarray) -> bool:
    """Whether labels stand at equal ratios rather than at equal distances.

    >>> grows_by_factors(np.array([1.0, 2.0, 4.0, 8.0])), grows_by_factors(np.array([1.0, 2.0, 3.0, 4.0]))
    (True, False)
    """
    if len(numbers) < 3 or not (np.isfinite(numbers).all() and (numbers > 0).all()):
        return False
    steps, ratios = np.diff(numbers), np.diff(np.log(numbers))
    return bool(np.std(ratios) / abs(np.mean(ratios)) < np.std(steps) / abs(np.mean(steps)) - 1e-9)


def _ticks(places: np.ndarray, factor: float, unit: str, *, log: bool) -> tuple[Tick, ...]:
    """Ticks at few labels, or at round numbers of a long logarithmic axis; none where the plot may choose.

    Places that share a prefix are plain numbers; others show their own `unit`.
    """
    if len(places) <= MOST_LABELS and (log or np.array_equal(places, np.floor(places))):
        chosen = places.tolist()
    elif log:
        chosen = round_numbers(float(places.min()), float(places.max()))
    else:
        return ()
    worth = 1.0 if unit == "1" else factor
    return tuple((place, format_quantity(place * worth, unit)) for place in chosen)


def round_numbers(low: float, high: float) -> list[float]:
    """Numbers from low to high as a logarithmic axis shows them: 1, 2, 5, 10 … or powers of ten, twelve at most.

    >>> round_numbers(3.0, 40.0)
    [5.0, 10.0, 20.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    fine = [step * 10.0**power for power in decades for step in _DECADE]
    inside = [number for number in fine if low * (1 - 1e-9) <= number <= high * (1 + 1e-9)]
    if len(inside) <= MOST_LABELS:
        return inside
    stride = -(-(last - first) // MOST_LABELS)
    return [10.0**power for power in decades[::stride] if low * (1 - 1e-9) <= 10.0**power <= high * (1 + 1e-9)]


@dataclass(frozen=True)
class Values:
    """Numbers as a plot shows them: divided by the prefix they share, on a logarithmic scale where they span much."""

    title: str
    factor: float
    log: bool
    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def scaled(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers in base units as they lie on the axis; what is not finite, and 0 on a log scale, has no place."""
        shown = np.asarray(numbers, dtype=float) / self.factor
        return np.where(np.isfinite(shown) & ((shown > 0) | (not self.log)), shown, np.nan)

    @property
    def linear(self) -> Values:
        """The same values on a linear scale."""
        return replace(self, log=False, ticks=_value_ticks(self.low, self.high, log=False))

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value, apart where they are equal."""
        return (self.low, self.high) if self.high > self.low else (self.low - 0.5, self.high + 0.5)


def scale_of(numbers: np.ndarray, label: str, unit: str) -> Values:
    """The scale of numbers that are no variable of a dataset."""
    import xarray as xr

    return values_scale(xr.DataArray(np.ravel(numbers), attrs={"long_name": label, "units": unit}))


def values_scale(variable: xr.DataArray) -> Values:
    """The scale of a variable's values, and of its `actual_range` where it is a part of something larger.

    Raises RooflaxError where no value is finite.
    """
    unit, title = str(variable.attrs.get("units", "1")), label_of(variable)
    numbers = np.concatenate([variable.attrs.get("actual_range", []), np.ravel(variable.to_numpy())]).astype(float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        raise RooflaxError(
            f"{title}: no value of this part is finite, so there is nothing to draw; choose other labels"
        )
    sizes = np.abs(finite[finite != 0])
    shown, factor = shared_prefix(np.quantile(sizes, _TYPICAL).tolist() if sizes.size else [], unit) or (unit, 1.0)
    # A tick must not have a prefix of its own beside the title's.
    if float(sizes.max(initial=0.0)) / factor >= _SHORT[1]:
        shown, factor = unit, 1.0
    low, high = float(finite.min()) / factor, float(finite.max()) / factor
    log = is_log(low, high)
    return Values(named(title, shown), factor, log, low, high, _value_ticks(low, high, log=log))


def is_log(low: float, high: float) -> bool:
    """Whether values from low to high span so much that their scale is logarithmic."""
    return low > 0 and high / low > _LOG_FROM


def _value_ticks(low: float, high: float, *, log: bool) -> tuple[Tick, ...]:
    """Ticks at round values of a logarithmic axis, and of one whose values have many digits."""
    largest = max(abs(low), abs(high))
    if log:
        chosen = log_numbers(low, high)
    elif _SHORT[0] <= largest < _SHORT[1] or not largest:
        return ()
    else:
        chosen = even_numbers(low, high)
        worth, letter = _letter(largest)
        return tuple((place, f"{place / worth:.6g}{letter}") for place in chosen)
    if largest < _SHORT[1]:
        return tuple((place, format_quantity(place, "1")) for place in chosen)
    return tuple((place, _lettered(place)) for place in chosen)


def _lettered(number: float) -> str:
    """A number with the letter of its own size."""
    worth, letter = _letter(number)
    return f"{number / worth:.6g}{letter}"


def _letter(largest: float) -> tuple[float, str]:
    return next(((worth, f" {letter}") for letter, worth in _LETTERS if largest >= worth), (1.0, ""))


def log_numbers(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis, closer together where it is short.

    >>> log_numbers(300.0, 900.0)
    [300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0]
    """
    found = round_numbers(low, high)
    return found if len(found) >= _FEWEST_TICKS else [n for n in even_numbers(low, high) if low <= n <= high]


def logarithmic(numbers: np.ndarray, shown: Values) -> Values:
    """A scale from the smallest to the largest of numbers made logarithmic, however near to each other they are."""
    good = numbers[np.isfinite(numbers) & (numbers > 0)] / shown.factor
    low, high = float(good.min()), float(good.max())
    return replace(shown, log=True, low=low, high=high, ticks=_value_ticks(low, high, log=True))


def even_numbers(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers at equal distances that reach from low to high.

    >>> even_numbers(0.2, 3.9)
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    """
    from matplotlib.ticker import MaxNLocator

    return [float(number) for number in MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
