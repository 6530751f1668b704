"""Heat map: a quantity over two axes, infeasible cells hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..registry import report
from ..roles import AXIS, NUMBER
from .feasible import along, feasible, hatched, reasons
from .labels import arranged
from .scales import Scale, Values, axis_scale, values_scale
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
    x, y = across.name, up.name
    columns = {
        quantity: shown.scaled(along(data, quantity, (y, x))),
        "across": np.broadcast_to(np.array(across.texts), (len(up.places), len(across.places))),
        "up": np.broadcast_to(np.array(up.texts)[:, None], (len(up.places), len(across.places))),
        "feasibility": reasons(data, (y, x)),
    }
    cells = library().QuadMesh((across.edges, up.edges, *columns.values()), [x, y], list(columns))
    tips = [
        (across.label, "@across"),
        (up.label, "@up"),
        (shown.title, f"@{{{quantity}}}"),
        ("Feasibility", "@feasibility"),
    ]
    return styled(
        cells,
        bokeh={**look["bokeh"], "tools": ["hover", "tap"], "hover_tooltips": tips},
        matplotlib=look["matplotlib"],
    )
