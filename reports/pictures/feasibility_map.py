"""Feasibility map: over two axes, the first condition that fails, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.units import format_quantity
from ..registry import report
from ..roles import AXIS
from .categories import MOST_LABELS, categories
from .feasible import FEASIBLE, NOT_COMPUTED, along, meanings
from .labels import arranged
from .scales import axis_scale, label_of
from .style import framed

if TYPE_CHECKING:
    import xarray as xr


@report(title="Where points are feasible over {x} and {y}", quantities=["status"], roles={"x": AXIS, "y": AXIS})
def feasibility_map(data: xr.Dataset, *, x: str, y: str) -> Any:
    """One colour for the feasible points, and one for each condition that fails somewhere."""
    data = arranged(data, x, y, most=MOST_LABELS)
    across, up, dims = axis_scale(data[x]), axis_scale(data[y]), (y, x)
    known = (FEASIBLE, NOT_COMPUTED)
    words = {code: word if code in known else f"not: {word}" for code, word in meanings(data["status"]).items()}
    tips = [(label_of(data["status"]), "@category"), ("Margin", "@margin")]
    drawn = categories(along(data, "status", dims), words, across, up, {"margin": margins(data, dims)}, tips)
    return framed(drawn, across, up, legend="First condition that fails", cells=True)


def margins(data: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """The margin of each point in the unit of its condition, as text."""
    codes = along(data, "status", dims)
    if "margin" not in data:
        return np.full(codes.shape, "not stored", dtype=object)
    own = str(data["margin"].attrs.get("units", "1"))
    units = dict(enumerate(data["margin"].attrs.get("condition_units", ()), start=1))
    return np.vectorize(
        lambda code, margin: format_quantity(margin, units.get(int(code), own)) if np.isfinite(margin) else "none",
        otypes=[object],
    )(codes, along(data, "margin", dims))
