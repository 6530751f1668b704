"""Sensitivity map: over two axes, by how many percent a quantity moves where one input grows by one percent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..registry import report
from ..roles import AXIS, SLOPE, WRT
from .feasible import feasible, hatched
from .heat_map import mesh
from .labels import arranged, in_words
from .scales import axis_scale, values_scale
from .style import DIVERGING, coloured, framed

if TYPE_CHECKING:
    import xarray as xr


@report(
    title="{slope} over {x} and {y}",
    roles={"slope": SLOPE, "x": AXIS, "y": AXIS},
    group="gradients",
    own=(),
)
def sensitivity_map(data: xr.Dataset, *, slope: str, x: str, y: str) -> Any:
    """White is no effect; the two colours reach as far on both sides."""
    data = arranged(data, x, y)
    across, up, shown = axis_scale(data[x]), axis_scale(data[y]), values_scale(data[slope]).linear
    farthest = max(abs(shown.low), abs(shown.high)) or 1.0
    shown = replace(shown, title=f"{shown.title} by {in_words(str(data[WRT].item()))}", low=-farthest, high=farthest)
    cells = mesh(data, slope, across, up, shown, coloured(shown, DIVERGING))
    blocked = ~feasible(data, (y, x))
    legend = " " if blocked.any() else ""
    return framed(hatched(cells, blocked, across, up), across, up, legend=legend, below=True, cells=True)
