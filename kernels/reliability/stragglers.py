"""Stragglers: a synchronous step takes as long as its slowest GPU."""

from __future__ import annotations

from ..annotations import Count, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model

_ABOVE = (1.225818, 0.6649149, 0.1586397, 0.01851421)
_BELOW = (1.0, 0.2227576, 0.03674044)
"""Coefficients of powers of ln n, fitted to the integral of the maximum for 1 to 10^7 normals."""


def _polynomial(coefficients: tuple[float, ...], x: Number) -> Number:
    value = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def largest_of_normals(count: Count) -> Number:
    r"""Expected maximum of `count` standard normals, $\int_{-\infty}^{\infty} x\,n\,\varphi(x)\,\Phi(x)^{n-1}\,dx$.

    A rational fit in ln n, exact at one and within 1.1e-5 of the integral up to 10^7 (4e-5 up to 10^9).
    """
    log = jnp.log(count)
    return log * jnp.sqrt(_polynomial(_BELOW, log) / _polynomial(_ABOVE, log))


@cost_model(
    formula=r"1 + \sigma\,E_n,\ E_n = \int x\,n\,\varphi(x)\,\Phi(x)^{n-1}\,dx",
    source="tippett-1925 (largest of n normals); sinha-et-al-2022, abstract (GPUs of one kind vary by 8 %)",
    example=dict(step_time_variation=0.02, world_size=1000, expect=1.0648287),
)
def straggler_slowdown(step_time_variation: Number, world_size: Count) -> Number:
    """Step time of the run over that of a mean GPU.

    Step times of GPUs vary independently and normally, and all GPUs wait for the last one, once a step.
    """
    return 1 + step_time_variation * largest_of_normals(world_size)


@cost_model(
    formula=r"T\,(s - 1)",
    source="definition: what waiting for the slowest GPU adds to the run",
    example=dict(training_time=4.32e6, straggler_slowdown=1.02, expect=86400.0),
)
def straggler_time(training_time: Seconds, straggler_slowdown: Number) -> Seconds:
    """Time of a run spent waiting for its slowest GPU."""
    return training_time * (straggler_slowdown - 1)
