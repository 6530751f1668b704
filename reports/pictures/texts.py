"""Texts in a plot: short ones beside what they tell of, on a pale ground where lines pass below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..figures import BLACK
from .style import library, styled

_GROUND, _PALE = "#FFFFFF", 0.8
_BASELINES = {"bottom": "bottom", "middle": "center"}


def texts(
    spots: Sequence[tuple[float, float, str]],
    *,
    align: str = "center",
    baseline: str = "middle",
    grounded: bool = False,
) -> Any:
    """Texts at (x, y): `align` is their side that lies there; grounded ones cover what is below them."""
    drawn = library().Labels(list(spots), ["across", "up"], "text")
    ground = {"background_fill_color": _GROUND, "background_fill_alpha": _PALE} if grounded else {}
    return styled(
        drawn,
        bokeh={
            "text_align": align,
            "text_baseline": baseline,
            "text_font_size": "9pt",
            "text_color": BLACK,
            **ground,
        },
        matplotlib={
            "horizontalalignment": align,
            "verticalalignment": _BASELINES[baseline],
            "size": 8,
            "color": BLACK,
            "hooks": [_grounded] if grounded else [],
        },
    )


def _grounded(plot: Any, _: Any) -> None:
    for text in plot.handles["axis"].texts:
        text.set_bbox({"facecolor": _GROUND, "alpha": _PALE, "linewidth": 0.0, "pad": 1.0})
