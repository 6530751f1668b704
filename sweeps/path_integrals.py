"""Integrals of gradients along paths from 0 to 1, panel by panel, with panels concentrated at kinks and jumps.

On every panel two Gauss-Legendre rules are held against each other, and the sum of the integrals of all parts against
the change of the function between the panel's ends, which it equals where the function is continuous. Panels on which
either disagrees are split. A jump is what is left over where a panel has become shorter than 1.2e-13 of the path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

PANELS, SPLIT, DEEPEST = 8, 16, 10
MOST_PANELS = 2**14
RELATIVE, ROUNDING = 1e-10, 1e-13

_FINE, _COARSE = (np.polynomial.legendre.leggauss(order) for order in (7, 5))
_PLACES = np.concatenate([[0.0], (1 + _FINE[0]) / 2, (1 + _COARSE[0]) / 2, [1.0]])
_INNER, _CHECK = slice(1, 8), slice(8, 13)
PLACES = PANELS * len(_PLACES)

Follow = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Integrals:
    """The integrals of the parts [function, part, path] and what jumps add [function, path].

    `unresolved` [function, path] is the error that is left where panels ran out, in about the share of how far the
    function moves on the path; 0 where they did not. Where a value on a path is not a number, so are the integrals.
    """

    parts: np.ndarray
    jumps: np.ndarray
    unresolved: np.ndarray


@dataclass(frozen=True)
class _Panels:
    """Panels of one width: the path each is on and where it begins."""

    path: np.ndarray
    start: np.ndarray
    width: float

    def split(self, chosen: np.ndarray) -> _Panels:
        """The chosen ones cut into equal pieces."""
        width = self.width / SPLIT
        starts = self.start[chosen][:, None] + width * np.arange(SPLIT)
        return _Panels(np.repeat(self.path[chosen], SPLIT), starts.reshape(-1), width)


def path_integrals(follow: Follow, paths: int) -> Integrals:
    """The integrals along `paths` paths.

    `follow(path, place)` gives for places of paths, from 0 to 1, the functions [function, place] and the derivatives
    by the place of all their parts [function, part, place]. The error of a panel is at most 1e-10 of how far a function
    moves on the path and 1e-13 of its size or of what a part adds, or the panel is split.
    """
    start = np.tile(np.arange(PANELS) / PANELS, paths)
    panels = _Panels(np.repeat(np.arange(paths), PANELS), start, 1 / PANELS)
    values, slopes = _followed(follow, panels)
    limits = _limits(values, slopes, paths)
    zeros = np.zeros(limits.shape)
    total = Integrals(np.zeros((*slopes.shape[:2], paths)), zeros.copy(), zeros.copy())
    used = np.full(paths, PANELS)
    for depth in range(DEEPEST + 1):
        fine, gap, error = _integrals(values, slopes, panels.width)
        limit = limits[:, panels.path]
        wrong = error > limit  # false where it is not a number: no panel is short enough there
        split = wrong.any(axis=0) & (depth < DEEPEST)
        used += SPLIT * np.bincount(panels.path[split], minlength=paths)
        spent = split & (used[panels.path] > MOST_PANELS)
        split &= ~spent
        _add(total.parts, panels.path, ~split, fine)
        with np.errstate(divide="ignore", invalid="ignore"):
            _add(total.unresolved, panels.path, spent, np.where(wrong, error / limit, 0.0))
        if depth == DEEPEST:
            _add(total.jumps, panels.path, ~split, np.where(np.abs(gap) > limit, gap, 0.0))
        if not split.any():
            break
        panels = panels.split(split)
        values, slopes = _followed(follow, panels)
    return replace(total, unresolved=RELATIVE * total.unresolved)


def _limits(values: np.ndarray, slopes: np.ndarray, paths: int) -> np.ndarray:
    """The error that is allowed on a panel [function, path], from the values and slopes on the first panels."""
    functions, parts = slopes.shape[:2]
    values, slopes = values.reshape(functions, paths, -1), slopes.reshape(functions, parts, paths, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.maximum(np.abs(values).max(axis=-1), np.abs(slopes).mean(axis=-1).max(axis=1, initial=0.0))
        return RELATIVE * np.ptp(values, axis=-1) + ROUNDING * size


def _integrals(values: np.ndarray, slopes: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The integrals of the parts, what they leave of the change of the function, and the error, for every panel."""
    with np.errstate(invalid="ignore", over="ignore"):
        fine = width / 2 * slopes[..., _INNER] @ _FINE[1]
        coarse = width / 2 * slopes[..., _CHECK] @ _COARSE[1]
        gap = values[..., -1] - values[..., 0] - fine.sum(axis=1)
        return fine, gap, np.maximum(np.abs(gap), np.abs(fine - coarse).max(axis=1, initial=0.0))


def _add(total: np.ndarray, path: np.ndarray, chosen: np.ndarray, values: np.ndarray) -> None:
    """Adds the values of chosen panels, along the last axis, to the totals of their paths."""
    np.add.at(total.T, path[chosen], values[..., chosen].T)


def _followed(follow: Follow, panels: _Panels) -> tuple[np.ndarray, np.ndarray]:
    """Functions and derivatives at the places of all panels, along a last axis."""
    places = panels.start[:, None] + panels.width * _PLACES
    values, slopes = follow(np.repeat(panels.path, len(_PLACES)), places.reshape(-1))
    return values.reshape(*values.shape[:1], *places.shape), slopes.reshape(*slopes.shape[:2], *places.shape)
