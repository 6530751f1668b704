"""Scaling: a time or a rate along an axis such as the number of GPUs beside what it would be without losses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..figures import GREY
from ..registry import report
from ..roles import BY, NUMERIC, PACE
from .feasible import along, feasible
from .labels import arranged, few, shortened
from .line import curve
from .scales import Scale, Values, axis_scale, label_of, scale_of
from .style import CATEGORIES, framed, library, styled
from .texts import texts

if TYPE_CHECKING:
    import xarray as xr

_ROLES = {
    "quantity": replace(PACE, prefers=("tokens_per_second", "saturated_output_tokens_per_second")),
    "x": replace(NUMERIC, prefers=("world_size", "serving_gpus", "concurrency")),
    "by": BY,
}
_PER_UNIT = ("_per_gpu", "_per_user")
_ROOM, _APART = 0.08, 0.06
_IDEAL = "ideal"


@report(title="How {quantity} scales with {x}", roles=_ROLES)
def scaling(data: xr.Dataset, *, quantity: str, x: str, by: str = "") -> Any:
    """Dashed: the first feasible point scaled; at the end of each curve the efficiency that is left."""
    holoviews = library()
    data, legend = few(data, by) if by else (data, "")
    data = arranged(data, x)
    across = axis_scale(data[x])
    labels, holds, values, ideals = _series(data, quantity, x, by)
    unit = str(data[quantity].attrs.get("units", "1"))
    shown = scale_of(np.stack([values, ideals]), label_of(data[quantity]), unit)
    drawn, ends = [], []
    for place, label in enumerate(labels):
        one, best = shown.scaled(values[place]), shown.scaled(ideals[place])
        ideal = holoviews.Curve((across.places, best), label=_IDEAL)
        color = GREY if len(labels) == 1 else CATEGORIES[place % len(CATEGORIES)]
        drawn.append(
            styled(
                ideal,
                bokeh={"color": color, "line_dash": "dashed", "alpha": 0.7},
                matplotlib={"color": color, "linestyle": "--", "linewidth": 1.0, "alpha": 0.7},
            )
        )
        drawn += curve(across.places, one, holds[place], label, place)
        last = np.flatnonzero(holds[place] & np.isfinite(values[place]))[-1]
        share = efficiency(values[place], ideals[place], _power(data, quantity))[last]
        ends.append((across.places[last], one[last], f"\u2002{100 * share:.0f} %"))
    legend = "\n".join(filter(None, [legend, "at the end: efficiency"]))
    return framed(
        holoviews.Overlay([*drawn, texts(apart(ends, shown), align="left")]),
        across,
        shown,
        legend=legend,
        options={"xlim": _roomy(across)},
    )


@report(title="Efficiency of {quantity} along {x}", roles=_ROLES)
def scaling_efficiency(data: xr.Dataset, *, quantity: str, x: str, by: str = "") -> Any:
    """100 % is the first feasible point scaled."""
    data, legend = few(data, by) if by else (data, "")
    data = arranged(data, x)
    across = axis_scale(data[x])
    labels, holds, values, ideals = _series(data, quantity, x, by)
    shares = 100 * np.array([efficiency(*pair, _power(data, quantity)) for pair in zip(values, ideals, strict=True)])
    finite = shares[np.isfinite(shares)]
    shown = Values("Efficiency [%]", 1.0, False, float(finite.min()), float(finite.max()))
    drawn = [
        part
        for place, label in enumerate(labels)
        for part in curve(across.places, shares[place], holds[place], label, place)
    ]
    whole = styled(
        library().HLine(100.0),
        bokeh={"color": GREY, "line_dash": "dashed", "line_width": 1},
        matplotlib={"color": GREY, "linestyle": "--", "linewidth": 1.0},
    )
    limits = {"ylim": (0.0, max(105.0, shown.high * 1.05))}
    return framed(library().Overlay([whole, *drawn]), across, shown, legend=legend, options=limits)


def apart(spots: list[tuple[float, float, str]], shown: Values) -> list[tuple[float, float, str]]:
    """Spots at the end of an axis moved up, where texts would lie on each other."""
    low, high = np.log(shown.limits) if shown.log else shown.limits
    gap, moved, before = _APART * (high - low), [], -np.inf
    for x, y, text in sorted(spots, key=lambda spot: spot[1]):
        before = max(float(np.log(y) if shown.log else y), before + gap)
        moved.append((x, float(np.exp(before)) if shown.log else before, text))
    return moved


def _roomy(across: Scale) -> tuple[float, float]:
    """The ends of an axis with room for texts beside the last points."""
    low, high = across.limits
    return (low, high * (high / low) ** _ROOM) if across.log else (low, high + _ROOM * (high - low))


def efficiency(values: np.ndarray, ideals: np.ndarray, power: int) -> np.ndarray:
    """What is left of the ideal: of a time its inverse share, of a rate its share."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return ideals / values if power < 0 else values / ideals


def _power(data: xr.Dataset, quantity: str) -> int:
    """How a quantity follows the axis without losses: a time falls, a rate of one GPU stays, any other rate grows."""
    if str(data[quantity].attrs.get("units")) == "s":
        return -1
    return 0 if quantity.endswith(_PER_UNIT) else 1


def _series(
    data: xr.Dataset, quantity: str, x: str, by: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """The labels of the curves with a feasible point, where their points hold, their values, and the ideal ones."""
    dims = (by, x) if by else (x,)
    values = np.atleast_2d(along(data, quantity, dims)).astype(float)
    holds = np.atleast_2d(feasible(data, dims))
    names = shortened(axis_scale(data[by]).texts) if by else (label_of(data[quantity]),)
    good = holds & np.isfinite(values) & (values > 0)
    kept = np.flatnonzero(good.any(axis=1))
    if not len(kept):
        raise RooflaxError(
            f"{label_of(data[quantity])}: no point along {label_of(data[x])} is feasible, so none can be scaled"
        )
    first = good[kept].argmax(axis=1)
    along_x = data[x].to_numpy().astype(float)
    power = _power(data, quantity)
    ideals = values[kept, first][:, None] * (along_x[None, :] / along_x[first][:, None]) ** power
    started = np.arange(len(along_x))[None, :] >= first[:, None]
    return tuple(names[row] for row in kept), holds[kept], values[kept], np.where(started, ideals, np.nan)
