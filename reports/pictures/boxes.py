"""Boxes: rectangles of one look that a legend names, for bars, stacks and areas of a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..figures import GREY
from .scales import Scale
from .style import CATEGORIES, library, styled

Corners = tuple[float, float, float, float]
PATTERNS = (
    ("", ""),
    ("dot", ".."),
    ("horizontal_line", "--"),
    ("cross", "++"),
    ("left_diagonal_line", "\\\\\\\\"),
    ("vertical_line", "||"),
    ("diagonal_cross", "xx"),
)
_WHITE, _SLANTED = "#FFFFFF", ("right_diagonal_line", "////")
_FEW = 4


@dataclass(frozen=True)
class Look:
    """A colour, and hatching by its names on both backends."""

    color: str
    pattern: tuple[str, str] = PATTERNS[0]
    alpha: float = 1.0
    scale: float = 12.0


SHADED = Look(GREY, _SLANTED, 0.35, 9.0)
ABSENT = Look("#DDDDDD")


def look_of(place: int, of: int = _FEW) -> Look:
    """The look of one category: a colour, with hatching where there are more than a few or the colours repeat."""
    rounds = place // len(CATEGORIES)
    hatching = PATTERNS[(place + rounds) % len(PATTERNS)] if of > _FEW or rounds else PATTERNS[0]
    return Look(CATEGORIES[place % len(CATEGORIES)], hatching)


def boxes(
    corners: Sequence[Corners],
    label: str,
    look: Look,
    columns: Mapping[str, Sequence[Any]] | None = None,
    tips: Sequence[tuple[str, str]] = (),
) -> Any:
    """Rectangles from (left, bottom) to (right, top), with columns that the mouse shows as `tips` say."""
    holoviews = library()
    columns = columns or {}
    kdims = ["left", "bottom", "right", "top"]
    sides = np.array(corners, dtype=float).reshape(-1, 4).T
    table = (*sides, *(np.array(list(column)) for column in columns.values()))
    drawn = holoviews.Rectangles(table, kdims, list(columns), label=label)
    touched = {"tools": ["hover", "tap"], "hover_tooltips": list(tips)} if tips else {"default_tools": []}
    return styled(
        drawn,
        bokeh={
            "fill_color": look.color,
            "fill_alpha": look.alpha,
            "line_alpha": 0.0,
            "hooks": [partial(_hatch, look)],
            **touched,
        },
        matplotlib={
            "facecolor": f"{look.color}{round(255 * look.alpha):02x}",
            "edgecolor": _WHITE,
            "hatch": look.pattern[1],
            "linewidth": 0.0,
        },
    )


def _hatch(look: Look, plot: Any, _: Any) -> None:
    if look.pattern[0]:
        glyph = plot.handles["glyph"]
        glyph.hatch_pattern, glyph.hatch_color, glyph.hatch_alpha = look.pattern[0], _WHITE, 0.75
        glyph.hatch_scale = look.scale


def areas(chosen: np.ndarray, x: Scale, y: Scale) -> list[Corners]:
    """The corners of the cells (y, x) of a map that are chosen, one rectangle for every run along x."""
    return [
        (float(x.edges[start]), float(y.edges[row]), float(x.edges[stop]), float(y.edges[row + 1]))
        for row, line in enumerate(chosen)
        for start, stop in _runs(line)
    ]


def _runs(line: np.ndarray) -> list[tuple[int, int]]:
    """The first and last but one position of every run of True."""
    turns = np.diff(np.concatenate([[False], line, [False]]).astype(int))
    return list(zip(np.flatnonzero(turns == 1).tolist(), np.flatnonzero(turns == -1).tolist(), strict=True))
