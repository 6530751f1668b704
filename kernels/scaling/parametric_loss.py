"""The loss of a training run by a parametric scaling law of its parameters and tokens."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Count, Number
from ..registry import constraint, cost_model

BESIROGLU = dict(
    irreducible_loss=1.8172,
    parameter_coefficient=482.01,
    parameter_exponent=0.3478,
    token_coefficient=2085.43,
    token_exponent=0.3658,
)
"""The re-fit of Chinchilla, for worked examples."""


class ReducibleLaw(NamedTuple):
    """What a scaling law says of the loss above the irreducible one: A / N^alpha + B / D^beta."""

    parameter_coefficient: Number
    parameter_exponent: Number
    token_coefficient: Number
    token_exponent: Number


def reducible_only(**more: float) -> dict[str, float]:
    """A worked example of the re-fit without its irreducible loss."""
    return {name: BESIROGLU[name] for name in ReducibleLaw._fields} | more


@cost_model(
    formula=r"A / N^{\alpha}",
    source="hoffmann-et-al-2022, eq. 2; besiroglu-et-al-2024, table 1 (coefficients of the example)",
    example=dict(
        num_active_parameters=70e9, parameter_coefficient=482.01, parameter_exponent=0.3478, expect=0.08149500
    ),
)
def parameter_loss(num_active_parameters: Count, parameter_coefficient: Number, parameter_exponent: Number) -> Number:
    """Loss from the finite size of the model.

    In nats per token. A dense model has all its parameters active. The laws of the catalog count the embeddings.
    """
    return parameter_coefficient * num_active_parameters**-parameter_exponent


@cost_model(
    formula=r"B / D^{\beta}",
    source="hoffmann-et-al-2022, eq. 2; besiroglu-et-al-2024, table 1 (coefficients of the example)",
    example=dict(tokens=1.4e12, token_coefficient=2085.43, token_exponent=0.3658, expect=0.07518687),
)
def token_loss(tokens: Count, token_coefficient: Number, token_exponent: Number) -> Number:
    """Loss from the finite number of training tokens.

    In nats per token. Every token is new to the model: one epoch.
    """
    return token_coefficient * tokens**-token_exponent


@cost_model(
    formula=r"E + A / N^{\alpha} + B / D^{\beta}",
    source="hoffmann-et-al-2022, eq. 2",
    example=dict(irreducible_loss=1.8172, parameter_loss=0.08149500, token_loss=0.07518687, expect=1.97388187),
    terms=("irreducible_loss", "parameter_loss", "token_loss"),
)
def predicted_loss(irreducible_loss: Number, parameter_loss: Number, token_loss: Number) -> Number:
    """Training loss that the scaling law predicts.

    In nats per token of the data and the vocabulary that the law was fitted on: losses by two laws are not comparable.
    The law knows no architecture, no learning rate and no quality of data but its own, and was fitted up to about
    1e22 FLOP; far from compute-optimal ratios of tokens to parameters it is too hopeful of further tokens
    (sardana-et-al-2024, abstract).
    """
    return irreducible_loss + parameter_loss + token_loss


@constraint(
    message="the scaling laws of dense models say nothing of {num_experts} experts",
    formula=r"1 - E",
    source="hoffmann-et-al-2022, sec. 3 (all models of the fit are dense)",
    example=dict(num_experts=8, expect=-7.0),
)
def is_dense(num_experts: Count) -> Number:
    """The model is dense, as those that most scaling laws were fitted on."""
    return 1 - num_experts
