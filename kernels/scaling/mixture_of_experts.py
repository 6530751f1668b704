r"""The coefficients of a scaling law for a given number of experts, by the joint law of dense models and mixtures.

The joint law is $L = c + a \hat E^{\delta} N^{\alpha + \gamma \ln \hat E} + b \hat E^{\omega} D^{\beta + \zeta \ln \hat E}$
of the active parameters $N$ and the tokens $D$. At a given number of experts it has the usual form, so everything else
that is asked of a law holds for it too.
"""

from __future__ import annotations

from ..annotations import Count, Number
from ..arrays import jnp
from ..registry import constraint, cost_model


@cost_model(
    formula=r"1 / \hat E = \left(E - 1 + (1/E_{start} - 1/E_{max})^{-1}\right)^{-1} + 1/E_{max}",
    source="ludziejewski-et-al-2025, eq. 4 (after clark-et-al-2022)",
    example=dict(num_experts=8, moe_start_experts=2.0732, moe_max_experts=290.4521, expect=8.812370),
)
def effective_experts(num_experts: Count, moe_start_experts: Number, moe_max_experts: Number) -> Number:
    """Experts as the joint scaling law counts them.

    Few experts hardly pay for their overhead, and many saturate: a dense model counts as E_start, ever more experts as
    E_max. Experts are as large as the feed-forward of a dense layer, and a token goes to one of them.
    """
    gap = jnp.maximum(1 / moe_start_experts - 1 / moe_max_experts, 0.0)
    return 1 / (gap / (1 + gap * (num_experts - 1)) + 1 / moe_max_experts)


@cost_model(
    formula=r"a\,\hat E^{\delta}",
    source="ludziejewski-et-al-2025, eq. 6 and table 4 (m)",
    example=dict(
        moe_parameter_coefficient=35.91,
        moe_parameter_coefficient_growth=-0.2285,
        effective_experts=8.812370,
        expect=21.84046,
    ),
    when_given="moe_parameter_coefficient",
)
def parameter_coefficient_(
    moe_parameter_coefficient: Number, moe_parameter_coefficient_growth: Number, effective_experts: Number
) -> Number:
    """Coefficient of the active parameters at this number of experts."""
    return moe_parameter_coefficient * effective_experts**moe_parameter_coefficient_growth


@cost_model(
    formula=r"-(\alpha + \gamma \ln \hat E)",
    source="ludziejewski-et-al-2025, eq. 6 and table 4 (mu, with the sign turned)",
    example=dict(
        moe_parameter_exponent=-0.1889,
        moe_parameter_exponent_growth=0.0098,
        effective_experts=8.812370,
        expect=0.1675737,
    ),
    when_given="moe_parameter_exponent",
)
def parameter_exponent_(
    moe_parameter_exponent: Number, moe_parameter_exponent_growth: Number, effective_experts: Number
) -> Number:
    """Exponent of the active parameters at this number of experts."""
    return -(moe_parameter_exponent + moe_parameter_exponent_growth * jnp.log(effective_experts))


@cost_model(
    formula=r"b\,\hat E^{\omega}",
    source="ludziejewski-et-al-2025, eq. 6 and table 4 (n)",
    example=dict(
        moe_token_coefficient=35.98, moe_token_coefficient_growth=0.5529, effective_experts=8.812370, expect=119.8403
    ),
    when_given="moe_token_coefficient",
)
def token_coefficient_(
    moe_token_coefficient: Number, moe_token_coefficient_growth: Number, effective_experts: Number
) -> Number:
    """Coefficient of the training tokens at this number of experts."""
    return moe_token_coefficient * effective_experts**moe_token_coefficient_growth


@cost_model(
    formula=r"-(\beta + \zeta \ln \hat E)",
    source="ludziejewski-et-al-2025, eq. 6 and table 4 (nu, with the sign turned)",
    example=dict(
        moe_token_exponent=-0.1775, moe_token_exponent_growth=-0.0259, effective_experts=8.812370, expect=0.2338625
    ),
    when_given="moe_token_exponent",
)
def token_exponent_(moe_token_exponent: Number, moe_token_exponent_growth: Number, effective_experts: Number) -> Number:
    """Exponent of the training tokens at this number of experts."""
    return -(moe_token_exponent + moe_token_exponent_growth * jnp.log(effective_experts))


@constraint(
    message="the joint law routes a token to one expert and none besides; here it meets {experts_per_token} routed"
    " and {num_shared_experts} shared ones",
    formula=r"1 - k - E_{shared}",
    source="ludziejewski-et-al-2025, sec. 5.1 and sec. 6 (Switch layers, experts as large as the dense feed-forward)",
    example=dict(experts_per_token=2, num_shared_experts=0, expect=-1.0),
)
def routes_to_one_expert(experts_per_token: Count, num_shared_experts: Count) -> Number:
    """A token meets one expert, as in the models that the joint law was fitted on."""
    return 1 - experts_per_token - num_shared_experts
