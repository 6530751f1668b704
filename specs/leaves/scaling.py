"""Scaling laws: the coefficients that a scaling_law record states, and what is asked of the law."""

import math
from functools import partial

from ..vocabulary import Group, Kind, Leaf

_coefficient = partial(Leaf, unit="1", kind=Kind.CONTINUOUS, group=Group.SCALING_LAW)
_positive = partial(_coefficient, above=True)
_signed = partial(_coefficient, low=-math.inf)
_asked = partial(Leaf, unit="1", kind=Kind.CONTINUOUS, group=Group.SCALING)
_C4 = "as fitted on C4 by Muennighoff et al. 2023; no other law states its own"

LEAVES = (
    _coefficient(
        "irreducible_loss",
        label="Loss that no model gets below, in nats per token",
        note="E of the law; a property of the data and the vocabulary, so losses of two laws are not comparable",
    ),
    _positive("parameter_coefficient", label="Coefficient of the parameters", note="A of A / N^alpha"),
    _positive("parameter_exponent", label="Exponent of the parameters", note="alpha of A / N^alpha"),
    _positive("token_coefficient", label="Coefficient of the training tokens", note="B of B / D^beta"),
    _positive("token_exponent", label="Exponent of the training tokens", note="beta of B / D^beta"),
    _positive(
        "repetition_constant",
        label="Repetitions after which a repeated token is worth 1/e of a new one",
        default=15.387756,
        reason=_C4,
    ),
    _positive(
        "excess_parameter_constant",
        label="Excess of parameters after which a further one is worth 1/e",
        default=5.309743,
        reason=_C4,
        note="in units of the parameters that the unique tokens can make use of",
    ),
    _positive("moe_parameter_coefficient", label="Coefficient of the active parameters at one effective expert"),
    _signed(
        "moe_parameter_exponent",
        label="Power of the active parameters at one effective expert",
        high=0,
        note="negative, as the paper prints it",
    ),
    _signed(
        "moe_parameter_coefficient_growth", label="Power of the effective experts in the coefficient of the parameters"
    ),
    _signed(
        "moe_parameter_exponent_growth",
        label="What a factor e of effective experts adds to the power of the parameters",
    ),
    _positive("moe_token_coefficient", label="Coefficient of the training tokens at one effective expert"),
    _signed(
        "moe_token_exponent",
        label="Power of the training tokens at one effective expert",
        high=0,
        note="negative, as the paper prints it",
    ),
    _signed("moe_token_coefficient_growth", label="Power of the effective experts in the coefficient of the tokens"),
    _signed("moe_token_exponent_growth", label="What a factor e of effective experts adds to the power of the tokens"),
    _positive("moe_start_experts", label="Effective experts of a dense model"),
    _positive("moe_max_experts", label="Effective experts of a mixture of ever more experts"),
    _asked("compute_budget", unit="FLOP", label="Training compute to spend", above=True, note="6 N D"),
    _asked(
        "target_loss",
        label="Loss to reach, in nats per token",
        above=True,
        note="where only compute_budget is given: the lowest loss of that budget",
    ),
    _asked("unique_tokens", label="Distinct training tokens there are", above=True),
    _asked(
        "lifetime_inference_tokens",
        label="Tokens that the model reads and writes when it serves, over its lifetime",
        note="2 N FLOP each: prompts and answers alike, attention left out",
    ),
    _asked(
        "inference_price_ratio",
        label="Price of a FLOP of inference over that of a FLOP of training",
        default=1.0,
        reason="compute is minimised, not money (Sardana et al. 2024, eq. 3)",
        note="price of an hour over the FLOP/s achieved in it; 3 where inference reaches a third of the rate",
    ),
)
