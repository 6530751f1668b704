"""Slices through a stored grid of six axes: every plane that two of its axes span.

Files are in the cache of the operating system, as they are for somebody who looks around in a store; chunks are
decompressed anew for every slice.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import rooflax

from .grids import SPEC, refined

TITLE = "Slices of a stored grid of six axes, files cached"
CAPTION = "medians of 5; a plane is one output over two axes, its others at their middle labels"
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
        found = []
        for plane in itertools.combinations(results.dims, 2):
            place = {dim: at for dim, at in middle.items() if dim not in plane}
            part = results.isel(place)
            found.append((_seconds(part.compute), part.size, " x ".join(map(str, plane))))
        slowest, fastest = max(found), min(found)
        yield (
            f"a plane of {points:.1e} points",
            f"{median(size for _, size, _ in found):.0f}",
            f"{median(seconds for seconds, *_ in found) * 1e3:.0f} ms",
            f"{slowest[0] * 1e3:.0f} ms ({slowest[2]})",
            f"{fastest[0] * 1e3:.0f} ms ({fastest[2]})",
        )


def _seconds(action: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return median([once() for _ in range(6)][1:])
