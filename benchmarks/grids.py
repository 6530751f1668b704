"""The grid of the storage benchmarks, refined along its last axis."""

from __future__ import annotations

from pathlib import Path

SPEC = Path(__file__).with_name("stored.yaml")
_OTHER_AXES = 5 * 8 * 25 * 20 * 50
SMALLEST = 10 * _OTHER_AXES


def refined(points: float) -> str:
    """The override that gives the grid about so many points."""
    return f"num_parameters={{min: 1 G, max: 1 T, num: {max(2, round(points / _OTHER_AXES))}, scale: log}}"
