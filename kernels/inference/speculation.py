"""Speculative decoding: a draft proposes tokens, one pass of the model checks them all."""

from __future__ import annotations

from ..annotations import Count, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model


@cost_model(
    formula=r"\frac{1 - a^{\gamma + 1}}{1 - a}",
    source="leviathan-kalman-matias-2023, eq. 1 (acceptances of tokens are independent and alike)",
    example=dict(acceptance_rate=0.8, draft_len=4, expect=3.3616),
)
def decode_tokens_per_step(acceptance_rate: Number, draft_len: Count) -> Number:
    """Tokens that a sequence gains in one decode step, in expectation.

    1 without a draft; at most the drafted tokens and one that the model itself adds.
    """
    certain = acceptance_rate >= 1
    rejected = jnp.where(certain, 1.0, 1 - acceptance_rate)
    none_rejected = jnp.exp((draft_len + 1) * jnp.log(jnp.clip(acceptance_rate, 1e-30, 1.0)))
    return jnp.where(certain, draft_len + 1, (1 - none_rejected) / rejected)


@cost_model(
    formula=r"\gamma\,c\,t_{step}",
    source="leviathan-kalman-matias-2023, sec. 3.3 (c: time of the draft model over that of the model)",
    example=dict(draft_len=4, draft_time_share=0.05, decode_step_time=2e-2, expect=4e-3),
)
def draft_time(draft_len: Count, draft_time_share: Number, decode_step_time: Seconds) -> Seconds:
    """Time to draft the tokens of one decode step."""
    return draft_len * draft_time_share * decode_step_time


@cost_model(
    formula=r"\frac{1 - a^{\gamma + 1}}{(1 - a)(\gamma c + 1)}",
    source="leviathan-kalman-matias-2023, theorem 3.8",
    example=dict(decode_tokens_per_step=3.3616, draft_len=4, draft_time_share=0.05, expect=2.801333),
)
def speculation_speedup(decode_tokens_per_step: Number, draft_len: Count, draft_time_share: Number) -> Number:
    """Speed-up by speculation where checking takes as long as one step.

    An upper bound: checking several tokens takes longer where arithmetic counts. `tpot` has what it really takes.
    """
    return decode_tokens_per_step / (1 + draft_len * draft_time_share)
