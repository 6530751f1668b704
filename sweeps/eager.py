"""Small sweeps without compilation: every operation runs by itself on all points at once.

Compiling a graph of hundreds of quantities takes seconds, running its operations one by one milliseconds. Points lie on
one axis, padded to one of few lengths, so that the operations are compiled once for all small sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .block_function import is_code, leaves_of, precision
from .checks import judge
from .sweep import MARGIN, STATUS, Sweep

MOST_POINTS = 4096
_LENGTHS = (1, 16, 256, MOST_POINTS)


def evaluate_eagerly(sweep: Sweep, names: Sequence[str], dtype: str) -> dict[str, np.ndarray]:
    """The named variables of a sweep of at most `MOST_POINTS` points, each on its own dims."""
    with precision(dtype):
        values = _values(sweep, names, {name: jnp.asarray(leaf) for name, leaf in _flat(sweep, dtype).items()})
        return {name: _own(sweep, name, np.asarray(values[name])) for name in names}


def _flat(sweep: Sweep, dtype: str) -> dict[str, np.ndarray]:
    """Every leaf at every point, along one axis; the last point is repeated to fill it."""
    shape = tuple(sweep.sizes.values())
    length = next(length for length in _LENGTHS if length >= sweep.points)
    leaves = {}
    for name, leaf in leaves_of(sweep, None, dtype).items():
        flat = np.broadcast_to(leaf, shape).reshape(-1)
        leaves[name] = np.concatenate([flat, np.repeat(flat[-1:], length - len(flat))])
    return leaves


def _values(sweep: Sweep, names: Sequence[str], values: dict[str, Any]) -> Mapping[str, Any]:
    like = next(iter(values.values()), jnp.zeros((1,)))
    for quantity in sweep.graph.order:
        values[quantity.name] = quantity(values)
    if STATUS in names or MARGIN in names:
        values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    codes = {name: jnp.int8 if is_code(sweep, name) else like.dtype for name in names}
    return {name: jnp.broadcast_to(values[name], like.shape).astype(codes[name]) for name in names}


def _own(sweep: Sweep, name: str, flat: np.ndarray) -> np.ndarray:
    """A variable on its own dims: along the others it does not vary."""
    whole = flat[: sweep.points].reshape(tuple(sweep.sizes.values()))
    return whole[tuple(slice(None) if dim in sweep.dims[name] else 0 for dim in sweep.sizes)]
