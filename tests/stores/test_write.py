from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from rooflax import stores
from rooflax.specs.blocks import Region


def test_values_come_back(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    assert not store.done().any()
    assert len(store.done()) == len(sweep.regions) == 6
    sweep.fill(store)
    assert store.done().all()
    found = stores.open_results(tmp_path / "x.zarr")
    for name in ("step_time", "memory", "rules.share", "total", "status"):
        assert found[name].dtype == sweep.expected(name).dtype
        np.testing.assert_array_equal(found[name].values, sweep.expected(name))
    inside = stores.open_results(tmp_path / "x.zarr", "gradients")
    np.testing.assert_array_equal(inside.step_time.values, sweep.expected("gradients/step_time"))


def test_arrays_are_sharded_and_checked(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    array: Any = zarr.open_array(tmp_path / "x.zarr", path="step_time")
    assert array.shards == (1, 2, 24)
    assert array.chunks == (1, 2, 8)
    assert np.isnan(array.fill_value)
    assert [codec.to_dict()["name"] for codec in array.compressors] == ["blosc", "crc32c"]
    assert array.compressors[0].to_dict()["configuration"]["cname"] == "lz4"
    assert array.metadata.dimension_names == ("model", "tp", "bandwidth")
    assert zarr.open_array(tmp_path / "x.zarr", path="status").fill_value == 127


def test_order_of_blocks_changes_no_byte(sweep, tmp_path, store_bytes):
    written = []
    for number, seed in enumerate([None, 1, 2]):
        order = list(range(len(sweep.regions)))
        if seed is not None:
            random.Random(seed).shuffle(order)
        store = stores.create_store(tmp_path / f"{number}.zarr", sweep.layout)
        sweep.fill(store, order)
        store.finish()
        written.append(store_bytes(tmp_path / f"{number}.zarr"))
    assert written[0] == written[1] == written[2]
    assert len(written[0]) > 20


def test_threads_change_no_byte(sweep, tmp_path, store_bytes):
    alone, together = (stores.create_store(tmp_path / name, sweep.layout) for name in ("a.zarr", "b.zarr"))
    sweep.fill(alone)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda index: sweep.fill(together, [index]), range(len(sweep.regions))))
    assert store_bytes(tmp_path / "a.zarr") == store_bytes(tmp_path / "b.zarr")


def test_writing_a_block_again_changes_no_byte(sweep, tmp_path, store_bytes):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store)
    before = store_bytes(tmp_path / "x.zarr")
    sweep.fill(store)
    assert store_bytes(tmp_path / "x.zarr") == before


def test_a_damaged_shard_is_written_anew(sweep, tmp_path, store_bytes):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store)
    before = store_bytes(tmp_path / "x.zarr")
    for shard in (tmp_path / "x.zarr" / "step_time" / "c").rglob("0"):
        if shard.is_file():
            shard.write_bytes(shard.read_bytes()[:-7] + b"damaged")
    assert store_bytes(tmp_path / "x.zarr") != before
    sweep.fill(store)
    assert store_bytes(tmp_path / "x.zarr") == before


def test_a_chunk_of_fill_values_is_written(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    values = {
        name: np.full_like(block, np.nan) for name, block in sweep.block(sweep.regions[0]).items() if name != "status"
    }
    store.write(sweep.regions[0], {**values, "status": sweep.block(sweep.regions[0])["status"]})
    for array in sweep.layout.arrays:
        assert (tmp_path / "x.zarr" / array.path / "/".join(["c", *"0" * len(array.dims)])).is_file(), array.path


def test_an_array_without_a_dim_of_the_blocks_is_written_once(sweep, tmp_path):
    writers = {name: [] for name in ("memory", "rules.share", "total", "gradients/step_time")}
    for region in sweep.regions:
        for name in writers.keys() & sweep.block(region).keys():
            writers[name].append(region.index)
    assert writers["memory"] == [0, 1, 2, 3, 4, 5]
    assert writers["rules.share"] == writers["total"] == [0]
    assert writers["gradients/step_time"] == [0, 1, 2]
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    message = "block 1 does not write rules.share: another block does"
    with pytest.raises(ValueError, match=message):
        store.write(sweep.regions[1], {**sweep.block(sweep.regions[1]), "rules.share": sweep.expected("rules.share")})


def test_what_a_block_must_hold_is_checked(sweep, tmp_path):
    store, region = stores.create_store(tmp_path / "x.zarr", sweep.layout), sweep.regions[3]
    values = sweep.block(region)
    with pytest.raises(ValueError, match="block 3 must write memory, step_time too"):
        store.write(region, {"status": values["status"]})
    with pytest.raises(ValueError, match="the store has no array tpot"):
        store.write(region, {**values, "tpot": values["status"]})
    with pytest.raises(ValueError, match="block 6 of a store of 6 blocks"):
        store.write(Region(6, region.slices), values)
    with pytest.raises(
        ValueError, match="array `memory`: float32 values of shape \\(1, 2\\) for float64 of shape \\(1, 2\\)"
    ):
        store.write(region, {**values, "memory": values["memory"].astype("float32")})
    shifted = Region(3, {**region.slices, "tp": (1, 3)})
    with pytest.raises(ValueError, match="array `step_time`: 1 to 3 is no whole shard of 2 along a dim of 5"):
        store.write(shifted, values)


def test_a_group_is_written_whole(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    best = xr.Dataset(
        {"step_time": ("model", np.array([1.5, 2.5]), {"units": "s"}), "count": ((), np.int64(7))},
        coords={"model": ["llama-2-70b", "größer-1t"], "tp": ("model", [4.0, 8.0])},
        attrs={"minimize": "step_time"},
    )
    store.write_group("best", best)
    xr.testing.assert_identical(
        stores.open_results(tmp_path / "x.zarr", "best").drop_vars("precision").load(),
        best.assign_coords(model=best.model),
    )
    store.write_group("best", best.isel(model=[1]))
    again = xr.open_zarr(tmp_path / "x.zarr", group="best").load()
    assert again.step_time.item() == 2.5
    assert again.tp.item() == 8
    with pytest.raises(ValueError, match="'_blocks' cannot be a group of results"):
        store.write_group("_blocks", best)


def test_a_group_may_hold_nothing(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store)
    empty = xr.Dataset(
        {"step_time": ("point", np.empty(0), {"units": "s"}), "recompute": ("point", np.empty(0, "U4"))},
        coords={"tp": ("point", np.empty(0))},
        attrs={"over": "pp"},
    )
    store.write_group("pareto", empty)
    store.close()
    again = stores.open_results(tmp_path / "x.zarr", "pareto").drop_vars("precision").load()
    assert again.sizes == {"point": 0}
    assert set(again.variables) == {"step_time", "recompute", "tp"}
    assert stores.open_store(tmp_path / "x.zarr").has_group("pareto")


def test_finishing_twice_changes_nothing(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    store = stores.create_store(path, sweep.layout)
    sweep.fill(store, [0, 1, 2, 4])
    with pytest.raises(ValueError, match="2 of 6 blocks are not done"):
        store.finish()
    assert not stores.is_finished(path)
    sweep.fill(store, [3, 5])
    (path / "step_time" / "c" / "0.4f0e.partial").write_bytes(b"left by a killed process")
    store.finish()
    assert stores.is_finished(path)
    assert not list(path.rglob("*.partial"))
    before = (path / "zarr.json").read_bytes()
    store.finish()
    store.close()
    stores.open_store(path).finish()
    assert (path / "zarr.json").read_bytes() == before
    assert xr.open_zarr(path).attrs["rooflax_finished"] is True
