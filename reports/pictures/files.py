"""Files of single pictures: PNG, SVG and PDF, drawn by matplotlib, equal byte for byte when drawn again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Any

from ...specs.problems import RooflaxError
from ..figures import DPI, STYLE
from .style import INCHES, files_library

KINDS = (".png", ".svg", ".pdf")
_LINE, _SOFT = 100, "#57606a"
_METADATA = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def write_picture(draw: Callable[[], Any], path: Path, caption: str = "") -> None:
    """Draws a picture into a file whose ending is one of `KINDS`; `draw` is called once matplotlib is there.

    The caption stands below it, so that the file says by itself what it shows.

    Raises RooflaxError for any other ending.
    """
    if path.suffix not in KINDS:
        raise RooflaxError(f"{path}: a name ending in {', '.join(KINDS)} was expected")
    with files_library() as holoviews:
        from matplotlib import pyplot as plt
        from matplotlib import rc_context
        from matplotlib.gridspec import GridSpec

        with rc_context({**STYLE, "svg.hashsalt": "rooflax"}):
            figure = holoviews.render(draw(), backend="matplotlib")
            figure.set_size_inches(*INCHES)
            for axes in figure.axes:
                axes.set_aspect("auto")
                axes.set_box_aspect(None)
            figure.axes[0].set_subplotspec(GridSpec(1, 1, figure=figure)[0])
            figure.set_layout_engine("constrained")
            if caption:
                figure.supxlabel(fill(caption, _LINE), fontsize="small", color=_SOFT)
            figure.savefig(path, dpi=DPI, bbox_inches="tight", facecolor="white", metadata=_METADATA[path.suffix])
            plt.close(figure)
