"""Electricity as a cost of its own, for machines whose price by the hour is without it."""

from __future__ import annotations

from ..annotations import Dollars, DollarsPerJoule, Joules
from ..registry import cost_model


@cost_model(
    formula=r"E\,c_P",
    source="definition: energy, with that of the building, at the price of electricity",
    example=dict(training_energy=1.766067e12, power_price=2.222222e-8, expect=39245.93),
)
def training_energy_cost(training_energy: Joules, power_price: DollarsPerJoule) -> Dollars:
    """Cost of the electricity of a training run."""
    return training_energy * power_price


@cost_model(
    formula=r"C + C_E",
    source="definition: hours at a price without electricity, and electricity",
    example=dict(training_cost=1186794.7, training_energy_cost=39245.93, expect=1226040.63),
    terms=("training_cost", "training_energy_cost"),
)
def training_cost_with_power(training_cost: Dollars, training_energy_cost: Dollars) -> Dollars:
    """Cost of a training run whose power is billed apart.

    `gpu_hour_price` is then one without electricity; that by ownership holds it already.
    """
    return training_cost + training_energy_cost


@cost_model(
    formula=r"E\,c_P",
    source="definition: energy, with that of the building, at the price of electricity",
    example=dict(request_energy=677.4196, power_price=2.222222e-8, expect=1.505377e-5),
)
def request_energy_cost(request_energy: Joules, power_price: DollarsPerJoule) -> Dollars:
    """Cost of the electricity of one request."""
    return request_energy * power_price
