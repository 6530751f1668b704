"""The compiled function of one block: leaves on named axes in, every variable on its own dims out.

Leaves have one axis per dim of the sweep, of size 1 where they do not vary, so broadcasting does the work of a
product and a quantity keeps only the axes it depends on. Output buffers are donated back by the caller: fresh ones
cost a page fault for every page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..specs.blocks import Region
from .checks import judge
from .sweep import MARGIN, STATUS, Sweep

Block = Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]


def precision(dtype: str) -> AbstractContextManager[Any]:
    """The scope in which arrays of `dtype`, float32 or float64, keep their width."""
    return jax.enable_x64(dtype == "float64")


def block_function(sweep: Sweep, names: Sequence[str]) -> Block:
    """The jitted function of a block: `(leaves, buffers) -> values of names`.

    `leaves` are as `leaves_of` makes them. Each value has one axis per dim of the sweep, of size 1 where it does not
    depend on the dim. `buffers` are arrays that are used up, or empty.
    """

    def block(leaves: tuple[Any, ...], buffers: tuple[Any, ...]) -> tuple[Any, ...]:
        del buffers
        return tuple(evaluated(sweep, names, dict(zip(sweep.graph.inputs, leaves, strict=True))).values())

    return jax.jit(block, donate_argnums=1, keep_unused=True)


def evaluated(sweep: Sweep, names: Sequence[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `names` at the given inputs, each broadcast to all dims it depends on."""
    values = sweep.graph(inputs)
    like = next(iter(inputs.values()))
    if STATUS in names or MARGIN in names:
        values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    lengths = {dim: max(leaf.shape[axis] for leaf in inputs.values()) for axis, dim in enumerate(sweep.sizes)}
    found = {}
    for name in names:
        shape = tuple(length if dim in sweep.dims[name] else 1 for dim, length in lengths.items())
        value = jnp.broadcast_to(values[name], shape)
        found[name] = value.astype(jnp.int8) if is_code(sweep, name) else value.astype(like.dtype)
    return found


def is_code(sweep: Sweep, name: str) -> bool:
    """Whether a variable is a category code (int8) rather than a number."""
    quantity = sweep.registry.quantities.get(name)
    return name == STATUS or (quantity is not None and bool(quantity.options))


def leaves_of(sweep: Sweep, region: Region | None, dtype: str) -> tuple[np.ndarray, ...]:
    """The inputs of the graph inside a region (None: the whole grid), one axis per dim of the sweep."""
    leaves = []
    for name in sweep.graph.inputs:
        value = sweep.values[name]
        order = sorted(range(len(value.dims)), key=lambda axis, dims=value.dims: list(sweep.sizes).index(dims[axis]))
        data = np.transpose(value.data, order)
        if region is not None:
            data = data[region.selection(sorted(value.dims, key=list(sweep.sizes).index))]
        lengths = iter(data.shape)
        shape = tuple(next(lengths) if dim in value.dims else 1 for dim in sweep.sizes)
        leaves.append(np.ascontiguousarray(data, dtype=dtype).reshape(shape))
    return tuple(leaves)
