"""Best points and frontiers as datasets, and those of results that are already computed, searched part by part."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.blocks import Region, Regions, block_grid
from ...specs.conditions import Comparison
from ..sweep import STATUS, Frontier, Objective
from .best import RANK, TIES, BestSearch
from .pareto import POINT, FrontSearch

if TYPE_CHECKING:
    import xarray as xr

CONFIGURATION = {"role": "configuration"}
_TIES = {
    "long_name": "Points with this value",
    "units": "1",
    "comment": "feasible points of the cell whose objective has exactly this value, this one among them; 0 where none "
    "is feasible",
}


def best_of_results(results: xr.Dataset, objective: Objective) -> xr.Dataset:
    """The best points of a dataset over some of its dims, with every variable and the labels that won.

    The dataset holds the objective, `status` and `margin`; it is read a block at a time.
    """
    search = BestSearch(_sizes(results), _dims(results), objective)
    for region, part in _parts(results):
        search.add(region, {name: _full(part[name], tuple(search.sizes)) for name in search.dims})
    return best_dataset(search, results)


def front_of_results(
    results: xr.Dataset, frontier: Frontier, conditions: Sequence[tuple[Comparison, xr.DataArray]] = ()
) -> xr.Dataset:
    """The frontiers of a dataset over some of its dims, of the feasible points that meet further conditions.

    Each condition stands beside the array that it compares, on dims of the dataset. The dataset holds the objectives
    and `status`; it is read a block at a time.
    """
    sizes, dims = _sizes(results), _dims(results)
    varying = {*dims[STATUS], *(str(dim) for _, compared in conditions for dim in compared.dims)}
    dims[STATUS] = tuple(dim for dim in sizes if dim in varying)
    search = FrontSearch(sizes, dims, frontier)
    for region, part in _parts(results):
        values = {name: _full(part[name], tuple(sizes)) for name in dims}
        for condition, compared in conditions:
            own = compared.isel({dim: slice(*region.slices[str(dim)]) for dim in compared.dims})
            fails = ~condition.holds_at(_full(own, tuple(sizes)))
            values[STATUS] = np.where(fails & (values[STATUS] == 0), np.int8(1), values[STATUS])
        search.add(region, values)
    return front_dataset(search, results)


def _sizes(results: xr.Dataset) -> dict[str, int]:
    return {str(dim): size for dim, size in results.sizes.items()}


def _dims(results: xr.Dataset) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, variable.dims)) for name, variable in results.data_vars.items()}


def _parts(results: xr.Dataset) -> Iterator[tuple[Region, xr.Dataset]]:
    """The blocks of a dataset, each with its part."""
    sizes = _sizes(results)
    for region in Regions(sizes, block_grid(sizes)):
        yield region, results.isel({dim: slice(*span) for dim, span in region.slices.items()})


def best_dataset(search: BestSearch, like: xr.Dataset) -> xr.Dataset:
    """The winners of a search as a dataset: the labels that won along every reduced axis, and all variables.

    `like` has the coordinates of the grid and the attributes of the variables.
    """
    import xarray as xr

    ranked = search.objective.top > 1
    dims = (*search.kept, RANK) if ranked else search.kept
    rank = slice(None) if ranked else 0
    data = _labels_at(like, {dim: places[..., rank] for dim, places in search.places.items()}, dims, CONFIGURATION)
    data |= {name: (dims, values[..., rank], like[name].attrs) for name, values in search.values.items()}
    data[TIES] = (dims, search.ties[..., rank], _TIES)
    coords = {name: coord for name, coord in like.coords.items() if set(coord.dims) <= set(search.kept)}
    if ranked:
        coords[RANK] = (RANK, np.arange(1.0, search.top + 1), {"long_name": "Rank", "units": "1"})
    direction = "largest" if search.objective.largest else "smallest"
    attrs = {"objective": search.objective.quantity, "direction": direction, "over": " ".join(search.over)}
    return xr.Dataset(data, coords, attrs)


def front_dataset(search: FrontSearch, like: xr.Dataset) -> xr.Dataset:
    """The frontiers of a search as one ragged dataset along `point`, one frontier behind the other.

    The labels of the axes chosen along are variables, those of the kept ones coordinates. `like` has the coordinates
    of the grid and the attributes of the variables.
    """
    import xarray as xr

    places, dims = search.places, (POINT,)
    data = _labels_at(like, {dim: places[dim] for dim in search.over}, dims, CONFIGURATION)
    data |= {name: (dims, values, like[name].attrs) for name, values in search.values.items()}
    coords = _labels_at(like, {dim: places[dim] for dim in search.kept}, dims, {})
    attrs = {
        "objectives": " ".join(map(str, search.frontier.goals)),
        "over": " ".join(search.over),
        "cells": search.cells,
        "empty_cells": search.empty_cells,
    }
    return xr.Dataset(data, coords, attrs)


def _labels_at(
    like: xr.Dataset, places: Mapping[str, np.ndarray], dims: tuple[str, ...], attrs: Mapping[str, str]
) -> dict[Hashable, Any]:
    """The labels at places along some dims of the grid, with all coordinates of each, as variables with own `attrs`."""
    return {
        name: (dims, coord.to_numpy()[places[dim]], {**coord.attrs, **attrs})
        for dim in places
        for name, coord in like.coords.items()
        if coord.dims == (dim,) and not (name == dim and _is_zipped(like, dim))
    }


def _is_zipped(like: xr.Dataset, dim: str) -> bool:
    """Whether a dim carries the labels of several inputs beside its own numbering."""
    return any(coord.dims == (dim,) and name != dim for name, coord in like.coords.items())


def _full(variable: xr.DataArray, dims: tuple[str, ...]) -> np.ndarray:
    """A variable with one axis per dim of the grid, of size 1 where it does not vary."""
    missing = [dim for dim in dims if dim not in variable.dims]
    return variable.expand_dims(missing).transpose(*dims).to_numpy()
