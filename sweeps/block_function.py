"""The compiled function of one block: leaves on named axes in, every variable on its own dims out.

Leaves have one axis per dim of the sweep, of size 1 where they do not vary, so broadcasting does the work of a
product and a quantity keeps only the axes it depends on. Buffers are handed back by whoever is done with them, and
donated to a later block: fresh ones cost a page fault for every page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .checks import judge
from .leaves import is_code
from .stages import Stage, stages_of
from .sweep import MARGIN, STATUS, Sweep


class BlockFunction:
    """The compiled function of the blocks of a sweep: leaves in, the values of `names` out.

    `lengths` are those of a full block. Leaves are as `leaves_of` makes them. Each value has one axis per dim of the
    sweep, of size 1 where it does not depend on the dim. Values stay as they are until `release` hands them back: then
    a later call on a block of the same shape uses their memory up. Calls come from one thread, releases from any.
    """

    def __init__(self, sweep: Sweep, names: Sequence[str], lengths: Mapping[str, int]) -> None:
        """Nothing is compiled before the first call."""
        self.sweep, self.names = sweep, tuple(names)
        self._steps = [(stage, _compiled(sweep, stage)) for stage in stages_of(sweep, names, lengths)]
        made = [name for stage, _ in self._steps for name in stage.gives]
        self._own = tuple(name for name in made if name in self.names)
        self._inner = tuple(name for name in made if name not in self.names)
        self._handed_on: dict[tuple[int, ...], dict[str, Any]] = {}
        self._free: dict[tuple[tuple[int, ...], ...], list[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def __call__(self, leaves: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The values of one block."""
        axes = range(len(self.sweep.sizes))
        extent = tuple(max((leaf.shape[axis] for leaf in leaves.values()), default=1) for axis in axes)
        dtype = next(iter(leaves.values()), jnp.zeros(())).dtype
        spare = self._handed_on.pop(extent, None) or self._fresh(self._inner, extent, dtype)
        spare |= self._released(extent) or self._fresh(self._own, extent, dtype)
        values: dict[str, Any] = dict(leaves)
        for stage, step in self._steps:
            free = {name: spare[name] for name in stage.gives}
            values |= step({name: values[name] for name in stage.takes}, free)
        self._handed_on[extent] = {name: values[name] for name in self._inner}
        return {n: values[n] if n not in leaves else _spread(self.sweep, n, values, extent) for n in self.names}

    def release(self, values: dict[str, Any]) -> bool:
        """Takes the values of a call back, and empties the dict; False where that was done before.

        NumPy views of them must be gone by then: memory that something else still sees is not used again.
        """
        with self._lock:
            if not values:
                return False
            own = {name: values[name] for name in self._own}
            values.clear()
            self._free.setdefault(tuple(value.shape for value in own.values()), []).append(own)
            return True

    def _released(self, extent: tuple[int, ...]) -> dict[str, Any] | None:
        shapes = tuple(_shape(self.sweep, name, extent) for name in self._own)
        with self._lock:
            return free.pop() if (free := self._free.get(shapes)) else None

    def _fresh(self, names: Sequence[str], extent: tuple[int, ...], dtype: Any) -> dict[str, Any]:
        return {
            name: np.zeros(_shape(self.sweep, name, extent), dtype=np.int8 if is_code(self.sweep, name) else dtype)
            for name in names
        }


def _shape(sweep: Sweep, name: str, extent: Sequence[int]) -> tuple[int, ...]:
    """The shape of a name in a block: 1 along the dims it does not depend on."""
    return tuple(n if dim in sweep.dims[name] else 1 for dim, n in zip(sweep.sizes, extent, strict=True))


def _spread(sweep: Sweep, name: str, values: Mapping[str, Any], extent: Sequence[int]) -> np.ndarray:
    """A variable that is an input itself: pinned, so nothing computed it."""
    value = np.broadcast_to(values[name], _shape(sweep, name, extent))
    return value.astype(np.int8) if is_code(sweep, name) else value


def _compiled(sweep: Sweep, stage: Stage) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    def step(values: dict[str, Any], spare: dict[str, Any]) -> dict[str, Any]:
        del spare
        return {name: value for name, value in run_stage(sweep, stage, values).items() if name in stage.gives}

    return jax.jit(step, donate_argnums=1, keep_unused=True)


def run_stage(sweep: Sweep, stage: Stage, taken: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage computes from the values it takes, each broadcast to all dims it depends on."""
    values = dict(taken)
    like = next(iter(taken.values()), jnp.zeros((1,) * len(sweep.sizes)))
    for quantity in stage.quantities:
        values[quantity.name] = quantity(values)
    if stage.judges:
        values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    extent = [max((value.shape[axis] for value in taken.values()), default=1) for axis in range(like.ndim)]
    for name in stage.gives:
        value = jnp.broadcast_to(values[name], _shape(sweep, name, extent))
        values[name] = value.astype(jnp.int8 if is_code(sweep, name) else like.dtype)
    return values
