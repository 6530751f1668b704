"""What an array of a store may be: its name, type, sizes and codecs, checked before any of its values is read."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import zarr
from zarr.core.array import AsyncArray
from zarr.core.metadata import ArrayV3Metadata
from zarr.dtype import VariableLengthUTF8
from zarr.storage import StorePath

from ..specs.limits import LARGEST_CHUNK, LARGEST_LABELS, LONGEST_NAME, MOST_AXES, MOST_CHUNKS
from ..specs.scalars import printable
from .bounded_codecs import bounded
from .guarded import GuardedStore

_NAME = re.compile(r"[^\W\d][\w.]*")
_NUMBERS = "fiub"
_MOST_ELEMENTS = 2**62


def is_name(text: object) -> bool:
    """Whether text may name an array, a group or a dim of a store."""
    return isinstance(text, str) and len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def checked(array: zarr.Array, name: str) -> zarr.Array:
    """The array with codecs that keep its bounds. Raises ValueError where it is none that we write."""
    metadata = array.metadata
    if not is_name(name):
        raise ValueError(f"{name[:LONGEST_NAME]!r} is no name of an array")
    if not isinstance(metadata, ArrayV3Metadata) or metadata.storage_transformers:
        raise ValueError(f"array {name} is not of zarr format 3, or has storage transformers")
    text = isinstance(metadata.data_type, VariableLengthUTF8)
    if not text and array.dtype.kind not in _NUMBERS:
        raise ValueError(f"array {name} holds {metadata.data_type.to_native_dtype()}; numbers or text were expected")
    _check_dims(metadata, name)
    most = 2 * LARGEST_CHUNK if text else _most_bytes(array, name, array.dtype.itemsize)
    own = replace(metadata, codecs=bounded(metadata.codecs))
    place = array.store_path
    if isinstance(place.store, GuardedStore):
        place = StorePath(place.store.holding(most), place.path)
    return zarr.Array(AsyncArray(metadata=own, store_path=place, config=array.async_array.config))


def check_labels(size: int, name: str) -> None:
    """Raises ValueError for a coordinate of `size` bytes, which is read whole, where that is too much."""
    if size > LARGEST_LABELS:
        raise ValueError(f"coordinate {name} has {size:,} bytes; at most {LARGEST_LABELS:,} are read")


def fixed_width(texts: np.ndarray, name: str) -> np.ndarray:
    """Text in the fixed width that every index understands. Raises ValueError where one is far too long for all."""
    values = [printable(str(text)) for text in texts.ravel().tolist()]
    longest = max(map(len, values), default=0)
    if longest > LONGEST_NAME or 4 * longest * len(values) > LARGEST_LABELS:
        raise ValueError(f"coordinate {name} has a label of {longest:,} characters; at most {LONGEST_NAME} are read")
    return np.array(values, dtype=str).reshape(texts.shape)


def _check_dims(metadata: ArrayV3Metadata, name: str) -> None:
    dims = metadata.dimension_names or ()
    if len(dims) != len(metadata.shape) or len(set(dims)) != len(dims) or not all(map(is_name, dims)):
        raise ValueError(f"array {name} has {len(metadata.shape)} dims, but not as many different names for them")
    if len(dims) > MOST_AXES + 2:
        raise ValueError(f"array {name} has {len(dims)} dims")


def _most_bytes(array: zarr.Array, name: str, itemsize: int) -> int:
    """The most bytes that a file of the array may have; what does not compress takes a little more than it is."""
    if math.prod(array.shape) > _MOST_ELEMENTS:
        raise ValueError(f"array {name} of shape {array.shape} has more values than can be counted")
    if (size := math.prod(array.chunks) * itemsize) > LARGEST_CHUNK:
        raise ValueError(f"array {name} has chunks of {size:,} bytes; at most {LARGEST_CHUNK:,} are read at once")
    shard = math.prod(array.shards or array.chunks)
    inside = shard // math.prod(array.chunks)
    if inside > MOST_CHUNKS:
        raise ValueError(f"array {name} has {inside:,} chunks in a shard; at most {MOST_CHUNKS:,} are read")
    return 2 * shard * itemsize + 100 * inside
