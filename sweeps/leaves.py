"""The inputs of a sweep as arrays: one axis per dim, of size 1 where they do not vary."""

from __future__ import annotations

import numpy as np

from ..specs.blocks import Region
from .sweep import STATUS, Sweep


def is_code(sweep: Sweep, name: str) -> bool:
    """Whether a variable is a category code (int8) rather than a number."""
    quantity = sweep.registry.quantities.get(name)
    return name == STATUS or (quantity is not None and bool(quantity.options))


def leaves_of(sweep: Sweep, region: Region | None, dtype: str) -> dict[str, np.ndarray]:
    """The inputs of the graph inside a region (None: the whole grid), one axis per dim of the sweep."""
    leaves = {}
    for name in sweep.graph.inputs:
        value = sweep.values[name]
        dims = sorted(value.dims, key=list(sweep.sizes).index)
        data = np.transpose(value.data, [value.dims.index(dim) for dim in dims])
        if region is not None:
            data = data[region.selection(dims)]
        lengths = dict(zip(dims, data.shape, strict=True))
        shape = [lengths.get(dim, 1) for dim in sweep.sizes]
        leaves[name] = np.ascontiguousarray(data, dtype=dtype).reshape(shape)
    return leaves
