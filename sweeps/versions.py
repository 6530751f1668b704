"""What decides the last bits of a result beside the models: the versions of libraries, and the device."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version


def library_versions() -> dict[str, str]:
    """The versions of what computes and stores."""
    return {name: version(name) for name in ("jax", "numpy", "xarray", "zarr")}


def device() -> str:
    """What the arrays of this process live on."""
    import jax

    return f"{jax.default_backend()}: {jax.devices()[0].device_kind}"


def interpreter() -> str:
    """The version of Python, without its patch level: what decides whether objects travel between processes."""
    return ".".join(platform.python_version_tuple()[:2])


def difference(own: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """How the versions of another process differ, as a clause; empty where they do not."""
    differing = [
        f"{name} {theirs.get(name, 'unknown')} (here {own[name]})" for name in own if theirs.get(name) != own[name]
    ]
    return f"has {', '.join(differing)}" if differing else ""
