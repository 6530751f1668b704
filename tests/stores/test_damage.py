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
    assert store.holds(sweep.regions).tolist() == [True] * len(sweep.regions)
    assert not store.has_group("best")


def test_a_lost_shard_is_refused_and_its_block_told(finished, sweep):
    found = stores.open_results(finished)
    lost = next(path for path in sorted((finished / "step_time" / "c").rglob("*")) if path.is_file())
    lost.unlink()
    for results in (found, stores.open_results(finished)):
        with pytest.raises(StoreError) as caught:
            results.step_time.load()
        assert str(caught.value) == (
            f"{finished} is damaged: step_time lacks its file {lost.relative_to(finished)}; `rooflax check "
            f"{finished} --repair` mends it"
        )
        assert results.memory.notnull().any()
    store = stores.open_store(finished)
    held = store.holds(sweep.regions).tolist()
    assert held.count(False) == 1
    region = sweep.regions[held.index(False)]
    store.write(region, sweep.block(region))
    assert store.holds([region]).all()
    stores.open_results(finished).step_time.load()


def test_an_emptied_shard_counts_as_lost(finished, sweep):
    (finished / "memory" / "c" / "0" / "0").write_bytes(b"")
    assert stores.open_store(finished).holds(sweep.regions).tolist().count(False) == 1


def test_a_lost_coordinate_is_refused(finished):
    shutil.rmtree(finished / "tp" / "c")
    with pytest.raises(StoreError, match=r"damaged: tp lacks its file tp/c/0; `rooflax check"):
        stores.open_results(finished)


def test_best_points_of_an_unfinished_store_are_asked_of_its_run(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    with pytest.raises(
        StoreError, match="is not finished, so it has no best yet; the command that began it resumes it"
    ):
        stores.open_results(tmp_path / "x.zarr", "best")
