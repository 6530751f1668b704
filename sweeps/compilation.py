"""The persistent cache of compiled functions: a second process need not compile what a first one did."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def cache_folder() -> Path:
    """Where compiled functions are kept between processes, by the convention of the platform."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rooflax" / "xla"


def cache_compilations(folder: Path) -> None:
    """Keeps every compiled function in `folder` for this and later processes; where that fails, nothing is kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
