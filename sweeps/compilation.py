"""Compilation by JAX: when it is needed, in which precision, and the cache that saves a second process from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..kernels.arrays import is_held
from .interrupts import held

Function = TypeVar("Function", bound=Callable[..., Any])
_EVERYTHING = {"jax_persistent_cache_min_compile_time_secs": 0.0, "jax_persistent_cache_min_entry_size_bytes": -1}


def cache_folder() -> Path:
    """Where compiled functions are kept between processes, by the convention of the platform."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rooflax" / "xla"


def cache_compilations(folder: Path) -> None:
    """Keeps every compiled function in `folder` for this and later processes; where that fails, nothing is kept.

    JAX is not loaded for it: what compiles nothing answers before that.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    settings = {"jax_compilation_cache_dir": str(folder), **_EVERYTHING}
    if jax := sys.modules.get("jax"):
        for name, value in settings.items():
            jax.config.update(name, value)
    else:
        for name, value in settings.items():
            os.environ.setdefault(name.upper(), str(value))


def precision(dtype: str) -> AbstractContextManager[Any]:
    """The scope in which arrays of `dtype`, float32 or float64, keep their width; NumPy's always do.

    JAX is not loaded for it, so whoever needs JAX inside loads it before.
    """
    jax = sys.modules.get("jax")
    return jax.enable_x64(dtype == "float64") if jax else nullcontext()


def compiled(*static: str) -> Callable[[Function], Function]:
    """Has JAX compile a function of arrays for those that it holds; what NumPy holds, the function itself computes.

    Positional arguments are the arrays, `static` the names of the others.
    """

    def declare(function: Function) -> Function:
        @cache
        def by_jax() -> Callable[..., Any]:
            import jax

            return jax.jit(function, static_argnames=static)

        @wraps(function)
        def call(*arrays: Any, **others: Any) -> Any:
            if not is_held(arrays):
                with held():
                    return by_jax()(*arrays, **others)
            with np.errstate(all="ignore"):
                return function(*arrays, **others)

        return call  # pyright: ignore[reportReturnType]

    return declare
