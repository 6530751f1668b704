"""How long a matrix product takes: its arithmetic slows down where its result is small, and traffic adds to it.

Both forms were chosen on published tables of single products by what predicts shapes outside the fit: one length per
chip describes them as well as two or three do, and rounding the corner of the roofline gains more than any length.
"""

from __future__ import annotations

from ..annotations import Count, Number, Seconds
from ..arrays import jnp
from .arithmetic import ratio


def fill_slowdown(output: Count, half_size: Number) -> Number:
    r"""Slowdown of the arithmetic of products with `output` result elements, $1 + x_{1/2}^2/(m n)$.

    A small result is too few tiles to fill the chip: one of half_size x half_size elements runs at half the rate.
    Products that run together, as those of the experts on one rank, fill it together: `output` counts all of them.

    Source: anthony-et-al-2024 (tile and wave quantisation).
    """
    return 1 + ratio(half_size**2, output)


def product_time(arithmetic: Seconds, memory: Seconds) -> Seconds:
    r"""Time of an operator whose arithmetic and traffic partly overlap, $\sqrt{t_c^2 + t_m^2}$.

    A maximum with its corner rounded: it never falls below either and exceeds the larger by at most 41 %. Where both
    are 0 the slope is 0.

    Source: williams-waterman-patterson-2009, sec. 3 (the roof whose corner is rounded here).
    """
    squares = arithmetic**2 + memory**2
    nothing = squares == 0
    return jnp.where(nothing, 0.0, jnp.sqrt(jnp.where(nothing, 1.0, squares)))
