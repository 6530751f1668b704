"""Motion: whether an input moves a quantity not at all, by choice or in whole steps only, or with a slope.

Found in the traced operations alone, before anything is computed: what is chosen by a comparison or rounded has the
slope 0 wherever it has one, which alone says nothing of how an input moves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Literal

from ...kernels.graph import Graph
from ...kernels.registry import Quantity

ROUNDED = frozenset({"floor", "ceil", "round", "sign"})


class Motion(IntEnum):
    """How an input moves a quantity: not at all, as it decides between values, in whole steps, or with a slope."""

    STILL = 0
    CHOSEN = 1
    ROUNDED = 2
    SLOPE = 3


def motions(graph: Graph, by: str, of: Sequence[str]) -> dict[str, Motion]:
    """How an input of a graph moves itself and every quantity between it and those in `of`; others are left out."""
    needed = set(of)
    for quantity in reversed(graph.order):
        if quantity.name in needed:
            needed |= set(quantity.reads)
    found = {by: Motion.SLOPE}
    for quantity in graph.order:
        reads = {name: found[name] for name in quantity.reads if name in found}
        if reads and quantity.name in needed and (own := motion_of(quantity, reads)):
            found[quantity.name] = own
    return found


def motion_of(model: Quantity, reads: Mapping[str, Motion]) -> Motion:
    """How a quantity moves where what it reads moves as given."""
    traced = _traced(_Key(model))
    (found,) = _follow(traced, [reads.get(name, Motion.STILL) for name in model.reads])
    return found


class _Key:
    """A model as what tracing depends on: its function."""

    def __init__(self, model: Quantity) -> None:
        self.model = model

    def __hash__(self) -> int:
        return hash(self.model.function)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.model.function is other.model.function


@lru_cache(maxsize=4096)
def _traced(key: _Key) -> ClosedJaxpr:
    names = key.model.reads
    shapes = [jax.ShapeDtypeStruct((1,), jnp.float32)] * len(names)
    return jax.make_jaxpr(lambda *values: key.model(dict(zip(names, values, strict=True))))(*shapes)


def _follow(traced: ClosedJaxpr, entering: Sequence[Motion]) -> list[Motion]:
    known: dict[Any, Motion] = dict(zip(traced.jaxpr.invars, entering, strict=True))

    def read(atom: Any) -> Motion:
        return Motion.STILL if isinstance(atom, Literal) else known.get(atom, Motion.STILL)

    for operation in traced.jaxpr.eqns:
        name, operands = operation.primitive.name, [read(atom) for atom in operation.invars]
        if name in ("jit", "pjit"):
            found = _follow(operation.params["jaxpr"], operands)
        elif name == "select_n":
            found = [max(min(operands[0], Motion.CHOSEN), *operands[1:])]
        else:
            moved = max(operands, default=Motion.STILL)
            if name in ROUNDED:
                moved = min(moved, Motion.ROUNDED)
            found = [moved if is_real(var.aval) else min(moved, Motion.CHOSEN) for var in operation.outvars]
        known |= dict(zip(operation.outvars, found, strict=True))
    return [read(atom) for atom in traced.jaxpr.outvars]


def is_real(array: Any) -> bool:
    """Whether an array holds real numbers, which alone have slopes."""
    return bool(jnp.issubdtype(array.dtype, jnp.floating))
