r"""Contributions: what each changed input adds to the difference of a quantity between two sweeps, so that they add up.

Inputs on whose values a path exists (continuous ones) are one player, the block; every other input that changes (a
count, a flag, a choice, a catalog's record with all of its fields, a quantity that is given in one sweep and computed
in the other) is a player of its own. The n players share the difference by their Shapley values,

$$ \phi_j = \sum_{S \not\ni j} \frac{|S|!\,(n-|S|-1)!}{n!}\,\bigl(f(S \cup j) - f(S)\bigr), $$

where $f(S)$ is the quantity with the inputs in $S$ as in the second sweep and the others as in the first. The share of
the block is split among its inputs by integrating the gradient along the straight path from the first values to the
second, for every $S$ with its weight: the Aumann-Shapley value, known as integrated gradients,

$$ \phi_i = \sum_S \frac{|S|!\,(n-|S|-1)!}{n!} \int_0^1 \frac{\partial f}{\partial x_i}\,(x_i^B - x_i^A)\,dt. $$

What a quantity jumps by on the path is due to the block, and to none of its inputs alone: it is told as `jumps`. A
block with one input that moves the quantity is that input's own.

L. S. Shapley (1953), "A value for n-person games"; R. J. Aumann, L. S. Shapley (1974), "Values of Non-Atomic Games";
M. Sundararajan, A. Taly, Q. Yan (2017), "Axiomatic Attribution for Deep Networks", ICML 2017, arXiv:1703.01365.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...specs.problems import RooflaxError
from .changes import Change
from .mixture import Mixture, Slopes
from .path_integrals import PLACES, Integrals, path_integrals

JUMPS = "jumps"
MOST_PLAYERS = 10
MOST_EVALUATIONS = 2**21
LARGEST_ERROR = 1e-6
_BATCH = 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Players:
    """The discrete changes that some quantity reads, and the continuous ones, which are one player: the block."""

    discrete: tuple[str, ...]
    block: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many there are; coalitions of them are numbers with a bit for each, the block's the last."""
        return len(self.discrete) + bool(self.block)

    def shares(self, coalitions: np.ndarray) -> dict[str, np.ndarray]:
        """How far every change is in coalitions: 0 as in the first sweep, 1 as in the second."""
        found = {name: coalitions >> bit & 1 for bit, name in enumerate(self.discrete)}
        return found | dict.fromkeys(self.block, coalitions >> len(self.discrete) & 1)

    def bits(self, read: Sequence[Change]) -> list[int]:
        """The bits of the players that a quantity reads."""
        names = {change.name for change in read}
        own = [bit for bit, name in enumerate(self.discrete) if name in names]
        return [*own, len(self.discrete)] if names.intersection(self.block) else own


def contributions(
    mixture: Mixture, names: tuple[str, str], progress: Progress | None = None
) -> dict[tuple[str, str], np.ndarray]:
    """The contributions by (quantity, input) at every point of the mixture's grid, and those of `jumps` where any are.

    An input that a quantity does not read contributes 0. Contributions are NaN where a quantity has no finite value
    while only some of the inputs are changed. Raises RooflaxError where there are too many players or evaluations, or
    where the integrals are not resolved to 1e-6; `names` are what messages call the sweeps.
    """
    read = {quantity: mixture.reads(quantity) for quantity in mixture.quantities}
    players = _players(mixture.changes, {change.name for own in read.values() for change in own}, names)
    slopes = mixture.slopes(mixture.quantities, players.block)
    shared = [quantity for quantity in mixture.quantities if len(slopes.movers(quantity)) > 1]
    _refuse_evaluations(mixture.points, players, bool(shared), names)
    corners = _corners(mixture, players)
    integrals = _integrals(mixture.points, players, slopes.of(shared), progress) if shared else None
    found: dict[tuple[str, str], np.ndarray] = {}
    for quantity, values in zip(mixture.quantities, corners, strict=True):
        found |= {(quantity, change.name): np.zeros(mixture.points) for change in mixture.changes}
        own = players.bits(read[quantity])
        values[:, ~np.isfinite(values[_coalitions(own)[0]]).all(axis=0)] = np.nan
        for bit in own:
            share = _shapley(values, own, bit)
            if bit < len(players.discrete):
                found[quantity, players.discrete[bit]] = share
            elif quantity not in shared:
                found |= {(quantity, name): share for name in slopes.movers(quantity)}
            elif integrals is not None:
                others = [other for other in own if other != bit]
                found |= _split(quantity, shared.index(quantity), share, integrals, players, others)
    _refuse_unresolved(shared, integrals, names)
    return found


def _players(changes: Sequence[Change], read: set[str], names: tuple[str, str]) -> _Players:
    """The players among the changes that are read. Raises RooflaxError where they are too many."""
    discrete = [change.name for change in changes if change.name in read and not change.continuous]
    block = [change.name for change in changes if change.name in read and change.continuous]
    players = _Players(tuple(discrete), tuple(block))
    if players.count > MOST_PLAYERS:
        also = f" and {len(block)} inputs on a path" if block else ""
        raise RooflaxError(
            f"{names[0]} and {names[1]} differ in {len(discrete)} counts, flags, choices and records{also}, and "
            f"at most {MOST_PLAYERS} are tried in all combinations; put a scenario between the two that changes "
            f"some of {', '.join(discrete)}"
        )
    return players


def _refuse_evaluations(points: int, players: _Players, integrated: bool, names: tuple[str, str]) -> None:
    needed = points * 2**players.count + (points * 2 ** len(players.discrete) * PLACES if integrated else 0)
    if needed > MOST_EVALUATIONS:
        raise RooflaxError(
            f"comparing {names[0]} with {names[1]} takes {needed:.3g} evaluations ({points:,} points, "
            f"{2**players.count} combinations of inputs{', paths between them' if integrated else ''}); the limit is "
            f"{MOST_EVALUATIONS:,}: compare at fewer points"
        )


def _corners(mixture: Mixture, players: _Players) -> np.ndarray:
    """The quantities with the inputs of every coalition changed, [quantity, coalition, point]."""
    coalitions = np.arange(2**players.count)
    shape = (len(coalitions), mixture.points)
    points = np.broadcast_to(np.arange(mixture.points), shape).reshape(-1)
    values = mixture.values(points, players.shares(np.repeat(coalitions, mixture.points)))
    return values.reshape(-1, *shape)


def _integrals(points: int, players: _Players, slopes: Slopes, progress: Progress | None) -> Integrals:
    """The integrals along the path of the block in every coalition of the others, [..., coalition, point]."""
    paths = np.arange(points * 2 ** len(players.discrete))
    found: list[Integrals] = []
    starts = range(0, len(paths), _BATCH)
    for done, start in enumerate(starts, start=1):
        batch = paths[start : start + _BATCH]
        found.append(path_integrals(partial(_followed, slopes, players, points, batch), len(batch)))
        if progress:
            progress(done, len(starts))
    shape = (-1, points)
    joined = [np.concatenate(arrays, axis=-1) for arrays in zip(*(_arrays(one) for one in found), strict=True)]
    return Integrals(*(array.reshape(*array.shape[:-1], *shape) for array in joined))


def _arrays(one: Integrals) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return one.parts, one.jumps, one.unresolved


def _followed(
    slopes: Slopes, players: _Players, points: int, batch: np.ndarray, path: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The quantities and the derivatives of their parts at places of some of the paths."""
    coalitions, point = np.divmod(batch[path], points)
    return slopes(point, players.shares(coalitions) | dict.fromkeys(players.block, place))


def _shapley(values: np.ndarray, own: Sequence[int], bit: int) -> np.ndarray:
    """The Shapley value of one of the players `own` in a game with values [coalition, point]."""
    coalitions, weights = _coalitions([other for other in own if other != bit])
    with np.errstate(invalid="ignore"):
        return weights @ (values[coalitions | 1 << bit] - values[coalitions])


def _coalitions(others: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The coalitions of the players beside one, and their weights in its Shapley value."""
    count = len(others) + 1
    coalitions = np.zeros(1, dtype=int)
    for bit in others:
        coalitions = np.concatenate([coalitions, coalitions | 1 << bit])
    sizes = np.bitwise_count(coalitions)
    weights = [math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count) for size in sizes]
    return coalitions, np.array(weights)


def _split(
    quantity: str, row: int, share: np.ndarray, integrals: Integrals, players: _Players, others: Sequence[int]
) -> dict[tuple[str, str], np.ndarray]:
    """The share of the block as the shares of its inputs, and of the jumps where there are any."""
    coalitions, weights = _coalitions(others)
    with np.errstate(invalid="ignore"):
        parts = np.einsum("ics,c->is", integrals.parts[row][:, coalitions], weights)
        jumps = weights @ integrals.jumps[row, coalitions]
        lost = np.where(np.isfinite(share + jumps) & np.isfinite(parts).all(axis=0), 0.0, np.nan)
        found = {(quantity, name): part + lost for name, part in zip(players.block, parts, strict=True)}
        return found | ({(quantity, JUMPS): jumps + lost} if np.nan_to_num(jumps).any() else {})


def _refuse_unresolved(quantities: Sequence[str], integrals: Integrals | None, names: tuple[str, str]) -> None:
    for quantity, errors in zip(quantities, integrals.unresolved if integrals else (), strict=True):
        if (error := float(np.nanmax(errors))) > LARGEST_ERROR:
            raise RooflaxError(
                f"`{quantity}` has so many kinks or jumps between {names[0]} and {names[1]} that its gradients leave "
                f"{error:.1g} of its way unexplained; change fewer inputs at once"
            )
