"""What a model costs over its life: training it once, and serving it as long as it is asked."""

from __future__ import annotations

from ..annotations import Count, Days, Dollars, DollarsPerToken, Joules, PerSecond
from ..registry import cost_model

_DAY = 86400


@cost_model(
    formula=r"86400\,\lambda\,T",
    source="definition: a mean rate over the time of service",
    example=dict(mean_request_rate=50, service_time=365, expect=1.5768e9),
)
def lifetime_requests(mean_request_rate: PerSecond, service_time: Days) -> Count:
    """Requests that a model serves in its life."""
    return _DAY * mean_request_rate * service_time


@cost_model(
    formula=r"N\,s_o",
    source="definition: requests of equal output",
    example=dict(lifetime_requests=1.5768e9, output_len=256, expect=4.036608e11),
)
def lifetime_output_tokens(lifetime_requests: Count, output_len: Count) -> Count:
    """Output tokens that a model serves in its life."""
    return lifetime_requests * output_len


@cost_model(
    formula=r"N_o\,c_{out}",
    source="definition: output tokens at the cost of those of a full replica, prompts included",
    example=dict(lifetime_output_tokens=4.036608e11, cost_per_output_token=2.443077e-6, expect=986174.4),
)
def lifetime_serving_cost(lifetime_output_tokens: Count, cost_per_output_token: DollarsPerToken) -> Dollars:
    """Cost of serving a model for its life.

    Hours in which replicas wait for requests cost extra unless the price of an hour holds them, as `fleet_utilisation`
    does.
    """
    return lifetime_output_tokens * cost_per_output_token


@cost_model(
    formula=r"C_{train} + C_{serve}",
    source="definition: training once, serving for life",
    example=dict(training_cost=1186794.7, lifetime_serving_cost=986174.4, expect=2172969.1),
    terms=("training_cost", "lifetime_serving_cost"),
)
def lifetime_cost(training_cost: Dollars, lifetime_serving_cost: Dollars) -> Dollars:
    """Cost of a model over its life: training and serving."""
    return training_cost + lifetime_serving_cost


@cost_model(
    formula=r"N\,E_{request}",
    source="definition: requests at the energy of one of a full replica",
    example=dict(lifetime_requests=1.5768e9, request_energy=677.4196, expect=1.068155e12),
)
def lifetime_serving_energy(lifetime_requests: Count, request_energy: Joules) -> Joules:
    """Energy of serving a model for its life."""
    return lifetime_requests * request_energy


@cost_model(
    formula=r"E_{train} + E_{serve}",
    source="definition: training once, serving for life",
    example=dict(training_energy=1.766067e12, lifetime_serving_energy=1.068155e12, expect=2.834222e12),
    terms=("training_energy", "lifetime_serving_energy"),
)
def lifetime_energy(training_energy: Joules, lifetime_serving_energy: Joules) -> Joules:
    """Energy of a model over its life: training and serving."""
    return training_energy + lifetime_serving_energy
