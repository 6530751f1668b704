"""Contour: lines of equal value of a quantity over two axes of numbers, above its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..registry import report
from ..roles import NUMBER, NUMERIC
from .feasible import along, feasible, hatched
from .heat_map import mesh
from .labels import arranged
from .scales import Scale, Values, axis_scale, even_numbers, round_numbers, values_scale
from .style import SEQUENTIAL, coloured, framed, library, styled
from .texts import texts

if TYPE_CHECKING:
    import xarray as xr

_INK = "#111111"
_FEWEST, _MOST = 4, 9
_PALE = 0.55


@report(title="Lines of equal {quantity} over {x} and {y}", roles={"quantity": NUMBER, "x": NUMERIC, "y": NUMERIC})
def contour(data: xr.Dataset, *, quantity: str, x: str, y: str) -> Any:
    """Between labels a line is interpolated on the scales of the picture, logarithmic ones among them."""
    holoviews = library()
    data = arranged(data, x, y)
    across, up, shown = axis_scale(data[x]), axis_scale(data[y]), values_scale(data[quantity])
    values, blocked = shown.scaled(along(data, quantity, (y, x))), ~feasible(data, (y, x))
    pieces = [(level, piece) for level in levels(shown) for piece in lines(values, level, across, up, shown)]
    if not pieces:
        raise RooflaxError(f"{shown.title}: all values lie between two lines; a heat map shows them")
    # One line with gaps: thousands of short ones would be as many objects.
    joined = np.concatenate([part for _, piece in pieces for part in (piece, [[np.nan, np.nan]])])
    paths = styled(
        holoviews.Curve((joined[:, 0], joined[:, 1])),
        bokeh={"color": _INK, "line_width": 1.2, "default_tools": []},
        matplotlib={"color": _INK, "linewidth": 0.9},
    )
    longest = {level: max((piece for own, piece in pieces if own == level), key=len) for level, _ in pieces}
    middles = {level: piece[len(piece) // 2].tolist() for level, piece in longest.items()}
    spots = [(spot[0], spot[1], format_quantity(level, "1")) for level, spot in middles.items()]
    look = coloured(shown, SEQUENTIAL)
    cells = mesh(data, quantity, across, up, shown, {backend: {**own, "alpha": _PALE} for backend, own in look.items()})
    drawn = hatched(cells, blocked, across, up) * paths * texts(spots, grounded=True)
    return framed(drawn, across, up, legend=" " if blocked.any() else "", below=True, cells=True)


def levels(shown: Values) -> list[float]:
    """Round values between the smallest and the largest one, closer together where they are few."""
    found = round_numbers(shown.low, shown.high) if shown.log else []
    if len(found) < _FEWEST:
        found = even_numbers(shown.low, shown.high, _MOST)
    return [level for level in found if shown.low < level < shown.high]


def lines(values: np.ndarray, level: float, across: Scale, up: Scale, shown: Values) -> list[np.ndarray]:
    """The lines (point, (x, y)) along which values (y, x) have a level."""
    from contourpy import LineType, contour_generator

    sides, heads = (np.log(scale.places) if scale.log else scale.places for scale in (across, up))
    heights, height = (np.log(values), np.log(level)) if shown.log else (values, level)
    generator = contour_generator(sides, heads, np.ma.masked_invalid(heights), line_type=LineType.Separate)
    pieces = [np.asarray(piece, dtype=float) for piece in generator.lines(height)]
    logs = np.array([across.log, up.log])
    return [np.where(logs, np.exp(np.where(logs, piece, 0.0)), piece) for piece in pieces if len(piece) > 1]
