"""Best points of results that are already computed, searched part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..specs.blocks import Regions, block_grid
from .best import RANK, BestSearch
from .sweep import Objective

if TYPE_CHECKING:
    import xarray as xr


def best_of_results(results: xr.Dataset, objective: Objective) -> xr.Dataset:
    """The best points of a dataset over some of its dims, with every variable and the labels that won.

    The dataset holds the objective, `status` and `margin`; it is read a block at a time.
    """
    sizes = {str(dim): size for dim, size in results.sizes.items()}
    dims = {str(name): tuple(map(str, variable.dims)) for name, variable in results.data_vars.items()}
    search = BestSearch(sizes, dims, objective)
    for region in Regions(sizes, block_grid(sizes)):
        part = results.isel({dim: slice(*span) for dim, span in region.slices.items()})
        search.add(region, {name: _full(part[name], tuple(sizes)) for name in dims})
    return best_dataset(search, results)


def best_dataset(search: BestSearch, like: xr.Dataset) -> xr.Dataset:
    """The winners of a search as a dataset: the labels that won along every reduced axis, and all variables.

    `like` has the coordinates of the grid and the attributes of the variables.
    """
    import xarray as xr

    ranked = search.objective.top > 1
    dims = (*search.kept, RANK) if ranked else search.kept
    rank = slice(None) if ranked else 0
    data = {}
    for dim in search.over:
        for name, coord in like.coords.items():
            if coord.dims == (dim,) and not (name == dim and _is_zipped(like, dim)):
                attrs = {**coord.attrs, "role": "configuration"}
                data[name] = (dims, coord.to_numpy()[search.places[dim][..., rank]], attrs)
    data |= {name: (dims, values[..., rank], like[name].attrs) for name, values in search.values.items()}
    coords = {name: coord for name, coord in like.coords.items() if set(coord.dims) <= set(search.kept)}
    if ranked:
        coords[RANK] = (RANK, np.arange(1.0, search.top + 1), {"long_name": "Rank", "units": "1"})
    direction = "largest" if search.objective.largest else "smallest"
    attrs = {"objective": search.objective.quantity, "direction": direction, "over": " ".join(search.over)}
    return xr.Dataset(data, coords, attrs)


def _is_zipped(like: xr.Dataset, dim: str) -> bool:
    """Whether a dim carries the labels of several inputs beside its own numbering."""
    return any(coord.dims == (dim,) and name != dim for name, coord in like.coords.items())


def _full(variable: xr.DataArray, dims: tuple[str, ...]) -> np.ndarray:
    """A variable with one axis per dim of the grid, of size 1 where it does not vary."""
    missing = [dim for dim in dims if dim not in variable.dims]
    return variable.expand_dims(missing).transpose(*dims).to_numpy()
