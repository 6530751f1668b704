"""Stores in an object store: against an S3 server of its own process."""

from __future__ import annotations

import json
import pickle
import random
import signal
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("obstore")

from object_server import BUCKET, Line
from obstore.store import S3Store

from rooflax import stores
from rooflax.stores import bucket, lease
from rooflax.stores.bucket import Bucket
from rooflax.stores.location import located


class Killed(BaseException):
    """Stands for a signal: nothing in the package catches it."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """An outage is one after a moment, and a lock that nobody renews is free after another."""
    monkeypatch.setattr(bucket, "RETRY", {"max_retries": 1, "retry_timeout": timedelta(seconds=5)})
    monkeypatch.setattr(lease, "PATIENCE", 1.0)
    monkeypatch.setattr(lease, "LEASE", 2.0)
    monkeypatch.setattr(lease, "BEAT", 0.2)


@pytest.fixture
def line(s3_port, s3, monkeypatch):
    """A connection to the server that can be cut."""
    made = Line(s3_port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
    yield made
    made.cut()


def objects(url):
    """Every object below a URL by its key."""
    store = S3Store(BUCKET, prefix=url.removeprefix(f"s3://{BUCKET}/"))
    keys = [str(entry["path"]) for batch in store.list() for entry in batch]
    return {key: bytes(store.get(key).bytes()) for key in sorted(keys)}


def without_run(found):
    root = json.loads(found["zarr.json"])
    assert set(root["attributes"].pop("rooflax_run")) <= {"run", "host", "started", "finished", "root_checksum"}
    return {**found, "zarr.json": json.dumps(root).encode()}


def put(url, **content):
    store = S3Store(BUCKET, prefix=url.removeprefix(f"s3://{BUCKET}/"))
    for key, data in content.items():
        store.put(key.replace("__", "/"), data)


def filled(sweep, place, order=None):
    with stores.create_or_resume(place, sweep.layout) as store:
        sweep.fill(store, order)
        store.finish()


def test_a_store_in_a_bucket_equals_one_in_a_folder_byte_for_byte(sweep, s3, tmp_path, store_bytes):
    filled(sweep, tmp_path / "x.zarr")
    filled(sweep, f"{s3}/x.zarr", random.Random(3).sample(range(len(sweep.regions)), len(sweep.regions)))
    assert without_run(objects(f"{s3}/x.zarr")) == store_bytes(tmp_path / "x.zarr")
    assert all(key.startswith("x.zarr/") for key in objects(s3)), "the lock and the sign are gone"


def test_values_are_read_by_url(sweep, s3):
    url = f"{s3}/deep/x.zarr"
    filled(sweep, url)
    found = stores.open_results(url)
    np.testing.assert_array_equal(found.step_time.isel(tp=2).values, sweep.expected("step_time")[:, 2])
    np.testing.assert_array_equal(found.total.values, sweep.expected("total"))
    assert stores.is_finished(url)
    inside = stores.open_results(url, "gradients")
    np.testing.assert_array_equal(inside.step_time.values, sweep.expected("gradients/step_time"))
    from zarr.storage import ObjectStore

    theirs = xr.open_zarr(ObjectStore(S3Store(BUCKET, prefix=url.removeprefix(f"s3://{BUCKET}/")), read_only=True))
    np.testing.assert_array_equal(theirs.step_time.values, sweep.expected("step_time"))
    assert list(theirs.model.values) == ["llama-2-70b", "größer-1t"]


def test_threads_write_together_and_groups_are_kept(sweep, s3):
    from concurrent.futures import ThreadPoolExecutor

    url = f"{s3}/x.zarr"
    with stores.create_or_resume(url, sweep.layout) as store:
        assert store.place.address == str(store.place) == url
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda index: sweep.fill(store, [index]), range(len(sweep.regions))))
        best = xr.Dataset({"step_time": ("model", np.array([1.5, 2.5]))}, coords={"model": ["a", "b"]})
        store.write_group("best", best)
        store.finish()
    again = stores.write.Store(url)
    assert again.done().all()
    assert again.holds(sweep.regions).all()
    assert again.has_group("best")
    assert not again.has_group("pareto")
    assert stores.open_results(url, "best").step_time.values.tolist() == [1.5, 2.5]


WRITING = """
import pickle, sys
from rooflax import stores
layout, blocks = pickle.loads(open(sys.argv[2], "rb").read())
with stores.create_or_resume(sys.argv[1], layout) as store:
    for region, arrays in blocks:
        store.write(region, arrays)
        store.mark(region)
        print(region.index, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def killed_run(sweep, s3, tmp_path):
    """A store that a process began, and how many blocks it marked before it was killed."""
    blocks = [(region, sweep.block(region)) for region in sweep.regions]
    (tmp_path / "blocks").write_bytes(pickle.dumps((sweep.layout, blocks)))
    command = [sys.executable, "-c", WRITING, f"{s3}/x.zarr", str(tmp_path / "blocks")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stdin.close()
    return f"{s3}/x.zarr"


def test_a_killed_run_is_taken_over_and_ends_like_one_that_was_not(killed_run, sweep, s3, tmp_path, store_bytes):
    assert ".x.zarr.lock" in objects(s3)
    with stores.create_or_resume(killed_run, sweep.layout) as store:
        pending = np.flatnonzero(~store.done())
        assert 0 < len(pending) <= 3
        assert store.holds([sweep.regions[0]]).all()
        sweep.fill(store, pending)
        store.finish()
    filled(sweep, tmp_path / "whole.zarr")
    assert without_run(objects(killed_run)) == store_bytes(tmp_path / "whole.zarr")
    assert ".x.zarr.lock" not in objects(s3)


def test_overwrite_replaces_a_store(sweep, make_sweep, s3):
    url, other = f"{s3}/x.zarr", make_sweep(target=1000, digest="d2")
    filled(sweep, url)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(url, other.layout)
    assert str(caught.value) == (
        f"{url} holds the results of another sweep: its digest (d1 there, d2 here) differs; give --overwrite to "
        "replace it, or another -o"
    )
    with stores.create_or_resume(url, other.layout, overwrite=True) as store:
        assert store.done().tolist() == [False]
        other.fill(store)
    np.testing.assert_array_equal(stores.open_results(url).step_time.values, other.expected("step_time"))
    assert "step_time/c/1/2/0" not in objects(url)
    assert ".x.zarr.partial" not in objects(s3)


@pytest.mark.parametrize("puts", [1, 9, -1], ids=["at once", "midway", "before the last"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_run_killed_while_creating_left_is_no_store_and_is_mended(sweep, s3, monkeypatch, puts, overwrite):
    url = f"{s3}/x.zarr"
    if overwrite:
        filled(sweep, url)
    stores.create_store(f"{s3}/whole.zarr", sweep.layout).close()
    stop_creating(monkeypatch, sweep, url, puts % len(objects(f"{s3}/whole.zarr")) + 1, overwrite=overwrite)
    assert "zarr.json" not in objects(url)
    assert ".x.zarr.partial" in objects(s3)
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(url)
    assert str(caught.value) == f"{url} is half made; the command that began it makes it anew"
    filled(sweep, url)
    np.testing.assert_array_equal(stores.open_results(url).step_time.values, sweep.expected("step_time"))
    assert [key for key in objects(s3) if not key.startswith(("x.zarr/", "whole.zarr/"))] == []


def test_root_metadata_is_put_last_and_deleted_first(sweep, s3, monkeypatch):
    url, real, seen = f"{s3}/x.zarr", {"put": S3Store.put, "delete": S3Store.delete}, []

    def noted(kind):
        def act(self, key, *arguments, **options):
            done = real[kind](self, key, *arguments, **options)
            seen.append((kind, key))
            return done

        return act

    for kind in real:
        monkeypatch.setattr(S3Store, kind, noted(kind))
    stores.create_or_resume(url, sweep.layout).close()
    stores.create_or_resume(url, sweep.layout, overwrite=True).close()
    inside = [(kind, key) for kind, key in seen if not str(key).startswith(".")]
    puts = sum(kind == "put" for kind, _ in inside) // 2
    assert [at for at, (_, key) in enumerate(inside) if key == "zarr.json"] == [puts - 1, puts, len(inside) - 1]
    assert [kind for kind, key in inside if key == "zarr.json"] == ["put", "delete", "put"]


def stop_creating(monkeypatch, sweep, url, puts, *, overwrite):
    """Creates a store and stops dead after so many puts, the sign that it is being made included."""
    real, left = S3Store.put, [puts]

    def counted(self, key, *arguments, **options):
        # The lock is renewed by a thread of its own, which must not be what stops.
        left[0] -= not key.endswith(".lock")
        if left[0] < 0 and not key.endswith(".lock"):
            raise Killed
        return real(self, key, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put", counted)
        patch.setattr(bucket.Bucket, "recover", lambda _: None)
        with pytest.raises(Killed):
            stores.create_or_resume(url, sweep.layout, overwrite=overwrite)


def test_what_is_not_ours_is_refused_and_left_alone(sweep, s3):
    url = f"{s3}/x.zarr"
    put(url, thesis__tex=b"years of work")
    before = objects(s3)
    for overwrite in (False, True):
        with pytest.raises(stores.StoreError) as caught:
            stores.create_or_resume(url, sweep.layout, overwrite=overwrite)
        assert str(caught.value) == (
            f"{url} holds other objects, not a rooflax store (it has no zarr.json); it is left as it is, give "
            "another -o"
        )
    assert objects(s3) == before
    filled(sweep, f"{s3}/y.zarr")
    put(f"{s3}/y.zarr", notes__txt=b"mine")
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(f"{s3}/y.zarr", sweep.layout, overwrite=True)
    assert str(caught.value) == (
        f"{s3}/y.zarr also holds notes, which is no part of the store; move it elsewhere first"
    )
    assert objects(f"{s3}/y.zarr")["notes/txt"] == b"mine"


def test_damage_and_loss_are_named(sweep, s3):
    url = f"{s3}/x.zarr"
    filled(sweep, url)
    store = S3Store(BUCKET, prefix=url.removeprefix(f"s3://{BUCKET}/"))
    whole = bytearray(store.get("step_time/c/1/2/0").bytes())
    whole[5] ^= 1
    store.put("step_time/c/1/2/0", bytes(whole))
    with pytest.raises(stores.StoreError, match=r"array step_time is damaged in chunk \(1, 2, 0\)"):
        stores.open_results(url).step_time.load()
    store.delete("memory/c/1/2")
    with pytest.raises(stores.StoreError, match=r"memory lacks its file memory/c/1/2; `rooflax check"):
        stores.open_results(url).memory.load()
    assert stores.write.Store(url).holds(sweep.regions).tolist().count(False) == 1


def test_wrong_names_are_told(sweep, s3, monkeypatch):
    for act in (stores.open_results, lambda url: stores.create_or_resume(url, sweep.layout)):
        with pytest.raises(stores.StoreError, match=r"s3://nowhere/x.zarr: there is no bucket nowhere$") as caught:
            act("s3://nowhere/x.zarr")
        assert caught.value.exit_code == 2
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(f"{s3}/none.zarr")
    assert str(caught.value) == f"there is no store at {s3}/none.zarr"
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(f"{s3}/none.zarr")
    assert str(caught.value) == (
        f"cannot read {s3}/none.zarr: its endpoint is no https:// URL; set AWS_ALLOW_HTTP=true to allow http://"
    )


def test_an_outage_stops_a_run_that_is_resumed_after_it(sweep, s3, line, tmp_path, store_bytes):
    url = f"{s3}/x.zarr"
    store = stores.create_or_resume(url, sweep.layout)
    sweep.fill(store, [0, 1])
    line.cut()
    for act, action in (
        (lambda: store.write(sweep.regions[2], sweep.block(sweep.regions[2])), "write block 2 of"),
        (lambda: store.mark(sweep.regions[2]), "mark block 2 of"),
    ):
        with pytest.raises(stores.OutageError) as caught:
            act()
        assert str(caught.value).startswith(f"cannot {action} {url}: the server does not answer as it should (")
        assert str(caught.value).endswith("); the finished blocks are kept, run the same command to resume")
        assert caught.value.exit_code == 1
        assert len(str(caught.value)) < 300
    with pytest.raises(stores.OutageError, match=f"cannot read {url}: the server does not answer as it should"):
        stores.open_results(url)
    store.close()
    line.restore()
    with stores.create_or_resume(url, sweep.layout) as store:
        assert store.done().tolist() == [True, True, False, False, False, False]
        sweep.fill(store, [2, 3, 4, 5])
        store.finish()
    filled(sweep, tmp_path / "whole.zarr")
    assert without_run(objects(url)) == store_bytes(tmp_path / "whole.zarr")


def test_a_refusing_server_is_told(s3, line):
    line.changes = {b"HTTP/1.1 404": b"HTTP/1.1 403"}
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(f"{s3}/x.zarr")
    assert str(caught.value) == (
        f"cannot read {s3}/x.zarr: access denied (Server returned non-2xx status code: 403 Forbidden); credentials are "
        "read from the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )
    assert caught.value.exit_code == 2


def test_a_file_url_is_a_path(sweep, tmp_path):
    url = (tmp_path / "größer x.zarr").as_uri()
    filled(sweep, url)
    assert stores.is_finished(tmp_path / "größer x.zarr")
    assert stores.open_results(url).step_time.shape == (2, 5, 23)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results("s3://bucket/x.zarr")
    assert str(caught.value) == (
        "s3://bucket: obstore is not installed, which reaches object stores; pip install 'rooflax[cloud]'"
    )


@pytest.mark.parametrize("url", ["gs://bucket/x.zarr", "az://container/x.zarr"])
def test_other_clouds_are_reached_by_their_own_clients(monkeypatch, url):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    place = located(url)
    assert place.address == url
    assert isinstance(place, Bucket)
    assert type(place._inside).__name__ == {"gs": "GCSStore", "az": "AzureStore"}[url[:2]]
