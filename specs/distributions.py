"""Distributions of inputs that are not known exactly.

Each is a map of a standard normal *score* to a value, rising with the score: a score of 0 gives the median. So inputs
that are correlated have correlated scores, and those that are not have independent ones. A distribution has a `centre`,
the value that stands wherever one value is asked for, and a `deviation`, its standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .normal_scores import CutNormal, shares
from .units import format_quantity


@dataclass(frozen=True)
class Normal:
    """A normal distribution with `mean` and standard deviation `spread` before it is cut off at `low` and `high`.

    The centre is the mean as it was given, be the rest cut off or not.
    """

    mean: float
    spread: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def centre(self) -> float:
        """The mean before the cut."""
        return self.mean

    @property
    def _cut(self) -> CutNormal:
        return CutNormal((self.low - self.mean) / self.spread, (self.high - self.mean) / self.spread)

    @property
    def outside(self) -> float:
        """The share that the bounds cut off."""
        return self._cut.outside

    @property
    def deviation(self) -> float:
        """The standard deviation of what is left between the bounds."""
        return self.spread * self._cut.deviation

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The values at scores."""
        return np.clip(self.mean + self.spread * self._cut.scores(scores), self.low, self.high)

    def text(self, unit: str) -> str:
        """The distribution as people read it."""
        return f"{format_quantity(self.mean, unit)} ± {format_quantity(self.spread, unit)}"

    def plain(self) -> dict[str, list[float]]:
        """What it means as plain data; the bounds are the input's own."""
        return {"normal": [self.mean, self.spread]}


@dataclass(frozen=True)
class Uniform:
    """Every value between `low` and `high` is equally probable; the centre is their middle."""

    low: float
    high: float

    @property
    def centre(self) -> float:
        """The middle, which is mean and median."""
        return self.low + (self.high - self.low) / 2

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return (self.high - self.low) / math.sqrt(12)

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The values at scores."""
        return self.low + (self.high - self.low) * shares(scores)

    def text(self, unit: str) -> str:
        """The distribution as people read it."""
        return f"uniform from {format_quantity(self.low, unit)} to {format_quantity(self.high, unit)}"

    def plain(self) -> dict[str, list[float]]:
        """What it means as plain data."""
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogNormal:
    """A value whose logarithm is normal: 68 % lies between `median` / `factor` and `median` · `factor`.

    The logarithm has the mean ln(median) and the standard deviation ln(factor) before the value is cut off at `low` and
    `high`. The centre is the median as it was given.
    """

    median: float
    factor: float
    low: float = 0.0
    high: float = math.inf

    @property
    def centre(self) -> float:
        """The median before the cut."""
        return self.median

    @property
    def _width(self) -> float:
        return math.log(self.factor)

    @property
    def _cut(self) -> CutNormal:
        low, high = (_log(bound / self.median) / self._width for bound in (self.low, self.high))
        return CutNormal(low, high)

    @property
    def outside(self) -> float:
        """The share that the bounds cut off."""
        return self._cut.outside

    @property
    def deviation(self) -> float:
        """The standard deviation of what is left between the bounds."""
        cut, width = self._cut, self._width
        if not cut.outside:
            return self.median * math.exp(width**2 / 2) * math.sqrt(math.expm1(width**2))
        first, second = (math.exp((n * width) ** 2 / 2) * cut.shifted(n * width) for n in (1, 2))
        return self.median * math.sqrt(max(second - first**2, 0.0))

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The values at scores."""
        return np.clip(self.median * np.exp(self._width * self._cut.scores(scores)), self.low, self.high)

    def text(self, unit: str) -> str:
        """The distribution as people read it."""
        return f"{format_quantity(self.median, unit)} ×/÷ {format_quantity(self.factor, '1')}"

    def plain(self) -> dict[str, list[float]]:
        """What it means as plain data; the bounds are the input's own."""
        return {"lognormal": [self.median, self.factor]}


@dataclass(frozen=True)
class Samples:
    """Each of `values` is equally probable, and nothing between them; the centre is their median."""

    values: tuple[float, ...]

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(np.array(self.values))

    @property
    def centre(self) -> float:
        """The median: the middle value, or half way between the two middle ones."""
        return float(np.median(self._sorted))

    @property
    def deviation(self) -> float:
        """The standard deviation of the values, each counted once: the distribution is these values."""
        return float(np.std(self._sorted))

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The values at scores."""
        places = np.floor(shares(scores) * len(self._sorted)).astype(int)
        return self._sorted[np.clip(places, 0, len(self._sorted) - 1)]

    def text(self, unit: str) -> str:
        """The distribution as people read it."""
        first, last = (format_quantity(float(value), unit) for value in self._sorted[[0, -1]])
        return f"{len(self.values):,} samples from {first} to {last}"

    def plain(self) -> dict[str, list[float]]:
        """What it means as plain data."""
        return {"samples": self._sorted.tolist()}


@dataclass(frozen=True)
class FreeNormal:
    """A fitted value: normal with standard deviation `error` in its free coordinate.

    That is the logit between `low` and `high`, the logarithm of what lies above `low` where `high` is infinite. The
    centre, which is the median, is `value`.
    """

    value: float
    error: float
    low: float = 0.0
    high: float = math.inf

    @property
    def centre(self) -> float:
        """The fitted value."""
        return self.value

    @property
    def deviation(self) -> float:
        """The standard deviation to first order in the free coordinate, as fits tell it.

        So a combination of correlated values that is known well stays so, be each of them known badly.
        """
        return self.error * slope_of_free(self.value, self.low, self.high)

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The values at scores."""
        above = self.value - self.low
        if not self.error:
            return np.full(np.shape(scores), self.value)
        if math.isinf(self.high):
            return self.low + above * np.exp(self.error * scores)
        return self.low + (self.high - self.low) / (1 + (self.high - self.value) / above * np.exp(-self.error * scores))

    def text(self, unit: str) -> str:
        """The distribution as people read it, with the error in the input's unit."""
        return f"{format_quantity(self.value, unit)} ± {format_quantity(self.deviation, unit)} (fitted)"

    def plain(self) -> dict[str, list[float]]:
        """What it means as plain data; the bounds are the input's own."""
        return {"free_normal": [self.value, self.error]}


Distribution = Normal | Uniform | LogNormal | Samples | FreeNormal


_FAR = 9.0
"""The score beyond which nothing is drawn: the share that lies above it is 1e-19."""


def is_finite(found: Distribution) -> bool:
    """Whether the centre, the standard deviation and all quantiles that may be drawn are finite numbers."""
    far: tuple[float, ...] = ()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(found, Normal):
                far = (found.mean - _FAR * found.spread, found.mean + _FAR * found.spread)
            if isinstance(found, LogNormal):
                far = (found.median * math.exp(_FAR * math.log(found.factor)),)
            return all(map(math.isfinite, (found.centre, found.deviation, *far)))
    except OverflowError:
        return False


def free_coordinate(value: float, low: float, high: float) -> float:
    """The logit of a value between bounds, or the logarithm of what lies above the lower one; infinite at a bound."""
    if not low < value < high:
        return -math.inf if value <= low else math.inf
    above = value - low
    return math.log(above) if math.isinf(high) else math.log(above / (high - value))


def slope_of_free(value: float, low: float, high: float) -> float:
    """The derivative of a value by its free coordinate; 0 at a bound."""
    return value - low if math.isinf(high) else (value - low) * (high - value) / (high - low)


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf
