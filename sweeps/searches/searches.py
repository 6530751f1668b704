"""Searches: what is chosen from a sweep while its blocks pass, and the group of results each choice becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ...specs.blocks import Region
from .. import engine
from ..label import grid
from ..sweep import Sweep, sought
from .best import BestSearch, Candidates
from .pareto import Front, FrontSearch
from .results import best_dataset, front_dataset

if TYPE_CHECKING:
    import xarray as xr

BEST, PARETO = "best", "pareto"
Search: TypeAlias = BestSearch | FrontSearch
Finds: TypeAlias = Mapping[str, Candidates | Front]
"""What one block adds to the searches, by group."""
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


def found_in(searches: Mapping[str, Search], region: Region, values: Mapping[str, Any]) -> Finds:
    """What a block adds to searches: taken in by these, and told for others of the same sweep."""
    finds = {group: search.found(region, values) for group, search in searches.items()}
    take(searches, finds)
    return finds


def take(searches: Mapping[str, Search], finds: Finds) -> None:
    """Takes what a block adds into searches of the same sweep, in whatever process it was found."""
    for group, found in finds.items():
        search: Any = searches[group]
        search.take(found)


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
