"""Stores in zip files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from rooflax import stores


@pytest.fixture
def archive(sweep, tmp_path):
    with stores.create_store(tmp_path / "x.zarr", sweep.layout) as store:
        sweep.fill(store)
        store.finish()
    return tmp_path / shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "x.zarr")


def test_a_zipped_store_is_read(archive, sweep):
    found = stores.open_results(archive)
    for name in ("step_time", "memory", "rules.share", "total", "status"):
        np.testing.assert_array_equal(found[name].values, sweep.expected(name))
    assert stores.is_finished(archive)
    assert stores.is_finished(archive.as_uri())
    np.testing.assert_array_equal(
        stores.open_results(archive, "gradients").step_time.values, sweep.expected("gradients/step_time")
    )


def test_a_zipped_store_is_not_written(archive, sweep):
    before = archive.read_bytes()
    for act in (
        lambda: stores.create_or_resume(archive, sweep.layout, overwrite=True),
        lambda: stores.create_store(archive, sweep.layout, overwrite=True),
        lambda: stores.open_store(archive),
        lambda: stores.write.Store(archive),
    ):
        with pytest.raises(stores.StoreError) as caught:
            act()
        assert str(caught.value) == (f"{archive} is a zip file, which is read only; give a folder or a URL to write to")
    assert archive.read_bytes() == before


def test_other_zip_files_are_told(tmp_path, archive):
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(shutil.make_archive(str(tmp_path / "y"), "zip", tmp_path, "x.zarr"))
    assert str(caught.value) == (
        f"{tmp_path / 'y.zip'} has no zarr.json at its top, so it is no rooflax store; zip what is inside of one: "
        "cd x.zarr && zip -0 -r ../x.zip ."
    )
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(archive)
    assert str(caught.value) == f"cannot read {archive}: it is no zip file, or a damaged one"
