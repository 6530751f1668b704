"""Cost models whose equations are easily solved by hand: one root, several, none, touching, a jump, a flat stretch."""

import jax.numpy as jnp

from rooflax.kernels.annotations import Number
from rooflax.kernels.registry import constraint, cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

_SOURCE = "definition: an equation for tests"


def _leaf(name: str, low: float = 0.0, high: float = float("inf"), default: float | None = None) -> Leaf:
    reason = "" if default is None else "for tests"
    return Leaf(name, "1", Kind.CONTINUOUS, f"Input {name}", Group.TRAINING, low, high, default=default, reason=reason)


LEAVES = (
    _leaf("eq_x", low=-float("inf")),
    _leaf("eq_share", high=1.0),
    _leaf("eq_signed", low=-10.0, high=10.0, default=0.0),
    _leaf("eq_a", low=-float("inf"), default=0.0),
    _leaf("eq_b", low=-float("inf"), default=0.0),
    _leaf("eq_c", low=-float("inf"), default=0.0),
)


@cost_model(formula="a + b x", source=_SOURCE, example=dict(eq_x=2, eq_a=1, eq_b=3, expect=7.0))
def eq_line(eq_x: Number, eq_a: Number, eq_b: Number) -> Number:
    """A line."""
    return eq_a + eq_b * eq_x


@cost_model(formula="(x - a)(x - b)(x - c)", source=_SOURCE, example=dict(eq_x=4, eq_a=1, eq_b=2, eq_c=3, expect=6.0))
def eq_cubic(eq_x: Number, eq_a: Number, eq_b: Number, eq_c: Number) -> Number:
    """A cubic."""
    return (eq_x - eq_a) * (eq_x - eq_b) * (eq_x - eq_c)


@cost_model(formula="a + (x - 2)^2", source=_SOURCE, example=dict(eq_x=5, eq_a=1, expect=10.0))
def eq_bowl(eq_x: Number, eq_a: Number) -> Number:
    """A parabola with its lowest point at 2."""
    return eq_a + (eq_x - 2) ** 2


@cost_model(formula="a + |x - 2|", source=_SOURCE, example=dict(eq_x=5, eq_a=1, expect=4.0))
def eq_kink(eq_x: Number, eq_a: Number) -> Number:
    """A kink with its lowest point at 2."""
    return eq_a + abs(eq_x - 2)


@cost_model(formula="a + [x >= 2]", source=_SOURCE, example=dict(eq_x=5, eq_a=1, expect=2.0))
def eq_step(eq_x: Number, eq_a: Number) -> Number:
    """A step at 2."""
    return eq_a + jnp.where(eq_x >= 2, 1.0, 0.0)


@cost_model(formula="min(max(x, 1), 2)", source=_SOURCE, example=dict(eq_x=5, expect=2.0))
def eq_clipped(eq_x: Number) -> Number:
    """A slope between two flat stretches."""
    return jnp.clip(eq_x, 1.0, 2.0)


@cost_model(formula="1/(x - 2)", source=_SOURCE, example=dict(eq_x=4, expect=0.5))
def eq_pole(eq_x: Number) -> Number:
    """A pole at 2."""
    return 1 / (eq_x - 2)


@cost_model(formula="a log(x - b)", source=_SOURCE, example=dict(eq_x=2, eq_a=1, eq_b=1, expect=0.0))
def eq_log(eq_x: Number, eq_a: Number, eq_b: Number) -> Number:
    """A logarithm, which has no value up to b."""
    return eq_a * jnp.log(eq_x - eq_b)


@cost_model(formula="sqrt((b - x)^3)", source=_SOURCE, example=dict(eq_x=2, eq_b=6, expect=8.0))
def eq_edge(eq_x: Number, eq_b: Number) -> Number:
    """A root, which has no value above b and is flat there."""
    return jnp.sqrt((eq_b - eq_x) ** 3)


@cost_model(formula="sqrt((x - a)(x - b))", source=_SOURCE, example=dict(eq_x=5, eq_a=1, eq_b=4, expect=2.0))
def eq_hole(eq_x: Number, eq_a: Number, eq_b: Number) -> Number:
    """A root, which has no value between a and b."""
    return jnp.sqrt((eq_x - eq_a) * (eq_x - eq_b))


@cost_model(formula="a sin x + [x > 9] 7", source=_SOURCE, example=dict(eq_x=0, eq_a=1, expect=0.0))
def eq_swing(eq_x: Number, eq_a: Number) -> Number:
    """A wave that is lifted from 9 on."""
    return eq_a * jnp.sin(eq_x) + jnp.where(eq_x > 9, 7.0, 0.0)


@cost_model(formula="max(a, b x)", source=_SOURCE, example=dict(eq_x=2, eq_a=1, eq_b=3, expect=6.0))
def eq_floored(eq_x: Number, eq_a: Number, eq_b: Number) -> Number:
    """A line above a floor."""
    return jnp.maximum(eq_a, eq_b * eq_x)


@cost_model(formula="sin x", source=_SOURCE, example=dict(eq_x=0, expect=0.0))
def eq_wave(eq_x: Number) -> Number:
    """A wave."""
    return jnp.sin(eq_x)


@cost_model(formula="s (1 + a)", source=_SOURCE, example=dict(eq_share=0.5, eq_a=1, expect=1.0))
def eq_part(eq_share: Number, eq_a: Number) -> Number:
    """A part."""
    return eq_share * (1 + eq_a)


@cost_model(formula="2 q", source=_SOURCE, example=dict(eq_part=0.5, expect=1.0))
def eq_twice(eq_part: Number) -> Number:
    """Twice a part."""
    return 2 * eq_part


@constraint(
    message="the share is {eq_share}, above 0.4",
    formula="0.4 - s",
    source=_SOURCE,
    example=dict(eq_share=1.0, expect=-0.6),
    legal=True,
)
def eq_within(eq_share: Number) -> Number:
    """Whether a share is at most 0.4."""
    return 0.4 - eq_share
