"""Micro-batches whose activations a pipeline stage holds at its peak, by schedule."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Choice, Count
from ..arrays import jnp
from ..registry import cost_model
from ..training.pipeline import DUALPIPE, ZERO_BUBBLE


class Schedule(NamedTuple):
    """What decides how many micro-batches are in flight."""

    num_micro_batches: Count
    pp: Count
    vpp: Count
    pipeline_schedule: Choice


def in_flight(schedule: Schedule, stage: Count) -> Count:
    """Micro-batches in flight on a stage, counted from 0.

    Under 1F1B as many as there are stages from here on. Interleaved, a rank warms up with 2 (p - 1 - i) + (v - 1) p of
    its v parts and runs one more. ZB-H1 defers weight gradients so that every rank has as many as the first; what waits
    for its weight gradient only is counted whole. DualPipe fills both directions: one more than stages.
    """
    _, pp, vpp, choice = schedule
    ahead = pp - stage
    interleaved = pp + (pp - 1 - 2 * stage) / vpp
    deep = jnp.where(choice == ZERO_BUBBLE, pp, jnp.where(vpp > 1, interleaved, ahead))
    return jnp.minimum(schedule.num_micro_batches, jnp.where(choice == DUALPIPE, pp + 1, deep))


@cost_model(
    formula=r"\min(m, p) \text{ or, interleaved, } \min\left(m, p + \tfrac{p-1}{v}\right)",
    source="narayanan-et-al-2021, sec. 2.2 (1F1B); korthikanti-et-al-2022, sec. 4.2.3 (a factor 1 + (p-1)/(p v)); qi-et-al-2024, sec. 2.1; deepseek-v3-2024, table 2",
    example=dict(num_micro_batches=64, pp=8, vpp=2, expect=11.5),
)
def first_stage_micro_batches(schedule: Schedule) -> Count:
    """Micro-batches whose activations the first stage holds at its peak."""
    return in_flight(schedule, jnp.zeros_like(schedule.pp))


@cost_model(
    formula=r"\min(m, p - i) \text{ or, interleaved, } \min\left(m, p + \tfrac{p-1-2i}{v}\right)",
    source="narayanan-et-al-2021, sec. 2.2 (1F1B and its interleaved warm-up); qi-et-al-2024, sec. 2.1; deepseek-v3-2024, table 2",
    example=dict(num_micro_batches=64, pp=8, middle_stage_place=1, expect=7.0),
)
def middle_stage_micro_batches(schedule: Schedule, middle_stage_place: Count) -> Count:
    """Micro-batches whose activations a middle stage holds at its peak."""
    return in_flight(schedule, middle_stage_place)


@cost_model(
    formula=r"1 \text{ or, interleaved, } \min\left(m, \tfrac{(v-1)p + 1}{v}\right)",
    source="narayanan-et-al-2021, sec. 2.2 (warm-up of the last rank); qi-et-al-2024, sec. 2.1; deepseek-v3-2024, table 2",
    example=dict(num_micro_batches=64, pp=8, vpp=2, expect=4.5),
)
def last_stage_micro_batches(schedule: Schedule) -> Count:
    """Micro-batches whose activations the last stage holds at its peak."""
    return in_flight(schedule, schedule.pp - 1)
