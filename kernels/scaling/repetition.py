"""Training on fewer distinct tokens than are trained on: repeated tokens and excess parameters are worth less."""

from __future__ import annotations

from ..annotations import Array, Count, Number
from ..arrays import jnp
from ..registry import cost_model
from .parametric_loss import ReducibleLaw, reducible_only


def _decaying(distinct: Array, excess: Array, constant: Array) -> Array:
    """What `distinct` things are worth with `excess` times as many repeated, each worth less than the one before."""
    return distinct * (1 - constant * jnp.expm1(-excess / constant))


@cost_model(
    formula=r"\max(D/U, 1)",
    source="definition: passes over the distinct tokens, not rounded",
    example=dict(tokens=1.4e12, unique_tokens=350e9, expect=4.0),
)
def epochs(tokens: Count, unique_tokens: Count) -> Number:
    """Passes over the distinct training tokens."""
    return jnp.maximum(tokens / unique_tokens, 1.0)


@cost_model(
    formula=r"U_D + U_D\,R^*\left(1 - e^{-R/R^*}\right), \quad U_D = \min(U, D), \quad R = D/U_D - 1",
    source="muennighoff-et-al-2023, eq. 5",
    example=dict(tokens=1.4e12, unique_tokens=350e9, repetition_constant=15.387756, epochs=4, expect=1.303986e12),
)
def effective_tokens(tokens: Count, unique_tokens: Count, repetition_constant: Number, epochs: Number) -> Count:
    """Distinct tokens that would be worth what the repeated ones are.

    Fitted with weight decay and dropout of 0.1 for up to 500 epochs, without the runs that over-fitted. Other training
    recipes forget more or less.
    """
    return _decaying(jnp.minimum(tokens, unique_tokens), epochs - 1, repetition_constant)


@cost_model(
    formula=r"U_N + U_N\,R^*\left(1 - e^{-R/R^*}\right), \quad U_N = \min\left(G\,(G\,U_D)^{\beta/\alpha}, N\right),"
    r" \quad R = N/U_N - 1",
    source="muennighoff-et-al-2023, eq. 6 and app. A (U_N is the optimum of the distinct tokens)",
    example=reducible_only(
        num_active_parameters=70e9,
        tokens=1.4e12,
        unique_tokens=350e9,
        excess_parameter_constant=5.309743,
        expect=5.787085e10,
    ),
)
def effective_parameters(
    num_active_parameters: Count,
    tokens: Count,
    unique_tokens: Count,
    excess_parameter_constant: Number,
    law: ReducibleLaw,
) -> Count:
    """Parameters that would be worth as much with tokens enough.

    Beyond those for which the distinct tokens are compute-optimal, parameters are worth less.
    """
    alpha, beta = law.parameter_exponent, law.token_exponent
    scale = (alpha * law.parameter_coefficient / (beta * law.token_coefficient)) ** (1 / alpha)
    wanted = scale * jnp.minimum(tokens, unique_tokens) ** (beta / alpha)
    used = jnp.minimum(wanted, num_active_parameters)
    return _decaying(used, num_active_parameters / used - 1, excess_parameter_constant)


@cost_model(
    formula=r"E + A / N'^{\alpha} + B / D'^{\beta}",
    source="muennighoff-et-al-2023, eq. 4",
    example=reducible_only(
        irreducible_loss=1.8172, effective_parameters=5.787085e10, effective_tokens=1.303986e12, expect=1.981437
    ),
)
def data_limited_loss(
    irreducible_loss: Number, effective_parameters: Count, effective_tokens: Count, law: ReducibleLaw
) -> Number:
    """Training loss that the scaling law predicts where tokens are repeated."""
    of_parameters = law.parameter_coefficient * effective_parameters**-law.parameter_exponent
    return irreducible_loss + of_parameters + law.token_coefficient * effective_tokens**-law.token_exponent
