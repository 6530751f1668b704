"""Integrals of gradients along paths from 0 to 1, panel by panel, with panels concentrated at kinks and jumps.

On every panel two Gauss-Legendre rules are held against each other, and the sum of the integrals of all parts against
the change of the function between the panel's ends, which it equals where the function is continuous. Panels on which
either disagrees are split: about the place where the tangents at both ends meet, which is where a kink is, or evenly
where it was not. A jump is what is left over where a panel has become shorter than 1.2e-13 of the path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

PANELS, SPLIT = 8, 16
SHORTEST, BESIDE = 2.0**-43, 2.0**-10
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
    """Panels: the path each is on, where it begins, and where it ends.

    `missed` says which lie beside a place where a kink was thought to be.
    """

    path: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    missed: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """How long they are."""
        return self.stop - self.start

    def split(self, chosen: np.ndarray, pieces: int) -> _Panels:
        """The chosen ones cut into equal pieces."""
        edges = np.tile(np.arange(pieces + 1) / pieces, (chosen.sum(), 1))
        return self._cut(chosen, edges, np.zeros(pieces, dtype=bool))

    def split_about(self, chosen: np.ndarray, kink: np.ndarray) -> _Panels:
        """The chosen ones with a narrow piece about a place of each, from 0 to 1.

        Cut into equal pieces is what has no such place, or lies beside one where the kink was not.
        """
        known = (kink > BESIDE) & (kink < 1 - BESIDE) & ~self.missed  # not where it is NaN
        at = kink[chosen & known][:, None]
        edges = np.concatenate([0 * at, at - BESIDE, at + BESIDE, 0 * at + 1], axis=1)
        about = self._cut(chosen & known, edges, np.array([True, False, True]))
        return about.joined(self.split(chosen & ~known, SPLIT))

    def joined(self, other: _Panels) -> _Panels:
        """These and others."""
        parts = ((panels.path, panels.start, panels.stop, panels.missed) for panels in (self, other))
        return _Panels(*map(np.concatenate, zip(*parts, strict=True)))

    def _cut(self, chosen: np.ndarray, places: np.ndarray, missed: np.ndarray) -> _Panels:
        edges = self.start[chosen][:, None] + self.width[chosen][:, None] * places
        edges[:, -1] = self.stop[chosen]
        path = np.repeat(self.path[chosen], len(missed))
        return _Panels(path, edges[:, :-1].reshape(-1), edges[:, 1:].reshape(-1), np.tile(missed, len(edges)))


def path_integrals(follow: Follow, paths: int) -> Integrals:
    """The integrals along `paths` paths.

    `follow(path, place)` gives for places of paths, from 0 to 1, the functions [function, place] and the derivatives
    by the place of all their parts [function, part, place]. The error of a panel is at most 1e-10 of how far a function
    moves on the path and 1e-13 of its size or of what a part adds, or the panel is split.
    """
    whole = np.ones(paths, dtype=bool)
    panels = _Panels(np.arange(paths), np.zeros(paths), np.ones(paths), ~whole).split(whole, PANELS)
    values, slopes = _followed(follow, panels)
    limits = _limits(values, slopes, paths)
    zeros = np.zeros(limits.shape)
    total = Integrals(np.zeros((*slopes.shape[:2], paths)), zeros.copy(), zeros.copy())
    used = np.full(paths, PANELS)
    while True:
        fine, gap, error = _integrals(values, slopes, panels.width)
        limit = limits[:, panels.path]
        wrong = error > limit  # false where it is not a number: no panel is short enough there
        short = panels.width <= SHORTEST
        split = wrong.any(axis=0) & ~short
        used += SPLIT * np.bincount(panels.path[split], minlength=paths)
        spent = split & (used[panels.path] > MOST_PANELS)
        split &= ~spent
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(wrong, error / limit, 0.0)
        _add(total.parts, panels.path, ~split, fine)
        _add(total.unresolved, panels.path, spent, excess)
        _add(total.jumps, panels.path, short, np.where(np.abs(gap) > limit, gap, 0.0))
        if not split.any():
            return replace(total, unresolved=RELATIVE * total.unresolved)
        panels = panels.split_about(split, _kinks(values, slopes, panels.width, excess))
        values, slopes = _followed(follow, panels)


def _kinks(values: np.ndarray, slopes: np.ndarray, width: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Where the tangents at both ends of a panel meet, for the function that is most wrong there, from 0 to 1."""
    worst = (excess.argmax(axis=0), np.arange(len(width)))
    rise = (values[..., -1] - values[..., 0])[worst]
    first, last = (slopes[..., end].sum(axis=1)[worst] * width for end in (0, -1))
    with np.errstate(all="ignore"):
        return (rise - last) / (first - last)


def _limits(values: np.ndarray, slopes: np.ndarray, paths: int) -> np.ndarray:
    """The error that is allowed on a panel [function, path], from the values and slopes on the first panels."""
    functions, parts = slopes.shape[:2]
    values, slopes = values.reshape(functions, paths, -1), slopes.reshape(functions, parts, paths, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.maximum(np.abs(values).max(axis=-1), np.abs(slopes).mean(axis=-1).max(axis=1, initial=0.0))
        return RELATIVE * np.ptp(values, axis=-1) + ROUNDING * size


def _integrals(values: np.ndarray, slopes: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The integrals of the parts, what they leave of the change of the function, and the error, for every panel."""
    with np.errstate(invalid="ignore", over="ignore"):
        fine = width / 2 * (slopes[..., _INNER] @ _FINE[1])
        coarse = width / 2 * (slopes[..., _CHECK] @ _COARSE[1])
        gap = values[..., -1] - values[..., 0] - fine.sum(axis=1)
        return fine, gap, np.maximum(np.abs(gap), np.abs(fine - coarse).max(axis=1, initial=0.0))


def _add(total: np.ndarray, path: np.ndarray, chosen: np.ndarray, values: np.ndarray) -> None:
    """Adds the values of chosen panels, along the last axis, to the totals of their paths."""
    np.add.at(total.T, path[chosen], values[..., chosen].T)


def _followed(follow: Follow, panels: _Panels) -> tuple[np.ndarray, np.ndarray]:
    """Functions and derivatives at the places of all panels, along a last axis."""
    places = panels.start[:, None] + panels.width[:, None] * _PLACES
    places[:, -1] = panels.stop
    values, slopes = follow(np.repeat(panels.path, len(_PLACES)), places.reshape(-1))
    return values.reshape(*values.shape[:1], *places.shape), slopes.reshape(*slopes.shape[:2], *places.shape)
