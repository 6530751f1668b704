"""Cost models whose spread is known in closed form."""

import math

import jax.numpy as jnp

from rooflax.kernels.annotations import Number
from rooflax.kernels.registry import constraint, cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

ANY = {"low": -math.inf}


def leaf(name, **options):
    return Leaf(name, "1", Kind.CONTINUOUS, f"Input {name}", Group.TRAINING, **options)


LEAVES = (
    *(leaf(f"angle_{i}", default=0.0, reason="straight", **ANY) for i in (1, 2, 3)),
    *(leaf(f"part_{i}", high=1, default=0.5, reason="half") for i in (1, 2, 3, 4)),
    *(leaf(f"term_{i}", default=1.0, reason="one", **ANY) for i in (1, 2, 3)),
    leaf("offset", default=0.0, reason="none", **ANY),
)


@cost_model(
    formula=r"\sin a_1 + 7 \sin^2 a_2 + 0.1\,a_3^4 \sin a_1",
    source="definition: Ishigami and Homma 1990",
    example=dict(angle_1=1.0, angle_2=2.0, angle_3=0.5, expect=6.63449),
)
def ishigami(angle_1: Number, angle_2: Number, angle_3: Number) -> Number:
    """Ishigami function."""
    return jnp.sin(angle_1) + 7 * jnp.sin(angle_2) ** 2 + 0.1 * angle_3**4 * jnp.sin(angle_1)


@cost_model(
    formula=r"\prod_i \frac{|4 p_i - 2| + a_i}{1 + a_i},\ a = (0, 1, 4.5, 9)",
    source="definition: Saltelli and Sobol 1995",
    example=dict(part_1=0.25, part_2=0.25, part_3=0.25, part_4=0.25, expect=1.0),
)
def sobol_g(part_1: Number, part_2: Number, part_3: Number, part_4: Number) -> Number:
    """Sobol's function G."""
    parts = zip((part_1, part_2, part_3, part_4), (0.0, 1.0, 4.5, 9.0), strict=True)
    return jnp.prod(jnp.stack([(jnp.abs(4 * part - 2) + a) / (1 + a) for part, a in parts]), axis=0)


@cost_model(
    formula="2 t_1 - 3 t_2 + t_3 + o",
    source="definition: linear in all inputs",
    example=dict(term_1=1.0, term_2=2.0, term_3=3.0, offset=10.0, expect=9.0),
)
def linear(term_1: Number, term_2: Number, term_3: Number, offset: Number) -> Number:
    """Linear function."""
    return 2 * term_1 - 3 * term_2 + term_3 + offset


@cost_model(
    formula="t_1 t_2 / t_3",
    source="definition: a product",
    example=dict(term_1=1.0, term_2=2.0, term_3=4.0, expect=0.5),
)
def product(term_1: Number, term_2: Number, term_3: Number) -> Number:
    """Product of powers."""
    return term_1 * term_2 / term_3


@constraint(
    message="the linear function is {linear}, above 10",
    formula="10 - f",
    source="definition: a bound",
    example=dict(linear=4.0, expect=6.0),
)
def stays_small(linear: Number) -> Number:
    """The linear function is at most 10."""
    return 10.0 - linear


@cost_model(
    formula=r"\sqrt{t_1}",
    source="definition: a root, which a negative number has none of",
    example=dict(term_1=4.0, expect=2.0),
)
def rooted(term_1: Number) -> Number:
    """Root."""
    return jnp.sqrt(term_1)
