"""The winner: the one best point of all that a search has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .pictures.feasible import FEASIBLE

if TYPE_CHECKING:
    import xarray as xr

RANK = "rank"


def winner(best: xr.Dataset) -> xr.Dataset | None:
    """The feasible cell whose objective is best, of rank 1; None where no cell is feasible."""
    first = best.isel({RANK: 0}) if RANK in best.sizes else best
    values = first[str(best.attrs["objective"])].where(first["status"] == FEASIBLE)
    flat = values.to_numpy().ravel()
    if not np.isfinite(flat).any():
        return None
    place = np.nanargmax(flat) if best.attrs["direction"] == "largest" else np.nanargmin(flat)
    return first.isel(dict(zip(values.dims, map(int, np.unravel_index(place, values.shape)), strict=True)))


def labels(point: xr.Dataset, best: xr.Dataset) -> dict[str, object]:
    """The labels of a winner along the axes of its cells, and of its configuration, by the names of inputs."""
    names = [*map(str, best.dims), *str(best.attrs.get("over", "")).split()]
    return {name: point[name].item() for name in names if name in point.variables and name != RANK}
