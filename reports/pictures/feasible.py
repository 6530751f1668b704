"""Feasibility in pictures: which points hold every condition, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import SHADED, areas, boxes
from .scales import Scale

if TYPE_CHECKING:
    import xarray as xr

FEASIBLE, NOT_COMPUTED = 0, 127
INFEASIBLE = "hatched: infeasible"


def meanings(codes: xr.DataArray) -> dict[int, str]:
    """What each code stands for, in words; a part of a store that no block has written yet holds a code of its own."""
    words = [word.replace("_", " ") for word in str(codes.attrs["flag_meanings"]).split()]
    return {NOT_COMPUTED: "not computed", **dict(zip(map(int, codes.attrs["flag_values"]), words, strict=True))}


def feasible(data: xr.Dataset, dims: Sequence[str]) -> np.ndarray:
    """Whether each point along `dims` holds every condition; all do where nothing was judged."""
    shape = tuple(data.sizes[dim] for dim in dims)
    if "status" not in data:
        return np.ones(shape, dtype=bool)
    return along(data, "status", dims) == FEASIBLE


def along(data: xr.Dataset, name: str, dims: Sequence[str]) -> np.ndarray:
    """A variable's values along `dims` in that order, repeated along those it does not vary along."""
    variable = data[name]
    missing = {dim: data.sizes[dim] for dim in dims if dim not in variable.dims}
    return variable.expand_dims(missing).transpose(*dims).to_numpy()


def reasons(data: xr.Dataset, dims: Sequence[str]) -> np.ndarray:
    """For each point along `dims` the condition that fails first, in words; "feasible" where none does."""
    shape = tuple(data.sizes[dim] for dim in dims)
    if "status" not in data:
        return np.full(shape, "feasible", dtype=object)
    words = meanings(data["status"])
    codes = along(data, "status", dims)
    return np.vectorize(
        lambda code: words[int(code)] if code in (FEASIBLE, NOT_COMPUTED) else f"not: {words[int(code)]}",
        otypes=[object],
    )(codes)


def hatched(plot: Any, blocked: np.ndarray, x: Scale, y: Scale) -> Any:
    """A map with hatching over its cells (y, x) that are blocked, if any are."""
    return plot * boxes(areas(blocked, x, y), INFEASIBLE, SHADED) if blocked.any() else plot
