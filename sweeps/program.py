"""A program: a function of arrays, traced for their shapes and compiled in steps that hand values on in memory.

Large values are written into buffers of the caller, who gets them back when nobody needs the values any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .interrupts import held
from .operations import Constant, traced
from .steps import Step, steps_of

Take = Callable[[tuple[int, ...], Any], Any]
Give = Callable[[Any], None]
BUFFERED = 2**16
"""Bytes from which on a value is written into a buffer: smaller ones cost no page faults."""
LARGE = 2**21
"""Bytes of a value from which on its step is compiled with all care; below, that takes longer than what it gains."""
# Small steps are compiled sooner without fusion emitters, large ones run faster in whole registers (decision 44).
_SMALL_STEPS = ("xla_cpu_use_fusion_emitters", False)
_LARGE_STEPS = ("xla_cpu_prefer_vector_width", 512)


def is_buffer(array: Any) -> bool:
    """Whether an array is one that was written into a buffer."""
    return isinstance(array, jax.Array) and array.nbytes >= BUFFERED


class Program:
    """The compiled function of arrays of the shapes and types of `arguments`; a `Constant` stays as it is."""

    def __init__(self, function: Callable[..., Sequence[Any]], arguments: Sequence[Any]) -> None:
        """Traces the function; every step is compiled when it first runs."""
        found = traced(function, arguments)
        self.results, self.shapes = found.results, found.shapes
        steps = steps_of(found)
        last = {value: place for place, step in enumerate(steps) for value in step.takes}
        self.taken = sorted({value for value in (*last, *found.results) if value in range(len(arguments))})
        kept = {*self.taken, *(value for value in found.results if isinstance(value, int))}
        self.steps = [
            (step, self._buffered(step), _compiled(step, large=max(map(self._bytes, step.gives)) >= LARGE))
            for step in steps
        ]
        self.ends = [
            tuple(v for v in step.takes if last[v] == place and v not in kept and self._bytes(v) >= BUFFERED)
            for place, step in enumerate(steps)
        ]

    def __call__(self, arguments: Sequence[Any], take: Take, give: Give) -> list[Any]:
        """The results, each an array of its own.

        `take` makes the buffers of large values, `give` gets those that are free again.
        """
        values: dict[int, Any] = {value: arguments[value] for value in self.taken}
        for (step, buffered, run), ends in zip(self.steps, self.ends, strict=True):
            free = [take(self.shapes[value].shape, self.shapes[value].dtype) for value in buffered]
            with held():
                made = run([values[value] for value in step.takes], free)
            values |= zip(step.gives, made, strict=True)
            for value in ends:
                give(values.pop(value))
        taken = set(self.taken)
        return [self._own(result, values, taken) for result in self.results]

    def _own(self, result: Any, values: dict[int, Any], taken: set[int]) -> Any:
        """A result as an array that nobody else has; one that no step made is no buffer, and so NumPy's."""
        if isinstance(result, Constant):
            return np.full(result.shape, result.array)
        if result in taken:
            return np.array(values[result])
        taken.add(result)
        return values[result]

    def _bytes(self, value: int) -> int:
        return math.prod(self.shapes[value].shape) * self.shapes[value].dtype.itemsize

    def _buffered(self, step: Step) -> tuple[int, ...]:
        return tuple(value for value in step.gives if self._bytes(value) >= BUFFERED)


def _compiled(step: Step, *, large: bool) -> Callable[[list[Any], list[Any]], list[Any]]:
    def run(taken: list[Any], free: list[Any]) -> list[Any]:
        del free
        values = dict(zip(step.takes, taken, strict=True))
        for operation in step.operations:
            values |= zip(operation.makes, operation(values), strict=True)
        return [values[value] for value in step.gives]

    options = _known(*(_LARGE_STEPS if large else _SMALL_STEPS))
    return jax.jit(run, donate_argnums=1, keep_unused=True, compiler_options=options)


@cache
def _known(option: str, value: object) -> dict[str, Any] | None:
    """An option of compilation for a CPU; None on other devices, and where this version of XLA has it no more."""
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(jnp.negative, compiler_options={option: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return {option: value}
