"""Activations that the feed-forward of one layer keeps of one micro-batch: dense, or a mixture of experts."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count, Flag, Number
from ..arrays import jnp
from ..example_inputs import GPT_3_LAYER
from ..registry import cost_model
from .activations import Frozen, Tokens, inside, masks, outside

_FP32 = 4


def feed_forward_inputs_kept(frozen: Frozen) -> Number:
    """Share of the inputs of the feed-forward's matrices that is kept."""
    adapted = (frozen.lora_rank > 0) & (frozen.adapts_feed_forward > 0)
    return jnp.where(adapted, 1.0, 1 - frozen.frozen_share)


def gate_width(tokens: Tokens, fp8_activation_input: Flag) -> Number:
    """Width of what enters the activation function as it is kept, over that of activations."""
    return jnp.where(fp8_activation_input > 0, 1 / tokens.activation_width, 1.0)


@cost_model(
    formula=r"T\left[\frac{a_w\bar\kappa h + D h}{t'} + \frac{a_w(1 + g + \bar\kappa) f}{t}\right]",
    source="korthikanti-et-al-2022, sec. 4.1 (19 s b h without the norm: 2 + 8 + 8 + 1); shazeer-2020, sec. 2 (a gate is a third inner tensor)",
    example=dict(**GPT_3_LAYER, intermediate_size=49152, gated_mlp=0, dropout=1, expect=478150656.0),
)
def dense_mlp_activations(
    tokens: Tokens,
    frozen: Frozen,
    intermediate_size: Count,
    gated_mlp: Flag,
    dropout: Flag,
    fp8_activation_input: Flag,
) -> Bytes:
    """Activations of one dense feed-forward.

    Its input, what enters its activation function, and the input of its last product.
    """
    kept = feed_forward_inputs_kept(frozen)
    entering = (1 + gated_mlp) * gate_width(tokens, fp8_activation_input)
    inner = inside(tokens, (entering + kept) * intermediate_size)
    return outside(tokens, kept * tokens.hidden_size) + masks(tokens, dropout) + inner


class Mixture(NamedTuple):
    """What shapes the activations of a mixture of experts on one rank."""

    num_experts: Count
    experts_per_token: Count
    num_shared_experts: Count
    moe_intermediate_size: Count
    gated_mlp: Flag
    expert_imbalance: Number
    expert_tp: Count


@cost_model(
    formula=r"T\left[\frac{a_w\bar\kappa h + D h + 4E}{t'} + \frac{a_w\left(I k \bar\kappa h t_e + (1 + g + \bar\kappa)(I k + E_s) f_e\right)}{t}\right]",
    source="fedus-zoph-shazeer-2021, sec. 2 (a copy per visited expert); liu-et-al-2025, sec. 3 (dispatched tokens)",
    example=dict(
        micro_batch_tokens=4096, hidden_size=7168, tp=1, activation_width=2, num_experts=256, experts_per_token=8,
        num_shared_experts=1, moe_intermediate_size=2048, gated_mlp=1, expert_tp=1, num_moe_layers=58,
        expect=985661440.0,
    ),
)  # fmt: skip
def moe_mlp_activations(
    tokens: Tokens,
    frozen: Frozen,
    mixture: Mixture,
    num_moe_layers: Count,
    dropout: Flag,
    fp8_activation_input: Flag,
) -> Bytes:
    """Activations of one mixture of experts.

    Its input, which router and shared experts read; the scores in fp32; the tokens dispatched to this rank, as many
    copies as experts visited, whole on each of expert_tp ranks; the inner tensors of every copy. The busiest rank holds
    `expert_imbalance` times the mean.
    """
    kept = feed_forward_inputs_kept(frozen)
    copies = mixture.experts_per_token * mixture.expert_imbalance
    entering = (1 + mixture.gated_mlp) * gate_width(tokens, fp8_activation_input)
    inner = (entering + kept) * mixture.moe_intermediate_size * (copies + mixture.num_shared_experts)
    dispatched = kept * copies * tokens.hidden_size * mixture.expert_tp
    scores = outside(tokens, _FP32 * mixture.num_experts / tokens.activation_width)
    whole = outside(tokens, kept * tokens.hidden_size) + scores + masks(tokens, dropout)
    return jnp.where(num_moe_layers > 0, whole + inside(tokens, dispatched + inner), 0.0)
