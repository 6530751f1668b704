"""Keyword arguments of a Python call as inputs: scalars, lists, grid forms, and arrays with named dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .axes import Axis
from .binder import Binder
from .distribution_forms import is_distribution
from .domains import domain_of
from .known import proper_name
from .units import UnitError, parse_quantity
from .vocabulary import CATALOGS


@dataclass(frozen=True)
class _Labelled:
    """An array with named dimensions, read off any object that has `dims`, `coords` and `values`."""

    name: str
    dims: tuple[str, ...]
    data: np.ndarray
    coords: Mapping[str, np.ndarray]


def add_keywords(binder: Binder, inputs: Mapping[str, object]) -> None:
    """Adds every keyword to the binder; arrays last, so that their coordinates meet the axes given beside them."""
    arrays: list[_Labelled] = []
    order: list[str] = []
    for name, given in inputs.items():
        value = _plain(given)
        if is_distribution(value):
            binder.add_fixed(name, value, (name,))
        elif isinstance(value, _Labelled | np.ndarray) or hasattr(value, "dims"):
            array = _labelled(binder, name, value)
            if array is not None and array.dims == (_canonical(binder, name),):
                _add_own_axis(binder, name, array)
            elif array is not None:
                arrays.append(array)
            order += array.dims if array is not None else ()
        elif isinstance(value, list | Mapping):
            binder.add_axis(name, value, (name,))
            order.append(_canonical(binder, name))
        else:
            binder.add_fixed(name, value, (name,))
    for array in arrays:
        _add_array(binder, array)
    ordered = {name: binder.axes[name] for name in dict.fromkeys(order) if name in binder.axes}
    binder.axes = {**ordered, **binder.axes}


def _plain(given: Any) -> Any:
    """Sequences as lists, unnamed arrays as numpy arrays, arrays of one value and no dimension as that value."""
    if isinstance(given, tuple | range):
        return list(given)
    if hasattr(given, "dims") and hasattr(given, "values"):
        return given if given.dims else np.asarray(given.values).item()
    if hasattr(given, "__array__") and not isinstance(given, np.generic):
        array = np.asarray(given)
        return array if array.ndim else array.item()
    return given


def _labelled(binder: Binder, name: str, value: Any) -> _Labelled | None:
    """The array with its dimensions under their proper names, in the input's unit; None after a report."""
    own = _canonical(binder, name)
    if isinstance(value, np.ndarray):
        if value.ndim == 1:
            return _Labelled(name, (own,), value, {})
        binder.report((name,), f"{value.ndim} dimensions without names; give a DataArray, whose dimensions are named")
        return None
    data = np.asarray(value.values)
    if data.ndim != len(value.dims):
        binder.report((name,), "an array with named dimensions was expected, such as a DataArray")
        return None
    units = getattr(value, "attrs", {}).get("units")
    if isinstance(units, str) and units not in ("", "1") and _is_input(binder, own) and data.dtype.kind in "iuf":
        try:
            data = data * parse_quantity(f"1 {units}", domain_of(own, binder.known).unit)
        except UnitError as error:
            binder.report((name,), str(error))
            return None
    coords = {str(dim): np.asarray(value.coords[dim].values) for dim in value.dims if dim in value.coords}
    named = {dim: _canonical(binder, str(dim)) for dim in value.dims}
    return _Labelled(name, tuple(named.values()), data, {_canonical(binder, dim): c for dim, c in coords.items()})


def _canonical(binder: Binder, written: str) -> str:
    return proper_name(written, binder.known) or written


def _add_own_axis(binder: Binder, name: str, array: _Labelled) -> None:
    """An axis given as an array: along itself, or without a dimension's name."""
    (own,) = array.dims
    if own in array.coords and not np.array_equal(array.coords[own], array.data):
        binder.report((name,), "the values along an axis of the same name are its coordinate, but the two differ")
        return
    binder.add_axis(name, array.data if array.data.dtype.kind in "biuf" else array.data.tolist(), (name,))


def _add_array(binder: Binder, array: _Labelled) -> None:
    path = (array.name,)
    agreed = [_add_dimension(binder, array, dim, size) for dim, size in zip(array.dims, array.data.shape, strict=True)]
    name = binder.name_of(array.name, path)
    if name is None or not all(agreed):
        return
    if name not in CATALOGS:
        binder.add_array(name, array.dims, array.data, path)
    elif len(array.dims) == 1:
        binder.add_column(name, array.dims[0], array.data.tolist(), path)
    else:
        binder.report(path, f"the names of records vary along one dimension, found {', '.join(array.dims)}")


def _add_dimension(binder: Binder, array: _Labelled, dim: str, size: int) -> bool:
    """Whether the dimension is an axis that agrees with the array's coordinate; a new one is added."""
    path = (array.name,)
    coordinate = array.coords.get(dim)
    axis = binder.axes.get(dim)
    if axis is None:
        return _add_new_dimension(binder, array, dim, size)
    if coordinate is None and size == axis.size:
        return True
    found = None if coordinate is None else _labels(binder, dim, coordinate)
    if found is not None and np.array_equal(found, axis.labels):
        return True
    binder.report(path, f"its coordinate `{dim}` differs from the axis `{dim}` given beside it")
    return False


def _add_new_dimension(binder: Binder, array: _Labelled, dim: str, size: int) -> bool:
    path = (array.name,)
    coordinate = array.coords.get(dim)
    if dim in CATALOGS or _is_input(binder, dim):
        if coordinate is None:
            binder.report(path, f"its dimension `{dim}` has no coordinate, so the values of `{dim}` are not known")
            return False
        binder.add_axis(dim, coordinate if coordinate.dtype.kind in "biuf" else coordinate.tolist(), (array.name, dim))
        return dim in binder.axes
    labels = np.arange(size, dtype=np.float64) if coordinate is None else _labels(binder, dim, coordinate)
    if labels is None:
        binder.report(path, f"the labels of its dimension `{dim}` are neither numbers nor text")
    elif len(np.unique(labels)) < len(labels):
        binder.report(path, f"the labels of its dimension `{dim}` are not distinct")
    else:
        binder.axes[dim] = Axis(dim, labels, label=dim)
    return dim in binder.axes


def _is_input(binder: Binder, name: str) -> bool:
    return name in binder.known.vocabulary or name in binder.known.units or name in binder.known.options


def _labels(binder: Binder, dim: str, coordinate: np.ndarray) -> np.ndarray | None:
    """A coordinate as the labels that an axis of its name would have; None where it cannot be one."""
    if dim in CATALOGS or _is_input(binder, dim):
        trial = Binder(binder.known, binder.catalogs, lambda *_: None, binder.folder)
        trial.add_axis(dim, coordinate.tolist(), ())
        return trial.axes[dim].labels if dim in trial.axes else None
    if coordinate.dtype.kind in "biuf":
        return coordinate.astype(np.float64)
    texts = coordinate.tolist()
    return np.array(texts) if all(isinstance(text, str) for text in texts) else None
