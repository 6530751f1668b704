"""Films: a picture for every combination of the labels of its selectors, in one figure that works without a server.

What differs from one combination to the next is kept as columns of the figure's data; choosing a label puts the
columns of that combination into the figure. Combinations whose figures are built otherwise have a figure of their own,
and one that has no picture says why.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..pictures.captions import caption, hidden
from ..pictures.scales import axis_scale, is_log, label_of
from ..pictures.style import library
from ..registry import Report

if TYPE_CHECKING:
    import xarray as xr

MOST_STATES = 12
RANGE = "actual_range"
_SWITCH = """
const state = states[selects.map(select => select.value).join(" ")];
figures.forEach((figure, place) => { figure.visible = place === state.figure; });
message.visible = state.problem !== "";
message.text = state.problem;
(sources[state.figure] ?? []).forEach((source, place) => { source.data = {...source.data, ...state.columns[place]}; });
"""
_NONE = -1
_FLAT = 0.15


@dataclass(frozen=True)
class Selector:
    """One dim that a reader chooses along: the positions of the labels that are offered, and the one shown first."""

    dim: str
    title: str
    positions: tuple[int, ...]
    texts: tuple[str, ...]
    first: int


def selectors(data: xr.Dataset, dims: Sequence[str], at: Mapping[str, int], most: int = MOST_STATES) -> list[Selector]:
    """A selector for each dim; the longest axes of numbers are thinned until `most` combinations are left."""
    offered = {dim: list(range(data.sizes[dim])) for dim in dims if data.sizes[dim] > 1}
    while np.prod([len(places) for places in offered.values()], dtype=int) > most:
        several = [dim for dim, places in offered.items() if len(places) > 1]
        longest = max(several, key=lambda dim: (data[dim].dtype.kind in "fiu", len(offered[dim])))
        offered[longest] = _thinned(offered[longest], at.get(longest, 0))
    return [_selector(data, dim, places, at.get(dim, 0)) for dim, places in offered.items() if len(places) > 1]


def _thinned(places: list[int], kept: int) -> list[int]:
    """About half of the positions: every other one, the one that is to stay among them."""
    offset = places.index(kept) % 2 if kept in places else 0
    return places[offset::2] if len(places) > 2 else [kept if kept in places else places[0]]


def _selector(data: xr.Dataset, dim: str, places: list[int], at: int) -> Selector:
    texts = axis_scale(data[dim]).texts
    first = places.index(at) if at in places else 0
    return Selector(dim, label_of(data[dim]), tuple(places), tuple(texts[place] for place in places), first)


def film(report: Report, data: xr.Dataset, choice: Mapping[str, str], at: Mapping[str, int], name: str) -> Any:
    """The bokeh layout of a picture and its selectors; values have one scale in all of its combinations.

    Raises RooflaxError where not one combination has a picture.
    """
    from bokeh.layouts import column, row
    from bokeh.models import CustomJS, PreText, Select

    chosen = selectors(data, hidden(report, data, choice), at)
    frames = {key: report.cut(data, choice, {**at, **where}) for key, where in _combinations(chosen)}
    first = " ".join(str(one.first) for one in chosen)
    shots = _shots(report, choice, frames, first)
    selects = [
        Select(title=one.title, value=str(one.first), options=[(str(i), text) for i, text in enumerate(one.texts)])
        for one in chosen
    ]
    now = shots.states[first]
    for place, figure in enumerate(shots.figures):
        figure.visible = place == now["figure"]
    message = PreText(text=now["problem"], visible=bool(now["problem"]))
    if selects:
        parts = {"figures": shots.figures, "sources": shots.sources, "message": message}
        arguments = {"selects": selects, "states": shots.states, **parts}
        switch = CustomJS(args=arguments, code=_SWITCH)
        for select in selects:
            select.js_on_change("value", switch)
    controls = [row(*selects, sizing_mode="stretch_width")] if selects else []
    return column(*controls, *shots.figures, message, sizing_mode="stretch_width", name=name)


def unoffered(report: Report, data: xr.Dataset, choice: Mapping[str, str], at: Mapping[str, int]) -> str:
    """Where a film lies along the dims that none of its selectors moves, in words."""
    dims = hidden(report, data, choice)
    moved = {one.dim for one in selectors(data, dims, at)}
    return caption(data, {dim: at.get(dim, 0) for dim in dims if dim not in moved})


def _combinations(chosen: Sequence[Selector]) -> list[tuple[str, dict[str, int]]]:
    """(key, positions) of every combination of labels."""
    keys = itertools.product(*(range(len(one.positions)) for one in chosen))
    return [
        (" ".join(map(str, key)), {one.dim: one.positions[i] for one, i in zip(chosen, key, strict=True)})
        for key in keys
    ]


@dataclass(frozen=True)
class _Shots:
    """Figures, the data sources of each, and for every combination its figure and the columns that are its own."""

    figures: list[Any]
    sources: list[list[Any]]
    states: dict[str, dict[str, Any]]


def _shots(report: Report, choice: Mapping[str, str], frames: Mapping[str, xr.Dataset], first: str) -> _Shots:
    _share_ranges(choice.values(), list(frames.values()))
    figures: dict[Any, tuple[Any, list[Any]]] = {}
    columns: dict[str, tuple[Any, list[dict[str, Any]]]] = {}
    problems: dict[str, RooflaxError] = {}
    for key in sorted(frames, key=lambda key: key != first):
        try:
            figure = library().renderer("bokeh").get_plot(report.draw(frames[key], **choice)).state
        except RooflaxError as error:
            problems[key] = error
            continue
        sources = [glyph.data_source for glyph in _glyphs(figure)]
        glyphs = tuple((type(glyph.glyph).__name__, tuple(sorted(glyph.data_source.data))) for glyph in _glyphs(figure))
        built = (glyphs, _words(figure), _colours(figure))
        figures.setdefault(built, (figure, sources))
        columns[key] = (built, [dict(source.data) for source in sources])
    if not figures:
        raise next(iter(problems.values()))
    order = list(figures)
    states = {
        key: {
            "figure": order.index(built),
            "columns": [_own(parts, place, columns, built) for place in range(len(parts))],
            "problem": "",
        }
        for key, (built, parts) in columns.items()
    }
    states |= {key: {"figure": _NONE, "columns": [], "problem": str(error)} for key, error in problems.items()}
    return _Shots([figure for figure, _ in figures.values()], [sources for _, sources in figures.values()], states)


def _words(figure: Any) -> tuple[str, ...]:
    """What a figure says at its axes and in its legend, which new numbers alone would leave behind."""
    legend = [item.label.value for one in figure.legend for item in one.items]
    return (*(str(axis.axis_label) for axis in figure.axis), *map(str, legend))


def _colours(figure: Any) -> tuple[Any, ...]:
    """The ends of a figure's scales of colours."""
    from bokeh.models import ContinuousColorMapper

    mappers = {id(one): one for glyph in _glyphs(figure) for one in glyph.select({"type": ContinuousColorMapper})}
    return tuple((type(one).__name__, one.low, one.high) for one in mappers.values())


def _own(parts: list[dict[str, Any]], place: int, columns: Mapping[str, Any], built: Any) -> dict[str, Any]:
    """The columns of one source that are not the same in every combination of its figure."""
    others = [theirs[place] for kind, theirs in columns.values() if kind == built]
    return {
        name: _compact(values)
        for name, values in parts[place].items()
        if not all(_equal(values, other[name]) for other in others)
    }


def _equal(one: Any, other: Any) -> bool:
    """Whether two columns hold the same; those of lines hold an array for each line."""
    if len(one) != len(other):
        return False
    if len(one) and isinstance(one[0], np.ndarray | list):
        return all(_equal(part, its) for part, its in zip(one, other, strict=True))
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype != second.dtype:
        return False
    return bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))


def _compact(values: Any) -> Any:
    """Numbers in half the bytes; a screen shows no more digits."""
    if len(values) and isinstance(values[0], np.ndarray | list):
        return [_compact(part) for part in values]
    array = np.asarray(values)
    return array.astype("float32") if array.dtype == "float64" else values


def _glyphs(figure: Any) -> list[Any]:
    from bokeh.models import GlyphRenderer

    return [renderer for renderer in figure.renderers if isinstance(renderer, GlyphRenderer)]


def _share_ranges(names: Any, frames: Sequence[xr.Dataset]) -> None:
    """Notes in every frame the range of its variables in all of them, from which scales are made.

    Where one of them would look the same all over, each keeps the scale of its own values.
    """
    for name in names:
        parts = [frame[name] for frame in frames if name in frame.data_vars and frame[name].dtype.kind == "f"]
        finite = [part.to_numpy()[np.isfinite(part.to_numpy())] for part in parts]
        ends = [(float(values.min()), float(values.max())) for values in finite if values.size]
        if not ends:
            continue
        shared = [min(low for low, _ in ends), max(high for _, high in ends)]
        if all(_share(low, high, shared) >= _FLAT for low, high in ends if high > low):
            for part in parts:
                part.attrs[RANGE] = shared


def _share(low: float, high: float, shared: Sequence[float]) -> float:
    """How much of a scale lies between two of its values."""
    if is_log(*shared):
        low, high, *shared = np.log([low, high, *shared]).tolist()
    return (high - low) / (shared[1] - shared[0])
