"""The lognormal distribution of lengths: its shape, its quantiles, and the longest of several draws.

Everything is elementary arithmetic: the normal distribution enters as constants at fixed nodes, or by a rational
approximation of its quantile.
"""

from __future__ import annotations

import math

import numpy as np

from ..annotations import Array, Count, Number
from ..arrays import jnp
from .arithmetic import ratio

_SPACING = 0.125
_NODES = np.arange(-5.0, 13.0, _SPACING)
_LOG_BELOW = np.array([math.log1p(-math.erfc(x / math.sqrt(2)) / 2) for x in _NODES])
"""Logarithm of the normal distribution function at the nodes."""


def normal_quantile(probability: Number) -> Number:
    """Quantile of the standard normal distribution for a probability of at least one half, to within 4.5e-4.

    Source: abramowitz-stegun-1964, eq. 26.2.23.
    """
    t = jnp.sqrt(-2 * jnp.log1p(-probability))
    below = 2.515517 + t * (0.802853 + t * 0.010328)
    return t - below / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))


def shape_of_variation(variation: Number) -> Number:
    r"""Standard deviation of the logarithm, $\sqrt{\ln(1 + c^2)}$, from the coefficient of variation $c$."""
    square = variation**2
    return variation * jnp.sqrt(ratio(jnp.log1p(square), square, 1.0))


def variation_of_shape(shape: Number) -> Number:
    r"""Coefficient of variation, $\sqrt{e^{\sigma^2} - 1}$, from the standard deviation of the logarithm."""
    square = shape**2
    return shape * jnp.sqrt(ratio(jnp.expm1(square), square, 1.0))


def quantile_over_mean(variation: Number, probability: Number) -> Number:
    r"""Quantile over mean, $e^{\sigma z - \sigma^2/2}$, for a probability of at least one half."""
    shape = shape_of_variation(variation)
    return jnp.exp(shape * normal_quantile(probability) - shape**2 / 2)


def longest_over_mean(variation: Number, draws: Count) -> Number:
    r"""Expected longest of $n$ independent lengths over their mean.

    $$ \frac{E[\max]}{E[X]} = n \int \varphi(x - \sigma)\,\Phi(x)^{n-1}\,dx $$

    The density of the largest, weighted by $e^{\sigma x - \sigma^2/2}$. The trapezoid rule on equal nodes converges
    faster than any power, because the integrand is smooth and vanishes at both ends; it serves up to a million draws
    and a coefficient of variation of 20.
    """
    shape = shape_of_variation(variation)
    nodes, log_below = (jnp.asarray(v, dtype=_dtype(shape, draws)) for v in (_NODES, _LOG_BELOW))
    distance = nodes - jnp.asarray(shape)[..., None]
    number = jnp.asarray(draws)[..., None]
    weights = jnp.exp((number - 1) * log_below - distance**2 / 2)
    return draws * _SPACING / math.sqrt(2 * math.pi) * jnp.sum(weights, axis=-1)


def _dtype(*values: Array) -> np.dtype:
    return jnp.result_type(*(jnp.asarray(value) for value in values))
