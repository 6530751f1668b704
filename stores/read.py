"""Reading: a store as a labelled dataset whose arrays stay on disk until they are used."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.errors import ZarrUserWarning

from ..specs.limits import MOST_ARRAYS
from ..specs.places import Place
from .array_bounds import check_labels, checked, fixed_width, is_name
from .attributes import read_attributes
from .guarded import GuardedStore, LostFileError
from .layout import BLOCKS, dims_of
from .location import Location, located, root_attributes
from .problems import DamagedError, StoreError, foreign_errors, remedy
from .provenance import COORDINATES, FINISHED, VARIABLES


def open_results(place: Place, group: str = "") -> xr.Dataset:
    """The arrays and coordinates of the store at a path or URL, or of one of its groups with the root's coordinates.

    Values are read when they are used. What no block has written yet reads as NaN, or 127 for codes. Raises StoreError
    where there is no such store or group, where it holds what we never write and, when values are read, where a chunk
    is damaged or was lost.
    """
    source = located(place)
    finished = root_attributes(source).get(FINISHED) is True
    with source.errors("read"), foreign_errors(source), warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # of what is no array: one that is missing is told below
        store = GuardedStore(source.zarr_store(read_only=True), finished=finished)
        root = zarr.open_group(store, mode="r", zarr_format=3)
        dataset = _dataset(root, source)
        if not group:
            return dataset
        groups = {name: inside for name, inside in sorted(root.groups()) if name != BLOCKS and is_name(name)}
        if group not in groups and not finished:
            raise StoreError(
                f"{source} is not finished, so it has no {group} yet; the command that began it resumes it"
            )
        if group not in groups:
            raise StoreError(f"{source} has no group {group}; it has {', '.join(groups) or 'none'}")
        part = _dataset(groups[group], source)
    shared = {
        name: coord
        for name, coord in dataset.coords.items()
        if name not in part.variables and all(part.sizes.get(dim) == coord.sizes[dim] for dim in coord.dims)
    }
    return part.assign_coords(shared)


def is_finished(place: Place | Location) -> bool:
    """Whether every block of the store at a path or URL was written and its run ended."""
    return root_attributes(located(place)).get(FINISHED) is True


class StoredArray(BackendArray):
    """An array on disk as xarray indexes it; a chunk that cannot be decoded is a StoreError that names it."""

    def __init__(self, array: zarr.Array, place: Location) -> None:
        self.shape = array.shape
        self.dtype = array.dtype
        self._array = array
        self._place = place

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        read = _reader(self._array, key)
        vectorized = indexing.IndexingSupport.VECTORIZED
        return indexing.explicit_indexing_adapter(key, self.shape, vectorized, lambda raw: self._checked(read, raw))

    def _checked(self, read: Callable[[Any], Any], key: tuple[Any, ...]) -> np.ndarray:
        with self._place.errors(f"read {self._array.path} of"):
            try:
                return np.asarray(read(key))
            except LostFileError as error:
                raise DamagedError(
                    f"{self._place} is damaged: {self._array.path} lacks its file {error}; {remedy(self._place)}"
                ) from error
            except (ValueError, RuntimeError) as error:
                chunk = first_damaged(self._array, _bounds(key, self.shape))
                if chunk is None:
                    raise
                raise DamagedError(_damage(self._place, self._array, chunk)) from error


def first_damaged(array: zarr.Array, bounds: Sequence[tuple[int, int]]) -> tuple[int, ...] | None:
    """The position among the array's chunks of the first one between `bounds` that cannot be decoded, or None."""
    for shard in _cells(bounds, array.shards or array.chunks):
        if not _decodes(array, shard):
            chunks = list(_cells(shard, array.chunks))
            # Every chunk of a shard fails where it is the shard's index that is damaged.
            damaged = next((chunk for chunk in chunks if not _decodes(array, chunk)), chunks[0])
            return tuple(start // length for (start, _), length in zip(damaged, array.chunks, strict=True))
    return None


def _dataset(group: zarr.Group, place: Location) -> xr.Dataset:
    attrs = read_attributes(dict(group.attrs), group.path or "the store")
    arrays = {name: checked(array, name) for name, array in itertools.islice(group.arrays(), MOST_ARRAYS)}
    arrays = dict(sorted(arrays.items()))
    # The files of a group have no order; `variables` remembers that of the outputs, and of those of groups in the root.
    order = [name for name in attrs.pop(VARIABLES, ()) if "/" not in name]
    if missing := [name for name in order if name not in arrays]:
        raise ValueError(f"array {missing[0]} is missing, or its metadata cannot be read")
    variables = {name: _variable(arrays[name], place) for name in dict.fromkeys([*order, *arrays])}
    labels = {
        *str(attrs.pop(COORDINATES, "")).split(),
        *(name for name, var in variables.items() if var.dims == (name,)),
    }
    return xr.Dataset(
        {name: variable for name, variable in variables.items() if name not in labels},
        coords={name: _labels(variable, name) for name, variable in variables.items() if name in labels},
        attrs=attrs,
    )


def _variable(array: zarr.Array, place: Location) -> xr.Variable:
    data = indexing.LazilyIndexedArray(StoredArray(array, place))
    attrs = read_attributes(dict(array.attrs), array.path)
    if "flag_values" in attrs and array.dtype.kind != "i":
        raise ValueError(f"{array.path} has codes with meanings, but holds {array.dtype}")
    return xr.Variable(dims_of(array), data, attrs=attrs)


def _labels(variable: xr.Variable, name: str) -> xr.Variable:
    """A coordinate in memory; strings in the fixed width that every index understands."""
    check_labels(variable.size * max(variable.dtype.itemsize, 1), name)
    values = variable.to_numpy()
    return variable.copy(data=fixed_width(values, name) if values.dtype.kind in "TUO" else values)


def _reader(array: zarr.Array, key: indexing.ExplicitIndexer) -> Callable[[Any], Any]:
    if isinstance(key, indexing.VectorizedIndexer):
        return array.vindex.__getitem__
    return array.oindex.__getitem__ if isinstance(key, indexing.OuterIndexer) else array.__getitem__


def _bounds(key: tuple[Any, ...], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The first and last but one position that a key reaches along each dim."""
    reached = []
    for part, size in zip(key, shape, strict=True):
        places = np.arange(size)[part] if isinstance(part, slice) else np.asarray(part) % size
        reached.append((int(np.min(places)), int(np.max(places)) + 1) if np.size(places) else (0, 0))
    return reached


def _cells(bounds: Sequence[tuple[int, int]], lengths: Sequence[int]) -> Iterator[tuple[tuple[int, int], ...]]:
    """The cells of a grid of the given lengths that `bounds` touch, each cut off at them."""
    starts = [range(low // length * length, high, length) for (low, high), length in zip(bounds, lengths, strict=True)]
    for corner in itertools.product(*starts):
        cell = zip(corner, lengths, bounds, strict=True)
        yield tuple((max(start, low), min(start + length, high)) for start, length, (low, high) in cell)


def _decodes(array: zarr.Array, cell: tuple[tuple[int, int], ...]) -> bool:
    try:
        array[tuple(slice(*ends) for ends in cell)]
    except (ValueError, RuntimeError):
        return False
    return True


def _damage(place: Location, array: zarr.Array, chunk: tuple[int, ...]) -> str:
    shards = array.shards or array.chunks
    file = (at * length // shard for at, length, shard in zip(chunk, array.chunks, shards, strict=True))
    key = array.metadata.encode_chunk_key(tuple(file))
    return (
        f"{place}: array {array.path} is damaged in chunk {chunk}, in file {array.path}/{key}: it cannot be decoded or "
        f"its checksum does not match; {remedy(place)}"
    )
