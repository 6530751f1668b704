"""The model that reaches a loss with the least compute, or money, of its training and its inference together."""

from __future__ import annotations

from ..annotations import Array, Count, Flops, Number
from ..arrays import jnp
from ..registry import cost_model

_STEPS = 8


def _root(weight: Array, power: Array) -> Array:
    r"""The root $w$ in (0, 1] of $w + k\,w^p = 1$, for $k \ge 0$ and $p > 1$.

    Newton's method on $h(x) = \ln(e^x + k\,e^{px})$, which is convex and rises between slopes 1 and p, so that every
    iterate from above stays above. The start $(1+k)^{-1/p}$ lies above the root and has $h \le \ln 2$: five steps reach
    double precision for powers up to 12, and eight are taken. The last step from the root also has the root's derivatives,
    $-h_k / h_x$, so nothing but the steps is differentiated.
    """
    root = (1 + weight) ** (-1 / power)
    for _ in range(_STEPS):
        rising = weight * root**power
        total = root + rising
        root = root * jnp.exp(-jnp.log(total) * total / (root + power * rising))
    return root


@cost_model(
    formula=r"w^{-1/\beta}, \quad w + k\,w^{1 + 1/\beta} = 1, \quad"
    r" k = \frac{\beta}{\alpha + \beta}\,\frac{r\,D_{inf}}{3\,D_0}",
    source="sardana-et-al-2024, eq. 3 (the condition of its optimum, in one unknown)",
    example=dict(
        target_loss_tokens=1.555901e12,
        lifetime_inference_tokens=5e12,
        inference_price_ratio=1,
        parameter_exponent=0.336,
        token_exponent=0.283,
        expect=2.098446,
    ),
)
def overtraining_factor(
    target_loss_tokens: Count,
    lifetime_inference_tokens: Count,
    inference_price_ratio: Number,
    parameter_exponent: Number,
    token_exponent: Number,
) -> Number:
    """Training tokens over the compute-optimal ones, at the same loss.

    Of the cheapest model to train and serve: with price ratio r its cost is 6 N D + r 2 N D_inf, in FLOP of training. D_0 are the tokens
    of the least training compute, and w is the share of the loss left to the tokens over that share there.
    """
    share = token_exponent / (parameter_exponent + token_exponent)
    weight = share * inference_price_ratio * lifetime_inference_tokens / (3 * target_loss_tokens)
    return _root(weight, 1 + 1 / token_exponent) ** (-1 / token_exponent)


@cost_model(
    formula=r"f\,D_0",
    source="sardana-et-al-2024, eq. 3",
    example=dict(overtraining_factor=2.098446, target_loss_tokens=1.555901e12, expect=3.264974e12),
)
def lifetime_optimal_tokens(overtraining_factor: Number, target_loss_tokens: Count) -> Count:
    """Training tokens of the cheapest model to train and serve."""
    return overtraining_factor * target_loss_tokens


@cost_model(
    formula=r"N_0 \left(\frac{\beta}{\alpha + \beta - \alpha\,f^{-\beta}}\right)^{1/\alpha}",
    source="sardana-et-al-2024, eq. 3 (the parameters that the loss leaves)",
    example=dict(
        overtraining_factor=2.098446,
        target_loss_parameters=30e9,
        parameter_exponent=0.336,
        token_exponent=0.283,
        expect=1.641244e10,
    ),
)
def lifetime_optimal_parameters(
    overtraining_factor: Number, target_loss_parameters: Count, parameter_exponent: Number, token_exponent: Number
) -> Count:
    """Parameters of the cheapest model to train and serve."""
    rest = parameter_exponent + token_exponent - parameter_exponent * overtraining_factor**-token_exponent
    return target_loss_parameters * (token_exponent / rest) ** (1 / parameter_exponent)


@cost_model(
    formula=r"N \left(6\,D + 2\,r\,D_{inf}\right)",
    source="sardana-et-al-2024, eq. 3; kaplan-et-al-2020, sec. 2.1 (6 and 2 FLOP per parameter and token)",
    example=dict(
        lifetime_optimal_parameters=1.641244e10,
        lifetime_optimal_tokens=3.264974e12,
        lifetime_inference_tokens=5e12,
        inference_price_ratio=1,
        expect=4.856416e23,
    ),
)
def lifetime_optimal_compute(
    lifetime_optimal_parameters: Count,
    lifetime_optimal_tokens: Count,
    lifetime_inference_tokens: Count,
    inference_price_ratio: Number,
) -> Flops:
    """Lifetime compute of the cheapest model to train and serve.

    Training and inference together; a FLOP of inference counts as the price ratio says.
    """
    tokens = 6 * lifetime_optimal_tokens + 2 * inference_price_ratio * lifetime_inference_tokens
    return lifetime_optimal_parameters * tokens


@cost_model(
    formula=r"1 - \frac{C_{life}}{N_0\,(6\,D_0 + 2\,r\,D_{inf})}",
    source="sardana-et-al-2024, eq. 3 (savings over the model of the least training compute)",
    example=dict(
        lifetime_optimal_compute=4.856416e23,
        target_loss_parameters=30e9,
        target_loss_tokens=1.555901e12,
        lifetime_inference_tokens=5e12,
        inference_price_ratio=1,
        expect=0.1627766,
    ),
)
def lifetime_saving(
    lifetime_optimal_compute: Flops,
    target_loss_parameters: Count,
    target_loss_tokens: Count,
    lifetime_inference_tokens: Count,
    inference_price_ratio: Number,
) -> Number:
    """Lifetime compute saved over the cheapest model to train.

    A share. Both models reach the same loss; a FLOP of inference counts as the price ratio says.
    """
    tokens = 6 * target_loss_tokens + 2 * inference_price_ratio * lifetime_inference_tokens
    return 1 - lifetime_optimal_compute / target_loss_parameters / tokens


@cost_model(
    formula=r"2\,N\,D_{inf}",
    source="kaplan-et-al-2020, sec. 2.1 (a forward pass); sardana-et-al-2024, eq. 3",
    example=dict(num_active_parameters=70e9, lifetime_inference_tokens=1e13, expect=1.4e24),
)
def lifetime_inference_flops(num_active_parameters: Count, lifetime_inference_tokens: Count) -> Flops:
    """FLOPs of serving a model over its lifetime."""
    return 2 * num_active_parameters * lifetime_inference_tokens


@cost_model(
    formula=r"6\,N\,D + 2\,N\,D_{inf}",
    source="sardana-et-al-2024, eq. 3",
    example=dict(training_flops_6nd=5.88e23, lifetime_inference_flops=1.4e24, expect=1.988e24),
    terms=("training_flops_6nd", "lifetime_inference_flops"),
)
def lifetime_flops(training_flops_6nd: Flops, lifetime_inference_flops: Flops) -> Flops:
    """FLOPs of training and of serving a model over its lifetime."""
    return training_flops_6nd + lifetime_inference_flops
