"""Effects: what every input does to a quantity at one point, the largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..figures import BLUE, ORANGE
from ..registry import report
from .scales import Scale, Values, label_of
from .style import framed, library, styled

if TYPE_CHECKING:
    import xarray as xr

MOST = 14
_LEAST = 0.001
_HALF = 0.38


@report(
    title="What each input does at the best point",
    quantities=("low", "high", "swing"),
    axes=("input",),
    labels={"input": ("hbm_bandwidth", "tp", "recompute")},
    group="attribution",
)
def effects(data: xr.Dataset) -> Any:
    """A bar from the point's value to that with less of an input, another to that with more or its next legal value."""
    base = float(data[str(data.attrs["quantity"])]) if "quantity" in data.attrs else 1.0
    order = [int(at) for at in np.argsort(-np.nan_to_num(np.abs(data["swing"].to_numpy())))[:MOST]]
    order = [at for at in order if abs(float(data["swing"][at])) >= _LEAST][::-1]
    if not order:
        raise RooflaxError("no input moves it by as much as 0.1 %")
    ends = {end: 100 * (data[end].to_numpy()[order] / base - 1) for end in ("low", "high")}
    texts = tuple(str(data["input"].to_numpy()[at]) for at in order)
    places = np.arange(len(order), dtype=float)
    up = Scale("input", "", places, texts, ticks=tuple(zip(places.tolist(), texts, strict=True)))
    label = label_of(data[str(data.attrs["quantity"])]) if "quantity" in data.attrs else "quantity"
    finite = np.concatenate([values[np.isfinite(values)] for values in ends.values()])
    across = Values(f"Change of {label} [%]", 1.0, log=False, low=float(finite.min()), high=float(finite.max()))
    change = f"{100 * float(data.attrs.get('change', 0.1)):.0f} %"
    named = {"low": f"{change} less", "high": f"{change} more,\nor the next legal value"}
    bars = [_bars(ends[end], places, texts, named[end], color) for end, color in (("low", BLUE), ("high", ORANGE))]
    zero = styled(library().VLine(0.0), bokeh={"color": "#222222", "line_width": 1}, matplotlib={"color": "#222222"})
    return framed(library().Overlay([*bars, zero]), across, up, legend="Input")


def _bars(values: np.ndarray, places: np.ndarray, texts: tuple[str, ...], label: str, color: str) -> Any:
    rows = [
        (min(0.0, value), place - _HALF, max(0.0, value), place + _HALF, text, value)
        for value, place, text in zip(values, places, texts, strict=True)
        if np.isfinite(value)
    ]
    drawn = library().Rectangles(rows, vdims=["input", "change"], label=label)
    tips = [("Input", "@input"), (label.partition("\n")[0], "@change{+0.0} %")]
    return styled(
        drawn,
        bokeh={"color": color, "line_alpha": 0.0, "fill_alpha": 0.85, "tools": ["hover"], "hover_tooltips": tips},
        matplotlib={"facecolor": color, "edgecolor": "none"},
    )
