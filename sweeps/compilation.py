"""The persistent cache of compiled functions: a second process need not compile what a first one did."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
