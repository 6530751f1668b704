"""One run at a time writes to a store, and a process that has died is no run."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from rooflax import stores
from rooflax.stores import locks

HOLDING = """
import sys, time
from rooflax import stores
held = stores.open_store(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_run():
    """Another process that holds the lock of a store, and is killed at the end."""
    started = []

    def hold(path):
        process = subprocess.Popen([sys.executable, "-c", HOLDING, str(path)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_run_is_refused_until_the_first_has_died(sweep, tmp_path, other_run):
    path = tmp_path / "x.zarr"
    stores.create_store(path, sweep.layout).close()
    first = other_run(path)
    held = json.loads((tmp_path / ".x.zarr.lock").read_text())
    assert held["process"] == first.pid
    for act in (
        lambda: stores.create_or_resume(path, sweep.layout),
        lambda: stores.create_or_resume(path, sweep.layout, overwrite=True),
        lambda: stores.create_store(path, sweep.layout, overwrite=True),
        lambda: stores.open_store(path),
    ):
        with pytest.raises(stores.LockedError) as caught:
            act()
        assert str(caught.value) == (
            f"{path} is being written by another run (host {held['host']}, process {first.pid}, "
            f"since {held['since']}); wait for its end, or give another -o"
        )
        assert caught.value.exit_code == 1
    assert json.loads((tmp_path / ".x.zarr.lock").read_text()) == held
    first.send_signal(signal.SIGKILL)
    first.wait()
    with stores.create_or_resume(path, sweep.layout) as store:
        assert json.loads((tmp_path / ".x.zarr.lock").read_text())["process"] == os.getpid()
        sweep.fill(store)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.zarr"]


def test_readers_need_no_lock(sweep, tmp_path):
    with stores.create_store(tmp_path / "x.zarr", sweep.layout) as store:
        sweep.fill(store)
        store.finish()
        assert stores.open_results(tmp_path / "x.zarr").step_time.load().notnull().any()
        assert stores.write.Store(tmp_path / "x.zarr").done().all()


def test_a_store_that_is_dropped_lets_go(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    assert (tmp_path / ".x.zarr.lock").exists()
    del store
    assert not (tmp_path / ".x.zarr.lock").exists()
    stores.open_store(tmp_path / "x.zarr").close()


def test_closing_twice_leaves_the_next_holder_alone(sweep, tmp_path):
    first = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    first.close()
    with stores.open_store(tmp_path / "x.zarr"):
        first.close()
        with pytest.raises(stores.LockedError):
            stores.open_store(tmp_path / "x.zarr")


FORKING = """
import os, sys
from pathlib import Path
from rooflax.stores import LockedError
from rooflax.stores.locks import locked_file
lock = locked_file(Path(sys.argv[1]), "x.zarr")
child = os.fork()
if child == 0:
    lock.release()
    os._exit(0)
os.waitpid(child, 0)
try:
    locked_file(Path(sys.argv[1]), "x.zarr")
except LockedError:
    print("still held")
"""


def test_a_forked_child_lets_go_of_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path / "lock")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "still held\n"


def test_of_many_at_once_one_gets_the_lock_each_time(tmp_path):
    path, inside, most = tmp_path / "lock", [0], [0]

    def attempt(_):
        try:
            lock = locks.locked_file(path, "x.zarr")
        except stores.LockedError:
            return 0
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1
        lock.release()
        return 1

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(attempt, range(2000)))
    assert won > 8
    assert most == [1]
    assert not path.exists()


def test_a_file_removed_between_opening_and_locking_is_not_taken_for_the_lock(tmp_path, monkeypatch):
    path, granted, first = tmp_path / "lock", locks._granted, []

    def slow(descriptor, place):
        if not first:
            first.append(True)
            path.unlink()
        return granted(descriptor, place)

    monkeypatch.setattr(locks, "_granted", slow)
    lock = locks.locked_file(path, "x.zarr")
    with pytest.raises(stores.LockedError):
        locks.locked_file(path, "x.zarr")
    lock.release()


def test_a_file_system_without_locks_is_told(sweep, tmp_path, monkeypatch):
    def refused(descriptor):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "_lock", refused)
    with pytest.raises(stores.StoreError) as caught:
        stores.create_store(tmp_path / "x.zarr", sweep.layout)
    assert str(caught.value) == (
        f"cannot lock {tmp_path / 'x.zarr'}: no locks available; a file system that keeps locks is needed, so that no "
        "two runs write to one store"
    )
