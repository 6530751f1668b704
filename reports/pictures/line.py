"""Line: a quantity along an axis of numbers, one curve for each label of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..registry import report
from ..roles import BY, NUMBER, NUMERIC
from .feasible import along, feasible
from .labels import arranged, few, shortened
from .scales import axis_scale, values_scale
from .style import CATEGORIES, MARKS, MARKS_OF_FILES, framed, library, styled

if TYPE_CHECKING:
    import xarray as xr


@report(title="{quantity} along {x}", roles={"quantity": NUMBER, "x": NUMERIC, "by": BY})
def line(data: xr.Dataset, *, quantity: str, x: str, by: str = "") -> Any:
    """Solid where every condition holds; a faint dotted line goes on where one fails."""
    data, legend = few(data, by) if by else (data, "")
    data = arranged(data, x)
    across, shown = axis_scale(data[x]), values_scale(data[quantity])
    dims = (by, x) if by else (x,)
    values, holds = np.atleast_2d(shown.scaled(along(data, quantity, dims))), np.atleast_2d(feasible(data, dims))
    names = shortened(axis_scale(data[by]).texts) if by else (shown.title,)
    curves = [
        curve(across.places, row, own, name, place)
        for place, (name, row, own) in enumerate(zip(names, values, holds, strict=True))
    ]
    if not holds.all():
        legend = "\n".join(filter(None, [legend, "dotted: infeasible"]))
    return framed(library().Overlay([part for parts in curves for part in parts]), across, shown, legend=legend)


def curve(places: np.ndarray, values: np.ndarray, holds: np.ndarray, name: str, place: int) -> list[Any]:
    """A curve of one look: solid with points where `holds`, dotted elsewhere."""
    holoviews = library()
    color, mark = CATEGORIES[place % len(CATEGORIES)], place % len(MARKS)
    solid = np.where(holds, values, np.nan)
    whole = styled(
        holoviews.Curve((places, values)),
        bokeh={"color": color, "line_dash": "dotted", "alpha": 0.6},
        matplotlib={"color": color, "linestyle": ":", "alpha": 0.6},
    )
    held = styled(
        holoviews.Curve((places, solid), label=name),
        bokeh={"color": color, "line_width": 2},
        matplotlib={"color": color, "linewidth": 1.6},
    )
    points = styled(
        holoviews.Scatter((places, solid), label=name),
        bokeh={"color": color, "marker": MARKS[mark], "size": 7, "tools": ["hover", "tap"]},
        matplotlib={"color": color, "marker": MARKS_OF_FILES[mark], "s": 22},
    )
    return [whole, held, points]
