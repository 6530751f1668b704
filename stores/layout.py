"""Arrays of a new store: made from a layout, whole and empty, so that blocks can be written in any order."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import zarr
import zarr.abc.store
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.array_spec import ArrayConfigParams
from zarr.core.metadata import ArrayV3Metadata
from zarr.dtype import VariableLengthUTF8

from ..specs.blocks import ArrayLayout, Coordinate, StoreLayout
from .provenance import attributes_of, copy_of
from .sealed import sealed

BLOCKS = "_blocks"
DONE = "done"
# The dims of the blocks in order, each with its size and the length of a block.
GRID = "grid"
# The code of a point that was not computed; no status and no category has it.
NOT_COMPUTED = 127
WRITE_ALL: ArrayConfigParams = {"write_empty_chunks": True}


def create_layout(store: zarr.abc.store.Store, layout: StoreLayout) -> None:
    """The metadata of every array, the coordinates and the provenance, written to an empty zarr store."""
    store = sealed(store)
    root = zarr.create_group(store, attributes=attributes_of(layout))
    for group in sorted({array.group for array in layout.arrays if array.group}):
        root.create_group(group)
    for array in layout.arrays:
        create_array(root, array)
    for coord in layout.coords:
        create_coordinate(root, coord)
    _create_marks(root, layout)
    consolidate(store)


def create_array(root: zarr.Group, array: ArrayLayout, *, overwrite: bool = False) -> zarr.Array:
    """One empty array. A chunk equal to the fill value is written all the same, so a missing one means not computed."""
    dtype = np.dtype(array.dtype)
    return root.create_array(
        array.path,
        shape=array.shape,
        dtype=dtype,
        # A shard of a single chunk needs no index.
        shards=None if array.shards == array.chunks else array.shards,
        chunks=array.chunks,
        compressors=_codecs(dtype),
        fill_value=_fill_value(dtype),
        dimension_names=array.dims,
        attributes=dict(array.attrs),
        config=WRITE_ALL,
        overwrite=overwrite,
    )


def create_coordinate(group: zarr.Group, coord: Coordinate, *, overwrite: bool = False) -> None:
    """A coordinate and its values, in one chunk. Strings have variable length, the type zarr v3 specifies for them."""
    text = coord.values.dtype.kind in "UTO"
    array = group.create_array(
        coord.name,
        shape=coord.values.shape,
        dtype=VariableLengthUTF8() if text else coord.values.dtype,
        chunks=tuple(max(size, 1) for size in coord.values.shape),
        compressors=_codecs(coord.values.dtype),
        fill_value="" if text else _fill_value(coord.values.dtype),
        dimension_names=coord.dims,
        attributes=dict(coord.attrs),
        config=WRITE_ALL,
        overwrite=overwrite,
    )
    array[...] = coord.values.astype(np.dtypes.StringDType()) if text else coord.values


def dims_of(array: zarr.Array) -> tuple[str, ...]:
    """The names of an array's dims."""
    names = array.metadata.dimension_names if isinstance(array.metadata, ArrayV3Metadata) else None
    return tuple(str(name) for name in names or ())


def consolidate(store: zarr.abc.store.Store) -> None:
    """The metadata of all arrays, repeated in the root's: xarray reads them in one go, and warns where they are absent.

    The zarr 3 specification does not have this yet, of which zarr warns in turn; readers that do not know it ignore it.
    A store that keeps all its metadata together anyway takes none.
    """
    if not store.supports_consolidated_metadata:
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        # A file of somebody else's is no matter here; `rooflax check` tells of it.
        warnings.filterwarnings("ignore", message="Object at .* is not recognized")
        zarr.consolidate_metadata(store)


def _create_marks(root: zarr.Group, layout: StoreLayout) -> None:
    """One chunk a block, so that marking a block touches no other; it is there or not, whatever it holds.

    The group keeps a copy of the provenance, from which the root's document can be made anew where that is damaged.
    """
    group = root.create_group(BLOCKS, attributes=copy_of(layout))
    group.create_array(
        DONE,
        shape=(layout.num_blocks,),
        dtype="int8",
        chunks=(1,),
        compressors=None,
        fill_value=0,
        dimension_names=("block",),
        attributes={GRID: [[dim, size, length] for dim, (size, length) in layout.grid.items()]},
    )


def _codecs(dtype: np.dtype[Any]) -> Iterable[Any]:
    """LZ4 behind a byte shuffle, then a checksum of what is stored."""
    shuffle = "shuffle" if dtype.itemsize > 1 and dtype.kind in "fiu" else "noshuffle"
    return (BloscCodec(cname="lz4", shuffle=shuffle), Crc32cCodec())


def _fill_value(dtype: np.dtype[Any]) -> float | int | bool:
    if dtype.kind == "f":
        return float("nan")
    if dtype.kind == "b":
        return False
    return NOT_COMPUTED if dtype == np.int8 else 0
