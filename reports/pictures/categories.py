"""Categories over two axes: areas of one look each, a legend of those that occur, and what the mouse shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .boxes import ABSENT, areas, boxes, look_of
from .feasible import NOT_COMPUTED
from .labels import shortened
from .scales import Scale, labels_of_cells
from .style import library, styled

MOST_LABELS = 120
_LONGEST = 34


def categories(
    codes: np.ndarray,
    words: Mapping[int, str],
    x: Scale,
    y: Scale,
    columns: Mapping[str, np.ndarray],
    tips: Sequence[tuple[str, str]],
) -> Any:
    """The cells (y, x) of a map by their codes; `columns` of text are shown by the mouse as `tips` say."""
    occurring = sorted(set(codes.ravel().tolist()))
    names = dict(zip(occurring, shortened([words[code] for code in occurring], _LONGEST), strict=True))
    drawn = [
        boxes(
            areas(codes == code, x, y),
            names[code],
            ABSENT if code == NOT_COMPUTED else look_of(code, len(occurring)),
        )
        for code in occurring
    ]
    every = {
        "code": codes.astype(float),
        "category": np.vectorize(words.__getitem__, otypes=[object])(codes),
        **labels_of_cells(x, y),
        **columns,
    }
    cells = library().QuadMesh((x.edges, y.edges, *every.values()), ["across", "up"], list(every))
    told = [(x.label, "@text_across"), (y.label, "@text_up"), *tips]
    touched = {"alpha": 0.0, "tools": ["hover", "tap"], "hover_tooltips": told, "colorbar": False}
    cells = styled(cells, bokeh=touched, matplotlib={"alpha": 0.0, "colorbar": False})
    return library().Overlay([cells, *drawn])
