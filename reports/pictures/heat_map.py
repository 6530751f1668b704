"""Heat map: a quantity over two axes, infeasible cells hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import report
from ..roles import AXIS, NUMBER
from .feasible import along, feasible, hatched, reasons
from .scales import axis_scale, values_scale
from .style import SEQUENTIAL, coloured, framed, library, styled

if TYPE_CHECKING:
    import xarray as xr


@report(title="{quantity} over {x} and {y}", roles={"quantity": NUMBER, "x": AXIS, "y": AXIS})
def heat_map(data: xr.Dataset, *, quantity: str, x: str, y: str) -> Any:
    """Cells have edges of their own, so that a logarithmic axis is right; numbers lie at their values."""
    holoviews = library()
    across, up, shown = axis_scale(data[x]), axis_scale(data[y]), values_scale(data[quantity])
    dims = (y, x)
    columns = {quantity: shown.scaled(along(data, quantity, dims)), "feasibility": reasons(data, dims)}
    mesh = holoviews.QuadMesh((across.edges, up.edges, *columns.values()), [x, y], list(columns))
    tips = [
        (across.title, f"@{x}"),
        (up.title, f"@{y}"),
        (shown.title, f"@{quantity}"),
        ("Feasibility", "@feasibility"),
    ]
    look = coloured(shown, SEQUENTIAL)
    mesh = styled(
        mesh, bokeh={**look["bokeh"], "tools": ["hover", "tap"], "hover_tooltips": tips}, matplotlib=look["matplotlib"]
    )
    blocked = ~feasible(data, dims)
    return framed(mesh * hatched(blocked, across, up), across, up, legend=" " if blocked.any() else "", cells=True)
