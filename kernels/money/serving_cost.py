"""What tokens of full replicas cost: by output token, by request, and split over what is read and what is written."""

from __future__ import annotations

from ..annotations import Choice, Count, Dollars, DollarsPerHour, DollarsPerToken, Number, PerSecond, Seconds
from ..arrays import jnp
from ..registry import cost_model

_OUTPUT, _ALL = range(2)
_MILLION = 1e6


@cost_model(
    formula=r"\frac{c}{3600\,r_{GPU}}",
    source="definition: all cost is charged to the output tokens; multiply by 1e6 for the usual price list",
    example=dict(saturated_output_tokens_per_second_per_gpu=284.25, gpu_hour_price=2.5, expect=2.443077e-6),
)
def cost_per_output_token(
    saturated_output_tokens_per_second_per_gpu: PerSecond, gpu_hour_price: DollarsPerHour
) -> DollarsPerToken:
    """Cost of one output token of replicas that are always full.

    By continuous batching as `batching` says; what stands idle between requests is in `service_cost_per_request`.
    """
    return gpu_hour_price / 3600 / saturated_output_tokens_per_second_per_gpu


@cost_model(
    formula=r"1 - \frac{X\,K\,t_r\,G}{B}\,\frac{n_r}{n}",
    source="definition: what is not spent on decoding is spent on prompts; see kernels/serving/batching.py for the terms",
    example=dict(
        saturated_requests_per_second=14.619883,
        steps_per_completed_request=4,
        active_round_time=0.0092,
        decode_batch=32,
        concurrency=64,
        replica_size=8,
        gpus_per_serving_replica=8,
        expect=0.7309942,
    ),
)
def prefill_time_share(
    saturated_requests_per_second: PerSecond,
    steps_per_completed_request: Count,
    active_round_time: Seconds,
    decode_batch: Count,
    concurrency: Count,
    replica_size: Count,
    gpus_per_serving_replica: Count,
) -> Number:
    """Share of the GPU time of full replicas that goes to prompts.

    Decoding is charged its steps as if they were pure; what a mixed step takes beyond that is the prompts'. With
    disaggregation the replicas that read prompts are theirs, idle or not.
    """
    batches = concurrency / decode_batch
    decoding = saturated_requests_per_second * steps_per_completed_request * active_round_time / batches
    return 1 - decoding * replica_size / gpus_per_serving_replica


@cost_model(
    formula=r"x\,s_o\,c_{out}",
    source="definition: time decides; the prompt is charged the time of the prefills",
    example=dict(prefill_time_share=0.3466927, output_len=257, cost_per_output_token=2.443077e-6, expect=2.176782e-4),
)
def request_input_cost(
    prefill_time_share: Number, output_len: Count, cost_per_output_token: DollarsPerToken
) -> Dollars:
    """Cost of the prompt of one request."""
    return prefill_time_share * output_len * cost_per_output_token


@cost_model(
    formula=r"(1 - x)\,s_o\,c_{out}",
    source="definition: time decides; the output is charged the time of the decode steps",
    example=dict(prefill_time_share=0.3466927, output_len=257, cost_per_output_token=2.443077e-6, expect=4.101926e-4),
)
def request_output_cost(
    prefill_time_share: Number, output_len: Count, cost_per_output_token: DollarsPerToken
) -> Dollars:
    """Cost of the output of one request."""
    return (1 - prefill_time_share) * output_len * cost_per_output_token


@cost_model(
    formula=r"C_{in} + C_{out}",
    source="definition: prompt and output",
    example=dict(request_input_cost=2.176782e-4, request_output_cost=4.101926e-4, expect=6.278708e-4),
    terms=("request_input_cost", "request_output_cost"),
)
def request_cost(request_input_cost: Dollars, request_output_cost: Dollars) -> Dollars:
    """Cost of one request."""
    return request_input_cost + request_output_cost


@cost_model(
    formula=r"10^6\,C_{in} / s_p",
    source="definition: the cost of a prompt over its tokens",
    example=dict(request_input_cost=2.176782e-4, prompt_len=1024, expect=0.2125764),
)
def cost_per_million_input_tokens(request_input_cost: Dollars, prompt_len: Count) -> Dollars:
    """Cost of a million input tokens."""
    return _MILLION * request_input_cost / prompt_len


@cost_model(
    formula=r"10^6\,C_{out} / s_o",
    source="definition: the cost of an output over its tokens, prefill apart",
    example=dict(request_output_cost=4.101926e-4, output_len=257, expect=1.596080),
)
def cost_per_million_output_tokens(request_output_cost: Dollars, output_len: Count) -> Dollars:
    """Cost of a million output tokens, prefill apart."""
    return _MILLION * request_output_cost / output_len


@cost_model(
    formula=r"\frac{10^6\,C}{s_o} \text{ or } \frac{10^6\,C}{s_p + s_o} \text{ or } \frac{10^6\,C}{s_c + s_o}",
    source="definition: the cost of a request over the tokens that counted_tokens names",
    example=dict(
        request_cost=6.278708e-4,
        prompt_len=1024,
        computed_prompt_len=1024,
        output_len=257,
        counted_tokens=1,
        expect=0.4901412,
    ),
)
def cost_per_million_tokens(
    request_cost: Dollars,
    prompt_len: Count,
    computed_prompt_len: Count,
    output_len: Count,
    counted_tokens: Choice,
) -> Dollars:
    """Cost of a million tokens."""
    read = jnp.where(counted_tokens == _ALL, prompt_len, computed_prompt_len)
    counted = output_len + jnp.where(counted_tokens == _OUTPUT, 0.0, read)
    return _MILLION * request_cost / counted
