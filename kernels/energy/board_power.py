"""Power of a board: what it draws idle, and what its arithmetic and its memory traffic add, up to its limit.

Work costs energy, however it overlaps in time: so much for a FLOP, so much for a byte. A board that runs matrix products
at the rate they sustain draws its limit; this sets the price of a FLOP, the bytes of the products included. The limit is
kept by slowing down, so no board draws more on average.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Flops, FlopsPerSecond, Joules, JoulesPerByte, Seconds, Watts
from ..arrays import jnp
from ..registry import constraint


class Board(NamedTuple):
    """What bounds and prices the dynamic energy of a board."""

    idle_power: Watts
    tdp: Watts
    byte_energy: JoulesPerByte
    attainable_flops: FlopsPerSecond


H100_BOARD = dict(idle_power=70, tdp=700, byte_energy=5.5e-11, attainable_flops=742.05e12)
"""An H100 SXM for worked examples: three quarters of the dense bf16 peak of 989.4 TFLOP/s at 700 W."""
DYNAMIC = r"\min\left((P_{tdp} - P_{idle})\,\frac{F}{\pi} + e_B\,Q,\ (P_{tdp} - P_{idle})\,T\right)"
"""The formula of `dynamic_energy`, F, Q and T being FLOPs, bytes and GPU-seconds."""


def dynamic_energy(board: Board, gpu_time: Seconds, flops: Flops, traffic: Bytes) -> Joules:
    """Energy above idle of `flops` and `traffic` bytes in memory, within `gpu_time` GPU-seconds.

    Source: choi-et-al-2013 (energies of operations and bytes add up and do not overlap; constant power beside them).
    """
    span = jnp.maximum(board.tdp - board.idle_power, 0.0)
    work = span * (flops / board.attainable_flops) + board.byte_energy * traffic
    return jnp.minimum(work, span * gpu_time)


@constraint(
    legal=True,
    message="the board's power limit, {tdp}, is below its idle power, {idle_power}; 0 W stands for a limit nobody stated",
    formula=r"P_{tdp} - P_{idle}",
    source="definition: a board draws at least its idle power and at most its limit",
    example=dict(tdp=0, idle_power=70, expect=-70.0),
)
def states_power(tdp: Watts, idle_power: Watts) -> Watts:
    """Power that a board can draw above idle."""
    return tdp - idle_power
