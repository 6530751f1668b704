"""Tornado: what one percent more of each input does to a quantity at one point, the largest effect first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..figures import BLUE, VERMILION
from ..registry import report
from ..roles import SLOPE, WRT
from .boxes import PATTERNS, Look, boxes
from .labels import in_words, shortened
from .scales import Scale, Values, label_of
from .style import framed, library
from .texts import texts

if TYPE_CHECKING:
    import xarray as xr

MOST_BARS = 20
_HALF = 0.38
_SIDES = (("lowers", Look(BLUE)), ("raises", Look(VERMILION, PATTERNS[4])))


@report(title="{slope}, input by input", roles={"slope": SLOPE}, group="gradients")
def tornado(data: xr.Dataset, *, slope: str) -> Any:
    """Bars to the left lower the quantity and bars to the right raise it, in two colours; numbers at their ends."""
    names, values = ranked(data[slope])
    if not names:
        raise RooflaxError(f"{label_of(data[slope])}: no input has an effect at this point; choose another one")
    places = np.arange(len(names))[::-1].astype(float)
    labels = shortened([in_words(name) for name in names])
    rows = Scale("input", "Input", places[::-1], labels[::-1], ticks=tuple(zip(places.tolist(), labels, strict=True)))
    reach = float(np.abs(values).max())
    shown = Values(label_of(data[slope]), 1.0, False, float(min(values.min(), 0)), float(max(values.max(), 0)))
    tips = [("Input", "@name"), ("Elasticity", "@value"), ("One percent more", "@effect")]
    bars = []
    for (word, look), chosen in zip(_SIDES, (values < 0, values > 0), strict=True):
        corners = [(min(v, 0), p - _HALF, max(v, 0), p + _HALF) for v, p in zip(values, places, strict=True)]
        columns = {
            "name": [names[i] for i in np.flatnonzero(chosen)],
            "value": [f"{values[i]:+.4g}" for i in np.flatnonzero(chosen)],
            "effect": [f"{values[i]:+.4g} % of the quantity" for i in np.flatnonzero(chosen)],
        }
        if chosen.any():
            own = [corner for corner, is_chosen in zip(corners, chosen, strict=True) if is_chosen]
            bars.append(boxes(own, f"an increase {word} it", look, columns, tips))
    ends = [(v + np.copysign(0.02 * reach, v), p, f"{v:+.3g}") for v, p in zip(values, places, strict=True)]
    for side, align in ((-1, "right"), (1, "left")):
        if own := [end for end, value in zip(ends, values, strict=True) if np.sign(value) == side]:
            bars.append(texts(own, align=align))
    room = 0.3 * (shown.high - shown.low)
    limits = {"xlim": (shown.low - room, shown.high + room), "ylim": (-0.6, len(names) - 0.4)}
    return framed(library().Overlay(bars), shown, rows, legend=" ", below=True, options=limits)


def ranked(slopes: xr.DataArray) -> tuple[list[str], np.ndarray]:
    """The inputs with an effect and their elasticities, the farthest from 0 first."""
    values = slopes.to_numpy().astype(float)
    order = np.argsort(-np.abs(np.where(np.isfinite(values), values, 0.0)), kind="stable")
    chosen = [place for place in order if np.isfinite(values[place]) and values[place] != 0][:MOST_BARS]
    return [str(name) for name in slopes[WRT].to_numpy()[chosen]], values[chosen]
