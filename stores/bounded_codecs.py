"""The codecs of our stores, made to refuse a chunk that says of itself to be larger than its array says."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import zarr.codecs
from zarr.abc.codec import Codec
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer

from ..specs.limits import LARGEST_CHUNK

_HEADER = 16


class BoundedBlosc(BloscCodec):
    """Blosc, whose chunks begin with their size: memory for as much is taken before anything is decoded."""

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        _check_blosc(chunk_bytes.to_bytes()[:_HEADER], chunk_spec)
        return super()._decode_sync(chunk_bytes, chunk_spec)


class VLenUTF8Codec(zarr.codecs.VLenUTF8Codec):
    """Text of any length, whose chunks begin with the number of texts. zarr knows the codec of text by this name."""

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        count, expected = int.from_bytes(chunk_bytes.to_bytes()[:4], "little"), math.prod(chunk_spec.shape)
        if count != expected:
            raise ValueError(f"a chunk says to hold {count:,} texts where {expected:,} were expected")
        return super()._decode_sync(chunk_bytes, chunk_spec)


def bounded(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    """The same codecs with bounds. Raises ValueError for one that no store of ours uses."""
    return tuple(map(_bounded, codecs))


def _bounded(codec: Codec) -> Codec:
    if type(codec) in (BytesCodec, Crc32cCodec):
        return codec
    if type(codec) is BloscCodec:
        return BoundedBlosc.from_dict(codec.to_dict())
    if type(codec) is zarr.codecs.VLenUTF8Codec:
        return VLenUTF8Codec()
    if type(codec) is ShardingCodec:
        return replace(codec, codecs=bounded(codec.codecs), index_codecs=bounded(codec.index_codecs))
    raise ValueError(f"the codec {type(codec).__name__} is none that a store uses")


def _check_blosc(header: bytes, spec: ArraySpec) -> None:
    declared = int.from_bytes(header[4:8], "little")
    itemsize: Any = getattr(spec.dtype, "item_size", None)
    expected = math.prod(spec.shape) * itemsize if itemsize else None  # texts are of any length
    if declared != expected if expected is not None else declared > LARGEST_CHUNK:
        told = "at most " + format(LARGEST_CHUNK, ",") if expected is None else format(expected, ",")
        raise ValueError(f"a chunk says to hold {declared:,} bytes where {told} were expected")
