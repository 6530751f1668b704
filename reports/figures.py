"""Figures: curves, bars and panels in one style, drawn with hvplot on matplotlib and saved as PNG and PDF.

Published numbers are dashed with open markers, or hatched bars; corrected ones are solid. Colours are those of Okabe
and Ito, which colour-blind readers tell apart, and no distinction rests on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..specs.problems import RooflaxError
from .artists import (
    INK,
    LINES,
    Series,
    error_bars,
    fill,
    frame,
    once,
    open_markers,
    texts,
    ticks,
    top_of,
    value_texts,
)
from .documents.contract import Figure

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    INK,
)
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vPX"
GREY = "#666666"
DPI = 300

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "figure.max_open_warning": 0,
}
_MATPLOTLIB = {"backend": "matplotlib"}


def _named(label: str) -> str:
    """An axis label; a plain number has no unit to show."""
    return label.removesuffix(" [1]")


@contextmanager
def _library() -> Iterator[Any]:
    """Holoviews with the matplotlib backend, in the style of all figures."""
    try:
        import holoviews as hv
        import holoviews.plotting.mpl
        import hvplot  # noqa: F401 (absence is told here)
        from matplotlib import rc_context
    except ImportError as error:
        raise RooflaxError(f"{error.name} is not installed; figures need pip install 'rooflax[reports]'") from error
    with rc_context(STYLE):
        hv.Store.set_current_backend("matplotlib")
        yield hv


def curves(
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    log: str = "",
    title: str = "",
    legend: str = "best",
    whole_x: bool = False,
    x_ticks: Sequence[float] = (),
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    font: tuple[str, float] | None = None,
) -> Any:
    """Curves over one axis.

    `x` and `y` are labels with their units, "Time [s]". `log` names the logarithmic axes: "x", "y" or "xy". `legend`
    is a place of matplotlib ("upper left"), "right" for beside the plot, or "" for none. `whole_x` shows at most six
    whole numbers, `x_ticks` exactly these. `font` is a family and a size where a document asks for its own.
    """
    with _library() as holoviews:
        colors = _colors([(one.hue or one.label, one.color, one.style) for one in series])
        hues = list(dict.fromkeys(one.hue or one.label for one in series))
        drawn = [
            _curve(holoviews, one, color, MARKERS[hues.index(one.hue or one.label) % len(MARKERS)])
            for one, color in zip(series, colors, strict=True)
        ]
        hooks = [
            partial(open_markers, series=tuple(series)),
            partial(texts, series=tuple(series), colors=colors),
            partial(ticks, whole_x=whole_x, x_ticks=tuple(x_ticks), log=log),
            partial(frame, legend=legend if len(series) > 1 else "", font=font),
        ]
        limits = {"xlim": x_limits, "ylim": y_limits}
        return holoviews.Overlay(drawn).opts(
            holoviews.opts.Overlay(
                logx="x" in log,
                logy="y" in log,
                xlabel=_named(x),
                ylabel=_named(y),
                title=title,
                show_legend=False,
                padding=0.05,
                hooks=[once(hook) for hook in hooks],
                **{name: limit for name, limit in limits.items() if limit is not None},
                **_MATPLOTLIB,
            )
        )


def _curve(holoviews: Any, one: Series, color: str, marker: str) -> Any:
    from hvplot import hvPlot
    from pandas import DataFrame

    look = LINES[one.style]
    frame = DataFrame({"x": list(one.x), "y": list(one.y)})
    curve: Any = hvPlot(frame).line(x="x", y="y", label=one.label)
    style = {"color": color, "linestyle": look["linestyle"] or "none", "linewidth": 1.5}
    marked = {"marker": marker, "ms": 5} if look["marker"] else {}
    return curve.opts(holoviews.opts.Curve(**style, **marked, **_MATPLOTLIB))


def _colors(asked: Sequence[tuple[str, str, str]]) -> list[str]:
    """A colour for every (hue, own colour, style): one a hue, in the order in which hues appear."""
    hues = dict.fromkeys(hue for hue, own, style in asked if not own and style != "reference")
    given = {hue: PALETTE[place % len(PALETTE)] for place, hue in enumerate(hues)}
    return [own or (GREY if style == "reference" else given[hue]) for hue, own, style in asked]


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    y: str,
    x: str = "",
    stacked: bool = False,
    errors: Mapping[str, Sequence[float]] | None = None,
    values: str | Callable[[float], str] = "",
    published: Collection[str] = (),
    colors: Mapping[str, str] | None = None,
    title: str = "",
    legend: str = "best",
    log: bool = False,
    y_limits: tuple[float, float] | None = None,
    turn: float = 0,
) -> Any:
    """Bars for every group, side by side or stacked, one series a colour.

    `errors` draws error bars of that half-length, `values` writes each value with that format ("{:.3g}", or a function)
    above its bar or into its part of the stack, `published` names the series that are hatched. `turn` turns the
    groups' names.
    """
    from pandas import DataFrame

    with _library() as holoviews:
        rows = [(g, name, value) for name, column in series.items() for g, value in zip(groups, column, strict=True)]
        kdims = [holoviews.Dimension("group", values=list(groups)), holoviews.Dimension("part", values=list(series))]
        bar: Any = holoviews.Bars(DataFrame(rows, columns=["group", "part", "value"]), kdims, "value")
        chosen = _colors([(name, (colors or {}).get(name, ""), "plain") for name in series])
        bottom = _log_floor(series) if log else 0.0
        hooks = [
            partial(fill, series=series, groups=len(groups), published=frozenset(published), colors=chosen),
            partial(error_bars, series=series, groups=len(groups), errors=errors or {}),
            partial(value_texts, series=series, groups=len(groups), text=values, stacked=stacked, errors=errors or {}),
            partial(frame, legend=legend if len(series) > 1 else "", font=None, names=tuple(series)),
        ]
        top = top_of(series, errors or {}, stacked=stacked)
        limits = y_limits or ((bottom, top * 1.6) if log else (min(0.0, _lowest(series)), top * 1.12))
        return bar.opts(
            holoviews.opts.Bars(
                stacked=stacked,
                multi_level=False,
                xlabel=_named(x) or " ",
                ylabel=_named(y),
                title=title,
                logy=log,
                ylim=limits,
                xrotation=turn,
                show_legend=False,
                color=holoviews.Cycle(chosen),
                hooks=[once(hook) for hook in hooks],
                **_MATPLOTLIB,
            )
        )


def _lowest(series: Mapping[str, Sequence[float]]) -> float:
    return min((value for column in series.values() for value in column if not math.isnan(value)), default=0.0)


def _log_floor(series: Mapping[str, Sequence[float]]) -> float:
    positive = [value for column in series.values() for value in column if value > 0]
    return min(positive, default=1.0) / 2


def panels(*plots: Any, columns: int = 2) -> Any:
    """Several plots in one figure, each with axes of its own."""
    with _library() as holoviews:
        layout = holoviews.Layout(list(plots)).cols(columns)
        return layout.opts(
            holoviews.opts.Layout(shared_axes=False, sublabel_format="", hspace=0.45, vspace=0.45, **_MATPLOTLIB)
        )


def save(figure: Figure, folder: Path) -> tuple[Path, Path]:
    """The figure as PNG (300 dpi) and as PDF in a folder, equal byte for byte when drawn again."""
    from matplotlib import pyplot as plt

    targets = folder / f"{figure.name}.png", folder / f"{figure.name}.pdf"
    with _library() as holoviews:
        drawn = holoviews.render(figure.plot, backend="matplotlib")
        drawn.set_size_inches(*figure.size_inches)
        for axes in drawn.axes:
            axes.set_aspect("auto")
            axes.set_box_aspect(None)
        if isinstance(figure.plot, holoviews.Layout):
            _arrange(drawn, len(figure.plot), figure.plot._max_cols)
        kinds = {".png": {"dpi": DPI, "metadata": {"Software": None}}, ".pdf": {"metadata": {"CreationDate": None}}}
        for target in targets:
            drawn.savefig(target, bbox_inches="tight", facecolor="white", **kinds[target.suffix])
        plt.close(drawn)
    return targets


def _arrange(drawn: Any, count: int, columns: int) -> None:
    """Panels on a grid that leaves room for labels and legends."""
    from matplotlib.gridspec import GridSpec

    columns = min(columns, count)
    grid = GridSpec(-(-count // columns), columns, figure=drawn)
    for place, axes in enumerate(drawn.axes[:count]):
        axes.set_subplotspec(grid[place // columns, place % columns])
    drawn.tight_layout(w_pad=2.0, h_pad=2.0)
