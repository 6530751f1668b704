"""The price of a GPU-hour from the design of the machine, for questions about which machine to build.

A machine of the market has a price; one that is still to be designed has prices of its parts. Nobody publishes those,
so none has a default.
"""

from __future__ import annotations

from typing import Annotated

from ...specs.vocabulary import Group, Kind, Leaf
from ..annotations import Array, Bytes, BytesPerSecond, DollarsPerHour, Unit
from ..registry import cost_model

DollarsPerHourAndBandwidth = Annotated[Array, Unit("$/h/Bps")]
DollarsPerHourAndByte = Annotated[Array, Unit("$/h/B")]

LEAVES = (
    Leaf(
        "base_gpu_hour_price",
        "$/h",
        Kind.CONTINUOUS,
        "Price of one GPU-hour without memory and network between nodes",
        Group.MONEY,
    ),
    Leaf("hbm_bandwidth_price", "$/h/Bps", Kind.CONTINUOUS, "Price of memory bandwidth, by the hour", Group.MONEY),
    Leaf("hbm_capacity_price", "$/h/B", Kind.CONTINUOUS, "Price of memory, by the hour", Group.MONEY),
    Leaf(
        "scale_out_bandwidth_price",
        "$/h/Bps",
        Kind.CONTINUOUS,
        "Price of bandwidth between nodes, by the hour",
        Group.MONEY,
        note="adapters, cables and switches together",
    ),
)


@cost_model(
    formula=r"c_0 + c_\beta\,\beta_{HBM} + c_M\,M_{HBM} + c_n\,\beta_n",
    source="definition: a base price, and prices in proportion to what is built in",
    example=dict(
        base_gpu_hour_price=1.2,
        hbm_bandwidth_price=1e-13,
        hbm_capacity_price=2e-12,
        scale_out_bandwidth_price=2e-12,
        hbm_bandwidth=3.35e12,
        hbm_capacity=80e9,
        scale_out_bandwidth=50e9,
        expect=1.795,
    ),
    when_given="base_gpu_hour_price",
)
def gpu_hour_price_(
    base_gpu_hour_price: DollarsPerHour,
    hbm_bandwidth_price: DollarsPerHourAndBandwidth,
    hbm_capacity_price: DollarsPerHourAndByte,
    scale_out_bandwidth_price: DollarsPerHourAndBandwidth,
    hbm_bandwidth: BytesPerSecond,
    hbm_capacity: Bytes,
    scale_out_bandwidth: BytesPerSecond,
) -> DollarsPerHour:
    """Price of one GPU-hour of a machine by its design.

    Bandwidth is that of one GPU, in one direction. A price counts what it costs to own and to run the part for an hour.
    """
    memory = hbm_bandwidth_price * hbm_bandwidth + hbm_capacity_price * hbm_capacity
    return base_gpu_hour_price + memory + scale_out_bandwidth_price * scale_out_bandwidth
