"""Derivatives and elasticities of quantities at every point; differences where an input has no derivative.

The derivative by a continuous input is one-sided at a kink: that of a rising input, or of a falling one at the top of
its domain. By a count, a flag or a choice it is the exact difference to the next legal value. An elasticity is the
relative change of the quantity per relative change of the input; of a difference, the relative change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.vocabulary import Kind, Leaf
from ..engine import evaluate
from ..sweep import Sweep
from .motion import Motion
from .slopes import FALLING, RISING
from .steps import moved, next_values
from .tangents import Derivative, with_tangents

if TYPE_CHECKING:
    import xarray as xr


class Reading(IntEnum):
    """What a number stands for.

    `slope` is the same on both sides. At a kink it is that of the `rising` or the `falling` input; on a `mask`, where a
    model says what stands in place of a division by zero, that of neither. `chosen`: the input moves the quantity only
    as it decides between values, so the slope is 0 up to a jump. `rounded`: it moves it in whole steps, and there is no
    derivative. `difference` is that to the next legal value, `last` where there is none. `none`: no dependence.
    """

    slope = 0
    rising = 1
    falling = 2
    mask = 3
    chosen = 4
    rounded = 5
    difference = 6
    last = 7
    none = 8


@dataclass(frozen=True)
class Found:
    """A derivative (or elasticity, or difference) along named dims, what it is, and where in the input it holds.

    No kink lies between `start` and `stop`, where what may switch is linear or reciprocal in the input, as bandwidths
    and rates are; for other dependences the ends are estimates. A difference is that from `start` to `stop`.
    """

    value: xr.DataArray
    reading: xr.DataArray
    start: xr.DataArray
    stop: xr.DataArray


def derivatives(
    sweep: Sweep, of: Sequence[str], wrt: Sequence[str], *, relative: bool = False
) -> dict[tuple[str, str], Found]:
    """The derivatives of quantities by inputs of the sweep's graph, in float64, by (of, wrt).

    `relative` gives elasticities. Names of `wrt` that are no continuous leaves or pinned quantities give differences,
    and names that are no inputs of the graph derivatives of 0.
    """
    leaves = {by: sweep.registry.vocabulary.get(by) for by in wrt if by in sweep.values}
    smooth = [by for by, leaf in leaves.items() if leaf is None or leaf.kind is Kind.CONTINUOUS]
    values = _labelled(sweep, [*of], smooth)
    found = _slopes(sweep, of, smooth, leaves, values)
    for by, leaf in leaves.items():
        if by not in smooth and leaf is not None:
            found |= _differences(sweep, of, leaf, values)
    found |= {(name, by): _independent() for by in wrt if by not in leaves for name in of}
    return {pair: _relative(pair, values, one) if relative else one for pair, one in found.items()}


def _labelled(sweep: Sweep, names: Iterable[str], inputs: Iterable[str] = ()) -> dict[str, Any]:
    """Quantities evaluated, and inputs as they are, as arrays with named dims."""
    import xarray as xr

    names = [*dict.fromkeys(names)]
    found = {name: xr.DataArray(array, dims=sweep.dims[name]) for name, array in evaluate(sweep, names).items()}
    return found | {name: xr.DataArray(sweep.values[name].data, dims=sweep.values[name].dims) for name in inputs}


def _slopes(
    sweep: Sweep, of: Sequence[str], wrt: Sequence[str], leaves: Mapping[str, Leaf | None], values: Mapping[str, Any]
) -> dict[tuple[str, str], Found]:
    """The derivatives by continuous inputs, at the top of their domain by the falling input."""
    tops = {by: leaf.high if (leaf := leaves[by]) is not None else math.inf for by in wrt}
    sides = {RISING: [by for by in wrt if (values[by] < tops[by]).any()]}
    sides[FALLING] = [by for by in wrt if (values[by] >= tops[by]).any()]
    parts: dict[int, dict[tuple[str, str], Found]] = {}
    for side, names in sides.items():
        extended, asked = with_tangents(sweep, of, names, side=side, reach=True)
        arrays = _labelled(extended, [name for own in asked.values() for name in own[1:] if name])
        parts[side] = {
            (name, by): _one_sided(asked.get((name, by)), side, values[by], leaves[by], arrays)
            for name in of
            for by in names
        }
    return {
        (name, by): _joined(parts[RISING].get((name, by)), parts[FALLING].get((name, by)), values[by] < tops[by])
        for name in of
        for by in wrt
    }


def _one_sided(
    asked: Derivative | None, side: int, at: xr.DataArray, leaf: Leaf | None, arrays: Mapping[str, Any]
) -> Found:
    """The derivative on one side, with what it is and the interval where it holds, cut to the input's domain."""
    import xarray as xr

    low, high = (leaf.low, leaf.high) if leaf is not None else (-math.inf, math.inf)
    if asked is None:
        return Found(xr.zeros_like(at), xr.full_like(at, Reading.none), xr.full_like(at, low), xr.full_like(at, high))
    below, above = arrays[asked.below], arrays[asked.above]
    start = (at - (_reciprocal(at, below) if low >= 0 else below)).clip(min=low)
    stop = (at + above).clip(max=high)
    if asked.motion is not Motion.SLOPE:
        rounded = asked.motion is Motion.ROUNDED
        value = xr.full_like(below, math.nan if rounded else 0.0)
        return Found(value, xr.full_like(below, Reading.rounded if rounded else Reading.chosen), start, stop)
    kink = Reading.rising if side == RISING else Reading.falling
    here, beyond = (below, above) if side == RISING else (above, below)
    reading = xr.where(here > 0, Reading.slope, xr.where(beyond > 0, kink, Reading.mask))
    return Found(arrays[asked.slope], reading, start, stop)


def _reciprocal(at: xr.DataArray, below: xr.DataArray) -> xr.DataArray:
    """The distance to a switch below by a linear estimate, as the nearer one of what is reciprocal in the input.

    a - b/x, linearised at x, reaches 0 a distance d below x where in truth it does x d/(x + d) below. Above x the
    linear distance is the nearer one.
    """
    finite = below.where(np.isfinite(below), 0.0)
    near = at * finite / (at + finite).where(at + finite > 0, 1.0)
    return near.where(np.isfinite(below), at)


def _independent() -> Found:
    """The derivative by an input that the models do not even read."""
    import xarray as xr

    parts = (0.0, float(Reading.none), -math.inf, math.inf)
    return Found(*(xr.DataArray(part) for part in parts))


def _joined(rising: Found | None, falling: Found | None, rises: xr.DataArray) -> Found:
    """Each point from the side that its input can move to."""
    import xarray as xr

    if rising is None or falling is None:
        found = rising or falling
        assert found is not None
        return found
    pairs = zip(vars(rising).values(), vars(falling).values(), strict=True)
    return Found(*(xr.where(rises, one, other) for one, other in pairs))


def _differences(
    sweep: Sweep, of: Sequence[str], leaf: Leaf, values: Mapping[str, Any]
) -> dict[tuple[str, str], Found]:
    """What quantities gain as an input goes to its next legal value; NaN where there is none."""
    import xarray as xr

    following = next_values(sweep, leaf)
    stop = xr.DataArray(following.data, dims=following.dims)
    start = xr.DataArray(sweep.values[leaf.name].data, dims=sweep.values[leaf.name].dims)
    there = _labelled(moved(sweep, following), of)
    reading = xr.where(np.isnan(stop), Reading.last, Reading.difference)
    return {
        (name, leaf.name): Found((there[name] - values[name]).where(~np.isnan(stop)), reading, start, stop)
        for name in of
    }


def _relative(pair: tuple[str, str], values: Mapping[str, Any], found: Found) -> Found:
    """A derivative as an elasticity, a difference as a relative one; NaN where the quantity is 0."""
    of, by = pair
    base = values[of].where(values[of] != 0)
    return replace(found, value=found.value * values.get(by, 1.0) / base)


def second_derivatives(sweep: Sweep, of: Sequence[str], wrt: Sequence[str]) -> dict[tuple[str, str, str], xr.DataArray]:
    """The derivatives by a second input of the derivatives by a first, of a rising input, by (of, first, second).

    `wrt` are continuous inputs of the graph. Where one of the two does not move what it is taken of, 0.
    """
    import xarray as xr

    first, slopes = with_tangents(sweep, of, wrt)
    named = {pair: own.slope for pair, own in slopes.items() if own.slope}
    second, found = with_tangents(first, list(named.values()), wrt)
    arrays = _labelled(second, [own.slope for own in found.values() if own.slope])
    zero = xr.DataArray(0.0)

    def one(name: str, by: str, again: str) -> xr.DataArray:
        own = found.get((named.get((name, by), ""), again))
        return arrays[own.slope] if own is not None and own.slope else zero

    return {(name, by, again): one(name, by, again) for name in of for by in wrt for again in wrt}
