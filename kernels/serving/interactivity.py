"""How fast one user sees tokens come, beside what a GPU yields of them."""

from __future__ import annotations

from ..annotations import PerSecond, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..registry import cost_model


@cost_model(
    formula=r"1/t_{token}",
    source="definition: the reciprocal of the time between two tokens of one user; 0 where an output has one token",
    example=dict(saturated_tpot=0.02, expect=50.0),
)
def saturated_tokens_per_second_per_user(saturated_tpot: Seconds) -> PerSecond:
    """Output tokens per second that each user sees where queues never run dry."""
    return ratio(jnp.ones_like(saturated_tpot), saturated_tpot)
