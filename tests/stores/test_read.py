from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from rooflax import stores


@pytest.fixture(scope="module")
def filled(sweep, tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "x.zarr"
    store = stores.create_store(path, sweep.layout)
    sweep.fill(store)
    store.finish()
    return path


@pytest.mark.parametrize("read", [xr.open_zarr, stores.open_results])
def test_a_store_opens_as_a_labelled_dataset(filled, sweep, read):
    found = read(filled)
    assert dict(found.sizes) == {"model": 2, "tp": 5, "bandwidth": 23}
    assert set(found.data_vars) == {"step_time", "memory", "rules.share", "total", "status"}
    assert set(found.coords) == {"model", "tp", "pp", "bandwidth", "precision"}
    assert found.step_time.dims == ("model", "tp", "bandwidth")
    assert found.step_time.attrs == {"units": "s", "long_name": "Time of one step"}
    assert found.bandwidth.attrs == {"units": "B/s"}
    assert found.attrs["spec_digest"] == "s1"
    assert found.attrs["rooflax_digest"] == "d1"
    assert list(found.model.values) == ["llama-2-70b", "größer-1t"]
    assert str(found.precision.values) == "bf16"
    assert list(found.pp.values) == [16, 8, 4, 2, 1]
    assert found.status.dtype == np.int8
    assert found.total.shape == ()
    chosen = found.step_time.sel(model="größer-1t", tp=4.0)
    np.testing.assert_array_equal(chosen.values, sweep.expected("step_time")[1, 2])


def test_xarray_reads_the_same_from_any_side(filled):
    theirs = xr.open_zarr(filled).load()
    ours = stores.open_results(filled).load()
    for name in theirs.variables:
        assert theirs[name].dims == ours[name].dims
        np.testing.assert_array_equal(theirs[name].values, ours[name].values)
    assert ours.model.dtype.kind == "U"
    assert set(xr.open_datatree(filled, engine="zarr").children) == {"_blocks", "gradients"}


@pytest.mark.parametrize(
    "pick",
    [
        lambda a: a.isel(model=1, tp=slice(None, None, -2), bandwidth=[3, 1, 20]),
        lambda a: a.isel(bandwidth=slice(20, 2, -3)),
        lambda a: a.isel(bandwidth=-1),
        lambda a: a.isel(model=[], tp=0),
        lambda a: a.isel(tp=xr.DataArray([0, 4, 2], dims="point"), bandwidth=xr.DataArray([22, 0, 7], dims="point")),
        lambda a: a.sel(bandwidth=1e11, method="nearest"),
        lambda a: a[:, 1:4].isel(tp=[2, 0]),
    ],
)
def test_selections_equal_those_in_memory(filled, sweep, pick):
    lazy = stores.open_results(filled)
    memory = lazy.copy().load()
    np.testing.assert_array_equal(memory.step_time.values, sweep.expected("step_time"))
    xr.testing.assert_identical(pick(stores.open_results(filled).step_time).load(), pick(memory.step_time))


def test_values_stay_on_disk_until_used(filled, tmp_path):
    import shutil

    path = tmp_path / "x.zarr"
    shutil.copytree(filled, path)
    found = stores.open_results(path)
    shutil.rmtree(path / "step_time" / "c")
    with pytest.raises(stores.StoreError, match="step_time lacks its file"):
        found.step_time.load()


def test_what_no_block_has_written_reads_as_not_computed(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store, [0])
    found = stores.open_results(tmp_path / "x.zarr")
    assert not np.isnan(found.step_time[0, :2, :-1]).any()
    assert np.isnan(found.step_time[1]).all()
    assert (found.status == 127).all()
    assert not stores.is_finished(tmp_path / "x.zarr")


def test_a_group_carries_the_roots_coordinates(filled, sweep):
    inside = stores.open_results(filled, "gradients")
    assert set(inside.coords) == {"tp", "pp", "bandwidth", "precision"}
    np.testing.assert_array_equal(inside.step_time.sel(tp=8.0).values, sweep.expected("gradients/step_time")[3])
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(filled, "best")
    assert str(caught.value) == f"{filled} has no group best; it has gradients"


def test_a_relative_path_survives_a_change_of_folder(filled, tmp_path, monkeypatch):
    monkeypatch.chdir(filled.parent)
    found = stores.open_results("x.zarr")
    monkeypatch.chdir(tmp_path)
    assert found.step_time.isel(bandwidth=slice(0, 3)).notnull().all()


def test_a_foreign_reader_needs_only_zarr(filled):
    code = """
import sys, warnings
warnings.simplefilter("error")
import zarr
root = zarr.open_group(sys.argv[1], mode="r")
print(root["step_time"].shape, root["model"][0], "rooflax" in sys.modules)
"""
    command = [sys.executable, "-c", code, os.fspath(filled)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 5, 23) llama-2-70b False"
