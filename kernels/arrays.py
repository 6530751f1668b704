"""The array functions that cost models are written in: those of jax.numpy, of which NumPy computes what NumPy holds.

So one model serves a single point, which is answered before JAX is loaded and without compiling anything, and a grid of
a billion points, whose arrays JAX traces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import jax.numpy as jnp

_HELD = (np.ndarray, np.generic, float, int, str, type, np.dtype, type(None))
"""What NumPy computes with; anything else is an array that JAX holds or traces."""


class _ArrayFunctions:
    """The functions and constants of NumPy, of which each asks JAX where one of its arguments is JAX's."""

    def __getattr__(self, name: str) -> Any:
        own = getattr(np, name)
        found = _either(name, own) if callable(own) and not isinstance(own, type) else own
        setattr(self, name, found)
        return found


def _either(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if all(map(is_held, args)) and (not kwargs or all(map(is_held, kwargs.values()))):
            return own(*args, **kwargs)
        import jax.numpy

        return getattr(jax.numpy, name)(*args, **kwargs)

    return call


def is_held(argument: Any) -> bool:
    """Whether NumPy can compute with an argument: an array of its own, a number, or a list of these."""
    return all(map(is_held, argument)) if isinstance(argument, list | tuple) else isinstance(argument, _HELD)


if not TYPE_CHECKING:
    jnp = _ArrayFunctions()
