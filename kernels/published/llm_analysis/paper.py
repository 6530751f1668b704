"""What the LLaMA paper reports beside GPU-hours, as the document cites it: energy, carbon and token rates."""

from __future__ import annotations

from typing import Annotated

from ...annotations import Array, Count, Hours, Number, PerSecond, Unit
from ...registry import cost_model

NAMESPACE = "llm_analysis"

_Watts = Annotated[Array, Unit("W")]
_Joules = Annotated[Array, Unit("J")]
_Kilograms = Annotated[Array, Unit("kg")]
_KilogramsPerJoule = Annotated[Array, Unit("kg/J")]
_PAPER = "definition: document 002, table 15 and section 6 of the LLaMA paper (arXiv:2302.13971)"


@cost_model(
    formula=r"H\,P\,\mathrm{PUE}",
    source=_PAPER,
    example=dict(reported_gpu_hours=1022362, reported_gpu_power=400, reported_pue=1.1, expect=449.83928 * 3.6e9),
)
def reported_energy(reported_gpu_hours: Hours, reported_gpu_power: _Watts, reported_pue: Number) -> _Joules:
    """Energy of a run by the LLaMA paper's rule."""
    return reported_gpu_hours * 3600 * reported_gpu_power * reported_pue


@cost_model(
    formula=r"E\,c",
    source=_PAPER,
    example=dict(reported_energy=449.83928 * 3.6e9, reported_carbon_intensity=0.385 / 3.6e6, expect=173188.1228),
)
def reported_carbon(reported_energy: _Joules, reported_carbon_intensity: _KilogramsPerJoule) -> _Kilograms:
    """Carbon of a run by the LLaMA paper's rule."""
    return reported_energy * reported_carbon_intensity


@cost_model(
    formula=r"\frac{D}{3600\,H}",
    source=_PAPER,
    example=dict(tokens=1.4e12, reported_gpu_hours=1022362, expect=380.3827694),
)
def reported_tokens_per_second_per_gpu(tokens: Count, reported_gpu_hours: Hours) -> PerSecond:
    """Training tokens per second and GPU that the LLaMA paper's GPU-hours make."""
    return tokens / (reported_gpu_hours * 3600)
