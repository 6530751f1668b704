"""The roofline: an operator takes as long as the slower of its arithmetic and its memory traffic."""

from __future__ import annotations

from ..annotations import Array, Bytes, BytesPerSecond, Flops, FlopsPerSecond, Seconds
from ..arrays import jnp


def roofline_time(flops: Flops, traffic: Bytes, rate: FlopsPerSecond, bandwidth: BytesPerSecond) -> Seconds:
    r"""Time of one operator, $\max(F/\pi, Q/\beta)$.

    `rate` and `bandwidth` are what the operator can reach, not the peaks. The two overlap perfectly within the
    operator and not at all between operators, so a sequence of operators is a sum of maxima.

    Source: williams-waterman-patterson-2009, sec. 3.
    """
    return jnp.maximum(flops / rate, traffic / bandwidth)


def exposed(communication: Seconds, hidden_share: Array, behind: Seconds, slowdown: Array | float = 0.0) -> Seconds:
    """What `communication` adds when a share of it may hide behind `behind` seconds of work.

    A share of 0 adds the two times, a share of 1 leaves the longer of them. Work that communication runs beside is
    slowed down: every hidden second costs `slowdown` seconds.
    """
    return communication - (1 - slowdown) * hidden_share * jnp.minimum(communication, behind)
