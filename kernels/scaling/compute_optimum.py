"""The parameters and tokens that make the most of a compute budget, and the rule of 20 tokens a parameter beside them."""

from __future__ import annotations

from ..annotations import Array, Count, Flops, Number
from ..arrays import jnp
from ..registry import cost_model
from .parametric_loss import ReducibleLaw, reducible_only


def parameters_of(products: Array, law: ReducibleLaw) -> Array:
    """The parameters N that minimise the loss at a given product N D, which is the compute over 6."""
    alpha, beta = law.parameter_exponent, law.token_exponent
    ratio = alpha * law.parameter_coefficient / (beta * law.token_coefficient)
    return ratio ** (1 / (alpha + beta)) * products ** (beta / (alpha + beta))


def reducible_loss_of(products: Array, law: ReducibleLaw) -> Array:
    """The least loss above the irreducible one at a given product N D."""
    parameters = parameters_of(products, law)
    of_parameters = law.parameter_coefficient * parameters**-law.parameter_exponent
    return of_parameters + law.token_coefficient * (products / parameters) ** -law.token_exponent


@cost_model(
    formula=r"G \left(\frac{C}{6}\right)^{\frac{\beta}{\alpha+\beta}}, \quad"
    r" G = \left(\frac{\alpha A}{\beta B}\right)^{\frac{1}{\alpha+\beta}}",
    source="hoffmann-et-al-2022, eq. 4",
    example=reducible_only(compute_budget=5.76e23, expect=7.224870e10),
)
def optimal_parameters(compute_budget: Flops, law: ReducibleLaw) -> Count:
    """Parameters of the best model for a compute budget.

    Active ones, by 6 N D. The optimum is flat: from 1e21 FLOP on, twice or half the parameters cost less
    than 1 % of the loss.
    """
    return parameters_of(compute_budget / 6, law)


@cost_model(
    formula=r"\frac{C}{6\,N_{opt}}",
    source="hoffmann-et-al-2022, eq. 4",
    example=dict(compute_budget=5.76e23, optimal_parameters=7.224870e10, expect=1.328744e12),
)
def optimal_tokens(compute_budget: Flops, optimal_parameters: Count) -> Count:
    """Training tokens of the best model for a compute budget."""
    return compute_budget / 6 / optimal_parameters


@cost_model(
    formula=r"D_{opt} / N_{opt}",
    source="definition: it grows as the compute to the power (alpha - beta) / (alpha + beta)",
    example=dict(optimal_tokens=1.328744e12, optimal_parameters=7.224870e10, expect=18.391251),
)
def optimal_tokens_per_parameter(optimal_tokens: Count, optimal_parameters: Count) -> Number:
    """Training tokens per parameter of the best model for a compute budget."""
    return optimal_tokens / optimal_parameters


@cost_model(
    formula=r"E + A / N_{opt}^{\alpha} + B / D_{opt}^{\beta}",
    source="hoffmann-et-al-2022, eq. 2 and 4",
    example=reducible_only(compute_budget=5.76e23, irreducible_loss=1.8172, expect=1.974441),
)
def optimal_loss(compute_budget: Flops, irreducible_loss: Number, law: ReducibleLaw) -> Number:
    """Lowest loss that a compute budget buys."""
    return irreducible_loss + reducible_loss_of(compute_budget / 6, law)


@cost_model(
    formula=r"A / N^{\alpha} + B / D^{\beta} - \min_{N' D' = N D} \left( A / N'^{\alpha} + B / D'^{\beta} \right)",
    source="definition: the loss above that of the best model of the same 6 N D",
    example=reducible_only(
        parameter_loss=0.05031929, token_loss=0.13208839, training_flops_6nd=5.04e23, expect=0.02137824
    ),
)
def loss_penalty(parameter_loss: Number, token_loss: Number, training_flops_6nd: Flops, law: ReducibleLaw) -> Number:
    """Loss above the lowest that the compute of the run buys.

    Positive for a model that is larger or smaller than the best, 0 for the best.
    """
    return parameter_loss + token_loss - reducible_loss_of(training_flops_6nd / 6, law)


@cost_model(
    formula=r"\sqrt{\frac{C}{6\,\tau}}",
    source="hoffmann-et-al-2022, table 3 (about 20 tokens per parameter)",
    example=dict(compute_budget=5.76e23, tokens_per_parameter=20, expect=6.928203e10),
)
def chinchilla_rule_parameters(compute_budget: Flops, tokens_per_parameter: Number) -> Count:
    """Parameters for a compute budget, by tokens per parameter."""
    return jnp.sqrt(compute_budget / 6 / tokens_per_parameter)


@cost_model(
    formula=r"\tau\,N",
    source="hoffmann-et-al-2022, table 3 (about 20 tokens per parameter)",
    example=dict(chinchilla_rule_parameters=6.928203e10, tokens_per_parameter=20, expect=1.3856406e12),
)
def chinchilla_rule_tokens(chinchilla_rule_parameters: Count, tokens_per_parameter: Number) -> Count:
    """Training tokens for a compute budget, by tokens per parameter."""
    return tokens_per_parameter * chinchilla_rule_parameters


@cost_model(
    formula=r"E + A / N^{\alpha} + B / D^{\beta}",
    source="hoffmann-et-al-2022, eq. 2 and table 3",
    example=reducible_only(
        irreducible_loss=1.8172,
        chinchilla_rule_parameters=6.928203e10,
        chinchilla_rule_tokens=1.3856406e12,
        expect=1.974459,
    ),
)
def chinchilla_rule_loss(
    irreducible_loss: Number, chinchilla_rule_parameters: Count, chinchilla_rule_tokens: Count, law: ReducibleLaw
) -> Number:
    """Loss of a compute budget spent by tokens per parameter."""
    of_parameters = law.parameter_coefficient * chinchilla_rule_parameters**-law.parameter_exponent
    return irreducible_loss + of_parameters + law.token_coefficient * chinchilla_rule_tokens**-law.token_exponent
