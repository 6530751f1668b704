r"""Lengths of prompts and outputs as quantiles, and what batches that wait for their longest output lose.

Published traces state medians and percentiles, the models read means and coefficients of variation. Lengths are
lognormal: $m = e^{\mu + \sigma^2/2}$ with $\mu$ the logarithm of the median and $\sigma$ that of the 95th percentile
over the median, divided by 1.644854.
"""

from __future__ import annotations

from ..annotations import Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..primitives.lognormal import longest_over_mean, variation_of_shape
from ..registry import constraint, cost_model

_Z95 = 1.6448536


def _shape(median: Count, p95: Count) -> Number:
    return jnp.log(p95 / median) / _Z95


def _mean(median: Count, p95: Count) -> Count:
    return median * jnp.exp(_shape(median, p95) ** 2 / 2)


@cost_model(
    when_given="prompt_len_median",
    formula=r"m_{50}\,e^{\sigma^2/2},\quad \sigma = \frac{\ln(m_{95}/m_{50})}{1.644854}",
    source="definition: mean of a lognormal distribution from two of its quantiles",
    example=dict(prompt_len_median=1000, prompt_len_p95=4000, expect=1426.4116),
)
def prompt_len(prompt_len_median: Count, prompt_len_p95: Count) -> Count:
    """Mean prompt length in tokens, from quantiles."""
    return _mean(prompt_len_median, prompt_len_p95)


@cost_model(
    when_given="output_len_median",
    formula=r"m_{50}\,e^{\sigma^2/2},\quad \sigma = \frac{\ln(m_{95}/m_{50})}{1.644854}",
    source="definition: mean of a lognormal distribution from two of its quantiles",
    example=dict(output_len_median=129, output_len_p95=500, expect=181.09434),
)
def output_len(output_len_median: Count, output_len_p95: Count) -> Count:
    """Mean output length in tokens, from quantiles."""
    return _mean(output_len_median, output_len_p95)


@cost_model(
    when_given="prompt_len_median",
    formula=r"\sqrt{e^{\sigma^2} - 1},\quad \sigma = \frac{\ln(m_{95}/m_{50})}{1.644854}",
    source="definition: variation of a lognormal distribution from two of its quantiles",
    example=dict(prompt_len_median=1000, prompt_len_p95=4000, expect=1.0171775),
)
def prompt_len_cv(prompt_len_median: Count, prompt_len_p95: Count) -> Number:
    """Standard deviation of prompt lengths over their mean, from quantiles."""
    return variation_of_shape(_shape(prompt_len_median, prompt_len_p95))


@cost_model(
    when_given="output_len_median",
    formula=r"\sqrt{e^{\sigma^2} - 1},\quad \sigma = \frac{\ln(m_{95}/m_{50})}{1.644854}",
    source="definition: variation of a lognormal distribution from two of its quantiles",
    example=dict(output_len_median=129, output_len_p95=500, expect=0.98526365),
)
def output_len_cv(output_len_median: Count, output_len_p95: Count) -> Number:
    """Standard deviation of output lengths over their mean, from quantiles."""
    return variation_of_shape(_shape(output_len_median, output_len_p95))


@constraint(
    legal=True,
    message="95 % of prompts have up to {prompt_len_p95} tokens, half of them up to {prompt_len_median}",
    formula=r"m_{95} - m_{50}",
    source="definition: quantiles rise",
    example=dict(prompt_len_median=1000, prompt_len_p95=900, expect=-100.0),
)
def orders_prompt_quantiles(prompt_len_median: Count, prompt_len_p95: Count) -> Count:
    """Tokens from the median prompt to the 95th percentile."""
    return prompt_len_p95 - prompt_len_median


@constraint(
    legal=True,
    message="95 % of outputs have up to {output_len_p95} tokens, half of them up to {output_len_median}",
    formula=r"m_{95} - m_{50}",
    source="definition: quantiles rise",
    example=dict(output_len_median=129, output_len_p95=100, expect=-29.0),
)
def orders_output_quantiles(output_len_median: Count, output_len_p95: Count) -> Count:
    """Tokens from the median output to the 95th percentile."""
    return output_len_p95 - output_len_median


@cost_model(
    formula=r"B \int \varphi(x - \sigma)\,\Phi(x)^{B-1}\,dx,\quad \sigma^2 = \ln(1 + c_o^2)",
    source="definition: expected largest of B lognormal lengths over their mean; yu-et-al-2022, sec. 3 (a batch "
    "returns when its last request does)",
    example=dict(concurrency=2, output_len_cv=1.0, expect=1.4439408),
)
def longest_output_factor(concurrency: Count, output_len_cv: Number) -> Number:
    """Longest output of a batch over the mean output."""
    return longest_over_mean(output_len_cv, concurrency)


@cost_model(
    formula=r"\frac{B\,s_o}{\frac{G}{\min(b_p, G)}\,t_p + (\kappa\,s_o - 1)\,\frac{t_d}{e}}",
    source="yu-et-al-2022, sec. 3 (request-level scheduling: nothing joins a batch and nothing leaves it early)",
    example=dict(
        concurrency=64,
        output_len=257,
        longest_output_factor=3.0,
        decode_batch=64,
        prompts_per_pass=1,
        prefill_time=0.04,
        decode_round_time=0.01,
        decode_tokens_per_step=1,
        expect=1603.1189,
    ),
)
def static_output_tokens_per_second(
    concurrency: Count,
    output_len: Count,
    longest_output_factor: Number,
    decode_batch: Count,
    prompts_per_pass: Count,
    prefill_time: Seconds,
    decode_round_time: Seconds,
    decode_tokens_per_step: Number,
) -> PerSecond:
    """Output tokens per second of a replica whose batches wait for their longest.

    All prompts of a batch are read, then it decodes at its full size until its last sequence ends.
    """
    prefills = decode_batch / jnp.minimum(prompts_per_pass, decode_batch) * prefill_time
    steps = (longest_output_factor * output_len - 1) / decode_tokens_per_step
    return concurrency * output_len / (prefills + steps * decode_round_time)
