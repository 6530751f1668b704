"""Cost models whose optima are known, or found quickly by looking everywhere."""

import jax.numpy as jnp

from rooflax.kernels.annotations import Number
from rooflax.kernels.registry import constraint, cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

LEAVES = (
    *(Leaf(f"free_{n}", "1", Kind.CONTINUOUS, f"Free {n}", Group.TRAINING, low=-1e9) for n in "xyz"),
    *(
        Leaf(f"given_{n}", "1", Kind.CONTINUOUS, f"Given {n}", Group.TRAINING, low=-1e9, default=1.0, reason="plain")
        for n in "ab"
    ),
    Leaf("ways", "1", Kind.COUNT, "Ways", Group.TRAINING, default=1, reason="one way"),
)


@cost_model(
    formula="a x + b / x",
    source="definition: what grows and what falls",
    example=dict(free_x=2.0, given_a=3.0, given_b=4.0, expect=8.0),
)
def trade(free_x: Number, given_a: Number, given_b: Number) -> Number:
    """Trade."""
    return given_a * free_x + given_b / free_x


@cost_model(
    formula="(1 - x)^2 + 100 (y - x^2)^2",
    source="definition: a curved valley",
    example=dict(free_x=1.0, free_y=2.0, expect=100.0),
)
def valley(free_x: Number, free_y: Number) -> Number:
    """Valley."""
    return (1 - free_x) ** 2 + 100 * (free_y - free_x**2) ** 2


@cost_model(
    formula="(b - x)^{1/2}",
    source="definition: a root",
    example=dict(free_x=1.0, given_b=5.0, expect=2.0),
)
def root(free_x: Number, given_b: Number) -> Number:
    """Root, which does not exist beyond b."""
    return jnp.sqrt(given_b - free_x)


@cost_model(formula="x^2 + y^2", source="definition: square", example=dict(free_x=1.0, free_y=2.0, expect=5.0))
def square(free_x: Number, free_y: Number) -> Number:
    """Square of the radius."""
    return free_x**2 + free_y**2


@cost_model(
    formula="a x + b y",
    source="definition: a price of each",
    example=dict(free_x=2.0, free_y=3.0, given_a=5.0, given_b=7.0, expect=31.0),
)
def bill(free_x: Number, free_y: Number, given_a: Number, given_b: Number) -> Number:
    """Bill."""
    return given_a * free_x + given_b * free_y


@cost_model(
    formula="max(8 / x, 3 / y) + 1 / 10",
    source="definition: the slower of two",
    example=dict(free_x=2.0, free_y=3.0, expect=4.1),
)
def slower(free_x: Number, free_y: Number) -> Number:
    """Time of the slower of two."""
    return jnp.maximum(8 / free_x, 3 / free_y) + 0.1


@cost_model(formula="(a x + b y) t", source="definition: rent", example=dict(bill=3.0, slower=2.0, expect=6.0))
def rent(bill: Number, slower: Number) -> Number:
    """Rent for as long as it takes."""
    return bill * slower


@cost_model(
    formula="|x - y| + |y - 3/10| + max(0, 1 - a z) + z / 5",
    source="definition: kinks along no axis",
    example=dict(free_x=1.0, free_y=0.0, free_z=2.0, given_a=1.0, expect=1.7),
)
def kinks(free_x: Number, free_y: Number, free_z: Number, given_a: Number) -> Number:
    """Kinks."""
    steep = jnp.maximum(0.0, 1 - given_a * free_z)
    return jnp.abs(free_x - free_y) + jnp.abs(free_y - 0.3) + steep + free_z / 5


@cost_model(
    formula="min(1 + |x - 4|, 3/2 + |x + 4|) + y^2",
    source="definition: two hollows",
    example=dict(free_x=4.0, free_y=0.0, expect=1.0),
)
def hollows(free_x: Number, free_y: Number) -> Number:
    """Two hollows."""
    return jnp.minimum(1 + jnp.abs(free_x - 4), 1.5 + jnp.abs(free_x + 4)) + free_y**2


@constraint(
    message="the square {square} is below {given_b}",
    formula="x^2 + y^2 - b",
    source="definition: outside a circle",
    example=dict(square=3.0, given_b=1.0, expect=2.0),
)
def outside(square: Number, given_b: Number) -> Number:
    """Whether a point lies outside a circle."""
    return square - given_b


@constraint(
    legal=True,
    message="there are {ways} ways for {given_a}",
    formula="2 - w + 0 a",
    source="definition: two ways at most",
    example=dict(ways=3.0, given_a=1.0, expect=-1.0),
)
def few_ways(ways: Number, given_a: Number) -> Number:
    """Whether there are few ways."""
    return 2 - ways + 0 * given_a


@cost_model(
    formula="w (a x + b y)", source="definition: ways", example=dict(bill=3.0, ways=2.0, given_a=1.0, expect=6.0)
)
def bills(bill: Number, ways: Number, given_a: Number) -> Number:
    """Bills of all ways."""
    return ways * bill + 0 * given_a
