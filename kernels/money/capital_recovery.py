"""What a capital price costs by the day: depreciation, and the return that the capital would earn elsewhere.

Payments flow evenly over the lifetime, and their present value with that of what is left at the end is the price:
C = A (1 - exp(-r T)) / r + s C exp(-r T). Without cost of capital this is straight-line depreciation, (1 - s) C / T.
"""

from __future__ import annotations

from ..annotations import Array, Days, Number, PerDay
from ..arrays import jnp
from ..registry import cost_model

_YEAR = 365.0
"""Days of the year for which a cost of capital is quoted."""
_SERIES = 1e-2


def _interest_factor(growth: Array) -> Array:
    r"""$x / (1 - e^{-x})$: payments over a lifetime, over what they buy. 1 at 0, where a series replaces the quotient."""
    small = growth < _SERIES
    safe = jnp.where(small, 1.0, growth)
    return jnp.where(small, 1 + growth / 2 + growth * growth / 12, safe / -jnp.expm1(-safe))


@cost_model(
    formula=r"\ln(1 + i)/365\,\mathrm{d}",
    source="definition: the continuous rate that compounds to the cost of capital in a year of 365 days",
    example=dict(cost_of_capital=0.08, expect=2.108522e-4),
)
def interest_rate(cost_of_capital: Number) -> PerDay:
    """Cost of capital as a continuous rate."""
    return jnp.log1p(cost_of_capital) / _YEAR


@cost_model(
    formula=r"\frac{1 - s\,e^{-rT}}{T}\,\frac{rT}{1 - e^{-rT}}",
    source="definition: even payments whose present value, with that of the residual, is the price",
    example=dict(hardware_lifetime=1461, interest_rate=2.10852e-4, residual_share=0.1, expect=7.368489e-4),
)
def hardware_recovery_rate(hardware_lifetime: Days, interest_rate: PerDay, residual_share: Number) -> PerDay:
    """Share of the capital price of hardware paid back in one day."""
    growth = interest_rate * hardware_lifetime
    return (1 - residual_share * jnp.exp(-growth)) / hardware_lifetime * _interest_factor(growth)


@cost_model(
    formula=r"\frac{1}{T_b}\,\frac{rT_b}{1 - e^{-rT_b}}",
    source="definition: even payments whose present value is the price; nothing is left",
    example=dict(building_lifetime=5479, interest_rate=2.10852e-4, expect=3.078025e-4),
)
def building_recovery_rate(building_lifetime: Days, interest_rate: PerDay) -> PerDay:
    """Share of the capital price of the building paid back daily."""
    return _interest_factor(interest_rate * building_lifetime) / building_lifetime
