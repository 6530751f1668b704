"""Disks that are full or may not be written: one sentence, nothing lost, and the same store in the end.

Where mounting is allowed the disk is a small file system in memory; a stand-in for it, which runs everywhere, lets
zarr's writes fail as the operating system would. Each test prints which of them ran.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from killable_runs import contents, differing
from stored_sweep import files, flip, rooflax, say

import rooflax as rx

MIB = 2**20
ROOMS = 5


pytestmark = pytest.mark.usefixtures("small_blocks")


def mounted(place, options):
    """Whether a file system in memory could be mounted at a folder."""
    command = ["mount", "-t", "tmpfs", "-o", options, "rooflax-test", str(place)]
    return (
        os.name == "posix"
        and shutil.which("mount")
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


class MountedDisk:
    """A file system of its own; what fills it is one more file."""

    def __init__(self, place):
        self.place, self.ballast = place, place / "ballast"

    def leave(self, room):
        self.free()
        used = sum(-(-file.stat().st_size // 4096) * 4096 for file in files(self.place))
        with self.ballast.open("wb") as file:
            file.write(bytes(max(0, 2 * MIB - used - room)))

    def free(self):
        self.ballast.unlink(missing_ok=True)


class StandIn:
    """A disk of which zarr's writes take some room; once it is gone they fail."""

    def __init__(self, place, patch):
        from zarr.storage import _local

        self.place, self.room, put = place, None, _local._put

        def counted(path, value, exclusive=False):
            if self.room is not None:
                self.room -= -(-len(value) // 4096) * 4096
                if self.room < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            return put(path, value, exclusive=exclusive)

        patch.setattr(_local, "_put", counted)

    def leave(self, room):
        self.room = room

    def free(self):
        self.room = None


@pytest.fixture(params=["mounted", "stand-in"])
def disk(request, tmp_path, monkeypatch):
    place = tmp_path / "disk"
    place.mkdir()
    if request.param == "stand-in":
        say("the disk is a stand-in")
        yield StandIn(place, monkeypatch)
        return
    if not mounted(place, "size=2m"):
        pytest.skip("mounting is not allowed here; the stand-in runs")
    say("the disk is a file system of 2 MiB in memory")
    try:
        yield MountedDisk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_run_on_a_full_disk_is_resumed_to_the_same_store(disk, whole):
    seed = random.SystemRandom().randrange(2**32)
    say(f"seed {seed}")
    chance, store = random.Random(seed), disk.place / "x.zarr"
    run = ["run", whole.parent / "spec.yaml", "-o", store, "--quiet"]
    needed = sum(-(-len(content) // 4096) * 4096 for content in contents(whole).values())
    failed = 0
    for room in sorted(chance.randrange(4096, needed) for _ in range(ROOMS)):
        disk.leave(room)
        done = rooflax(*run)
        assert done.exit_code in (0, 1)
        if done.exit_code:
            failed += 1
            say(f"room for {room} of {needed} bytes: {done.stderr.strip()}")
            assert done.stderr.startswith("disk full: cannot ")
            assert done.stderr.count("\n") == 1
            kept = f"{store}; the finished blocks are kept; free some space and run the same command to resume\n"
            made = f"cannot create {store}; nothing was changed; free some space or give another -o\n"
            assert done.stderr.endswith(kept if store.exists() else made)
        disk.free()
        if store.exists():
            assert rooflax("check", store).exit_code == 0
    assert failed
    assert rooflax(*run).exit_code == 0
    assert differing(store, whole) == []


def test_a_repair_on_a_full_disk_goes_on_later(disk, whole):
    store = Path(shutil.copytree(whole, disk.place / "x.zarr"))
    spoilt = ["training_time_6nd/c/1/0/0", "training_cost_6nd/c/2/1/0", "best/ties/c/0"]
    for name in spoilt:
        flip(store / name, 2)
    disk.leave(0)
    done = rooflax("check", store, "--repair", "--quiet")
    assert done.exit_code == 1
    assert done.stderr.startswith("disk full: cannot ")
    disk.free()
    assert rooflax("check", store).exit_code == 1
    assert rooflax("check", store, "--repair").exit_code == 0
    assert differing(store, whole) == []


@contextmanager
def read_only(store, patch):
    """The store, on a disk that may not be written."""
    place = store.parent
    if mounted_again(place):
        say("the disk is mounted read-only")
        try:
            yield
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)
        return
    say("the disk is a stand-in that refuses writes")
    from zarr.storage import _local

    make = Path.mkdir

    def refused(path, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def only_there(path, *arguments, **options):
        (make if path.is_dir() else refused)(path, *arguments, **options)

    with patch.context() as own:
        own.setattr(_local, "_put", refused)
        own.setattr(Path, "mkdir", only_there)
        yield


def mounted_again(place):
    """Whether a folder could be mounted over itself, read-only."""
    commands = [["mount", "--bind", str(place), str(place)], ["mount", "-o", "remount,bind,ro", str(place)]]
    return all(subprocess.run(command, check=False, capture_output=True).returncode == 0 for command in commands)


@pytest.fixture
def store(whole, tmp_path):
    (tmp_path / "disk").mkdir()
    return Path(shutil.copytree(whole, tmp_path / "disk" / "x.zarr"))


def test_a_store_that_may_not_be_written_is_read(store, monkeypatch):
    before = contents(store)
    with read_only(store, monkeypatch):
        assert rooflax("check", store).exit_code == 0
        assert rooflax("slice", store, "--vars", "training_time_6nd").exit_code == 0
        assert rooflax("best", store).exit_code == 0
        assert rooflax("pareto", store, "--objectives", "training_time_6nd:min,training_cost_6nd:min").exit_code == 0
        assert rx.open(store).attrs["rooflax_finished"] is True
    assert contents(store) == before


def test_what_would_write_says_that_it_may_not(store, whole, monkeypatch):
    flip(store / "training_time_6nd/c/1/0/0", 2)
    (store / "training_cost_6nd/c/1/0/0").unlink()
    before = contents(store)
    run = ["run", whole.parent / "spec.yaml", "-o"]
    with read_only(store, monkeypatch):
        for command, begun, reason in (
            (["check", store, "--repair"], "cannot open", "read-only file system"),
            ([*run, store], f"{store} was finished and has lost files since", "nothing may be written there"),
            ([*run, store, "--overwrite"], "cannot create", "read-only file system"),
            ([*run, store.parent / "other.zarr"], "cannot create", "read-only file system"),
        ):
            done = rooflax(*command)
            last = done.stderr.splitlines()[-1]
            assert (done.exit_code, last.startswith(begun)) == (2, True), last
            assert reason in last
    assert contents(store) == before
    assert rooflax("check", store, "--repair").exit_code == 0
    assert differing(store, whole) == []
