"""Stores whose files were lost after they were written: never read as values, and computed again."""

import shutil

import pytest

from rooflax import stores
from rooflax.stores.problems import StoreError


@pytest.fixture
def finished(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    for region in sweep.regions:
        store.write(region, sweep.block(region))
        store.mark(region)
    store.finish()
    return tmp_path / "x.zarr"


def test_a_whole_store_holds_all_its_blocks(finished, sweep):
    store = stores.open_store(finished)
    assert all(store.holds(region) for region in sweep.regions)
    assert not store.has_group("best")


def test_a_lost_shard_is_refused_and_its_block_told(finished, sweep):
    lost = next(path for path in sorted((finished / "step_time" / "c").rglob("*")) if path.is_file())
    lost.unlink()
    with pytest.raises(StoreError, match=r"damaged: step_time lacks 1 of its \d+ files"):
        stores.open_results(finished)
    store = stores.open_store(finished)
    held = [store.holds(region) for region in sweep.regions]
    assert held.count(False) == 1
    region = sweep.regions[held.index(False)]
    store.write(region, sweep.block(region))
    assert store.holds(region)
    stores.open_results(finished)


def test_a_lost_coordinate_is_refused(finished):
    shutil.rmtree(finished / "tp" / "c")
    with pytest.raises(StoreError, match="damaged: tp lacks 1 of its 1 files"):
        stores.open_results(finished)


def test_best_points_of_an_unfinished_store_are_asked_of_its_run(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    with pytest.raises(
        StoreError, match="is not finished, so it has no best yet; the command that began it resumes it"
    ):
        stores.open_results(tmp_path / "x.zarr", "best")
