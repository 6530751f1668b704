"""Binding map: over two axes, which of several options holds, such as what bounds each point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import report
from ..roles import AXIS, CODES
from .categories import MOST_LABELS, categories
from .feasible import along, feasible, hatched, meanings, reasons
from .labels import arranged
from .scales import axis_scale, label_of
from .style import framed

if TYPE_CHECKING:
    import xarray as xr


@report(title="{codes} over {x} and {y}", roles={"codes": CODES, "x": AXIS, "y": AXIS})
def binding_map(data: xr.Dataset, *, codes: str, x: str, y: str) -> Any:
    """An option has the same colour in every picture of its quantity."""
    data = arranged(data, x, y, most=MOST_LABELS)
    across, up, dims = axis_scale(data[x]), axis_scale(data[y]), (y, x)
    label = label_of(data[codes])
    tips = [(label, "@category"), ("Feasibility", "@feasibility")]
    columns = {"feasibility": reasons(data, dims)}
    drawn = categories(along(data, codes, dims), meanings(data[codes]), across, up, columns, tips)
    return framed(hatched(drawn, ~feasible(data, dims), across, up), across, up, legend=label, cells=True)
