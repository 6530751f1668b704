"""A spec that was read and found right: what the plan, the engine and the store are given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .axes import Axis, Inputs, Value
from .conditions import Comparison, ConstraintName
from .schema import SweepSpec


@dataclass(frozen=True)
class LoadedSpec:
    """A checked spec: its keys, the inputs bound, the conditions, the text as written, and notices for the user."""

    spec: SweepSpec
    inputs: Inputs
    conditions: tuple[ConstraintName | Comparison, ...]
    text: str
    file: str
    notices: tuple[str, ...]

    def canonical(self) -> dict[str, Any]:
        """What the spec means as plain data, equal for two specs that mean the same.

        Layout, comments, spelling of units and names, titles and the place of the store do not count; the order of
        axes does, since it is the order of the dimensions. Values are in the inputs' units, and records stand with
        their fields, so that a changed record changes the form.
        """
        best, pareto, optimize = self.spec.best, self.spec.pareto, self.spec.optimize
        distributions = {name: found.plain() for name, found in sorted(self.inputs.distributions.items())}
        return {
            "axes": [_axis(axis) for axis in self.inputs.axes],
            "values": {name: _value(value) for name, value in sorted(self.inputs.values.items())},
            "outputs": sorted(self.spec.outputs),
            "where": sorted((_condition(condition) for condition in self.conditions), key=json.dumps),
            "best": best and {**best.model_dump(), "over": sorted(best.over)},
            "pareto": pareto and {**pareto.model_dump(), "over": sorted(pareto.over or ())},
            "dtype": self.spec.store.dtype,
            **({"mantissa_bits": bits} if (bits := self.spec.store.mantissa_bits) is not None else {}),
            **({"gradients": self.spec.gradients.model_dump()} if self.spec.gradients else {}),
            **({"distributions": distributions} if distributions else {}),
            **({"optimize": [optimize.minimize, optimize.maximize, self._boxes()]} if optimize else {}),
        }

    def _boxes(self) -> dict[str, list[float]]:
        return {box.name: [box.low + 0.0, box.high + 0.0] for box in sorted(self.inputs.boxes, key=lambda b: b.name)}


def _axis(axis: Axis) -> dict[str, Any]:
    coords = {name: _plain(labels) for name, labels in sorted(axis.coords.items())}
    return {"name": axis.name, "labels": _plain(axis.labels), "coords": coords}


def _value(value: Value) -> dict[str, Any]:
    return {"dims": list(value.dims), "data": _plain(value.data)}


def _plain(data: np.ndarray) -> Any:
    """Nested lists; adding 0 turns -0.0 into 0.0, which compares equal and prints otherwise."""
    return (data + 0.0 if data.dtype.kind == "f" else data).tolist()


def _condition(condition: ConstraintName | Comparison) -> list[Any]:
    if isinstance(condition, ConstraintName):
        return [condition.name]
    return [condition.name, condition.operator, condition.value + 0.0]


def in_dtype(loaded: LoadedSpec, dtype: str) -> LoadedSpec:
    """The same spec computed in another floating-point type."""
    store = loaded.spec.store.model_copy(update={"dtype": dtype})
    return replace(loaded, spec=loaded.spec.model_copy(update={"store": store}))
