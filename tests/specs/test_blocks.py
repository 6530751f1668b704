from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.specs import blocks
from rooflax.specs.blocks import ArrayLayout, Coordinate, Region, StoreLayout

NAMES = "abcdef"


def named(sizes):
    return dict(zip(NAMES, sizes, strict=False))


small = st.lists(st.integers(1, 9), max_size=5).map(named)
large = st.lists(st.integers(1, 3000), max_size=6).map(named)


@given(small, st.integers(1, 500))
def test_blocks_cover_the_grid_exactly_once(sizes, target):
    lengths = blocks.block_grid(sizes, target)
    covered = np.zeros(tuple(sizes.values()), dtype=int)
    for number, region in enumerate(blocks.regions(sizes, lengths)):
        assert region.index == number
        part = region.selection(sizes)
        assert 1 <= covered[part].size <= target
        covered[part] += 1
    assert (covered == 1).all()


@given(small, st.integers(1, 500), st.sets(st.sampled_from(NAMES)), st.integers(1, 64))
def test_every_shard_is_written_by_exactly_one_block(sizes, target, chosen, target_bytes):
    lengths = blocks.block_grid(sizes, target)
    dims = tuple(dim for dim in sizes if dim in chosen)
    shards, _ = blocks.chunking(dims, sizes, lengths, 4, target_bytes)
    shape = tuple(sizes[dim] for dim in dims)
    for dim, shard in zip(dims, shards, strict=True):
        assert shard == lengths[dim] if lengths[dim] < sizes[dim] else sizes[dim] <= shard <= sizes[dim] * 9 / 8
    written = np.zeros(tuple(-(-size // shard) for size, shard in zip(shape, shards, strict=True)), dtype=int)
    for region in blocks.regions(sizes, lengths):
        if blocks.writes(region, dims):
            parts = [part.indices(size) for part, size in zip(region.selection(dims), shape, strict=True)]
            assert all(start % shard == 0 for (start, _, _), shard in zip(parts, shards, strict=True))
            assert all(
                stop == min(start + shard, size)
                for (start, stop, _), shard, size in zip(parts, shards, shape, strict=True)
            )
            written[tuple(start // shard for (start, _, _), shard in zip(parts, shards, strict=True))] += 1
    assert (written == 1).all()


@given(large, st.integers(1, 5_000_000))
def test_outer_dims_are_split_first(sizes, target):
    lengths = blocks.block_grid(sizes, target)
    assert list(lengths) == list(sizes)
    assert math.prod(lengths.values()) <= target
    whole = [lengths[dim] == size for dim, size in sizes.items()]
    last = max((at for at, kept in enumerate(whole) if not kept), default=0)
    assert all(length == 1 for length in [*lengths.values()][:last])


@given(large, st.integers(1, 5_000_000))
def test_blocks_are_nearly_as_large_as_they_may_be(sizes, target):
    lengths = blocks.block_grid(sizes, target)
    for dim, length in lengths.items():
        if length < sizes[dim]:
            fewest = -(-sizes[dim] // max(1, target // math.prod([*lengths.values()][list(sizes).index(dim) + 1 :])))
            assert -(-sizes[dim] // length) <= fewest
            break


@given(large, st.sampled_from([1, 4, 8]), st.integers(1, 5_000_000))
def test_chunks_divide_shards_and_keep_to_their_budget(sizes, itemsize, target):
    lengths = blocks.block_grid(sizes, target)
    dims = tuple(sizes)
    shards, chunks = blocks.chunking(dims, sizes, lengths, itemsize)
    assert math.prod(chunks) * itemsize <= blocks.TARGET_CHUNK_BYTES
    assert not any(shard % chunk for shard, chunk in zip(shards, chunks, strict=True))


@given(st.lists(st.sampled_from([2, 3, 4, 5, 8, 16, 24, 100, 128, 500]), min_size=2, max_size=7).map(named))
def test_chunks_come_near_their_budget(sizes):
    lengths = blocks.block_grid(sizes)
    shards, chunks = blocks.chunking(tuple(sizes), sizes, lengths, 4)
    if chunks != shards:
        assert math.prod(chunks) * 4 > blocks.TARGET_CHUNK_BYTES / 6


def test_a_billion_points_in_six_dims():
    sizes = {"a": 10, "b": 16, "c": 25, "d": 25, "e": 100, "f": 100}
    assert math.prod(sizes.values()) == 10**9
    lengths = blocks.block_grid(sizes, 4_000_000)
    assert lengths == {"a": 1, "b": 1, "c": 14, "d": 25, "e": 100, "f": 100}
    shards, chunks = blocks.chunking(tuple(sizes), sizes, lengths, 4)
    assert shards == (1, 1, 14, 27, 102, 102)
    assert 0.7 * blocks.TARGET_CHUNK_BYTES < math.prod(chunks) * 4 <= blocks.TARGET_CHUNK_BYTES
    counts = [-(-size // chunk) for size, chunk in zip(sizes.values(), chunks, strict=True)]
    assert max(one * other for one, other in itertools.combinations(counts, 2)) == 10 * 16


def test_a_grid_that_fits_is_one_block():
    sizes = {"a": 7, "b": 11}
    assert blocks.block_grid(sizes) == sizes
    assert list(blocks.regions(sizes, sizes)) == [Region(0, {"a": (0, 7), "b": (0, 11)})]


def test_a_grid_without_dims_is_one_block_of_one_point():
    assert list(blocks.regions({}, blocks.block_grid({}))) == [Region(0, {})]
    assert blocks.chunking((), {}, {}, 4) == ((), ())
    assert blocks.writes(Region(0, {}), ())


def test_a_single_long_dim_is_split_too():
    assert blocks.block_grid({"a": 10**9}) == {"a": blocks.TARGET_POINTS}


def test_a_part_length_gets_small_factors_where_they_cost_little():
    assert blocks.block_grid({"a": 1000, "b": 10}, 3010) == {"a": 256, "b": 10}
    assert blocks.block_grid({"a": 1000, "b": 10}, 2500) == {"a": 250, "b": 10}


def test_the_last_block_stops_with_the_grid():
    assert [region.slices["a"] for region in blocks.regions({"a": 10}, {"a": 4})] == [(0, 4), (4, 8), (8, 10)]


def test_regions_of_a_trillion_points_are_made_when_asked_for():
    sizes = {"a": 500, "b": 500, "c": 100, "d": 100, "e": 400}
    found = blocks.regions(sizes, blocks.block_grid(sizes, 4_000_000))
    assert len(found) == 250_000
    assert found[-1] == Region(249_999, {"a": (499, 500), "b": (499, 500), "c": (0, 100), "d": (0, 100), "e": (0, 400)})
    assert [region.index for region in found[10:30:10]] == [10, 20]
    with pytest.raises(IndexError, match="block 250000 of 250000"):
        found[250_000]


def test_a_dim_outside_the_grid_is_taken_whole():
    region = blocks.regions({"a": 4}, {"a": 2})[1]
    assert region.selection(("a", "wrt")) == (slice(2, 4), slice(None))
    assert blocks.chunking(("a", "wrt"), {"a": 4, "wrt": 3}, {"a": 2}, 8) == ((2, 3), (2, 3))


def test_empty_dims_and_targets_are_refused():
    with pytest.raises(ValueError, match="every dim has at least one label"):
        blocks.regions({"a": 0}, {"a": 1})
    with pytest.raises(ValueError, match="a block has at least one point, not 0"):
        blocks.block_grid({"a": 2}, 0)


def test_layouts_check_themselves():
    with pytest.raises(ValueError, match="array `best/t`: chunks \\(2,\\) do not divide shards \\(3,\\)"):
        ArrayLayout("t", ("a",), (3,), "float32", (3,), (2,), {}, "best")
    with pytest.raises(ValueError, match="array `t`: dims, shape, shards and chunks differ in length"):
        ArrayLayout("t", ("a",), (3, 2), "float32", (3,), (3,), {})
    with pytest.raises(ValueError, match="coordinate `a` has 1 dims, but 0 names for them"):
        Coordinate("a", (), np.arange(3))
    array, coord = ArrayLayout("a", (), (), "float32", (), (), {}), Coordinate("a", (), np.array(1.0))
    with pytest.raises(ValueError, match="the layout names a twice"):
        StoreLayout((array,), (coord,), 1, {}, "")
    with pytest.raises(ValueError, match="a store has at least one block, not 0"):
        StoreLayout((array,), (), 0, {}, "")
