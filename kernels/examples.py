"""Worked examples: a model tried on its own, for its value and for its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..specs.problems import RooflaxError
from ..specs.units import conversion
from .registry import Quantity, Registry

DIGITS = 1e-4
# Formulas may count bytes and operations by themselves (2 N bytes, 6 N D FLOP); time, energy and money come from inputs.
_STRETCH = {"s": 11.0, "J": 13.0, "$": 17.0, "kg": 19.0}


def try_example(quantity: Quantity, registry: Registry, file: str) -> None:
    """Raises RooflaxError where a model fails on its example, differs from what it expects, or has another unit."""
    where = f"{file}: `{quantity.name}`"
    inputs = example_inputs(quantity, registry)
    try:
        found = value_at(quantity, inputs)
        stretched = value_at(quantity, {n: v * _stretch(registry.unit(n)) for n, v in inputs.items()})
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise RooflaxError(
            f"{where} fails on its example: {type(error).__name__}: {lines[0] if lines else 'no message'}; a model is "
            "arithmetic on arrays: jnp functions only, no branching on values, and it returns an array"
        ) from error
    expected = quantity.example["expect"]
    if not math.isclose(found, expected, rel_tol=quantity.example.get("rel", DIGITS), abs_tol=1e-300):
        raise RooflaxError(f"{where}: its example expects {expected:g}, it gives {found:g}")
    if quantity.options or found == 0:
        return
    if not math.isclose(stretched, found * _stretch(quantity.unit), rel_tol=1e-6):
        raise RooflaxError(f"{where}: the formula does not give {quantity.unit} from the units of what it reads")


def example_inputs(quantity: Quantity, registry: Registry) -> dict[str, float]:
    """The values of a worked example, with the declared defaults of the leaves it leaves out."""
    example = quantity.example
    return {n: float(example[n]) if n in example else registry.vocabulary[n].default_value for n in quantity.reads}


def value_at(quantity: Quantity, inputs: Mapping[str, float]) -> float:
    """The value of a model at one point, compiled as the engine compiles it, in double precision."""
    import jax

    with jax.enable_x64(True):
        arrays = {name: jax.numpy.asarray(value, dtype="float64") for name, value in inputs.items()}
        return float(jax.jit(lambda values: quantity(values) + 0.0)(arrays))


def _stretch(unit: str) -> float:
    """The factor by which a number in `unit` grows when the units of time, energy and money shrink."""
    return math.prod(_STRETCH.get(base, 1.0) ** power for base, power in conversion(unit)[1].items())
