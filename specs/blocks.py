"""Blocks of a labelled grid: what is evaluated and written in one piece, and how arrays are cut to fit them.

A grid is cut into *blocks* of at most some millions of points. An array keeps only the dims its values depend on; its
*shard* (the file that is written whole) is the block seen through those dims, so two blocks never share a shard. A
shard holds *chunks* of about 0.4 MB that are read one by one, spread over all dims so that a plane through any two of
them touches few.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

TARGET_POINTS = 8_000_000
TARGET_CHUNK_BYTES = 400_000
SIGNIFICANT_BITS = "quantization_nsb"
"""The attribute of an array whose values are rounded to so many mantissa bits when they are written, named as in the CF
conventions."""


@dataclass(frozen=True)
class Region:
    """One block: its position in the order of all blocks and, for each dim of the grid, where it starts and stops."""

    index: int
    slices: Mapping[str, tuple[int, int]]

    def selection(self, dims: Iterable[str]) -> tuple[slice, ...]:
        """The part of an array with the given dims that lies in this block; a dim outside the grid is taken whole."""
        return tuple(slice(*self.slices[dim]) if dim in self.slices else slice(None) for dim in dims)


@dataclass(frozen=True)
class Coordinate:
    """Labels along dims: numbers in the unit that `attrs` names, or strings."""

    name: str
    dims: tuple[str, ...]
    values: np.ndarray
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.dims) != self.values.ndim:
            raise ValueError(
                f"coordinate `{self.name}` has {self.values.ndim} dims, but {len(self.dims)} names for them"
            )


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a store: its dims, its type, and how it is cut into shards and chunks.

    `group` is "" for the root. `attrs` are JSON values: long_name, units, formula, source.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    shards: tuple[int, ...]
    chunks: tuple[int, ...]
    attrs: Mapping[str, Any]
    group: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.dims), len(self.shape), len(self.shards), len(self.chunks)}
        if len(lengths) > 1:
            raise ValueError(f"array `{self.path}`: dims, shape, shards and chunks differ in length")
        if any(shard % chunk for shard, chunk in zip(self.shards, self.chunks, strict=True)):
            raise ValueError(f"array `{self.path}`: chunks {self.chunks} do not divide shards {self.shards}")

    @property
    def path(self) -> str:
        """The array's place in the store, `step_time` or `best/step_time`."""
        return f"{self.group}/{self.name}" if self.group else self.name


@dataclass(frozen=True)
class StoreLayout:
    """A store before anything is written: arrays, coordinates, the number of blocks, and where it all comes from.

    `attrs` is the provenance, JSON values only; `digest` stands for everything that decides a value in the store.
    `grid` has the dims of the blocks in order, each with its size and the length of a block.
    """

    arrays: tuple[ArrayLayout, ...]
    coords: tuple[Coordinate, ...]
    num_blocks: int
    attrs: Mapping[str, Any]
    digest: str
    grid: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        paths = [array.path for array in self.arrays] + [coord.name for coord in self.coords]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"the layout names {', '.join(twice)} twice")
        if self.num_blocks < 1:
            raise ValueError(f"a store has at least one block, not {self.num_blocks}")


class Regions(Sequence[Region]):
    """The blocks of a grid in order, the last dim running fastest; each is made when asked for."""

    def __init__(self, sizes: Mapping[str, int], lengths: Mapping[str, int]) -> None:
        if any(size < 1 for size in sizes.values()) or any(lengths[dim] < 1 for dim in sizes):
            raise ValueError(
                f"every dim has at least one label and a block length of at least one, not {sizes}, {lengths}"
            )
        self.sizes = dict(sizes)
        self.lengths = {dim: lengths[dim] for dim in sizes}
        self.counts = {dim: -(-size // lengths[dim]) for dim, size in sizes.items()}

    @property
    def grid(self) -> dict[str, tuple[int, int]]:
        """The dims in order, each with its size and the length of a block."""
        return {dim: (size, self.lengths[dim]) for dim, size in self.sizes.items()}

    def writer(self, starts: Mapping[str, int]) -> int:
        """The block that writes the part of an array that starts there along the array's own dims."""
        index = 0
        for dim, count in self.counts.items():
            index = index * count + starts.get(dim, 0) // self.lengths[dim]
        return index

    def __len__(self) -> int:
        return math.prod(self.counts.values())

    @overload
    def __getitem__(self, index: int) -> Region: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Region]: ...
    def __getitem__(self, index: int | slice) -> Region | Sequence[Region]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        slices, rest = {}, place
        for dim, count in reversed(self.counts.items()):
            rest, position = divmod(rest, count)
            start = position * self.lengths[dim]
            slices[dim] = (start, min(start + self.lengths[dim], self.sizes[dim]))
        return Region(place, {dim: slices[dim] for dim in self.sizes})


def block_grid(sizes: Mapping[str, int], target: int = TARGET_POINTS) -> dict[str, int]:
    """The length of a block along each dim, so that a block has at most `target` points.

    Dims are split from the first (outermost) on, so the last ones stay whole: blocks lie contiguous in memory and the
    innermost loop stays long. At most one dim is split into parts longer than one label; its parts are equal but for
    the last, and their length is rounded up by at most an eighth where that gives chunks more divisors.
    """
    if target < 1:
        raise ValueError(f"a block has at least one point, not {target}")
    lengths = dict(sizes)
    inner = math.prod(sizes.values())
    for dim, size in sizes.items():
        if inner <= target:
            break
        inner //= size
        lengths[dim] = 1 if inner >= target else _part_length(size, target // inner)
    return lengths


def regions(sizes: Mapping[str, int], lengths: Mapping[str, int]) -> Regions:
    """The blocks of a grid, in the order in which they are evaluated and numbered."""
    return Regions(sizes, lengths)


def writes(region: Region, dims: Collection[str]) -> bool:
    """Whether this block writes an array with the given dims: exactly one block does among those that share its part.

    It is the block at the start of every dim that the array lacks.
    """
    return all(start == 0 for dim, (start, _) in region.slices.items() if dim not in dims)


def chunking(
    dims: Sequence[str],
    sizes: Mapping[str, int],
    lengths: Mapping[str, int],
    itemsize: int,
    target_bytes: int = TARGET_CHUNK_BYTES,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shard and chunk lengths of an array with the given dims, whose blocks have the given lengths.

    Along a split dim the shard is the block, and the chunk divides it; along a whole dim the shard is the dim rounded
    up to whole chunks. Chunks grow from one point, always along the dim that has most of them, until none can grow
    within `target_bytes`: a plane then crosses about equally few chunks whichever two dims it spans.
    """
    budget = max(1, target_bytes // itemsize)
    whole = {dim: lengths.get(dim, sizes[dim]) >= sizes[dim] for dim in dims}
    steps = {dim: _even_parts(sizes[dim]) if whole[dim] else _divisors(lengths[dim]) for dim in dims}
    chunk = dict.fromkeys(dims, 1)
    while grown := _grown(chunk, steps, sizes, budget):
        chunk.update(grown)
    shards = (-(-sizes[dim] // chunk[dim]) * chunk[dim] if whole[dim] else lengths[dim] for dim in dims)
    return tuple(shards), tuple(chunk.values())


def _part_length(size: int, limit: int) -> int:
    """The length, at most `limit`, of nearly equal parts of `size`, with small factors where they cost little."""
    equal = -(-size // -(-size // limit))
    for factor in (16, 8, 4, 2):
        length = -(-equal // factor) * factor
        if length <= min(limit, size) and 8 * length <= 9 * equal:
            return length
    return equal


def _grown(
    chunk: Mapping[str, int], steps: Mapping[str, Sequence[int]], sizes: Mapping[str, int], budget: int
) -> dict[str, int]:
    """The next length along the dim with most chunks (of equals, the innermost) that can grow; empty where none can."""
    points = math.prod(chunk.values())
    innermost_first = list(chunk)[::-1]
    for dim in sorted(innermost_first, key=lambda dim: chunk[dim] / sizes[dim]):
        longer = next((step for step in steps[dim] if step > chunk[dim]), None)
        if longer is not None and points // chunk[dim] * longer <= budget:
            return {dim: longer}
    return {}


def _divisors(number: int) -> list[int]:
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


def _even_parts(size: int) -> list[int]:
    """The lengths that cut `size` into equal parts, or nearly so: rounding up to whole parts adds at most an eighth."""
    small = range(1, math.isqrt(size) + 2)
    counts = {*small, *(-(-size // length) for length in small)}
    lengths = {-(-size // count) for count in counts}
    return sorted(length for length in lengths if -(-size // length) * length * 8 <= size * 9)
