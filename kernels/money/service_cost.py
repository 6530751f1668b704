"""What a service costs that is provided for its arrivals: idle slots are paid too."""

from __future__ import annotations

from ..annotations import Count, Dollars, DollarsPerHour, PerSecond
from ..registry import cost_model

_MILLION = 1e6


@cost_model(
    formula=r"n\,c",
    source="definition: every GPU of the service, idle or not",
    example=dict(serving_gpus=64, gpu_hour_price=2.5, expect=160.0),
)
def service_hourly_cost(serving_gpus: Count, gpu_hour_price: DollarsPerHour) -> DollarsPerHour:
    """Cost of an hour of the service."""
    return serving_gpus * gpu_hour_price


@cost_model(
    formula=r"\frac{c_h}{3600\,\lambda}",
    source="definition: the cost of an hour over the requests that arrive in it",
    example=dict(service_hourly_cost=160.0, request_rate=40.0, expect=1.111111e-3),
)
def service_cost_per_request(service_hourly_cost: DollarsPerHour, request_rate: PerSecond) -> Dollars:
    """Cost of one request of the service."""
    return service_hourly_cost / 3600 / request_rate


@cost_model(
    formula=r"10^6\,\frac{C}{s_o}",
    source="definition: all cost is charged to the output tokens",
    example=dict(service_cost_per_request=1.111111e-3, output_len=257, expect=4.323389),
)
def service_cost_per_million_output_tokens(service_cost_per_request: Dollars, output_len: Count) -> Dollars:
    """Cost of a million output tokens of the service."""
    return _MILLION * service_cost_per_request / output_len
