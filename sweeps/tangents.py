"""Tangents: a sweep whose graph also computes derivatives, each a quantity of its own.

A quantity that an input moves gets a companion: its derivative, from the values that it reads and the derivatives of
those. So derivatives are staged, blocked, stored and searched like all else. A companion varies along the dims of what
it is made of: the derivative of a declared sum needs only those of its terms.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp

from ..kernels.registry import Quantity
from .motion import Motion, motions
from .slopes import RISING, Reach, Slope, slope_of
from .sweep import Sweep


class Derivative(NamedTuple):
    """The names under which a sweep computes a derivative.

    `slope` is "" where the input moves the quantity, but without a slope. `below` and `above` tell how far the input
    can fall and rise before the derivative or the value may change at once, in the input's unit; "" where that was not
    asked for.
    """

    motion: Motion
    slope: str
    below: str
    above: str


def with_tangents(
    sweep: Sweep, of: Sequence[str], wrt: Sequence[str], *, side: int = RISING, reach: bool = False
) -> tuple[Sweep, dict[tuple[str, str], Derivative]]:
    """The sweep with the derivatives of quantities by inputs of its graph, and the names of these by (of, wrt).

    At a kink a derivative is that of a rising (or falling) input. A pair is left out where the input does not move the
    quantity: there the derivative is 0. Derivatives of derivatives: name a slope in `of`.
    """
    order = {quantity.name: quantity for quantity in sweep.graph.order}
    found: dict[tuple[str, str], Derivative] = {}
    for by in wrt:
        moving = motions(sweep.graph, by, of)
        for model in sweep.graph.order:
            if moving.get(model.name) is Motion.SLOPE or (reach and model.name in moving):
                order |= {companion.name: companion for companion in _companions(model, by, moving, side, reach)}
        found |= {(name, by): _derivative(name, by, moving[name], reach) for name in of if name in moving}
    return replace(sweep, graph=replace(sweep.graph, order=tuple(order.values()))), found


class _Names(NamedTuple):
    """What the companions of a quantity are called."""

    slope: str
    below: str
    above: str


def _names(name: str, by: str) -> _Names:
    slope = f"d {name} / d {by}"
    return _Names(slope, f"room below {slope}", f"room above {slope}")


def _derivative(name: str, by: str, motion: Motion, reach: bool) -> Derivative:
    names = _names(name, by)
    return Derivative(motion, names.slope if motion is Motion.SLOPE else "", *(names[1:] if reach else ("", "")))


def _companions(model: Quantity, by: str, moving: Mapping[str, Motion], side: int, reach: bool) -> list[Quantity]:
    """The derivative of a quantity, and how far it holds."""
    own, read = _names(model.name, by), [name for name in model.reads if name in moving]
    sloped = moving[model.name] is Motion.SLOPE
    if sloped and not reach and model.terms and by not in read and all(moving[n] is Motion.SLOPE for n in read):
        names = tuple(_names(name, by).slope for name in read)
        return [_companion(own.slope, model, names, _Sum(names), names)]
    followed = _Followed(model, by, moving, side, reach)
    parts = {own.slope: "slope"} if sloped else {}
    parts |= {own.below: "below", own.above: "above"} if reach else {}
    return [_companion(name, model, followed.reads, _Part(followed, part)) for name, part in parts.items()]


def _companion(
    name: str, model: Quantity, reads: tuple[str, ...], function: Any, terms: tuple[str, ...] = ()
) -> Quantity:
    declared = replace(model.declared, terms=terms, constraint=None, undefined="", when_given=None)
    kept = replace(model, name=name, function=function, declared=declared, parameters=reads)
    return replace(kept, bundles={}, options=(), names={})


@dataclass(frozen=True)
class _Sum:
    """The derivative of a sum: of the terms that move."""

    names: tuple[str, ...]

    def __call__(self, **values: Any) -> Any:
        return reduce(jnp.add, (values[name] for name in self.names))


class _Followed:
    """A model with its slope, followed once for all of its companions."""

    def __init__(self, model: Quantity, by: str, moving: Mapping[str, Motion], side: int, reach: bool) -> None:
        self.model, self.by, self.side, self.reach = model, by, side, reach
        moved = [name for name in model.reads if name in moving and name != by]
        self.slopes = {name: _names(name, by).slope for name in moved if moving[name] is Motion.SLOPE}
        self.reaches = {name: _names(name, by) for name in moved} if reach else {}
        far = [part for names in self.reaches.values() for part in (names.below, names.above)]
        self.reads = (*model.reads, *self.slopes.values(), *far)
        self._latest: tuple[tuple[Any, ...], Slope] = ((), Slope(None))

    def __call__(self, values: Mapping[str, Any]) -> Slope:
        """The slope at the values of `reads`; that of the very same arrays is known."""
        arrays = tuple(values[name] for name in self.reads)
        known, found = self._latest
        if len(known) != len(arrays) or not all(map(operator.is_, known, arrays)):
            found = self._follow(values)
            self._latest = (arrays, found)
        return found

    def _follow(self, values: Mapping[str, Any]) -> Slope:
        own = {name: values[name] for name in self.model.reads}
        slopes = {name: values[slope] for name, slope in self.slopes.items()}
        if self.by in own:
            slopes[self.by] = jnp.ones((), own[self.by].dtype)
        reaches = {name: Reach(values[far.below], values[far.above]) for name, far in self.reaches.items()}
        return slope_of(self.model, own, slopes, reaches if self.reach else None, side=self.side)


@dataclass(frozen=True, eq=False)
class _Part:
    """One part of the slope of a model."""

    followed: _Followed
    part: str

    def __call__(self, **values: Any) -> Any:
        found = self.followed(values)
        if self.part == "slope":
            return found.tangent
        if found.reach is None:
            return jnp.full((1,) * jnp.ndim(found.value), jnp.inf, found.value.dtype)
        return getattr(found.reach, self.part)
