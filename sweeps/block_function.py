"""The compiled function of one block: leaves on named axes in, every variable on its own dims out.

Leaves have one axis per dim of the sweep, of size 1 where they do not vary, so broadcasting does the work of a
product and a quantity keeps only the axes it depends on. Buffers are handed back by whoever is done with them, and
donated to a later block: fresh ones cost a page fault for every page.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..kernels.registry import Quantity
from ..specs.vocabulary import Kind
from .checks import judge
from .interrupts import held
from .leaves import is_code
from .operations import Constant
from .program import Program, is_buffer
from .sweep import MARGIN, STATUS, Sweep


class Values(dict[str, Any]):
    """The values of a block by name, and the buffers they lie in, which `BlockFunction.release` takes back."""

    buffers: Sequence[Any] = ()


class BlockFunction:
    """The compiled function of the blocks of a sweep: leaves in, the values of `names` out.

    Leaves are as `leaves_of` makes them. Each value has one axis per dim of the sweep, of size 1 where it does not
    depend on the dim. Values stay as they are until `release` hands them back: then a later call uses their memory up.
    Calls come from one thread, releases from any.
    """

    def __init__(self, sweep: Sweep, names: Sequence[str], lengths: Mapping[str, int]) -> None:
        """`lengths` are those of a full block. Shorter ones are filled up, which is quicker than another compilation.

        Nothing is compiled before the first call.
        """
        self.sweep, self.names = sweep, tuple(names)
        self.lengths = [lengths[dim] for dim in sweep.sizes]
        self._programs: dict[Any, Program] = {}
        self._free: dict[Any, list[Any]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, leaves: Mapping[str, np.ndarray]) -> Values:
        """The values of one block."""
        filled = {name: self._filled(name, leaf) for name, leaf in leaves.items()}
        key = tuple((name, leaf.shape, leaf.dtype) for name, leaf in filled.items())
        if key not in self._programs:
            arguments = [self._argument(name, leaf) for name, leaf in filled.items()]
            with held():
                self._programs[key] = Program(self._function(tuple(leaves)), arguments)
        made = self._programs[key](tuple(filled.values()), self._buffer, self._put)
        computed = dict(zip(self._computed(leaves), made, strict=True))
        extent = self._extent(leaves)
        values = Values((n, self._value(n, computed, leaves, extent)) for n in self.names)
        values.buffers = [value for value in made if is_buffer(value)]
        return values

    def release(self, values: Values) -> bool:
        """Takes the values of a call back, and empties them; False where that was done before.

        NumPy views of them must be gone by then: memory that something else still sees is not used again.
        """
        with self._lock:
            buffers, held = values.buffers, bool(values)
            values.buffers = ()
            values.clear()
        for buffer in buffers:
            self._put(buffer)
        return held

    def _computed(self, leaves: Collection[str]) -> list[str]:
        return [name for name in self.names if name not in leaves]

    def _filled(self, name: str, leaf: np.ndarray) -> np.ndarray:
        """A leaf of a full block: along dims where this one is shorter, the last value is repeated."""
        own = self.sweep.values[name].dims
        lacking = [
            (0, length - size if dim in own else 0)
            for dim, size, length in zip(self.sweep.sizes, leaf.shape, self.lengths, strict=True)
        ]
        return np.pad(leaf, lacking, mode="edge") if any(after for _, after in lacking) else leaf

    def _extent(self, leaves: Mapping[str, np.ndarray]) -> list[int]:
        """The lengths of this block; where no leaf varies, that of a full one."""
        own = {name: self.sweep.values[name].dims for name in leaves}
        return [
            max((leaf.shape[axis] for name, leaf in leaves.items() if dim in own[name]), default=self.lengths[axis])
            for axis, dim in enumerate(self.sweep.sizes)
        ]

    def _value(
        self, name: str, computed: Mapping[str, Any], leaves: Mapping[str, np.ndarray], extent: Sequence[int]
    ) -> Any:
        """A value with the lengths of this block; an input that is asked for lies along all of its dims."""
        shape = _shape(self.sweep, name, extent)
        if name in leaves:
            value = np.broadcast_to(leaves[name], shape)
            return value.astype(np.int8) if is_code(self.sweep, name) else value
        value = computed[name]
        return value if value.shape == shape else np.asarray(value)[tuple(map(slice, shape))]

    def _put(self, buffer: Any) -> None:
        with self._lock:
            self._free[buffer.shape, buffer.dtype].append(buffer)

    def _buffer(self, shape: tuple[int, ...], dtype: Any) -> Any:
        with self._lock:
            if free := self._free[shape, dtype]:
                return free.pop()
        return np.zeros(shape, dtype)

    def _argument(self, name: str, leaf: np.ndarray) -> Any:
        """A leaf as a program sees it: a choice that is the same for the whole sweep is known beforehand."""
        declared = self.sweep.registry.vocabulary.get(name)
        decided = (
            declared is not None and declared.kind in (Kind.CHOICE, Kind.FLAG) and not self.sweep.values[name].dims
        )
        return Constant(leaf.reshape(())[()], leaf.shape) if decided else leaf

    def _function(self, leaves: Sequence[str]) -> Callable[..., list[Any]]:
        """The values of the names that are no leaves, each broadcast to all dims it depends on."""
        sweep, names, extent = self.sweep, self._computed(leaves), self.lengths

        def run(*arrays: Any) -> list[Any]:
            values: dict[str, Any] = dict(zip(leaves, arrays, strict=True))
            like = next(iter(arrays), jnp.zeros((1,) * len(sweep.sizes)))
            for quantity in wanted(sweep, names):
                values[quantity.name] = quantity(values)
            if STATUS in names or MARGIN in names:
                values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
            types = {name: jnp.int8 if is_code(sweep, name) else like.dtype for name in names}
            return [jnp.broadcast_to(values[name], _shape(sweep, name, extent)).astype(types[name]) for name in names]

        return run


def wanted(sweep: Sweep, names: Sequence[str]) -> list[Quantity]:
    """The quantities that the names depend on, in the order they run."""
    needed = set(names)
    if needed & {STATUS, MARGIN}:
        needed |= {check.reads for check in sweep.checks}
    found = []
    for quantity in reversed(sweep.graph.order):
        if quantity.name in needed:
            needed |= set(quantity.reads)
            found.append(quantity)
    return found[::-1]


def _shape(sweep: Sweep, name: str, extent: Sequence[int]) -> tuple[int, ...]:
    """The shape of a name in a block: 1 along the dims it does not depend on."""
    return tuple(n if dim in sweep.dims[name] else 1 for dim, n in zip(sweep.sizes, extent, strict=True))
