"""Carbon dioxide equivalent: of the electricity, and of making the hardware, spread over the hours it is used."""

from __future__ import annotations

from ..annotations import Days, Hours, Joules, Kilograms, KilogramsPerJoule, Number
from ..registry import cost_model


@cost_model(
    formula=r"E\,\gamma",
    source="patterson-et-al-2021 (energy by the carbon of its electricity)",
    example=dict(training_energy=1.76607e12, grid_carbon_intensity=1.069444e-7, expect=188871.3),
)
def training_operational_carbon(training_energy: Joules, grid_carbon_intensity: KilogramsPerJoule) -> Kilograms:
    """Carbon of the electricity of a training run."""
    return training_energy * grid_carbon_intensity


@cost_model(
    formula=r"\frac{h\,C}{24\,T\,u}",
    source="luccioni-et-al-2022, sec. 4.1 (embodied carbon spread over the hours of use in a lifetime)",
    example=dict(
        gpu_hours=1082990, embodied_carbon=462.5, hardware_lifetime=2190, fleet_utilisation=0.85, expect=11211.45
    ),
)
def training_embodied_carbon(
    gpu_hours: Hours, embodied_carbon: Kilograms, hardware_lifetime: Days, fleet_utilisation: Number
) -> Kilograms:
    """Carbon of making the hardware, the share of a training run."""
    return gpu_hours / 24 * embodied_carbon / (hardware_lifetime * fleet_utilisation)


@cost_model(
    formula=r"C_{op} + C_{emb}",
    source="luccioni-et-al-2022, sec. 4 (operation and manufacture)",
    example=dict(training_operational_carbon=188871.3, training_embodied_carbon=11211.45, expect=200082.75),
    terms=("training_operational_carbon", "training_embodied_carbon"),
)
def training_carbon(training_operational_carbon: Kilograms, training_embodied_carbon: Kilograms) -> Kilograms:
    """Carbon of a training run, operation and manufacture."""
    return training_operational_carbon + training_embodied_carbon


@cost_model(
    formula=r"E\,\gamma",
    source="patterson-et-al-2021 (energy by the carbon of its electricity)",
    example=dict(request_energy=677.4196, grid_carbon_intensity=1.069444e-7, expect=7.244623e-5),
)
def request_carbon(request_energy: Joules, grid_carbon_intensity: KilogramsPerJoule) -> Kilograms:
    """Carbon of the electricity of one request."""
    return request_energy * grid_carbon_intensity
