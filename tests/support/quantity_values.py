"""Quantities of the shipped models from given values and the declared defaults, in double precision."""

from __future__ import annotations

from collections.abc import Iterable

import jax

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve

REGISTRY = shipped_registry()


def values(names: Iterable[str], **given: float) -> dict[str, float]:
    """The named quantities, and everything that is computed on the way."""
    graph = resolve(REGISTRY, list(names), given.keys())
    assert graph.missing == {}
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given}
    with jax.enable_x64(True):
        return {n: float(v) for n, v in graph(defaults | {n: float(v) for n, v in given.items()}).items()}


def value(name: str, **given: float) -> float:
    """One quantity."""
    return values([name], **given)[name]
