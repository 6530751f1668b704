"""Style: the look of every picture, on bokeh for pages that answer to the mouse and on matplotlib for files.

Colours are told apart by colour-blind readers: Okabe and Ito's for categories, cividis for values, and blue to brown
for what has two signs. No distinction that matters rests on colour alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from textwrap import fill
from typing import TYPE_CHECKING, Any

from ...specs.problems import RooflaxError
from ..figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from .scales import Scale, Values

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, BLACK, "#F0E442", "#8C6D31", "#7F7F7F")
MARKS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star")
MARKS_OF_FILES = "os^DvHP"
SEQUENTIAL, DIVERGING = "cividis", "BrBG"
HEIGHT = 440
INCHES = (7.2, 4.4)
_FONTS = {"title": "11pt", "labels": "10pt", "xticks": "9pt", "yticks": "9pt", "legend": "9pt"}
_LONGEST_HEADING = 72
_CROWDED, _LONGEST_TITLE = 54, 44
_ASPECT = 1.5
_MOST_ENTRIES = 1000
BACKENDS = ("bokeh", "matplotlib")
Hook = Callable[[Any, Any], None]


def library() -> Any:
    """Holoviews with its bokeh backend. Raises RooflaxError where the pictures' packages are not installed."""
    try:
        import holoviews as hv
        import holoviews.plotting.bokeh  # the backend registers itself
    except ImportError as error:
        raise missing(error) from error
    if hv.Store.current_backend != "bokeh":
        hv.Store.set_current_backend("bokeh")
    return hv


def missing(error: ImportError) -> RooflaxError:
    """What to tell where a package that pictures need is not there."""
    return RooflaxError(f"{error.name} is not installed; pictures need pip install 'rooflax[reports]'")


@contextmanager
def files_library() -> Iterator[Any]:
    """Holoviews with both backends, while a picture is drawn into a file."""
    holoviews = library()
    try:
        import holoviews.plotting.mpl  # the backend registers itself
    except ImportError as error:
        raise missing(error) from error
    holoviews.Store.set_current_backend("matplotlib")
    try:
        yield holoviews
    finally:
        holoviews.Store.set_current_backend("bokeh")


@contextmanager
def kept_backend() -> Iterator[None]:
    """Leaves the backend of a notebook as its user chose it, whichever pictures are drawn with."""
    holoviews = sys.modules.get("holoviews")
    before = holoviews.Store.current_backend if holoviews and holoviews.Store.loaded_backends() else ""
    try:
        yield
    finally:
        if holoviews and before in holoviews.Store.loaded_backends():
            holoviews.Store.set_current_backend(before)


def titled(plot: Any, title: str) -> Any:
    """A picture of one figure under a title."""
    lines = "\n".join(fill(line, _LONGEST_HEADING) for line in title.splitlines())
    single = isinstance(plot, library().Overlay | library().Element)
    return styled(plot, bokeh={"title": lines}, matplotlib={"title": lines}) if single else plot


def styled(element: Any, *, bokeh: Mapping[str, Any] | None = None, matplotlib: Mapping[str, Any] | None = None) -> Any:
    """An element with its options for the backends that are loaded."""
    holoviews = library()
    for backend, options in zip(BACKENDS, (bokeh, matplotlib), strict=True):
        if options and backend in holoviews.Store.loaded_backends():
            element = element.opts(**options, backend=backend)
    return element


def framed(
    plot: Any,
    x: Scale | Values,
    y: Scale | Values,
    *,
    title: str = "",
    legend: str = "",
    below: bool = False,
    hooks: Sequence[Hook] = (),
    file_hooks: Sequence[Hook] = (),
    cells: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """A plot with its axes: titles with units, scales, ticks, and a legend of that title beside it, or below.

    `hooks` change the bokeh figure after it is made, `file_hooks` that of matplotlib. A plot of `cells` ends where
    these do. `options` are further ones of both backends.
    """
    shared: dict[str, Any] = {
        "logx": x.log,
        "logy": y.log,
        "title": title,
        "show_grid": not cells,
    }
    if isinstance(plot, library().Overlay):  # an element alone knows no limit
        shared["legend_limit"] = _MOST_ENTRIES
    shared |= {"xlim": x.limits, "ylim": y.limits} if cells else {"padding": 0.04}
    shared |= {"xlabel": x.title, "ylabel": wrapped(y.title), "show_legend": bool(legend)}
    shared |= {f"{name}ticks": list(scale.ticks) for name, scale in (("x", x), ("y", y)) if scale.ticks}
    if sum(len(text) for _, text in x.ticks) > _CROWDED:
        shared["xrotation"] = 30
    shared |= options or {}
    page = {"responsive": True, "min_height": HEIGHT, "fontsize": _FONTS, "toolbar": "above"}
    place = {"legend_position": "bottom"} if below else {"legend_position": "right", "legend_opts": {"location": "top"}}
    beside = place if legend else {}
    file = {"fig_inches": INCHES, "aspect": _ASPECT}
    overlay = library().Overlay
    return styled(
        plot if isinstance(plot, overlay) else overlay([plot]),
        bokeh={**shared, **page, **beside, "hooks": [partial(_tidied, legend.strip()), *hooks]},
        matplotlib={**shared, **file, "hooks": [partial(_tidied_file, legend, below), *file_hooks]},
    )


def _tidied(legend: str, plot: Any, _: Any) -> None:
    """A bokeh figure without a logo, whose legend has a title and whose texts keep their distance."""
    figure = plot.handles["plot"]
    figure.toolbar.logo = None
    figure.axis.axis_label_text_font_style = "normal"
    figure.axis.axis_label_standoff = 8
    figure.grid.grid_line_alpha = 0.4
    for one in figure.legend:
        one.title, one.title_text_font_style = legend or None, "normal"
        one.border_line_alpha, one.margin, one.padding = 0.0, 2, 4


def _tidied_file(legend: str, below: bool, plot: Any, _: Any) -> None:
    """A matplotlib figure whose ticks are those we chose, and whose legend has a title and stands beside the plot."""
    from matplotlib.ticker import NullLocator

    axes = plot.handles["axis"]
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)
    turned = [text for text in axes.get_xticklabels() if text.get_rotation()]
    for text in turned:
        text.set(horizontalalignment="right", rotation_mode="anchor")
    handles, names = axes.get_legend_handles_labels()
    if legend and handles:
        shown = dict(zip(names, handles, strict=True))
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.42 if turned else -0.16), "ncols": 4}
        beside = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)}
        axes.legend(shown.values(), shown, title=legend.strip(), frameon=False, **(place if below else beside))


def coloured(scale: Values, palette: str) -> dict[str, dict[str, Any]]:
    """Options that colour by value, for both backends: a colour bar with its title beside the numbers."""
    shared = {
        "cmap": palette,
        "cnorm": "log" if scale.log else "linear",
        "colorbar": True,
        "clabel": wrapped(scale.title),
    }
    low, high = scale.limits
    shared |= {"clim": (low, high)}
    scale = replace(scale, ticks=tuple(tick for tick in scale.ticks if low <= tick[0] <= high))
    bar: dict[str, Any] = {"title_standoff": 12, "title_text_font_style": "normal", "padding": 8, "width": 14}
    if scale.ticks:
        from bokeh.models import FixedTicker

        places = [place for place, _ in scale.ticks]
        bar |= {"ticker": FixedTicker(ticks=places), "major_label_overrides": dict(scale.ticks)}
    file = {**shared, "colorbar": False, "hooks": [partial(_file_bar, scale)]}
    return {"bokeh": {**shared, "colorbar_opts": bar}, "matplotlib": file}


def _file_bar(scale: Values, plot: Any, _: Any) -> None:
    """A colour bar beside a matplotlib plot, once."""
    axes, drawn = plot.handles["axis"], plot.handles["artist"]
    if drawn.colorbar is None:
        bar = axes.figure.colorbar(drawn, ax=axes, label=wrapped(scale.title), use_gridspec=False)
        if scale.ticks:
            bar.set_ticks([place for place, _ in scale.ticks], labels=[text for _, text in scale.ticks])
            bar.minorticks_off()


def wrapped(title: str) -> str:
    """A title on as many lines as the height of a plot asks for."""
    return fill(title, _LONGEST_TITLE)
