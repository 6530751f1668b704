"""Bands: the area between two curves, with a name in the legend."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .style import library, styled


def band(places: np.ndarray, low: np.ndarray, high: np.ndarray, label: str, color: str, alpha: float) -> Any:
    """The area from low to high, without the places where one of them is missing."""
    there = np.isfinite(low) & np.isfinite(high)
    drawn = library().Area((places[there], low[there], high[there]), ["across"], ["low", "high"], label=label)
    return styled(
        drawn,
        bokeh={"color": color, "fill_alpha": alpha, "line_alpha": 0.0, "default_tools": []},
        matplotlib={"alpha": alpha, "linewidth": 0.0, "hooks": [partial(_named, label, color)]},
    )


def _named(label: str, color: str, plot: Any, _: Any) -> None:
    """A band of matplotlib in the legend, in our colour instead of one of a cycle."""
    plot.handles["artist"].set(label=label, facecolor=color)
