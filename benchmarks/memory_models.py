"""Ten quantities that cost almost nothing but the memory they fill: each varies along seven axes."""

from __future__ import annotations

from collections.abc import Callable

from rooflax.kernels.annotations import Number
from rooflax.kernels.registry import cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

AXES = tuple(f"toy_{letter}" for letter in "abcdefg")
OUTPUTS = tuple(f"toy_output_{place}" for place in range(10))
LEAVES = tuple(Leaf(name, "1", Kind.CONTINUOUS, f"Axis {name[-1]} of a toy", Group.TRAINING) for name in AXES)


def _output(place: int) -> Callable[..., Number]:
    def output(
        toy_a: Number, toy_b: Number, toy_c: Number, toy_d: Number, toy_e: Number, toy_f: Number, toy_g: Number
    ) -> Number:
        """What a toy gives."""
        return (toy_a * toy_b + toy_c * toy_d) * (toy_e + place) + toy_f * toy_g

    output.__name__ = output.__qualname__ = OUTPUTS[place]
    declare = cost_model(
        formula=rf"(a b + c d)(e + {place}) + f g",
        source="definition: eight operations for every four bytes",
        example=dict.fromkeys(AXES, 1.0) | dict(expect=2.0 * (1 + place) + 1),
    )
    return declare(output)


globals().update({name: _output(place) for place, name in enumerate(OUTPUTS)})
