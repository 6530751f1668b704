"""The lock of an object store: kept by renewal, taken over from whoever has fallen silent, and lost when taken."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest

pytest.importorskip("obstore")

from object_server import BUCKET, Line
from obstore.store import S3Store

from rooflax import stores
from rooflax.stores import lease
from rooflax.stores.problems import LostLockError


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(lease, "LEASE", 1.5)
    monkeypatch.setattr(lease, "BEAT", 0.2)


@pytest.fixture
def around(s3):
    return S3Store(BUCKET, prefix=s3.removeprefix(f"s3://{BUCKET}/"))


@pytest.fixture
def silent(monkeypatch):
    """Leases taken within are not renewed, as if their process had stopped."""

    def take(objects, key="lock"):
        with monkeypatch.context() as patch:
            patch.setattr(lease.Lease, "_keep", lambda _: None)
            return lease.leased(objects, key, "x.zarr")

    return take


def test_a_second_run_is_refused_while_the_first_renews(sweep, s3):
    with stores.create_or_resume(f"{s3}/x.zarr", sweep.layout):
        with pytest.raises(stores.LockedError) as caught:
            stores.create_or_resume(f"{s3}/x.zarr", sweep.layout, overwrite=True)
        assert str(caught.value).startswith(f"{s3}/x.zarr is being written by another run (host ")
        assert caught.value.exit_code == 1
        time.sleep(2 * lease.LEASE)
        with pytest.raises(stores.LockedError):
            stores.open_store(f"{s3}/x.zarr")
    stores.open_store(f"{s3}/x.zarr").close()


def test_the_lock_of_a_silent_holder_is_taken_over_after_a_lease(around, silent, caplog):
    first = silent(around)
    began, at = time.monotonic(), time.time()
    second = lease.leased(around, "lock", "x.zarr")
    assert time.monotonic() - began >= lease.LEASE
    (told,) = caplog.records
    assert told.created - at < lease.LEASE / 2
    assert re.fullmatch(
        r"x\.zarr is locked by another run \(host .+, process \d+, since .+\); "
        "waiting up to 2 s for a sign of life of it",
        told.getMessage(),
    )
    second.check()
    with pytest.raises(LostLockError) as caught:
        first.check()
    assert str(caught.value).startswith("x.zarr was taken over by another run (host ")
    assert str(caught.value).endswith(
        ") while this one could not be heard of; the finished blocks are kept, and nothing more is written here"
    )
    assert caught.value.exit_code == 1
    first.release()
    second.check()
    time.sleep(2 * lease.BEAT)
    second.check()
    second.release()
    assert [entry for batch in around.list() for entry in batch] == []


def test_a_run_that_has_lost_its_lock_writes_no_more(sweep, s3, around, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(lease.Lease, "_keep", lambda _: None)
        store = stores.create_or_resume(f"{s3}/x.zarr", sweep.layout)
    with stores.create_or_resume(f"{s3}/x.zarr", sweep.layout) as other:
        region = sweep.regions[0]
        for act in (
            lambda: store.write(region, sweep.block(region)),
            lambda: store.mark(region),
        ):
            with pytest.raises(LostLockError, match="was taken over by another run"):
                act()
        assert not other.done().any()
        assert [entry["path"] for batch in around.list("x.zarr/step_time/c") for entry in batch] == []
        store.close()
        sweep.fill(other)
    assert stores.write.Store(f"{s3}/x.zarr").done().all()


def test_the_heartbeat_notices_a_loss(around):
    held = lease.leased(around, "lock", "x.zarr")
    around.put("lock", json.dumps({"id": "another", "host": "far", "process": 7, "since": "noon"}).encode())
    held._thread.join(timeout=30)
    assert not held._thread.is_alive()
    with pytest.raises(LostLockError, match=r"another run \(host far, process 7, since noon\) while"):
        held.check()


def test_of_many_that_wait_for_a_silent_holder_one_takes_over(around, silent):
    silent(around)
    won, refused = [], []

    def attempt():
        try:
            won.append(lease.leased(around, "lock", "x.zarr"))
        except stores.LockedError:
            refused.append(True)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The server judges a condition and acts on it in two steps, so two of its threads may both let a put pass; then
    # the first to renew finds that the lock is another's.
    time.sleep(3 * lease.BEAT)
    held = []
    for taken in won:
        try:
            taken.check()
            held.append(taken)
        except LostLockError:
            refused.append(True)
    assert (len(held), len(refused)) == (1, 3)
    held[0].release()


def test_an_answer_lost_on_its_way_is_no_loss_of_the_lock(around, silent):
    held = silent(around)
    held._version = {"e_tag": '"stale"'}
    held._renew()
    held.check()
    held._renew()
    assert held._successor is None
    held.release()


@pytest.mark.parametrize("header", [b"if-none-match", b"if-match"])
def test_a_server_without_conditions_is_refused(s3_port, s3, monkeypatch, around, silent, header):
    line = Line(s3_port)
    try:
        line.changes = {header: b"x" * len(header)}
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
        careless = S3Store(BUCKET, prefix=s3.removeprefix(f"s3://{BUCKET}/"))
        with pytest.raises(stores.StoreError) as caught:
            lease.leased(careless, "lock", "x.zarr")
    finally:
        line.cut()
    assert str(caught.value) == (
        "cannot lock x.zarr: its server takes no notice of conditions (If-None-Match, If-Match), without which two "
        "runs cannot be kept apart; give a place on a server that supports conditional writes, or a local path"
    )
    assert [entry for batch in around.list() for entry in batch] == []


def test_an_outage_shorter_than_a_lease_changes_nothing(s3_port, s3, monkeypatch, around):
    line = Line(s3_port)
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
        objects = S3Store(BUCKET, prefix=s3.removeprefix(f"s3://{BUCKET}/"), retry_config={"max_retries": 0})
        held = lease.leased(objects, "lock", "x.zarr")
        line.cut()
        time.sleep(3 * lease.BEAT)
        line.restore()
        time.sleep(3 * lease.BEAT)
        assert held._thread.is_alive()
        held.check()
        held.release()
    finally:
        line.cut()
    assert [entry for batch in around.list() for entry in batch] == []
