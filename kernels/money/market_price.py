"""The price of a GPU-hour from what a provider asks with and without commitment."""

from __future__ import annotations

from ..annotations import DollarsPerHour, Number
from ..registry import cost_model


@cost_model(
    formula=r"(1 - \sigma)\,c_d + \sigma\,\frac{c_r}{u_r}",
    source="definition: mean over the used hours; a reserved hour is paid whether it is used or not",
    example=dict(
        on_demand_gpu_hour_price=4.0,
        reserved_gpu_hour_price=2.2,
        reserved_share=0.75,
        reserved_utilisation=0.9,
        expect=2.833333,
    ),
    when_given="on_demand_gpu_hour_price",
)
def gpu_hour_price_(
    on_demand_gpu_hour_price: DollarsPerHour,
    reserved_gpu_hour_price: DollarsPerHour,
    reserved_share: Number,
    reserved_utilisation: Number,
) -> DollarsPerHour:
    """Price of one used GPU-hour, some reserved and some on demand."""
    reserved = reserved_share / reserved_utilisation * reserved_gpu_hour_price
    return (1 - reserved_share) * on_demand_gpu_hour_price + reserved
