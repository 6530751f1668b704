"""What it takes to reach a given loss: compute, parameters and tokens of the cheapest model, tokens of a given one."""

from __future__ import annotations

from ..annotations import Count, Flops, Number
from ..arrays import jnp
from ..registry import constraint, cost_model
from .parametric_loss import ReducibleLaw, reducible_only

RESOLUTION = 0.01
"""Nats per token nearer than which no loss is told from a limit of the law.

The standard error of the irreducible loss is 0.03 (besiroglu-et-al-2024, table 1). Nearer to it the compute of the law
soon leaves what single precision can hold.
"""


CLOSEST = 0.001
"""Nats per token to which tokens bring a model to its own limit: beyond are more than 1e17 of them by any law."""


@cost_model(
    formula=r"L_{opt}(C)",
    source="definition: a budget given without a loss asks for the best that it buys",
    example=dict(optimal_loss=1.974441, expect=1.974441),
    when_given="compute_budget",
)
def target_loss_(optimal_loss: Number) -> Number:
    """Loss to reach, where a compute budget is given: its lowest one."""
    return optimal_loss


@cost_model(
    formula=r"L - E",
    source="definition: what parameters and tokens may leave of the loss",
    example=dict(target_loss=2.0, irreducible_loss=1.8172, expect=0.1828),
)
def target_reducible_loss(target_loss: Number, irreducible_loss: Number) -> Number:
    """Loss to reach above the irreducible one."""
    return target_loss - irreducible_loss


@constraint(
    message="the loss to reach is {target_reducible_loss} above the lowest that any model has, which is known to 0.01"
    " at best",
    formula=r"L - E - 0.01",
    source="besiroglu-et-al-2024, table 1 (the standard error of E is 0.03)",
    example=dict(target_reducible_loss=-0.0172, expect=-0.0272),
)
def reachable_loss(target_reducible_loss: Number) -> Number:
    """Some model reaches the loss, however large and long it is trained."""
    return target_reducible_loss - RESOLUTION


@cost_model(
    formula=r"\left(\frac{(\alpha + \beta)\,A}{\beta\,(L - E)}\right)^{1/\alpha}",
    source="definition: at the compute optimum alpha A / N^alpha = beta B / D^beta (hoffmann-et-al-2022, eq. 4)",
    example=reducible_only(target_reducible_loss=0.1828, expect=4.685565e10),
)
def target_loss_parameters(target_reducible_loss: Number, law: ReducibleLaw) -> Count:
    """Parameters that reach a loss with the least training compute."""
    share = law.token_exponent / (law.parameter_exponent + law.token_exponent)
    part = share * jnp.maximum(target_reducible_loss, RESOLUTION)
    return (law.parameter_coefficient / part) ** (1 / law.parameter_exponent)


@cost_model(
    formula=r"\left(\frac{(\alpha + \beta)\,B}{\alpha\,(L - E)}\right)^{1/\beta}",
    source="definition: at the compute optimum alpha A / N^alpha = beta B / D^beta (hoffmann-et-al-2022, eq. 4)",
    example=reducible_only(target_reducible_loss=0.1828, expect=8.802932e11),
)
def target_loss_tokens(target_reducible_loss: Number, law: ReducibleLaw) -> Count:
    """Training tokens that reach a loss with the least training compute."""
    share = law.parameter_exponent / (law.parameter_exponent + law.token_exponent)
    part = share * jnp.maximum(target_reducible_loss, RESOLUTION)
    return (law.token_coefficient / part) ** (1 / law.token_exponent)


@cost_model(
    formula=r"6\,N\,D",
    source="kaplan-et-al-2020, sec. 2.1",
    example=dict(target_loss_parameters=4.685565e10, target_loss_tokens=8.802932e11, expect=2.474802e23),
)
def target_loss_compute(target_loss_parameters: Count, target_loss_tokens: Count) -> Flops:
    """Least training compute that reaches a loss."""
    return 6 * target_loss_parameters * target_loss_tokens


@cost_model(
    formula=r"L - E - A / N^{\alpha}",
    source="hoffmann-et-al-2022, eq. 2",
    example=dict(target_reducible_loss=0.1828, parameter_loss=0.08149500, expect=0.1013050),
)
def loss_left_to_tokens(target_reducible_loss: Number, parameter_loss: Number) -> Number:
    """Loss to reach above the limit of the model, which is left to the tokens."""
    return target_reducible_loss - parameter_loss


@constraint(
    message="the model leaves {loss_left_to_tokens} of the loss to its training tokens, and no number of them is enough",
    formula=r"L - E - A / N^{\alpha} - 0.001",
    source="hoffmann-et-al-2022, eq. 2 (the limit of ever more tokens)",
    example=dict(loss_left_to_tokens=-0.0486950, expect=-0.0496950),
)
def large_enough(loss_left_to_tokens: Number) -> Number:
    """The model is large enough for the loss, trained on however many tokens."""
    return loss_left_to_tokens - CLOSEST


@cost_model(
    formula=r"\left(\frac{B}{L - E - A / N^{\alpha}}\right)^{1/\beta}",
    source="hoffmann-et-al-2022, eq. 2, solved for the tokens",
    example=dict(loss_left_to_tokens=0.1013050, token_coefficient=2085.43, token_exponent=0.3658, expect=6.196405e11),
)
def tokens_to_target_loss(loss_left_to_tokens: Number, token_coefficient: Number, token_exponent: Number) -> Count:
    """Training tokens that bring a given model to a loss.

    Where the model is too small for it (`large_enough`), the tokens that bring it within 0.001 of its own limit.
    """
    return (token_coefficient / jnp.maximum(loss_left_to_tokens, CLOSEST)) ** (1 / token_exponent)


@cost_model(
    formula=r"D_L/N",
    source="definition: a loss given without tokens asks for as many as reach it",
    example=dict(tokens_to_target_loss=1.4e12, num_active_parameters=7e10, expect=20.0),
    when_given="target_loss",
)
def tokens_per_parameter_(tokens_to_target_loss: Count, num_active_parameters: Count) -> Number:
    """Training tokens per active parameter, where the loss to reach is given."""
    return tokens_to_target_loss / num_active_parameters
