"""What is drawn on the axes of a figure: markers, ticks, bars and their values, error bars, texts, frame and legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INK = "#222222"
LINES = {
    "corrected": {"linestyle": "-", "marker": True, "open": False},
    "published": {"linestyle": "--", "marker": True, "open": True},
    "plain": {"linestyle": "-", "marker": True, "open": False},
    "line": {"linestyle": "-", "marker": False, "open": False},
    "reference": {"linestyle": ":", "marker": False, "open": False},
    "points": {"linestyle": "", "marker": True, "open": False},
}


@dataclass(frozen=True)
class Series:
    """One curve: its label in the legend, its points, and how it is drawn.

    `style` is corrected, published, plain, line (no markers), reference (dotted, grey) or points (no line). Without a
    colour the palette's next is taken; series of equal `hue` share it and the marker, which is open on published curves
    and filled on corrected ones. `texts` stand beside the points.
    """

    label: str
    x: Sequence[Any]
    y: Sequence[float]
    style: str = "plain"
    hue: str = ""
    color: str = ""
    texts: Sequence[str] = ()


def top_of(series: Mapping[str, Sequence[float]], errors: Mapping[str, Sequence[float]], *, stacked: bool) -> float:
    """The height of the tallest bar or stack, error bars included."""
    columns = [
        [value + error for value, error in zip(column, errors.get(name, [0.0] * len(column)), strict=True)]
        for name, column in series.items()
    ]
    heights = [sum(parts) for parts in zip(*columns, strict=True)] if stacked else [v for c in columns for v in c]
    return max((height for height in heights if not math.isnan(height)), default=1.0) or 1.0


def once(draw: Callable[..., None]) -> Callable[[Any, Any], None]:
    """A hook that draws on a plot's axes once, since holoviews calls hooks again when it updates a plot."""

    def hook(plot: Any, _: Any) -> None:
        axes = plot.handles["axis"]
        done = axes.__dict__.setdefault("_drawn_hooks", set())
        if id(draw) not in done:
            done.add(id(draw))
            draw(axes)

    return hook


def frame(axes: Any, *, legend: str, font: tuple[str, float] | None, names: Sequence[str] = ()) -> None:
    """Grid, spines and legend."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", axis="y" if names else "both", linestyle="--", linewidth=0.5, color="#BBBBBB")
    axes.set_axisbelow(True)
    for line in axes.lines:
        line.set_zorder(line.get_zorder() + 2)
    if names:
        edges = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        axes.set_xlim(min(left for left, _ in edges) - 0.15, max(right for _, right in edges) + 0.15)
    if legend:
        handles, labels = _legend_entries(axes, names)
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)} if legend == "right" else {"loc": legend}
        axes.legend(handles, labels, frameon=legend != "right", framealpha=0.9, edgecolor="none", **place)
    if font:
        _set_font(axes, *font)


def _legend_entries(axes: Any, names: Sequence[str]) -> tuple[list[Any], list[str]]:
    if not names:
        handles, labels = axes.get_legend_handles_labels()
        return list(handles), list(labels)
    groups = len(axes.patches) // len(names)
    return [axes.patches[place * groups] for place in range(len(names))], list(names)


def _set_font(axes: Any, family: str, size: float) -> None:
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label]
    texts += axes.get_legend().get_texts() if axes.get_legend() else []
    for text in texts:
        text.set_fontfamily(family)
        text.set_fontsize(size)
    axes.tick_params(labelfontfamily=family, labelsize=size - 2)


def ticks(axes: Any, *, whole_x: bool, x_ticks: tuple[float, ...], log: str) -> None:
    """The ticks of the horizontal axis."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    if x_ticks:
        axes.xaxis.set_major_locator(FixedLocator(x_ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    elif whole_x and "x" not in log:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def open_markers(axes: Any, *, series: tuple[Series, ...]) -> None:
    """The markers of published curves, filled with white."""
    for line, one in zip(axes.lines, series, strict=False):
        if LINES[one.style]["open"]:
            line.set_markerfacecolor("white")


def texts(axes: Any, *, series: tuple[Series, ...], colors: Sequence[str]) -> None:
    """The texts beside the points of curves."""
    for one, color in zip(series, colors, strict=True):
        for text, across, up in zip(one.texts, one.x, one.y, strict=bool(one.texts)):
            axes.annotate(
                text, (across, up), xytext=(6, -8), textcoords="offset points", fontsize=7, color=color, clip_on=False
            )


def _parts(axes: Any, series: Mapping[str, Sequence[float]], groups: int) -> Iterator[tuple[str, int, int, float, Any]]:
    """(series, its place, group, value, patch) of every bar."""
    for place, (name, column) in enumerate(series.items()):
        for group, value in enumerate(column):
            yield name, place, group, value, axes.patches[place * groups + group]


def fill(
    axes: Any,
    *,
    series: Mapping[str, Sequence[float]],
    groups: int,
    published: Collection[str],
    colors: Sequence[str],
) -> None:
    """The colours of bars, published ones hatched."""
    for name, place, _, _, patch in _parts(axes, series, groups):
        patch.set_facecolor("white" if name in published else colors[place])
        patch.set_edgecolor(colors[place] if name in published else "white")
        patch.set_hatch("////" if name in published else None)
        patch.set_linewidth(0.8)
        patch.set_zorder(2)


def error_bars(
    axes: Any, *, series: Mapping[str, Sequence[float]], groups: int, errors: Mapping[str, Sequence[float]]
) -> None:
    """Error bars on top of bars."""
    for name, _, group, value, patch in _parts(axes, series, groups):
        if name in errors:
            center = patch.get_x() + patch.get_width() / 2
            axes.errorbar(center, value, yerr=errors[name][group], color=INK, capsize=4, linewidth=1.0, zorder=3)


def value_texts(
    axes: Any,
    *,
    series: Mapping[str, Sequence[float]],
    groups: int,
    text: str | Callable[[float], str],
    stacked: bool,
    errors: Mapping[str, Sequence[float]],
) -> None:
    """The value of every bar above it, or inside its part of a stack."""
    if not text:
        return
    shown = text.format if isinstance(text, str) else text
    whole = top_of(series, {}, stacked=True)
    for name, _, group, value, patch in _parts(axes, series, groups):
        center = patch.get_x() + patch.get_width() / 2
        if not stacked:
            up = value + (errors[name][group] if name in errors else 0.0)
            over = {"xytext": (0, 2), "textcoords": "offset points", "va": "bottom"}
            axes.annotate(shown(value), (center, up), ha="center", fontsize=7, **over)
        elif value > 0.04 * whole:
            middle = patch.get_y() + patch.get_height() / 2
            box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
            axes.text(center, middle, shown(value), ha="center", va="center", fontsize=7, bbox=box, zorder=4)
