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
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from ...kernels.registry import Quantity
from ..sweep import Sweep
from .motion import Motion, motions
from .slopes import BALANCED, FALLING, RISING, Reach, Slope, operations, slope_of


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

    At a kink a derivative is that of a rising (or falling) input, or balanced, so that those by several inputs add up.
    A pair is left out where the input does not move the quantity: there the derivative is 0. Derivatives of
    derivatives: name a slope in `of`.
    """
    order = {quantity.name: quantity for quantity in sweep.graph.order}
    found: dict[tuple[str, str], Derivative] = {}
    for by in wrt:
        mover = _Mover(by, side, reach, motions(sweep.graph, by, of))
        for model in sweep.graph.order:
            if mover.motion(model.name) is Motion.SLOPE or (reach and mover.moves(model.name)):
                order |= {companion.name: companion for companion in mover.companions(model)}
        found |= {(name, by): mover.derivative(name) for name in of if mover.moves(name)}
    return replace(sweep, graph=replace(sweep.graph, order=tuple(order.values()))), found


def companion(name: str, model: Quantity, reads: Sequence[str], function: Any, terms: Sequence[str] = ()) -> Quantity:
    """A quantity of the graph beside `model`, of whose declaration it keeps the source: a function of what it reads."""
    declared = replace(model.declared, terms=tuple(terms), constraint=None, undefined="", when_given=None)
    kept = replace(model, name=name, function=function, declared=declared, parameters=tuple(reads))
    return replace(kept, bundles={}, options=(), names={})


class _Names(NamedTuple):
    """What the companions of a quantity are called."""

    slope: str
    below: str
    above: str


@dataclass(frozen=True)
class _Mover:
    """An input that rises or falls, and how it moves what depends on it; `reach` says whether distances are kept."""

    by: str
    side: int
    reach: bool
    moving: Mapping[str, Motion]

    def moves(self, name: str) -> bool:
        """Whether the input moves a name at all."""
        return name in self.moving

    def motion(self, name: str) -> Motion:
        """How the input moves a name."""
        return self.moving.get(name, Motion.STILL)

    def names(self, name: str) -> _Names:
        """What the companions of a name are called."""
        slope = f"d {name} / d {self.by}" + {FALLING: ", falling", BALANCED: ", balanced"}.get(self.side, "")
        return _Names(slope, f"room below of {slope}", f"room above of {slope}")

    def derivative(self, name: str) -> Derivative:
        """The names that the user of a derivative needs."""
        names, motion = self.names(name), self.motion(name)
        slope = names.slope if motion is Motion.SLOPE else ""
        return Derivative(motion, slope, *((names.below, names.above) if self.reach else ("", "")))

    def companions(self, model: Quantity) -> list[Quantity]:
        """The derivative of a quantity, and how far it holds."""
        own, read = self.names(model.name), [name for name in model.reads if self.moves(name)]
        sloped = self.motion(model.name) is Motion.SLOPE
        plain = self.by not in read and all(self.motion(name) is Motion.SLOPE for name in read)
        if sloped and model.terms and plain and not self.reach:
            names = [self.names(name).slope for name in read]
            return [companion(own.slope, model, names, _Sum(tuple(names)), names)]
        followed = _Followed(model, self)
        parts = {own.slope: "slope"} if sloped else {}
        parts |= {own.below: "below", own.above: "above"} if self.reach else {}
        return [companion(name, model, followed.reads, _Part(followed, part)) for name, part in parts.items()]


@dataclass(frozen=True)
class _Sum:
    """The derivative of a sum: of the terms that move."""

    names: tuple[str, ...]

    def __call__(self, **values: Any) -> Any:
        return reduce(jnp.add, (values[name] for name in self.names))


class _Followed:
    """A model with its slope, followed once for all of its companions."""

    def __init__(self, model: Quantity, mover: _Mover) -> None:
        self.model, self.mover = model, mover
        moved = [name for name in model.reads if mover.moves(name) and name != mover.by]
        self.slopes = {name: mover.names(name).slope for name in moved if mover.motion(name) is Motion.SLOPE}
        self.reaches = {name: mover.names(name) for name in moved} if mover.reach else {}
        far = [part for names in self.reaches.values() for part in (names.below, names.above)]
        self.reads = (*model.reads, *self.slopes.values(), *far)
        self._latest: tuple[tuple[Any, ...], Slope] = ((), Slope(None))
        self._traced: dict[tuple[Any, ...], ClosedJaxpr] = {}

    def __call__(self, values: Mapping[str, Any]) -> Slope:
        """The slope at the values of `reads`; that of the very same arrays is known."""
        arrays = tuple(values[name] for name in self.reads)
        known, found = self._latest
        if len(known) != len(arrays) or not all(map(operator.is_, known, arrays)):
            found = self._follow(values)
            self._latest = (arrays, found)
        return found

    def _follow(self, values: Mapping[str, Any]) -> Slope:
        by, own = self.mover.by, {name: values[name] for name in self.model.reads}
        slopes = {name: values[slope] for name, slope in self.slopes.items()}
        if by in own:
            slopes[by] = jnp.ones((), own[by].dtype)
        reaches = {name: Reach(values[far.below], values[far.above]) for name, far in self.reaches.items()}
        shapes = tuple((jnp.shape(value), value.dtype) for value in own.values())
        if shapes not in self._traced:
            self._traced[shapes] = operations(self.model, list(own), shapes)
        far = reaches if self.mover.reach else None
        return slope_of(self.model, own, slopes, far, side=self.mover.side, traced=self._traced[shapes])


@dataclass(frozen=True, eq=False)
class _Part:
    """One part of the slope of a model."""

    followed: _Followed
    part: str
    is_traced: ClassVar[bool] = True

    def __call__(self, **values: Any) -> Any:
        found = self.followed(values)
        if self.part == "slope":
            return found.tangent
        if found.reach is None:
            return jnp.full((1,) * jnp.ndim(found.value), jnp.inf, found.value.dtype)
        return getattr(found.reach, self.part)
