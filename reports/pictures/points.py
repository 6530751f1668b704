"""Points of one look in a plane, which the mouse explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .style import CATEGORIES, MARKS, MARKS_OF_FILES, library, styled


def points(
    x: np.ndarray,
    y: np.ndarray,
    label: str,
    place: int,
    columns: Mapping[str, Sequence[Any]],
    *,
    color: str = "",
    size: float = 8,
    alpha: float = 0.85,
) -> Any:
    """Points of the look at a place of the order, with columns of text, by the titles that the mouse shows."""
    names = {f"text_{number}": title for number, title in enumerate(columns)}
    texts = [np.array([str(value) for value in column], dtype=object) for column in columns.values()]
    drawn = library().Scatter((x, y, *texts), "across", ["up", *names], label=label)
    tips = [(title, f"@{name}") for name, title in names.items()]
    color = color or CATEGORIES[place % len(CATEGORIES)]
    mark = place % len(MARKS)
    touched = {"tools": ["hover", "tap"], "hover_tooltips": tips} if tips else {"default_tools": []}
    return styled(
        drawn,
        bokeh={"color": color, "marker": MARKS[mark], "size": size, "alpha": alpha, **touched},
        matplotlib={"color": color, "marker": MARKS_OF_FILES[mark], "s": (0.6 * size) ** 2, "alpha": alpha},
    )
