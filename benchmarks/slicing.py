"""Slices through a stored grid of six axes: every plane that two of its axes span, read and drawn.

Files are in the cache of the operating system, as they are for somebody who looks around in a store; chunks are
decompressed anew for every slice.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import rooflax

from .grids import SPEC, refined

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Slices of a stored grid of six axes, files cached"
CAPTION = (
    "medians of 5; a plane is one output over two axes, its others at their middle labels; drawn: by hvplot as a mesh "
    "and by bokeh as its document, along axes of numbers"
)
COLUMNS = ("what", "points read", "seconds", "slowest plane", "fastest")
POINTS = float(os.environ.get("ROOFLAX_BENCH_POINTS", "1e9"))
"""How many points the store has; fewer where there is no room for some gigabytes."""


def rows() -> Iterator[tuple[str, ...]]:
    """A row for opening, one for each plane, and one for a plane as a picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zarr"
        points = rooflax.run(SPEC, store=path, overrides=[refined(POINTS)]).points
        yield "open", "", f"{_seconds(lambda: rooflax.open(path)) * 1e3:.0f} ms", "", ""
        results = rooflax.open(path)["dp_training_cost_6nd"]
        middle = {dim: size // 2 for dim, size in results.sizes.items()}
        found, drawn = [], []
        for plane in itertools.combinations(results.dims, 2):
            place = {dim: at for dim, at in middle.items() if dim not in plane}
            part, name = results.isel(place), " x ".join(map(str, plane))
            found.append((_seconds(part.compute), part.size, name))
            if all(part[dim].dtype.kind == "f" for dim in plane):
                drawn.append((_seconds(lambda part=part: _draw(part)), part.size, name))
        yield _row(f"a plane of {points:.1e} points, read", found)
        yield _row("the same, read and drawn", drawn)


def _row(what: str, found: Sequence[tuple[float, int, str]]) -> tuple[str, ...]:
    slowest, fastest = max(found), min(found)
    return (
        what,
        f"{median(size for _, size, _ in found):.0f}",
        f"{median(seconds for seconds, *_ in found) * 1e3:.0f} ms",
        f"{slowest[0] * 1e3:.0f} ms ({slowest[2]})",
        f"{fastest[0] * 1e3:.0f} ms ({fastest[2]})",
    )


def _draw(part: xr.DataArray) -> None:
    """A plane as bokeh's document, which is what a page is sent."""
    import holoviews as hv
    import hvplot.xarray  # noqa: F401 (gives arrays their method)
    from bokeh.document import Document

    y, x = part.dims
    mesh = part.compute().reset_coords(drop=True).hvplot.quadmesh(x=x, y=y)
    document = Document()
    document.add_root(hv.render(mesh, backend="bokeh"))
    document.to_json()


def _seconds(action: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return median([once() for _ in range(6)][1:])
