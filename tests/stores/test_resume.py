from __future__ import annotations

import random
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from rooflax import stores


class Killed(BaseException):
    """Stands for a signal: nothing in the package catches it."""


def interrupted(sweep, path, monkeypatch, after):
    """Writes blocks in order until the file system is entered for the `after`-th time."""
    from zarr.storage import _local

    put, left = _local._put, [after]

    def counted(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return put(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_local, "_put", counted)
        with stores.create_or_resume(path, sweep.layout) as store:
            for region in sweep.regions:
                if not store.done()[region.index]:
                    store.write(region, sweep.block(region))
                    store.mark(region)


def resumed(sweep, path):
    with stores.create_or_resume(path, sweep.layout) as store:
        pending = np.flatnonzero(~store.done())
        sweep.fill(store, pending)
        store.finish()
    return len(pending)


@pytest.mark.parametrize("after", sorted(random.Random(7).sample(range(40, 63), 6)))
def test_a_resumed_store_equals_an_uninterrupted_one(sweep, tmp_path, monkeypatch, store_bytes, after):
    assert resumed(sweep, tmp_path / "whole.zarr") == 6
    with pytest.raises(Killed):
        interrupted(sweep, tmp_path / "x.zarr", monkeypatch, after)
    assert 0 < resumed(sweep, tmp_path / "x.zarr") <= 6
    assert store_bytes(tmp_path / "x.zarr") == store_bytes(tmp_path / "whole.zarr")
    assert resumed(sweep, tmp_path / "x.zarr") == 0


@pytest.mark.parametrize("after", [0, 1, 9, 20])
def test_nothing_half_made_is_left_when_creation_stops(sweep, tmp_path, monkeypatch, after):
    with pytest.raises(Killed):
        interrupted(sweep, tmp_path / "x.zarr", monkeypatch, after)
    assert list(tmp_path.iterdir()) == []


KILLED_WHILE_CREATING = """
import os, signal, sys
from zarr.storage import _local
put, left = _local._put, [9]
def counted(*arguments, **options):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return put(*arguments, **options)
_local._put = counted
import numpy as np
from rooflax import stores
from rooflax.specs.blocks import ArrayLayout, StoreLayout
arrays = tuple(ArrayLayout(f"a{i}", ("x",), (3,), "float32", (3,), (3,), {}) for i in range(12))
stores.create_or_resume(sys.argv[1], StoreLayout(arrays, (), 1, {}, "other"))
"""


def test_what_a_killed_process_left_is_cleared_by_the_next(sweep, tmp_path):
    command = [sys.executable, "-c", KILLED_WHILE_CREATING, str(tmp_path / "x.zarr")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert {entry.name for entry in tmp_path.iterdir()} == {".x.zarr.lock", ".x.zarr.partial"}
    (tmp_path / ".y.zarr.partial").mkdir()
    stores.create_or_resume(tmp_path / "x.zarr", sweep.layout).close()
    assert {entry.name for entry in tmp_path.iterdir()} == {"x.zarr", ".y.zarr.partial"}


def test_a_store_moved_aside_by_a_killed_process_comes_back(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    with stores.create_store(path, sweep.layout) as store:
        sweep.fill(store)
    path.rename(tmp_path / ".x.zarr.replaced")
    with stores.create_or_resume(path, sweep.layout) as store:
        assert store.done().all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zarr"]


def test_a_replaced_store_that_a_killed_process_left_is_deleted(sweep, tmp_path):
    path = tmp_path / "x.zarr"
    stores.create_store(path, sweep.layout).close()
    stores.create_store(tmp_path / ".x.zarr.replaced", sweep.layout).close()
    stores.create_or_resume(path, sweep.layout).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zarr"]


@pytest.mark.parametrize(
    ("changed", "clause"),
    [
        ({"spec_digest": "s2"}, "the spec (s1 there, s2 here) differs"),
        ({"registry_digest": "0123456789abcdef"}, "the cost models (r1 there, 0123456789ab… here) differs"),
        (
            {"spec_digest": "s2", "version": "0.2.0"},
            "the spec (s1 there, s2 here) and the version of rooflax (0.1.0 there, 0.2.0 here) differ",
        ),
        ({}, "its digest (d1 there, d2 here) differs"),
    ],
)
def test_a_store_of_another_sweep_is_refused(sweep, make_sweep, tmp_path, changed, clause):
    path = tmp_path / "x.zarr"
    stores.create_or_resume(path, sweep.layout)
    other = make_sweep(digest="d2", **changed)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, other.layout)
    assert str(caught.value) == (
        f"{path} holds the results of another sweep: {clause}; give --overwrite to replace it, or another -o"
    )
    assert caught.value.exit_code == 2


def test_overwrite_replaces_a_store_whole(sweep, make_sweep, tmp_path):
    path = tmp_path / "x.zarr"
    sweep.fill(stores.create_or_resume(path, sweep.layout))
    other = make_sweep(target=1000, digest="d2")
    with stores.create_or_resume(path, other.layout, overwrite=True) as store:
        assert store.done().tolist() == [False]
        other.fill(store)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zarr"]
    np.testing.assert_array_equal(stores.open_results(path).step_time.values, other.expected("step_time"))


def test_a_failed_overwrite_leaves_the_old_store(sweep, make_sweep, tmp_path, monkeypatch, store_bytes):
    path = tmp_path / "x.zarr"
    sweep.fill(stores.create_or_resume(path, sweep.layout))
    before = store_bytes(path)
    monkeypatch.setattr("rooflax.stores.resume.create_layout", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        stores.create_or_resume(path, make_sweep(digest="d2").layout, overwrite=True)
    assert store_bytes(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zarr"]


def test_creating_where_a_store_is_needs_overwrite(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_store(tmp_path / "x.zarr", sweep.layout)
    assert str(caught.value) == f"{tmp_path / 'x.zarr'} exists already; give --overwrite to replace it, or another -o"


def test_a_link_to_a_store_stays_a_link(sweep, tmp_path):
    stores.create_store(tmp_path / "far" / "x.zarr", sweep.layout)
    (tmp_path / "x.zarr").symlink_to(tmp_path / "far" / "x.zarr")
    sweep.fill(stores.create_or_resume(tmp_path / "x.zarr", sweep.layout, overwrite=True))
    assert (tmp_path / "x.zarr").is_symlink()
    assert stores.open_store(tmp_path / "far" / "x.zarr").done().all()


def test_provenance_must_be_json_and_leave_the_stores_names_alone(sweep, tmp_path):
    def create(**attrs):
        stores.create_store(tmp_path / "x.zarr", replace(sweep.layout, attrs=attrs))

    with pytest.raises(ValueError, match="the provenance uses rooflax_digest, which the store writes itself"):
        create(rooflax_digest="x")
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        create(scale=float("nan"))
    with pytest.raises(TypeError, match="Object of type ndarray is not JSON serializable"):
        create(scale=np.arange(3))
    assert list(tmp_path.iterdir()) == []
