"""Best points of results that are already computed, searched part by part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..specs.blocks import Regions, block_grid
from .best import RANK, Candidates, candidates_in, smallest_of
from .sweep import MARGIN, STATUS, Objective

if TYPE_CHECKING:
    import xarray as xr


def best_of_results(results: xr.Dataset, objective: Objective) -> xr.Dataset:
    """The best points of a dataset over some of its dims, with every variable and the labels that won."""
    import xarray as xr

    sizes = {str(dim): size for dim, size in results.sizes.items()}
    over = tuple(dim for dim in sizes if dim in objective.over)
    kept = tuple(dim for dim in sizes if dim not in over)
    top = min(objective.top, math.prod(sizes[dim] for dim in over))
    total = Candidates.none(tuple(sizes[dim] for dim in kept), len(over), top)
    keys = [results[name] for name in (objective.quantity, STATUS, MARGIN)]
    for region in Regions(sizes, block_grid(sizes)):
        slices = {dim: slice(*bounds) for dim, bounds in region.slices.items()}
        parts = [_full(key, slices, (*kept, *over)) for key in keys]
        found = smallest_of(*parts, largest=objective.largest, kept=len(kept), top=top)
        total.merge(candidates_in(found, region, over, top), region.selection(kept))
    dims = (*kept, RANK)
    picks = {dim: xr.DataArray(place, dims=dims) for dim, place in zip(over, total.places, strict=True)}
    best = results.isel(picks)
    best = best.reset_coords([name for name in best.coords if name not in kept]).transpose(*kept, RANK)
    best = best.assign_coords({RANK: np.arange(1.0, top + 1)}) if objective.top > 1 else best.isel({RANK: 0}, drop=True)
    direction = "largest" if objective.largest else "smallest"
    attrs = {"objective": objective.quantity, "direction": direction, "over": " ".join(objective.over)}
    for name in best.data_vars:
        if name in sizes or results.get(name) is None:
            best[name].attrs["role"] = "configuration"
    return best.load().assign_attrs(attrs)


def _full(variable: xr.DataArray, slices: dict[str, slice], dims: tuple[str, ...]) -> np.ndarray:
    """A variable's part of a block, broadcast to all dims in the given order."""
    part = variable.isel({dim: span for dim, span in slices.items() if dim in variable.dims})
    shape = [slices[dim].stop - slices[dim].start for dim in dims]
    missing = [dim for dim in dims if dim not in part.dims]
    return np.broadcast_to(part.expand_dims(missing).transpose(*dims).to_numpy(), shape)
