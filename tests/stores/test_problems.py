from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr.storage

from rooflax import stores
from rooflax.stores import folder
from rooflax.stores.checksums import with_own
from rooflax.stores.problems import file_errors


class SmallDisk(zarr.storage.LocalStore):
    """A local store on a disk of `room` bytes."""

    room = 0

    async def set(self, key, value):
        SmallDisk.room -= len(value)
        if SmallDisk.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(self.root / key))
        await super().set(key, value)


@pytest.fixture
def small_disk(monkeypatch):
    def room(size):
        SmallDisk.room = size

    monkeypatch.setattr(folder, "_zarr_store", lambda path, **options: SmallDisk(path.absolute(), **options))
    return room


def test_a_disk_that_fills_up_keeps_the_finished_blocks(sweep, tmp_path, small_disk, store_bytes):
    path = tmp_path / "x.zarr"
    small_disk(10**6)
    store = stores.create_or_resume(path, sweep.layout)
    small_disk(2500)
    with pytest.raises(stores.DiskFullError) as caught:
        sweep.fill(store)
    kept = store.done()
    failed = int(np.flatnonzero(~kept)[0])
    assert failed > 0
    assert str(caught.value) == (
        f"disk full: cannot write block {failed} of {path}; "
        "the finished blocks are kept; free some space and run the same command to resume"
    )
    assert caught.value.exit_code == 1
    small_disk(10**6)
    store.close()
    store = stores.create_or_resume(path, sweep.layout)
    assert (store.done() == kept).all()
    sweep.fill(store, np.flatnonzero(~kept))
    sweep.fill(stores.create_or_resume(tmp_path / "whole.zarr", sweep.layout))
    assert store_bytes(path) == store_bytes(tmp_path / "whole.zarr")


@pytest.mark.parametrize("room", [0, 1000, 5000])
def test_a_disk_too_full_to_create_a_store(sweep, tmp_path, small_disk, room):
    small_disk(room)
    with pytest.raises(stores.DiskFullError) as caught:
        stores.create_or_resume(tmp_path / "x.zarr", sweep.layout)
    assert str(caught.value) == (
        f"disk full: cannot create {tmp_path / 'x.zarr'}; nothing was changed; free some space or give another -o"
    )
    assert list(tmp_path.iterdir()) == []


def test_every_write_names_a_full_disk(sweep, tmp_path, small_disk):
    import xarray as xr

    path = tmp_path / "x.zarr"
    small_disk(10**6)
    store = stores.create_or_resume(path, sweep.layout)
    sweep.fill(store)
    small_disk(0)
    for action, act in {
        "mark block 0 of": lambda: store.mark(sweep.regions[0]),
        "write best of": lambda: store.write_group("best", xr.Dataset({"a": ("x", [1.0])})),
        "finish": store.finish,
    }.items():
        with pytest.raises(
            stores.DiskFullError, match=f"disk full: cannot {action} {path}; the finished blocks are kept"
        ):
            act()
    assert not stores.is_finished(path)


def foreign_folder(path):
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")


def foreign_zarr(path):
    zarr.create_group(path, attributes={"owner": "somebody else"})


def truncated(path):
    foreign_zarr(path)
    (path / "zarr.json").write_text('{"attributes": {"rooflax_store": 1')


def later(path):
    zarr.create_group(path, attributes={"rooflax_store": 3})


REFUSED = [
    (lambda path: path.write_text("a,b"), "{path} is a file, not a rooflax store"),
    (Path.mkdir, "{path} is an empty folder, not a rooflax store"),
    (foreign_folder, "{path} is a folder of other files, not a rooflax store (it has no zarr.json)"),
    (foreign_zarr, "{path} is a zarr store, but not one of rooflax"),
    (truncated, "{path} is damaged or not a rooflax store: its zarr.json is not valid JSON"),
    (later, "{path} was written by a later rooflax (store format 3; this one reads 2)"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=["file", "empty", "folder", "zarr", "truncated", "later"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_ours_is_refused_and_left_alone(sweep, tmp_path, make, message, overwrite):
    path = tmp_path / "x.zarr"
    make(path)
    before = {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout, overwrite=overwrite)
    assert str(caught.value) == message.format(path=path) + "; it is left as it is, give another -o"
    for act in (stores.open_results, stores.open_store, stores.is_finished):
        with pytest.raises(stores.StoreError) as caught:
            act(path)
        assert str(caught.value) == message.format(path=path)
    assert {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_store_with_other_files_in_it_is_not_replaced(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    stores.create_store(path, sweep.layout)
    (path / "notes.txt").write_text("mine")
    stores.create_or_resume(path, sweep.layout)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout, overwrite=True)
    assert str(caught.value) == f"{path} also holds notes.txt, which is no part of the store; move it elsewhere first"
    assert (path / "notes.txt").read_text() == "mine"


def test_a_store_that_is_missing(tmp_path):
    for act in (stores.open_results, stores.open_store, stores.is_finished):
        with pytest.raises(stores.StoreError) as caught:
            act(tmp_path / "none.zarr")
        assert str(caught.value) == f"there is no store at {tmp_path / 'none.zarr'}"


def test_parents_are_made_and_a_file_among_them_is_named(sweep, tmp_path):
    stores.create_or_resume(tmp_path / "runs" / "deep" / "x.zarr", sweep.layout)
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.zarr"
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout)
    assert str(caught.value) == f"cannot create {path}: file exists ({tmp_path / 'file'})"


def test_a_folder_that_may_not_be_written(sweep, tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("root may write everywhere")
    try:
        with pytest.raises(stores.StoreError, match=r"cannot create .*x.zarr: permission denied"):
            stores.create_or_resume(tmp_path / "x.zarr", sweep.layout)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only file system"), (errno.EIO, "input/output error")],
)
def test_what_the_system_refuses_is_one_sentence(sweep, tmp_path, monkeypatch, number, reason):
    path, made = tmp_path / "x.zarr", Path.mkdir

    def refused(self, *arguments, **options):
        if self.name.startswith(".x.zarr"):
            raise OSError(number, os.strerror(number), str(self.parent))
        made(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout)
    assert str(caught.value) == f"cannot create {path}: {reason} ({tmp_path})"
    assert caught.value.exit_code == 2


def test_a_quota_counts_as_a_full_disk(tmp_path):
    with pytest.raises(stores.DiskFullError, match="disk full: cannot create"), file_errors("create", tmp_path):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


def flipped(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_a_flip_of_any_byte_of_a_shard_is_found(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    sweep.fill(stores.create_store(path, sweep.layout))
    shard = path / "step_time" / "c" / "1" / "2" / "0"
    whole = shard.read_bytes()
    found = stores.open_results(path).step_time
    for position in range(len(whole)):
        flipped(shard, position)
        with pytest.raises(stores.StoreError, match="array step_time is damaged in chunk"):
            found.isel(model=1, tp=4).load()
        shard.write_bytes(whole)
    found = stores.open_results(path)
    np.testing.assert_array_equal(found.step_time.values, sweep.expected("step_time"))


@pytest.mark.parametrize(("position", "chunk"), [(5, "(1, 2, 0)"), (-1, "(1, 2, 0)")], ids=["chunk", "index"])
def test_damage_is_named_by_array_and_chunk(sweep, tmp_path, position, chunk):
    path = tmp_path / "x.zarr"
    sweep.fill(stores.create_store(path, sweep.layout))
    flipped(path / "step_time" / "c" / "1" / "2" / "0", position)
    found = stores.open_results(path)
    with pytest.raises(stores.StoreError) as caught:
        found.step_time.load()
    assert str(caught.value) == (
        f"{path}: array step_time is damaged in chunk {chunk}, in file step_time/c/1/2/0: it cannot be decoded or its "
        f"checksum does not match; `rooflax check {path} --repair` mends it"
    )
    np.testing.assert_array_equal(found.step_time[0].values, sweep.expected("step_time")[0])
    for read in (
        lambda: found.step_time.isel(model=-1, tp=[4], bandwidth=[0, 3]).values,
        lambda: found.step_time.isel(model=slice(None, None, -1)).values,
    ):
        with pytest.raises(stores.StoreError, match="array step_time is damaged in chunk"):
            read()


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_shard_cut_short_is_found(sweep, tmp_path, size):
    path = tmp_path / "x.zarr"
    sweep.fill(stores.create_store(path, sweep.layout))
    shard = path / "step_time" / "c" / "0" / "1" / "0"
    shard.write_bytes(shard.read_bytes()[:size])
    with pytest.raises(stores.StoreError, match="array step_time is damaged in chunk \\(0, 1, 0\\)"):
        stores.open_results(path).step_time.load()


def test_a_damaged_coordinate_is_found_when_the_store_is_opened(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    flipped(tmp_path / "x.zarr" / "model" / "c" / "0", 20)
    with pytest.raises(stores.StoreError, match="array model is damaged in chunk \\(0,\\), in file model/c/0"):
        stores.open_results(tmp_path / "x.zarr")


def test_a_store_that_lost_its_marks_is_named(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    stores.create_store(path, sweep.layout)
    root = json.loads((path / "zarr.json").read_text())
    del root["consolidated_metadata"]
    (path / "zarr.json").write_bytes(with_own(root, root["attributes"]["rooflax_run"]))
    shutil.rmtree(path / "_blocks")
    with pytest.raises(stores.StoreError) as caught:
        stores.open_store(path)
    assert str(caught.value) == (
        f"{path} is damaged: it has no array _blocks/done; `rooflax check {path} --repair` mends it"
    )


@pytest.mark.parametrize("gone", ["moved", "deleted"])
def test_a_store_that_is_moved_while_a_run_writes_is_told_and_not_begun_anew(sweep, tmp_path, gone):
    path, region = tmp_path / "x.zarr", sweep.regions[1]
    store = stores.create_or_resume(path, sweep.layout)
    sweep.fill(store, [0])
    shutil.rmtree(path) if gone == "deleted" else path.rename(tmp_path / "y.zarr")
    for act in (lambda: store.write(region, sweep.block(region)), lambda: store.mark(region)):
        with pytest.raises(stores.StoreError) as caught:
            act()
        assert str(caught.value) == (
            f"{path} was moved or deleted while a run wrote to it; the finished blocks are in it, wherever it is now, "
            "and the same command resumes it there with another -o"
        )
        assert caught.value.exit_code == 1
    assert not path.exists()
    if gone == "moved":
        assert stores.create_or_resume(tmp_path / "y.zarr", sweep.layout).done().tolist() == [True, *[False] * 5]
