"""Most valuable input: over two axes, which input moves a quantity most where it grows by one percent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..registry import report
from ..roles import AXIS, SLOPE, WRT
from .categories import MOST_LABELS, categories
from .feasible import NOT_COMPUTED, along, feasible, hatched
from .labels import arranged, in_words
from .scales import axis_scale
from .style import framed

if TYPE_CHECKING:
    import xarray as xr

_WHERE_NONE = "none has an effect"


@report(
    title="Input with the largest {slope} over {x} and {y}",
    roles={"slope": SLOPE, "x": AXIS, "y": AXIS},
    group="gradients",
)
def most_valuable_input(data: xr.Dataset, *, slope: str, x: str, y: str) -> Any:
    """The mouse shows the elasticity by that input."""
    data = arranged(data, x, y, most=MOST_LABELS)
    across, up, dims = axis_scale(data[x]), axis_scale(data[y]), (y, x)
    values = along(data, slope, (*dims, WRT)).astype(float)
    codes, largest = winners(values)
    words = {place: in_words(str(name)) for place, name in enumerate(data[WRT].to_numpy())}
    texts = np.vectorize(lambda value: f"{value:+.3g}", otypes=[object])(largest)
    tips = [("Most valuable input", "@category"), ("Elasticity", "@elasticity")]
    drawn = categories(codes, {**words, NOT_COMPUTED: _WHERE_NONE}, across, up, {"elasticity": texts}, tips)
    return framed(hatched(drawn, ~feasible(data, dims), across, up), across, up, legend="Input", cells=True)


def winners(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Along the last axis, the position of the value that is farthest from 0, and that value."""
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    places = sizes.argmax(axis=-1)
    found = np.take_along_axis(values, places[..., None], axis=-1)[..., 0]
    return np.where(sizes.max(axis=-1) > 0, places, NOT_COMPUTED), found
