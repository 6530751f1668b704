"""Cost models on which contributions are known: a product, a kink, a jump, a saw, ties, and counts."""

import jax.numpy as jnp

from rooflax.kernels.annotations import Number
from rooflax.kernels.registry import cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

LEAVES = (
    *(
        Leaf(f"x{i}", "1", Kind.CONTINUOUS, f"Number {i}", Group.TRAINING, default=1.0, reason="a start")
        for i in range(4)
    ),
    *(Leaf(f"n{i}", "1", Kind.COUNT, f"Count {i}", Group.TRAINING, default=1.0, reason="a start") for i in range(12)),
    Leaf("mode", "1", Kind.CHOICE, "Mode", Group.TRAINING, default="sum", reason="a start", options=("sum", "most")),
    Leaf("needed", "1", Kind.CONTINUOUS, "A number without default", Group.TRAINING),
)


@cost_model(formula="x y", source="definition: a product", example=dict(x0=2.0, x1=3.0, expect=6.0))
def product(x0: Number, x1: Number) -> Number:
    """Product."""
    return x0 * x1


@cost_model(formula="max(x, y)", source="definition: a kink", example=dict(x0=2.0, x1=3.0, expect=3.0))
def most(x0: Number, x1: Number) -> Number:
    """Larger one."""
    return jnp.maximum(x0, x1)


@cost_model(
    formula="max(x, y, z)", source="definition: a kink of three", example=dict(x0=2.0, x1=3.0, x2=1.0, expect=3.0)
)
def most_of_three(x0: Number, x1: Number, x2: Number) -> Number:
    """Largest of three."""
    return jnp.max(jnp.stack(jnp.broadcast_arrays(x0, x1, x2)), axis=0)


@cost_model(formula="x + 2 y + 10 [x + y > 4]", source="definition: a jump", example=dict(x0=2.0, x1=3.0, expect=18.0))
def jumping(x0: Number, x1: Number) -> Number:
    """Sum with a jump."""
    return x0 + 2 * x1 + jnp.where(x0 + x1 > 4, 10.0, 0.0)


@cost_model(formula="floor(1000 x) + y", source="definition: a saw", example=dict(x0=2.0, x1=3.0, expect=2003.0))
def stairs(x0: Number, x1: Number) -> Number:
    """Many steps."""
    return jnp.floor(1000 * x0) + x1


@cost_model(formula="x / (x_1 - 1)", source="definition: a quotient", example=dict(x0=2.0, x1=3.0, expect=1.0))
def quotient(x0: Number, x1: Number) -> Number:
    """Quotient."""
    return x0 / (x1 - 1)


@cost_model(
    formula="x_0 x_1 n_0 / n_1",
    source="definition: numbers and counts, by a choice their product or their largest",
    example=dict(x0=2.0, x1=3.0, n0=4.0, n1=2.0, mode=0.0, expect=12.0),
)
def mixed(x0: Number, x1: Number, n0: Number, n1: Number, mode: Number) -> Number:
    """Mixed."""
    return jnp.where(mode > 0, jnp.maximum(x0 * n0, x1 * n1), x0 * x1 * n0 / n1)


@cost_model(formula="2 m", source="definition: a part of it is computed", example=dict(mixed=3.0, expect=6.0))
def twice(mixed: Number) -> Number:
    """Twice mixed."""
    return 2 * mixed


@cost_model(
    formula=r"\prod n_i",
    source="definition: many counts",
    example=dict(n0=2.0, n1=1.0, n2=1.0, n3=1.0, n4=1.0, n5=1.0, n6=1.0, n7=1.0, n8=1.0, n9=1.0, n10=1.0, expect=2.0),
)
def counted(
    n0: Number, n1: Number, n2: Number, n3: Number, n4: Number, n5: Number, n6: Number, n7: Number, n8: Number,
    n9: Number, n10: Number,
) -> Number:  # fmt: skip
    """Many counts."""
    return n0 * n1 * n2 * n3 * n4 * n5 * n6 * n7 * n8 * n9 * n10


@cost_model(formula="m z", source="definition: needs a number", example=dict(mixed=3.0, needed=2.0, expect=6.0))
def demanding(mixed: Number, needed: Number) -> Number:
    """Needs a number."""
    return mixed * needed
