"""Searches: what is chosen from a sweep while its blocks pass, and the group of results each choice becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from .. import engine
from ..label import grid
from ..sweep import Sweep, sought
from .best import BestSearch
from .pareto import FrontSearch
from .results import best_dataset, front_dataset

if TYPE_CHECKING:
    import xarray as xr

BEST, PARETO = "best", "pareto"
Search: TypeAlias = BestSearch | FrontSearch
Progress = Callable[[int, int], None]


def searches_of(sweep: Sweep) -> dict[str, Search]:
    """The searches that a sweep asks for, by the group that each fills."""
    objective, frontier = sweep.objective, sweep.frontier
    found: dict[str, Search] = {}
    if objective:
        found[BEST] = BestSearch(sweep.sizes, _carried(sweep, sought(objective, None)), objective)
    if frontier:
        found[PARETO] = FrontSearch(sweep.sizes, _carried(sweep, sought(None, frontier)), frontier)
    return found


def names_of(sweep: Sweep) -> tuple[str, ...]:
    """The variables of a sweep, and the quantities by which points are chosen where they are none of them."""
    return tuple(dict.fromkeys([*sweep.variables, *sought(sweep.objective, sweep.frontier)]))


def searched(sweep: Sweep, dtype: str, progress: Progress | None = None) -> dict[str, xr.Dataset]:
    """What a sweep asks to be chosen, by group, without storing anything else."""
    searches, regions = searches_of(sweep), engine.blocks_of(sweep)
    for done, block in enumerate(engine.evaluate_blocks(sweep, names_of(sweep), dtype=dtype, regions=regions), 1):
        for search in searches.values():
            search.add(block.region, block.values)
        if progress:
            progress(done, len(regions))
    return labelled(sweep, searches)


def labelled(sweep: Sweep, searches: Mapping[str, Search]) -> dict[str, xr.Dataset]:
    """What searches over a sweep have found, as datasets by group."""
    return {
        group: best_dataset(search, grid(sweep, search.dims))
        if isinstance(search, BestSearch)
        else front_dataset(search, grid(sweep, search.dims))
        for group, search in searches.items()
    }


def _carried(sweep: Sweep, chosen_by: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: sweep.dims[name] for name in dict.fromkeys([*sweep.variables, *chosen_by])}
