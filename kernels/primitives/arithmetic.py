"""Arithmetic that stays finite, in value and in slope, where a kernel masks a division."""

from __future__ import annotations

import jax.numpy as jnp

from ..annotations import Array


def ratio(numerator: Array, denominator: Array, otherwise: float = 0.0) -> Array:
    """`numerator / denominator`, or `otherwise` where the denominator is 0.

    The denominator is replaced before dividing, so the masked branch has no infinite slope.
    """
    masked = denominator == 0
    return jnp.where(masked, otherwise, numerator / jnp.where(masked, 1.0, denominator))


def remainder(value: Array, divisor: Array | float) -> Array:
    """What is left of `value` after whole multiples of `divisor`, in [0, divisor).

    The quotient is rounded within half a part in a million before its floor is taken, so that a quotient which is
    whole but for rounding error, in single precision too, leaves nothing.
    """
    quotient = value / divisor
    whole = jnp.floor(quotient * (1 + 5e-7))
    return jnp.maximum(value - whole * divisor, 0.0)
