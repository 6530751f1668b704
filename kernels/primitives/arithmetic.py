"""Arithmetic that stays finite, in value and in slope, where a kernel masks a division."""

from __future__ import annotations

from ..annotations import Array
from ..arrays import jnp


def ratio(numerator: Array, denominator: Array, otherwise: float = 0.0) -> Array:
    """`numerator / denominator`, or `otherwise` where the denominator is 0.

    The denominator is replaced before dividing, so the masked branch has no infinite slope.
    """
    masked = denominator == 0
    return jnp.where(masked, otherwise, numerator / jnp.where(masked, 1.0, denominator))


def remainder(value: Array, divisor: Array | float) -> Array:
    """What is left of `value` after whole multiples of `divisor`, in [0, divisor).

    A quotient that is whole to within half a part in a million leaves nothing: in single precision that is rounding
    error. Whole numbers are told apart up to a million parts.
    """
    whole = jnp.floor(value / divisor * (1 + 5e-7))
    left = value - whole * divisor
    return jnp.where(left > 5e-7 * value, left, 0.0)
