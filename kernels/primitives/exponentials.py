"""Exponentials of times over a mean time between failures, without cancellation and without overflow."""

from __future__ import annotations

from ..annotations import Array
from ..arrays import jnp

LONGEST = 20.0
"""Mean times between failures beyond which a stretch without failure is hopeless: one attempt in 5e8 succeeds."""

_ORDER = 14
"""Terms of the series: relative error below 1e-15 for arguments up to one half."""


def growth(argument: Array) -> Array:
    r"""$e^x - 1$, held constant beyond `LONGEST`, so that products of three stay finite in single precision."""
    return jnp.expm1(jnp.minimum(argument, LONGEST))


def second_remainder(argument: Array) -> Array:
    r"""$e^x - 1 - x$, which is about $x^2/2$ near 0; x held constant beyond `LONGEST`."""
    x = jnp.minimum(argument, LONGEST)
    small = jnp.abs(x) < 0.5
    inner = jnp.where(small, x, 0.0)
    series = jnp.ones_like(inner)
    for order in range(_ORDER, 2, -1):
        series = 1 + inner / order * series
    return jnp.where(small, inner * inner / 2 * series, jnp.expm1(x) - x)
