"""Small sweeps without compilation: NumPy runs the models one operation after the other, on all points at once.

Compiling a graph of hundreds of quantities takes seconds, running its operations milliseconds. Derivatives are JAX's to
compute: those run one operation after the other too, on one axis of points padded to one of few lengths, so that the
operations are compiled once for all small sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..specs.blocks import Regions, block_grid
from .checks import judge
from .compilation import precision
from .leaves import is_code, leaves_of
from .sweep import MARGIN, STATUS, Sweep

MOST_POINTS = 2**18
MOST_TRACED = 4096
AT_ONCE = 2**14
"""Points at a time: models that sum over an axis of their own make arrays of up to two thousand values a point."""
_LENGTHS = (1, 16, 256, MOST_TRACED)


def is_small(sweep: Sweep) -> bool:
    """Whether a sweep has so few points that it is answered before its graph would be compiled."""
    return is_for_numpy(sweep) or (_is_traced(sweep) and sweep.points <= MOST_TRACED)


def is_for_numpy(sweep: Sweep) -> bool:
    """Whether a small sweep is NumPy's to evaluate."""
    return sweep.points <= MOST_POINTS and not _is_traced(sweep)


def evaluate_eagerly(sweep: Sweep, names: Sequence[str], dtype: str) -> dict[str, np.ndarray]:
    """The named variables of a small sweep, each on its own dims."""
    return (_by_jax if _is_traced(sweep) else _by_numpy)(sweep, names, dtype)


def _is_traced(sweep: Sweep) -> bool:
    return any(quantity.is_traced for quantity in sweep.graph.order)


def _by_numpy(sweep: Sweep, names: Sequence[str], dtype: str) -> dict[str, np.ndarray]:
    types = {name: "int8" if is_code(sweep, name) else dtype for name in names}
    arrays = {name: np.empty(sweep.shape(name), dtype=types[name]) for name in names}
    own = {name: tuple(slice(None) if dim in sweep.dims[name] else 0 for dim in sweep.sizes) for name in names}
    for region in Regions(sweep.sizes, block_grid(sweep.sizes, AT_ONCE)):
        extent = [stop - start for start, stop in region.slices.values()]
        with np.errstate(all="ignore"), precision(dtype):
            values = _values(sweep, names, leaves_of(sweep, region, dtype), dtype)
            for name, array in arrays.items():
                array[region.selection(sweep.dims[name])] = np.broadcast_to(values[name], extent)[own[name]]
    return arrays


def _values(sweep: Sweep, names: Sequence[str], leaves: Mapping[str, np.ndarray], dtype: str) -> dict[str, Any]:
    values: dict[str, Any] = dict(leaves)
    for quantity in sweep.graph.order:
        value = np.asarray(quantity(values))
        values[quantity.name] = value.astype(dtype, copy=False) if value.dtype.kind == "f" else value
    if STATUS in names or MARGIN in names:
        like = np.empty((1,) * len(sweep.sizes), dtype)
        values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    return values


def _by_jax(sweep: Sweep, names: Sequence[str], dtype: str) -> dict[str, np.ndarray]:
    import jax.numpy as jnp

    with precision(dtype):
        values: dict[str, Any] = {name: jnp.asarray(leaf) for name, leaf in _flat(sweep, dtype).items()}
        like = next(iter(values.values()), jnp.zeros((1,)))
        for quantity in sweep.graph.order:
            values[quantity.name] = quantity(values)
        if STATUS in names or MARGIN in names:
            values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
        codes = {name: jnp.int8 if is_code(sweep, name) else like.dtype for name in names}
        found = {name: jnp.broadcast_to(values[name], like.shape).astype(codes[name]) for name in names}
        return {name: _own(sweep, name, np.asarray(value)) for name, value in found.items()}


def _flat(sweep: Sweep, dtype: str) -> dict[str, np.ndarray]:
    """Every leaf at every point, along one axis; the last point is repeated to fill it."""
    shape = tuple(sweep.sizes.values())
    length = next(length for length in _LENGTHS if length >= sweep.points)
    leaves = {}
    for name, leaf in leaves_of(sweep, None, dtype).items():
        flat = np.broadcast_to(leaf, shape).reshape(-1)
        leaves[name] = np.concatenate([flat, np.repeat(flat[-1:], length - len(flat))])
    return leaves


def _own(sweep: Sweep, name: str, flat: np.ndarray) -> np.ndarray:
    """A variable on its own dims: along the others it does not vary."""
    whole = flat[: sweep.points].reshape(tuple(sweep.sizes.values()))
    return whole[tuple(slice(None) if dim in sweep.dims[name] else 0 for dim in sweep.sizes)]
