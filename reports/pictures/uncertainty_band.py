"""Uncertainty band: a quantity along an axis of numbers with the ranges that its samples fall into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..figures import BLUE
from ..registry import report
from ..roles import DRAWN, NUMERIC, QUANTILE
from .bands import band
from .feasible import along
from .labels import arranged
from .scales import axis_scale, values_scale
from .style import framed, library, styled

if TYPE_CHECKING:
    import xarray as xr

_MEDIAN, _FAINT, _FULL = 0.5, 0.2, 0.45


@report(
    title="{quantity} along {x} with its uncertainty",
    roles={"quantity": DRAWN, "x": NUMERIC},
    group="uncertainty",
)
def uncertainty_band(data: xr.Dataset, *, quantity: str, x: str) -> Any:
    """A band between each pair of quantiles about the middle, the narrower the darker, and the median."""
    holoviews = library()
    data = arranged(data, x)
    across, shown = axis_scale(data[x]), values_scale(data[quantity])
    quantiles = data[QUANTILE].to_numpy().astype(float)
    rows = dict(zip(quantiles.tolist(), shown.scaled(along(data, quantity, (QUANTILE, x))), strict=True))
    drawn = []
    pairs = [pair for pair in bands(quantiles) if np.isfinite(rows[pair[0]] * rows[pair[1]]).any()]
    if not pairs and not np.isfinite(rows.get(_MEDIAN, np.nan)).any():
        raise RooflaxError(f"{shown.title}: no pair of quantiles is finite, so there is no band to draw")
    for low, high, alpha in pairs:
        label = f"{100 * low:g} % to {100 * high:g} %"
        drawn.append(band(across.places, rows[low], rows[high], label, BLUE, alpha))
    for quantile, row in rows.items():
        if quantile == _MEDIAN or not drawn:
            drawn += _curve(
                across.places, row, "median" if quantile == _MEDIAN else f"{100 * quantile:g} %", shown.title
            )
    return framed(holoviews.Overlay(drawn), across, shown, legend="Samples")


def bands(quantiles: np.ndarray) -> list[tuple[float, float, float]]:
    """Pairs of a lower and an upper quantile, the widest first, each with how opaque its band is."""
    lower, upper = (
        sorted(q for q in quantiles if q < _MEDIAN),
        sorted((q for q in quantiles if q > _MEDIAN), reverse=True),
    )
    pairs = list(zip(lower, upper, strict=False))
    alphas = np.linspace(_FAINT, _FULL, len(pairs)) if len(pairs) > 1 else [0.3] * len(pairs)
    return [(float(low), float(high), float(alpha)) for (low, high), alpha in zip(pairs, alphas, strict=True)]


def _curve(places: np.ndarray, values: np.ndarray, name: str, title: str) -> list[Any]:
    holoviews = library()
    curve = styled(
        holoviews.Curve((places, values), label=name),
        bokeh={"color": BLUE, "line_width": 2},
        matplotlib={"color": BLUE, "linewidth": 1.6},
    )
    points = styled(
        holoviews.Scatter((places, values), "at", "value", label=name),
        bokeh={"color": BLUE, "size": 6, "tools": ["hover", "tap"], "hover_tooltips": [(title, "@value")]},
        matplotlib={"color": BLUE, "s": 16},
    )
    return [curve, points]
