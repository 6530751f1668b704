"""The axes of a sweep and the values bound to its inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .calibration_fields import Lent
from .distributions import Distribution
from .records import Record


@dataclass(frozen=True)
class Axis:
    """One labelled dimension of a sweep.

    `labels` are numbers in `unit` (float64), or names (option names, record names) as text. A zip group is one axis
    labelled 0, 1, … whose members are `coords`: further labels along the same dimension.
    """

    name: str
    labels: np.ndarray
    coords: Mapping[str, np.ndarray] = field(default_factory=dict)
    unit: str = "1"
    label: str = ""

    @property
    def size(self) -> int:
        """The number of labels."""
        return len(self.labels)

    def at(self, places: np.ndarray) -> Axis:
        """The same axis with the labels at some positions alone."""
        return replace(
            self, labels=self.labels[places], coords={name: labels[places] for name, labels in self.coords.items()}
        )


@dataclass(frozen=True)
class Value:
    """What one input is, along the axes it varies on.

    `data` is float64 of one length per name in `dims`, in the input's unit; flags are 0 or 1, choices the option's
    position. `origin` says who gave it: "axis", "given", "model llama-2-70b", …; `catalog` is the catalog whose choice
    decided it, also where its record followed from that of another, else "".
    """

    name: str
    dims: tuple[str, ...]
    data: np.ndarray
    origin: str
    catalog: str = ""

    def __post_init__(self) -> None:
        data = np.array(self.data, dtype=np.float64)
        if data.ndim != len(self.dims):
            raise ValueError(f"`{self.name}` has {data.ndim} dimensions but names {list(self.dims)}")
        data.setflags(write=False)
        object.__setattr__(self, "data", data)

    def at(self, places: Mapping[str, np.ndarray]) -> Value:
        """The same input at some positions along some dims."""
        data = self.data
        for axis, dim in enumerate(self.dims):
            data = np.take(data, places[dim], axis) if dim in places else data
        return replace(self, data=data)


@dataclass(frozen=True)
class Box:
    """The range of an input that an optimum is looked for in: from `low` to `high`, both included, in `unit`."""

    name: str
    low: float
    high: float
    unit: str = "1"
    label: str = ""

    @property
    def centre(self) -> float:
        """The middle of the range on its own scale."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    @property
    def log(self) -> bool:
        """Whether equal steps are equal ratios: in a range above 0 that spans more than a decade."""
        return self.low > 0 and self.high > 10 * self.low


@dataclass(frozen=True)
class Inputs:
    """Everything a sweep is given: its axes in order, the values bound to names, and the records they come from.

    `lacking` names, for each leaf without a default that records along an axis (or a single record) do not state,
    the records that lack it; such a leaf is not bound. `distributions` holds those of inputs that are not known
    exactly, whose values are the centres; `lent` what the calibration lends, with its errors. `boxes` are the inputs
    left free for an optimum; their value is the centre until one is found.
    """

    axes: tuple[Axis, ...]
    values: Mapping[str, Value]
    records: tuple[Record, ...] = ()
    notices: tuple[str, ...] = ()
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    lent: Mapping[str, Lent] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """The number of labels of each axis, in order."""
        return {axis.name: axis.size for axis in self.axes}

    def at(self, places: Mapping[str, np.ndarray]) -> Inputs:
        """The same inputs with some labels of some axes alone; `places` are their positions."""
        axes = tuple(axis.at(places[axis.name]) if axis.name in places else axis for axis in self.axes)
        values = {name: value.at(places) for name, value in self.values.items()}
        return replace(self, axes=axes, values=values)
