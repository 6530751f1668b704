"""Heat map: a quantity over two axes, infeasible cells hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import report
from ..roles import AXIS, NUMBER
from .feasible import along, feasible, hatched, reasons
from .labels import arranged
from .scales import Scale, Values, axis_scale, labels_of_cells, values_scale
from .style import SEQUENTIAL, coloured, framed, library, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr


@report(title="{quantity} over {x} and {y}", roles={"quantity": NUMBER, "x": AXIS, "y": AXIS})
def heat_map(data: xr.Dataset, *, quantity: str, x: str, y: str) -> Any:
    """Cells have edges of their own, so that a logarithmic axis is right; numbers lie at their values."""
    data = arranged(data, x, y)
    across, up, shown = axis_scale(data[x]), axis_scale(data[y]), values_scale(data[quantity])
    cells = mesh(data, quantity, across, up, shown, coloured(shown, SEQUENTIAL))
    blocked = ~feasible(data, (y, x))
    legend = " " if blocked.any() else ""
    return framed(hatched(cells, blocked, across, up), across, up, legend=legend, below=True, cells=True)


def mesh(
    data: xr.Dataset, quantity: str, across: Scale, up: Scale, shown: Values, look: Mapping[str, Mapping[str, Any]]
) -> Any:
    """The cells of a quantity; the mouse shows value and feasibility."""
    dims = (up.name, across.name)
    columns = {
        "value": shown.scaled(along(data, quantity, dims)),
        **labels_of_cells(across, up),
        "feasibility": reasons(data, dims),
    }
    cells = library().QuadMesh((across.edges, up.edges, *columns.values()), ["across", "up"], list(columns))
    tips = [
        (across.label, "@text_across"),
        (up.label, "@text_up"),
        (shown.title, "@value"),
        ("Feasibility", "@feasibility"),
    ]
    return styled(
        cells,
        bokeh={**look["bokeh"], "tools": ["hover", "tap"], "hover_tooltips": tips},
        matplotlib=look["matplotlib"],
    )
