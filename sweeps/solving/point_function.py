"""One quantity of a sweep as a function of points: a cell of the grid, and a value of the unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...specs.axes import Axis, Value
from ..block_function import BlockFunction
from ..compilation import precision
from ..eager import evaluate_eagerly
from ..sweep import Sweep

ROWS = 2**14
EAGER = 2**18
_FEW, _MANY = 256, 4096
_POINT = "point"


class PointFunction:
    """The values of a quantity at pairs of a cell and a value of the unknown, in float64.

    The grid is that of the quantity: `cells` are positions in it, the last dim running fastest. Points are evaluated
    `rows` at a time. Where few are to come they run without compilation; else one compilation serves every number of
    them, in a scan as in a refinement.
    """

    def __init__(self, sweep: Sweep, quantity: str, unknown: str, nodes: int) -> None:
        """`nodes` is how many values of the unknown every cell is looked at with first."""
        self.sweep, self.quantity, self.unknown = sweep.narrowed([quantity]), quantity, unknown
        self.shape = self.sweep.shape(quantity)
        self.cells = math.prod(self.shape)
        points = nodes * self.cells
        self.eager = points <= EAGER
        self.rows = (_FEW if points <= _MANY else _MANY) if self.eager else ROWS
        self._compiled = None if self.eager else self._compile()

    def __call__(self, cells: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        """The quantity at every pair."""
        values = np.empty(len(cells))
        for start in range(0, len(cells), self.rows):
            part = slice(start, start + self.rows)
            values[part] = self._values(cells[part], unknown[part])
        return values

    def _values(self, cells: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        if self._compiled is None:
            flat = self._flat(self._leaves(cells, unknown))
            return evaluate_eagerly(flat, [self.quantity], "float64")[self.quantity]
        leaves = self._leaves(cells, unknown)
        with precision("float64"):
            found = self._compiled({name: leaf.reshape(-1) for name, leaf in leaves.items()})
            values = np.array(found[self.quantity])
            self._compiled.release(found)
            return values

    def _leaves(self, cells: np.ndarray, unknown: np.ndarray) -> dict[str, np.ndarray]:
        """The inputs of the graph at the points; those that do not vary as single values."""
        # Without dims there is one cell and nothing to unravel.
        indices = np.unravel_index(cells, self.shape) if self.shape else ()
        places = dict(zip(self.sweep.dims[self.quantity], indices, strict=True))
        values = {name: self.sweep.values[name] for name in self.sweep.graph.inputs}
        leaves = {name: value.data[tuple(places[dim] for dim in value.dims)] for name, value in values.items()}
        return {**leaves, self.unknown: unknown}

    def _flat(self, leaves: Mapping[str, np.ndarray]) -> Sweep:
        """The sweep along one axis of points."""
        line = np.arange(float(len(leaves[self.unknown])))
        values = {name: Value(name, (_POINT,) if np.ndim(leaf) else (), leaf, "") for name, leaf in leaves.items()}
        given = {**self.sweep.inputs.values, **values}
        return replace(self.sweep, inputs=replace(self.sweep.inputs, axes=(Axis(_POINT, line),), values=given))

    def _compile(self) -> BlockFunction:
        places = np.zeros(self.rows, dtype=int)
        flat = self._flat(self._leaves(places, places.astype(float)))
        return BlockFunction(flat, [self.quantity], {_POINT: self.rows})
