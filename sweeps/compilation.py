"""The persistent cache of compiled functions: a second process need not compile what a first one did."""

from __future__ import annotations

from pathlib import Path

import jax


def cache_compilations(folder: Path) -> None:
    """Keeps every compiled function in `folder` for this and later processes; where that fails, nothing is kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
