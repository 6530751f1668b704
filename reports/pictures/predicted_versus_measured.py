"""Predicted versus measured: a point a measured number, around the line on which predictions are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..figures import BLACK, GREY
from ..registry import report
from .bands import band
from .points import points
from .scales import label_of, logarithmic, scale_of
from .style import framed, library, styled

if TYPE_CHECKING:
    import xarray as xr

_BANDS = ((0.25, 0.14), (0.10, 0.22))
_ROOM = 1.5


@report(title="Predicted beside measured", quantities=["measured", "predicted"], axes=["row"])
def predicted_versus_measured(data: xr.Dataset) -> Any:
    """Both axes are logarithmic; a colour and a mark a family of measurements, where the rows say theirs."""
    measured, predicted = (data[name].to_numpy().astype(float) for name in ("measured", "predicted"))
    good = np.isfinite(measured) & np.isfinite(predicted) & (measured > 0) & (predicted > 0)
    if not good.any():
        raise RooflaxError("no row was predicted, so there is nothing to draw")
    unit = str(data["measured"].attrs.get("units", "1"))
    every = np.concatenate([measured[good], predicted[good]])
    ends = np.array([every.min() / _ROOM, every.max() * _ROOM])
    across, up = (
        logarithmic(ends, scale_of(every, f"{word}: {label_of(data['measured'])}", unit))
        for word in ("Measured", "Predicted")
    )
    equal = across.scaled(ends)
    drawn = [
        band(equal, equal * (1 - error), equal * (1 + error), f"within {100 * error:g} %", GREY, alpha)
        for error, alpha in _BANDS
    ]
    drawn.append(
        styled(
            library().Curve((equal, equal), label="predicted = measured"),
            bokeh={"color": BLACK, "line_width": 1.2},
            matplotlib={"color": BLACK, "linewidth": 1.0},
        )
    )
    families = data["family"].to_numpy().astype(str) if "family" in data else np.full(measured.size, "measured")
    names = data["row"].to_numpy().astype(str)
    for place, family in enumerate(dict.fromkeys(families[good])):
        rows = np.flatnonzero(good & (families == family))
        columns = {
            "Row": names[rows].tolist(),
            "Family": [family] * len(rows),
            "Measured": [format_quantity(measured[row], unit) for row in rows],
            "Predicted": [format_quantity(predicted[row], unit) for row in rows],
            "Predicted too high by": [f"{100 * (predicted[row] / measured[row] - 1):+.1f} %" for row in rows],
        }
        drawn.append(points(across.scaled(measured[rows]), up.scaled(predicted[rows]), family, place, columns))
    limits = {"xlim": tuple(equal), "ylim": tuple(equal)}
    return framed(library().Overlay(drawn), across, up, legend="Measured by", options=limits)
