"""Prices. None has a default: a price that nobody stated is not a price.

A capital price is paid once, for one GPU and its share of what is around it. Years are given in days, 4 of them as
1461 d.
"""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_price = partial(Leaf, kind=Kind.CONTINUOUS, group=Group.MONEY)

LEAVES = (
    _price("gpu_hour_price", unit="$/h", label="Price of one GPU-hour"),
    _price("on_demand_gpu_hour_price", unit="$/h", label="Price of one GPU-hour without commitment"),
    _price("reserved_gpu_hour_price", unit="$/h", label="Price of one reserved GPU-hour, used or not"),
    _price(
        "reserved_share", unit="1", label="Share of the used GPU-hours that are reserved, the others on demand", high=1
    ),
    _price(
        "reserved_utilisation",
        unit="1",
        label="Share of the reserved GPU-hours that are used",
        high=1,
        above=True,
        default=1.0,
        reason="what is reserved is the load that is always there",
    ),
    _price("gpu_capital_price", unit="$", label="Capital price of one GPU"),
    _price("server_capital_price", unit="$", label="Capital price of a server without its GPUs, the share of one GPU"),
    _price("network_capital_price", unit="$", label="Capital price of adapters, cables and switches, for one GPU"),
    _price("storage_capital_price", unit="$", label="Capital price of shared storage, for one GPU"),
    _price(
        "building_capital_price",
        unit="$/W",
        label="Capital price of building, power supply and cooling, for one watt of machines",
        note="of the power the machines draw at most; 0 where space is rented and its rent is in operations_price",
    ),
    _price(
        "hardware_lifetime",
        unit="d",
        label="Time that GPUs, servers, network and storage are in service",
        above=True,
        note="capital is paid back and embodied carbon is spread over it",
    ),
    _price("building_lifetime", unit="d", label="Time over which the building is paid back", above=True),
    _price(
        "residual_share",
        unit="1",
        label="Value left when the hardware leaves service, over its capital price",
        high=1,
        default=0.0,
        reason="nothing is taken to be left, the cautious assumption",
    ),
    _price(
        "cost_of_capital",
        unit="1",
        label="Cost of capital in one year, over the capital",
        note="0.08 is 8 % a year, compounded yearly",
    ),
    _price(
        "fleet_utilisation",
        unit="1",
        label="Share of all hours in which an owned GPU is sold or used",
        high=1,
        above=True,
    ),
    _price(
        "power_load",
        unit="1",
        label="Mean power of GPUs and hosts over all hours, over tdp and host power",
        high=1,
        note="idle hours included",
    ),
    _price("power_price", unit="$/J", label="Price of electricity"),
    _price(
        "operations_price",
        unit="$/h",
        label="Staff, maintenance, rent and insurance of one owned GPU, by the hour",
    ),
    Leaf(
        "counted_tokens",
        "1",
        Kind.CHOICE,
        "Which tokens of a request a price of tokens counts",
        Group.MONEY,
        options=("output", "all", "computed"),
        default="output",
        reason="all cost on the output tokens, as cost_per_output_token has it",
        note="all: prompt and output; computed: those of the prompt that a prefill computes, and the output",
    ),
    _price(
        "mean_request_rate",
        unit="1/s",
        label="Requests of the whole service, mean over its life",
        note="the peak that capacity is built for is another number",
    ),
    _price("service_time", unit="d", label="Time that a trained model is served", above=True),
)
