"""Standard normal scores: the shares that lie below them, and what is left of a normal between two bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

_STANDARD = NormalDist()


def shares(scores: np.ndarray) -> np.ndarray:
    """The share of a standard normal that lies below each score."""
    return _special().ndtr(scores)


def scores_of(found: np.ndarray) -> np.ndarray:
    """The score below which each share of a standard normal lies."""
    return _special().ndtri(found)


def _special() -> Any:
    import scipy.special  # heavy, and needed only where something is sampled

    return scipy.special


@dataclass(frozen=True)
class CutNormal:
    """A standard normal between two bounds."""

    low: float
    high: float

    @property
    def _inside(self) -> tuple[float, float]:
        return _below(self.low), _below(self.high)

    @property
    def outside(self) -> float:
        """The share that lies outside."""
        below, upto = self._inside
        return below + (1 - upto)

    @property
    def deviation(self) -> float:
        """The standard deviation of what is inside."""
        inside = 1 - self.outside
        edges = [_times(bound, _STANDARD.pdf) for bound in (self.low, self.high)]
        mean = (_STANDARD.pdf(self.low) - _STANDARD.pdf(self.high)) / inside
        return math.sqrt(1 + (edges[0] - edges[1]) / inside - mean**2)

    def shifted(self, by: float) -> float:
        """The share, of what is inside, that would be inside were the bounds lower by `by`."""
        return (_below(self.high - by) - _below(self.low - by)) / (1 - self.outside)

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """The scores of the whole normal, moved to the same shares of what is inside."""
        if not self.outside:
            return scores
        below, upto = self._inside
        return scores_of(below + (upto - below) * shares(scores))


def _below(bound: float) -> float:
    return _STANDARD.cdf(bound) if math.isfinite(bound) else float(bound > 0)


def _times(bound: float, density: Callable[[float], float]) -> float:
    return bound * density(bound) if math.isfinite(bound) else 0.0
