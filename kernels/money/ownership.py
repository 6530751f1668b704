"""Total cost of ownership of a GPU, by the hour in which it is sold or used, part by part.

All hours are paid for and only those in use earn, so every part is over the utilisation of the fleet.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Dollars, DollarsPerHour, DollarsPerJoule, DollarsPerWatt, Number, PerDay, Watts
from ..registry import cost_model

_HOURS = 24
_TCO = "barroso-et-al-2018, ch. 6 (capital of machines and of the building by the watt, power, operations)"


class Recovery(NamedTuple):
    """How much of a capital price one day pays back, and the share of the hours that earn it."""

    hardware_recovery_rate: PerDay
    fleet_utilisation: Number


_RECOVERY = dict(hardware_recovery_rate=7.2e-4, fleet_utilisation=0.8)
_CAPITAL = r"\frac{C\,a}{24\,u}"


def _by_the_hour(capital: Dollars, recovery: Recovery) -> DollarsPerHour:
    return capital * recovery.hardware_recovery_rate / (_HOURS * recovery.fleet_utilisation)


@cost_model(formula=_CAPITAL, source=_TCO, example=dict(gpu_capital_price=25000, **_RECOVERY, expect=0.9375))
def gpu_hourly_cost(gpu_capital_price: Dollars, recovery: Recovery) -> DollarsPerHour:
    """Capital cost of the GPU in one used GPU-hour."""
    return _by_the_hour(gpu_capital_price, recovery)


@cost_model(formula=_CAPITAL, source=_TCO, example=dict(server_capital_price=8000, **_RECOVERY, expect=0.3))
def server_hourly_cost(server_capital_price: Dollars, recovery: Recovery) -> DollarsPerHour:
    """Capital cost of the server in one used GPU-hour."""
    return _by_the_hour(server_capital_price, recovery)


@cost_model(formula=_CAPITAL, source=_TCO, example=dict(network_capital_price=4000, **_RECOVERY, expect=0.15))
def network_hourly_cost(network_capital_price: Dollars, recovery: Recovery) -> DollarsPerHour:
    """Capital cost of the network in one used GPU-hour."""
    return _by_the_hour(network_capital_price, recovery)


@cost_model(formula=_CAPITAL, source=_TCO, example=dict(storage_capital_price=1000, **_RECOVERY, expect=0.0375))
def storage_hourly_cost(storage_capital_price: Dollars, recovery: Recovery) -> DollarsPerHour:
    """Capital cost of storage in one used GPU-hour."""
    return _by_the_hour(storage_capital_price, recovery)


@cost_model(
    formula=r"P_{tdp} + P_{host}",
    source="definition: the limit of the board and the power of its host",
    example=dict(tdp=700, host_power=360, expect=1060.0),
)
def peak_power_per_gpu(tdp: Watts, host_power: Watts) -> Watts:
    """Power that a GPU and its host draw at most."""
    return tdp + host_power


@cost_model(
    formula=r"\frac{C_W\,P_{peak}\,a_b}{24\,u}",
    source=_TCO,
    example=dict(
        building_capital_price=10,
        peak_power_per_gpu=1060,
        building_recovery_rate=3e-4,
        fleet_utilisation=0.8,
        expect=0.165625,
    ),
)
def building_hourly_cost(
    building_capital_price: DollarsPerWatt,
    peak_power_per_gpu: Watts,
    building_recovery_rate: PerDay,
    fleet_utilisation: Number,
) -> DollarsPerHour:
    """Capital cost of the building in one used GPU-hour."""
    return building_capital_price * peak_power_per_gpu * building_recovery_rate / (_HOURS * fleet_utilisation)


@cost_model(
    formula=r"\frac{3600\,P_{peak}\,x\,\mathrm{PUE}\,c_P}{u}",
    source=_TCO,
    example=dict(
        peak_power_per_gpu=1060,
        power_load=0.7,
        pue=1.1,
        power_price=2.222222e-8,
        fleet_utilisation=0.8,
        expect=0.0816200,
    ),
)
def power_hourly_cost(
    peak_power_per_gpu: Watts,
    power_load: Number,
    pue: Number,
    power_price: DollarsPerJoule,
    fleet_utilisation: Number,
) -> DollarsPerHour:
    """Cost of electricity in one used GPU-hour."""
    return 3600 * peak_power_per_gpu * power_load * pue * power_price / fleet_utilisation


@cost_model(
    formula=r"c_{op} / u",
    source=_TCO,
    example=dict(operations_price=0.12, fleet_utilisation=0.8, expect=0.15),
)
def operations_hourly_cost(operations_price: DollarsPerHour, fleet_utilisation: Number) -> DollarsPerHour:
    """Cost of staff, maintenance and rent in one used GPU-hour."""
    return operations_price / fleet_utilisation


_PARTS = dict(
    gpu_hourly_cost=0.9375,
    server_hourly_cost=0.3,
    network_hourly_cost=0.15,
    storage_hourly_cost=0.0375,
    building_hourly_cost=0.165625,
    power_hourly_cost=0.08162,
    operations_hourly_cost=0.15,
)


@cost_model(
    formula=r"c_{GPU} + c_{server} + c_{net} + c_{storage} + c_{building} + c_{power} + c_{op}",
    source=_TCO,
    example=dict(**_PARTS, expect=1.822245),
    terms=tuple(_PARTS),
)
def ownership_hourly_cost(
    gpu_hourly_cost: DollarsPerHour,
    server_hourly_cost: DollarsPerHour,
    network_hourly_cost: DollarsPerHour,
    storage_hourly_cost: DollarsPerHour,
    building_hourly_cost: DollarsPerHour,
    power_hourly_cost: DollarsPerHour,
    operations_hourly_cost: DollarsPerHour,
) -> DollarsPerHour:
    """Total cost of ownership of one used GPU-hour.

    Taxes, software licences and the profit of whoever sells the hour are not counted.
    """
    machines = gpu_hourly_cost + server_hourly_cost + network_hourly_cost + storage_hourly_cost
    return machines + building_hourly_cost + power_hourly_cost + operations_hourly_cost


@cost_model(
    formula=r"c_{own}",
    source="definition: who owns the machine pays what it costs to own",
    example=dict(ownership_hourly_cost=1.822245, expect=1.822245),
    when_given="gpu_capital_price",
)
def gpu_hour_price_(ownership_hourly_cost: DollarsPerHour) -> DollarsPerHour:
    """Price of one GPU-hour of an owned machine."""
    return ownership_hourly_cost
