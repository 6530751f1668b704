"""Roofline: what rate each operator of a layer reaches, over how much it computes for each byte it moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ...specs.units import format_quantity
from ..figures import BLACK, GREY
from ..registry import report
from ..roles import BY
from .feasible import along
from .labels import few, shortened
from .points import points
from .scales import Values, axis_scale, label_of, logarithmic, named, scale_of
from .style import CATEGORIES, MARKS, framed, library, styled
from .texts import texts

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Operator:
    """The quantities of one operator, all of the forward pass of one micro-batch on one GPU.

    `traffic` that its time contains too is added where the dataset has it.
    """

    label: str
    flops: str
    traffic: tuple[str, ...]
    time: str

    @property
    def names(self) -> tuple[str, ...]:
        """Every quantity of the operator."""
        return (self.flops, *self.traffic, self.time)


def _operator(label: str, name: str) -> Operator:
    return Operator(label, f"{name}_flops", (f"{name}_traffic",), f"{name}_time")


OPERATORS = (
    _operator("attention projections", "projection"),
    Operator(
        "attention core",
        "attention_core_flops",
        ("attention_core_traffic", "softmax_traffic"),
        "attention_core_time",
    ),
    _operator("linear scan", "linear_scan"),
    _operator("dense feed-forward", "dense_feed_forward"),
    _operator("routed experts", "routed_feed_forward"),
    _operator("shared experts", "shared_feed_forward"),
    Operator("head and loss", "lm_head_flops", ("lm_head_traffic", "loss_traffic"), "lm_head_forward_time"),
)
ROOFS = (
    ("attainable", "attainable_flops", ("attainable_hbm_bandwidth", "hbm_bandwidth")),
    ("stated", "peak_flops", ("hbm_bandwidth", "attainable_hbm_bandwidth")),
    ("attention kernel's", "attention_rate", ("attainable_hbm_bandwidth", "hbm_bandwidth")),
)
_MAIN = OPERATORS[0].names
_ALL = tuple(name for operator in OPERATORS for name in operator.names)
_ROOF_NAMES = tuple(dict.fromkeys(name for _, flops, bandwidths in ROOFS for name in (flops, *bandwidths)))
_ROOM = 3.0
_DASHES = (("solid", "-"), ("dashed", "--"), ("dotted", ":"))
_LEGEND = "Forward, one layer"


@report(
    title="Operators below the roof of the machine",
    quantities=_MAIN,
    further=[*(name for name in _ALL if name not in _MAIN), *_ROOF_NAMES],
    units=dict(zip(_MAIN, ("FLOP", "B", "s"), strict=True)),
    roles={"by": BY},
)
def roofline(data: xr.Dataset, *, by: str = "") -> Any:
    """Below the slope an operator waits for memory, below the flat part for arithmetic; a gap is what it loses."""
    data, title = few(data, by, len(MARKS)) if by else (data, "")
    labels = shortened(axis_scale(data[by]).texts) if by else ("",)
    found = {operator: measured(data, operator, by) for operator in OPERATORS if _is_there(data, operator)}
    found = {operator: numbers for operator, numbers in found.items() if np.isfinite(numbers[1]).any()}
    if not found:
        raise RooflaxError("no operator here both computes and moves bytes in a finite time; choose other labels")
    roofs = [
        (name, _along(data, flops, by), _along(data, bandwidth, by))
        for name, flops, bandwidths in ROOFS
        for bandwidth in [known for known in bandwidths if known in data][:1]
        if flops in data
    ]
    ends = _ends(np.concatenate([*(n[0] for n in found.values()), *(flops / speed for _, flops, speed in roofs)]))
    starts = [ends[0] * speed for _, _, speed in roofs]
    rates = np.concatenate([*(n[1] for n in found.values()), *(flops for _, flops, _ in roofs), *starts])
    across = logarithmic(
        np.array(ends), Values(named("FLOPs for each byte of memory traffic", "FLOP/B"), 1, True, 0, 1)
    )
    up = logarithmic(rates, scale_of(rates, "Rate reached", "FLOP/s"))
    drawn = [part for roof in roofs for part in _roof(*roof, ends, across, up, labels)]
    for place, (operator, (intensity, rate, told)) in enumerate(found.items()):
        for which, label in enumerate(labels):
            columns = {title: [column[which]] for title, column in told.items()}
            columns = {"Operator": [operator.label], **({label_of(data[by]): [label]} if by else {}), **columns}
            spot = across.scaled(intensity[[which]]), up.scaled(rate[[which]])
            color, mark = CATEGORIES[place % len(CATEGORIES)], which if by else place
            drawn.append(points(*spot, operator.label, mark, columns, color=color, size=11))
    if by:
        nowhere = np.array([np.nan])
        drawn += [points(nowhere, nowhere, label, which, {}, color=BLACK) for which, label in enumerate(labels)]
    legend = f"{_LEGEND}\nmarks: {title}" if by else _LEGEND
    return framed(library().Overlay(drawn), across, up, legend=legend)


def measured(data: xr.Dataset, operator: Operator, by: str) -> tuple[np.ndarray, np.ndarray, dict[str, list[str]]]:
    """Intensity and rate of an operator along `by`, and the numbers behind them as text."""
    flops, time = _along(data, operator.flops, by), _along(data, operator.time, by)
    traffic = np.sum([_along(data, name, by) for name in operator.traffic if name in data], axis=0)
    good = (flops > 0) & (traffic > 0) & (time > 0) & np.isfinite(flops * traffic * time)
    nan = np.full_like(flops, np.nan)
    intensity = np.divide(flops, traffic, out=nan.copy(), where=good)
    rate = np.divide(flops, time, out=nan.copy(), where=good)
    columns = (("FLOPs", flops, "FLOP"), ("Traffic", traffic, "B"), ("Time", time, "s"))
    columns = (*columns, ("For each byte", intensity, "FLOP/B"), ("Rate", rate, "FLOP/s"))
    return intensity, rate, {title: [format_quantity(v, unit) for v in numbers] for title, numbers, unit in columns}


def _is_there(data: xr.Dataset, operator: Operator) -> bool:
    # The loss moves as many bytes as the head, so that without its traffic the head would seem to miss its roof.
    return _has(data, (operator.flops, operator.traffic[0], operator.time)) and (
        operator.time != "lm_head_forward_time" or "loss_traffic" in data
    )


def _has(data: xr.Dataset, names: Any) -> bool:
    return all(name in data for name in names)


def _along(data: xr.Dataset, name: str, by: str) -> np.ndarray:
    return np.atleast_1d(along(data, name, (by,) if by else ())).astype(float)


def _ends(intensities: np.ndarray) -> tuple[float, float]:
    finite = intensities[np.isfinite(intensities) & (intensities > 0)]
    return float(finite.min()) / _ROOM, float(finite.max()) * _ROOM


def _roof(
    name: str,
    flops: np.ndarray,
    bandwidth: np.ndarray,
    ends: tuple[float, float],
    across: Values,
    up: Values,
    labels: tuple[str, ...],
) -> list[Any]:
    """The roof of each label, once where all have the same."""
    dash = name != ROOFS[0][0]
    dashes = _DASHES[[own for own, *_ in ROOFS].index(name)]
    drawn, holoviews = [], library()
    pairs = dict.fromkeys(zip(flops.tolist(), bandwidth.tolist(), strict=True))
    for rate, speed in pairs:
        places = np.array([ends[0], min(max(rate / speed, ends[0]), ends[1]), ends[1]])
        heights = np.minimum(places * speed, rate)
        line = holoviews.Curve((across.scaled(places), up.scaled(heights)), label=f"{name} roof")
        color = GREY if dash else BLACK
        drawn.append(
            styled(
                line,
                bokeh={"color": color, "line_width": 1.8, "line_dash": dashes[0]},
                matplotlib={"color": color, "linewidth": 1.4, "linestyle": dashes[1]},
            )
        )
        if len(pairs) > 1 and not dash:
            which = list(zip(flops.tolist(), bandwidth.tolist(), strict=True)).index((rate, speed))
            spot = [(across.scaled(places)[2], up.scaled(heights)[2], labels[which])]
            drawn.append(texts(spot, align="right", baseline="bottom"))
    return drawn
