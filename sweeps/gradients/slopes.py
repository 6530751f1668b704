"""Slopes: forward-mode derivatives of a function in one direction, right at kinks too, and how far they hold.

Where two operands of a maximum are equal, automatic differentiation returns a mean of both slopes, which is the slope
on neither side. Here every operation that switches (maximum, minimum, absolute value, a choice by a comparison) is
followed on the side that `side` names: +1 for a rising input, -1 for a falling one. On neither side (0) the slopes of
equal operands are shared alike, so that the slopes by several inputs add up along a way on which a tie lasts. Every
switch also tells where it lies: an operand that leads by g and gains g' per unit of the input is overtaken a distance
-g/g' away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from ..operations import results
from .motion import ROUNDED, is_real

RISING, FALLING, BALANCED = 1, -1, 0
Params: TypeAlias = Mapping[str, Any]
_MOVING = {"broadcast_in_dim", "concatenate", "expand_dims", "reshape", "rev", "slice", "squeeze", "transpose"}
"""Operations that only put elements elsewhere."""


@dataclass(frozen=True)
class Reach:
    """How far an input can fall and rise (both at least 0) before a switch may change the slope or the value.

    A distance is exact where the operands that switch are linear in the input, else their linear estimate.
    """

    below: Any
    above: Any

    def nearest(self, other: Reach | None) -> Reach:
        """As far as both hold."""
        if other is None:
            return self
        return Reach(jnp.minimum(self.below, other.below), jnp.minimum(self.above, other.above))

    def where(self, matters: Any) -> Reach:
        """This where a switch `matters`, and without end elsewhere."""
        return Reach(*(jnp.where(matters, part, jnp.inf) for part in (self.below, self.above)))


class Compared(NamedTuple):
    """A comparison at the point itself, and the two arrays it is between."""

    here: Any
    between: tuple[Any, Any]

    def chooses(self, cases: Sequence[Slope]) -> bool:
        """Whether the cases are what is compared: of two equal values it does not matter which is chosen."""
        return len(cases) == 2 and all(any(case.origin is one for case in cases) for one in self.between)


@dataclass(frozen=True)
class Slope:
    """A value with its slope by the input; None where the input does not move it, or only in steps.

    At a jump the value is that just beside the point, on the side that is followed. `reach` is None where nothing
    switches. `compared` tells which two values a comparison is between, `repeats` which array a value only repeats.
    """

    value: Any
    slope: Any = None
    reach: Reach | None = None
    compared: Compared | None = None
    repeats: Any = None

    @property
    def origin(self) -> Any:
        """The array that the value repeats, or the value itself."""
        return self.value if self.repeats is None else self.repeats

    @property
    def tangent(self) -> Any:
        """The slope as an array of the value's shape."""
        return jnp.zeros_like(self.value) if self.slope is None else self.slope

    @property
    def still(self) -> bool:
        """Whether nothing is known to move or to switch."""
        return self.slope is None and self.reach is None


def slope_of(
    function: Callable[[Mapping[str, Any]], Any],
    values: Mapping[str, Any],
    slopes: Mapping[str, Any],
    reaches: Mapping[str, Reach] | None = None,
    *,
    side: int = RISING,
    traced: ClosedJaxpr | None = None,
) -> Slope:
    """The value of a function of named real arrays with its slope by an input that moves some of them.

    `slopes` of those that move may lack dims of the values. `reaches` tells how far they hold; where it is None, no
    distances are kept. `traced` has the operations of the function where they are known for values of these shapes.
    """
    if traced is None:
        traced = operations(function, list(values), [(jnp.shape(value), value.dtype) for value in values.values()])
    entering = []
    for name, value in values.items():
        slope = jnp.broadcast_to(slopes[name], jnp.shape(value)).astype(value.dtype) if name in slopes else None
        entering.append(Slope(value, slope, (reaches or {}).get(name)))
    (found,) = _Follower(side, reaches is not None).follow(traced, entering)
    return found


def operations(
    function: Callable[[Mapping[str, Any]], Any], names: Sequence[str], shapes: Sequence[tuple[tuple[int, ...], Any]]
) -> ClosedJaxpr:
    """The operations of a function of named arrays of the given shapes and types."""
    arrays = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]
    return jax.make_jaxpr(lambda *values: function(dict(zip(names, values, strict=True))))(*arrays)


@dataclass(frozen=True)
class _Follower:
    """Runs traced operations with slopes; `distances` says whether those to switches are kept."""

    side: int
    distances: bool

    def follow(self, traced: ClosedJaxpr, entering: Sequence[Slope]) -> list[Slope]:
        known: dict[Any, Slope] = dict(zip(traced.jaxpr.invars, entering, strict=True))
        known |= {var: Slope(const) for var, const in zip(traced.jaxpr.constvars, traced.consts, strict=True)}

        def read(atom: Any) -> Slope:
            return Slope(np.asarray(atom.val, atom.aval.dtype)) if isinstance(atom, Literal) else known[atom]  # pyright: ignore[reportAttributeAccessIssue]

        for operation in traced.jaxpr.eqns:
            primitive, operands = operation.primitive, [read(atom) for atom in operation.invars]
            if primitive.name in ("jit", "pjit"):
                found = self.follow(operation.params["jaxpr"], operands)
            elif all(operand.still for operand in operands):
                values = [operand.value for operand in operands]
                found = [Slope(value) for value in results(primitive, operation.params, values)]
            else:
                found = _RULES.get(primitive.name, _Follower.smooth)(self, primitive, operation.params, *operands)
            if primitive.name == "broadcast_in_dim":
                found = [replace(found[0], repeats=operands[0].origin)]
            known |= dict(zip(operation.outvars, found, strict=True))
        return [read(atom) for atom in traced.jaxpr.outvars]

    def smooth(self, primitive: Any, params: Params, *operands: Slope) -> list[Slope]:
        """An operation with a slope everywhere, by the rule that jax has for it."""
        values = [operand.value for operand in operands]
        places = [i for i, operand in enumerate(operands) if operand.slope is not None]

        def run(*moved: Any) -> list[Any]:
            arguments = list(values)
            for place, value in zip(places, moved, strict=True):
                arguments[place] = value
            return results(primitive, params, arguments)

        if not places:
            return [Slope(value, None, self.carried(primitive, params, operands, value)) for value in run()]
        found, slopes = jax.jvp(run, [values[i] for i in places], [operands[i].slope for i in places])
        return [
            Slope(value, slope if is_real(value) else None, self.carried(primitive, params, operands, value))
            for value, slope in zip(found, slopes, strict=True)
        ]

    def quotient(self, primitive: Any, params: Params, left: Slope, right: Slope) -> list[Slope]:
        """A quotient, with one division more for its slope."""
        value, reach = primitive.bind(left.value, right.value, **params), self.common([left, right])
        if left.slope is None and right.slope is None:
            return [Slope(value, None, reach)]
        # What divides, and its slope, often vary along fewer axes than the quotient: their own quotient is small.
        falls = None if right.slope is None else value * (-right.slope / right.value)
        rises = None if left.slope is None else left.slope / right.value
        return [Slope(value, falls if rises is None else rises if falls is None else rises + falls, reach)]

    def extreme(self, primitive: Any, params: Params, left: Slope, right: Slope) -> list[Slope]:
        """The larger (or smaller) of two; of two equal ones the one that leads on the side that is followed."""
        value = primitive.bind(left.value, right.value, **params)
        if left.slope is None and right.slope is None:
            return [Slope(value, None, self.common([left, right]))]
        largest = primitive.name == "max"
        beside = self.of_equals(largest)(left.tangent, right.tangent)
        first, second = (left, right) if largest else (right, left)
        behind = jnp.where(left.value < right.value, second.tangent, beside)
        slope = jnp.where(left.value > right.value, first.tangent, behind)
        return [Slope(value, slope, self.common([left, right], self.overtaken(left, right)))]

    def of_equals(self, largest: bool) -> Callable[[Any, Any], Any]:
        """The slope of the larger (or smaller) of two equal values from theirs, on the side that is followed."""
        if self.side == BALANCED:
            return lambda one, other: (one + other) / 2
        return jnp.maximum if largest == (self.side == RISING) else jnp.minimum

    def absolute(self, _primitive: Any, params: Params, inside: Slope) -> list[Slope]:
        """The larger of a number and its negative."""
        mirrored = Slope(-inside.value, None if inside.slope is None else -inside.slope)
        return self.extreme(jax.lax.max_p, params, inside, mirrored)

    def order(self, primitive: Any, params: Params, left: Slope, right: Slope) -> list[Slope]:
        """Which of two is larger."""
        value, reach = primitive.bind(left.value, right.value, **params), self.common([left, right])
        if left.slope is None and right.slope is None:
            return [Slope(value, None, reach)]
        compared = Compared(value, (left.origin, right.origin))
        if self.side != BALANCED:
            # Equal values are told apart by their slopes: beside the point the one that gains more is larger.
            gains = (left.tangent, right.tangent) if self.side == RISING else (right.tangent, left.tangent)
            value = jnp.where(left.value == right.value, primitive.bind(*gains, **params), value)
        return [Slope(value, None, self.common([left, right], self.overtaken(left, right)), compared)]

    def equality(self, primitive: Any, params: Params, left: Slope, right: Slope) -> list[Slope]:
        """Whether two are equal: what models ask to mask a division. On the mask no slope holds on either side."""
        value, reach = primitive.bind(left.value, right.value, **params), self.common([left, right])
        if self.distances and not (left.slope is None and right.slope is None):
            masked = (left.value == right.value) & (left.tangent != right.tangent)
            nowhere = jnp.where(masked, 0.0, jnp.inf)
            reach = Reach(nowhere, nowhere).nearest(reach)
        return [Slope(value, None, reach)]

    def choice(self, primitive: Any, params: Params, condition: Slope, *cases: Slope) -> list[Slope]:
        """One of several values; where it is all the same which, a switch does not count."""
        compared = condition.compared
        here = compared.here if compared is not None and compared.chooses(cases) else condition.value
        value, slope = primitive.bind(here, *(case.value for case in cases), **params), None
        if any(case.slope is not None for case in cases):
            slope = primitive.bind(condition.value, *(case.tangent for case in cases), **params)
        reach = self.common(cases)
        if condition.reach is not None:
            differ = [(c.value != cases[0].value) | (c.tangent != cases[0].tangent) for c in cases[1:]]
            reach = condition.reach.where(reduce(jnp.logical_or, differ)).nearest(reach)
        return [Slope(value, slope, reach)]

    def rounded(self, primitive: Any, params: Params, inside: Slope) -> list[Slope]:
        """A value in whole steps."""
        reach = self.common([inside])
        if inside.slope is None:
            return [Slope(primitive.bind(inside.value, **params), None, reach)]
        offset = 0.5 if primitive.name == "round" else 0.0
        edge = jnp.zeros_like(inside.value) if primitive.name == "sign" else jnp.floor(inside.value - offset) + offset
        nudge = jnp.where(inside.value == edge, 0.25 * self.side * jnp.sign(inside.slope), 0.0)
        for step in (0.0,) if primitive.name == "sign" else (-1.0, 0.0, 1.0):
            switch = self.overtaken(Slope(inside.value - edge, inside.slope), Slope(jnp.full_like(edge, step)))
            reach = switch.nearest(reach) if switch is not None else reach
        return [Slope(primitive.bind(inside.value + nudge, **params), None, reach)]

    def converted(self, primitive: Any, params: Params, inside: Slope) -> list[Slope]:
        """A number of another type; one that becomes whole loses its slope."""
        if inside.slope is None or jnp.issubdtype(params["new_dtype"], jnp.floating):
            return self.smooth(primitive, params, inside)
        return [Slope(primitive.bind(inside.value, **params), None, inside.reach)]

    def reduced(self, primitive: Any, params: Params, inside: Slope) -> list[Slope]:
        """The largest (or smallest) along axes; of equal ones the one that leads on the side that is followed."""
        value, axes = primitive.bind(inside.value, **params), tuple(params["axes"])
        reach = None if inside.reach is None else _least(inside.reach, inside.value, axes)
        if inside.slope is None:
            return [Slope(value, None, reach)]
        winner = inside.value == jnp.expand_dims(value, axes)
        if self.side == BALANCED:
            shared = jnp.sum(jnp.where(winner, inside.slope, 0.0), axis=axes) / jnp.sum(winner, axis=axes)
            return [Slope(value, shared, reach)]
        among, beyond = jnp.max, -jnp.inf
        if (primitive.name == "reduce_max") != (self.side == RISING):
            among, beyond = jnp.min, jnp.inf
        slope = among(jnp.where(winner, inside.slope, beyond), axis=axes)
        others = self.overtaken(inside, Slope(jnp.expand_dims(value, axes), jnp.expand_dims(slope, axes)))
        if others is not None:
            reach = _least(others, inside.value, axes).nearest(reach)
        return [Slope(value, slope, reach)]

    def overtaken(self, one: Slope, other: Slope) -> Reach | None:
        """Where two operands change places: by how much one leads, over what it gains per unit of the input."""
        if not self.distances:
            return None
        lead, gain = one.value - other.value, one.tangent - other.tangent
        away = jnp.where(gain == 0, jnp.inf, -lead / jnp.where(gain == 0, 1.0, gain))
        here = (lead == 0) & (gain != 0)
        above = jnp.where(away > 0, away, jnp.where(here & (self.side == FALLING), 0.0, jnp.inf))
        below = jnp.where(away < 0, -away, jnp.where(here & (self.side == RISING), 0.0, jnp.inf))
        return Reach(below, above)

    def carried(self, primitive: Any, params: Params, operands: Sequence[Slope], value: Any) -> Reach | None:
        """As far as the operands hold, where the operation puts their elements."""
        if all(operand.reach is None for operand in operands):
            return None
        if primitive.name in _MOVING:
            whole = [operand.reach or Reach(jnp.inf, jnp.inf) for operand in operands]
            parts = ([getattr(reach, side) for reach in whole] for side in ("below", "above"))
            return Reach(*(results(primitive, params, _spread(part, operands))[0] for part in parts))
        if "axes" in params and primitive.name.startswith("reduce_"):
            (inside,) = operands
            return None if inside.reach is None else _least(inside.reach, inside.value, tuple(params["axes"]))
        reach = self.common(operands)
        assert reach is not None
        if np.broadcast_shapes(jnp.shape(reach.below), jnp.shape(value)) == jnp.shape(value):
            return reach
        return Reach(jnp.min(reach.below), jnp.min(reach.above))

    def common(self, operands: Sequence[Slope], own: Reach | None = None) -> Reach | None:
        """As far as all operands hold, and as far as what they switch."""
        known = [reach for reach in (own, *(operand.reach for operand in operands)) if reach is not None]
        return reduce(Reach.nearest, known) if known else None


def _spread(parts: Sequence[Any], operands: Sequence[Slope]) -> list[Any]:
    """Distances in the shapes of the operands that they belong to."""
    pairs = zip(parts, operands, strict=True)
    return [jnp.broadcast_to(jnp.asarray(part, operand.value.dtype), operand.value.shape) for part, operand in pairs]


def _least(reach: Reach, like: Any, axes: tuple[int, ...]) -> Reach:
    """As far as all elements along some axes hold."""
    spread = (jnp.broadcast_to(part, like.shape) for part in (reach.below, reach.above))
    return Reach(*(jnp.min(part, axis=axes) for part in spread))


_RULES: Mapping[str, Callable[..., list[Slope]]] = {
    "div": _Follower.quotient,
    **dict.fromkeys(("max", "min"), _Follower.extreme),
    "abs": _Follower.absolute,
    **dict.fromkeys(("gt", "ge", "lt", "le"), _Follower.order),
    **dict.fromkeys(("eq", "ne"), _Follower.equality),
    "select_n": _Follower.choice,
    **dict.fromkeys(ROUNDED, _Follower.rounded),
    "convert_element_type": _Follower.converted,
    **dict.fromkeys(("reduce_max", "reduce_min"), _Follower.reduced),
}
