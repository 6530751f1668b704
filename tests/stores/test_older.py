"""Stores of older formats: read with their meaning kept, never written.

`data/format-1.zip` is a store that the last version with format 1 has written.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from stored_sweep import files, flip

import rooflax as rx
from rooflax import stores
from rooflax.stores.check import check_store


@pytest.fixture
def older(tmp_path):
    with zipfile.ZipFile(Path(__file__).parent / "data" / "format-1.zip") as packed:
        packed.extractall(tmp_path / "older.zarr")
    return tmp_path / "older.zarr"


def test_an_older_store_is_read_as_it_was_meant(older):
    assert stores.is_finished(older)
    found = rx.open(older)
    assert found.attrs["rooflax_store"] == 1
    assert found.training_time_6nd.attrs["units"] == "s"
    # 6 N D over the FLOP/s of all GPUs, from the numbers of the spec.
    sizes, gpus = np.array([1e9, 7e9, 70e9]), np.array([[8], [64]])
    expected = 6 * sizes * 1e12 / (gpus * 312e12 * 0.4)
    np.testing.assert_allclose(found.training_time_6nd.values, expected, rtol=1e-6)
    best = rx.best(older)
    np.testing.assert_allclose(best.training_time_6nd.values, expected[1], rtol=1e-6)
    assert best.world_size.values.tolist() == [64, 64, 64]


def test_an_older_store_is_checked_as_far_as_it_has_checksums(older):
    found = check_store(older)
    assert (found.sound, found.format, found.complete, found.done) == (True, 1, True, 4)
    for key, kind in {
        "training_time_6nd/c/1/0": "checksum",
        "world_size/c/0": "checksum",
        "best/status/c/0": "checksum",
        "_blocks/done/c/1": "mark",
    }.items():
        whole = (older / key).read_bytes()
        flip(older / key, 0)
        assert [(damage.key, damage.kind) for damage in check_store(older).damages] == [(key, kind)]
        (older / key).write_bytes(whole)
    document = older / "training_time_6nd/zarr.json"
    document.write_text(document.read_text().replace('"units": "s"', '"units": "h"'))
    assert [damage.key for damage in check_store(older).damages] == ["training_time_6nd/zarr.json"]


def test_an_older_store_is_never_written(older, sweep):
    before = {file: file.read_bytes() for file in files(older)}
    message = (
        f"{older} was written by rooflax 0.1.0 in store format 1; this one reads it, but writes format 2 alone: give "
        "--overwrite to compute it anew, or another -o"
    )
    for act in (stores.open_store, lambda path: stores.create_or_resume(path, sweep.layout)):
        with pytest.raises(stores.StoreError) as caught:
            act(older)
        assert (str(caught.value), caught.value.exit_code) == (message, 2)
    assert {file: file.read_bytes() for file in files(older)} == before
    stores.create_or_resume(older, sweep.layout, overwrite=True)
    assert rx.open(older).attrs["rooflax_store"] == 2


def test_a_format_that_never_was_is_no_store(older):
    root = older / "zarr.json"
    root.write_text(root.read_text().replace('"rooflax_store": 1', '"rooflax_store": 0'))
    with pytest.raises(stores.StoreError, match="is a zarr store, but not one of rooflax"):
        stores.open_results(older)
