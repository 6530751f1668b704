"""Stores in Icechunk repositories: what is committed is there, and nothing else."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("icechunk")

import icechunk

from rooflax import stores
from rooflax.stores import lease, repository
from rooflax.stores.problems import LostLockError


@pytest.fixture(params=["icechunk", "icechunk+s3"])
def url(request, tmp_path):
    if request.param == "icechunk":
        return f"icechunk://{tmp_path}/x.ice"
    return f"icechunk+{request.getfixturevalue('s3')}/x.ice"


@pytest.fixture
def always(monkeypatch):
    """Every mark is committed."""
    monkeypatch.setattr(repository, "COMMIT_SECONDS", 0.0)


def history(url):
    place = repository.Repository(url)
    return [entry.message for entry in place._opened().ancestry(branch="main")]


def filled(sweep, url):
    with stores.create_or_resume(url, sweep.layout) as store:
        sweep.fill(store)
        store.finish()


def assert_complete(sweep, url):
    found = stores.open_results(url)
    for name in ("step_time", "memory", "rules.share", "total", "status"):
        np.testing.assert_array_equal(found[name].values, sweep.expected(name))
    assert list(found.model.values) == ["llama-2-70b", "größer-1t"]


def test_a_run_is_three_commits_and_reads_like_any_store(sweep, url):
    filled(sweep, url)
    assert history(url) == ["finished: d1", "store created", "Repository initialized"]
    assert stores.is_finished(url)
    assert_complete(sweep, url)
    inside = stores.open_results(url, "gradients")
    np.testing.assert_array_equal(inside.step_time.values, sweep.expected("gradients/step_time"))
    theirs = xr.open_zarr(repository.Repository(url).zarr_store(read_only=True), consolidated=False)
    np.testing.assert_array_equal(theirs.step_time.values, sweep.expected("step_time"))
    with stores.create_or_resume(url, sweep.layout) as store:
        assert store.done().all()
        store.finish()
    assert len(history(url)) == 3


def test_readers_see_a_block_and_its_mark_at_the_same_time(sweep, url, always, monkeypatch):
    with stores.create_or_resume(url, sweep.layout) as store:
        region = sweep.regions[0]
        store.write(region, sweep.block(region))
        assert np.isnan(stores.open_results(url).step_time.values).all()
        store.mark(region)
        assert store.done().tolist() == [True, False, False, False, False, False]
        assert stores.open_results(url).step_time[0, :2, :-1].notnull().all()
        monkeypatch.setattr(repository, "COMMIT_SECONDS", 1e9)
        sweep.fill(store, [1, 2])
        assert store.done().sum() == 3
        assert store.holds(sweep.regions).tolist() == [True, True, True, False, False, False]
        assert history(url)[0] == "block 0"
    assert history(url)[0] == "end of a run"


def test_threads_write_while_others_commit(sweep, url, always):
    with stores.create_or_resume(url, sweep.layout) as store:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda index: sweep.fill(store, [index % 6]), range(24)))
        best = xr.Dataset({"step_time": ("model", np.array([1.5, 2.5]))}, coords={"model": ["a", "b"]})
        store.write_group("best", best)
        store.finish()
    assert_complete(sweep, url)
    assert stores.open_results(url, "best").step_time.values.tolist() == [1.5, 2.5]
    with stores.open_store(url) as store:
        assert store.has_group("best")
        assert not store.has_group("pareto")


WRITING = """
import pickle, sys
from rooflax import stores
from rooflax.stores import repository
layout, blocks = pickle.loads(open(sys.argv[2], "rb").read())
repository.COMMIT_SECONDS = 0.0
with stores.create_or_resume(sys.argv[1], layout) as store:
    for region, arrays in blocks:
        store.write(region, arrays)
        store.mark(region)
        repository.COMMIT_SECONDS = 0.0 if region.index < 1 else 1e9
        print(region.index, flush=True)
        sys.stdin.readline()
"""


def test_a_killed_run_loses_what_it_has_not_committed(sweep, url, tmp_path, monkeypatch):
    blocks = [(region, sweep.block(region)) for region in sweep.regions]
    (tmp_path / "blocks").write_bytes(pickle.dumps((sweep.layout, blocks)))
    command = [sys.executable, "-c", WRITING, url, str(tmp_path / "blocks")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(4):
        assert process.stdout.readline() == f"{number}\n"
        if number < 3:
            process.stdin.write("\n")
            process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stdin.close()
    monkeypatch.setattr(lease, "LEASE", 1.0)
    monkeypatch.setattr(lease, "BEAT", 0.2)
    with stores.create_or_resume(url, sweep.layout) as store:
        assert store.done().tolist() == [True, True, False, False, False, False]
        sweep.fill(store, [2, 3, 4, 5])
        store.finish()
    assert_complete(sweep, url)


def test_overwriting_is_one_commit(sweep, make_sweep, url):
    filled(sweep, url)
    other = make_sweep(target=1000, digest="d2")
    with pytest.raises(
        stores.StoreError, match=r"holds the results of another sweep: its digest \(d1 there, d2 here\)"
    ):
        stores.create_or_resume(url, other.layout)
    assert stores.is_finished(url)
    with stores.create_or_resume(url, other.layout, overwrite=True) as store:
        assert store.done().tolist() == [False]
        other.fill(store)
        store.finish()
    np.testing.assert_array_equal(stores.open_results(url).step_time.values, other.expected("step_time"))
    assert history(url)[:3] == ["finished: d2", "store created", "finished: d1"]


def test_a_second_run_is_refused_by_the_lock(sweep, url, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.2)
    with stores.create_or_resume(url, sweep.layout):
        with pytest.raises(stores.LockedError) as caught:
            stores.open_store(url)
        assert str(caught.value).startswith(f"{url} is being written by another run (host ")
    stores.open_store(url).close()


def test_of_two_that_commit_all_the_same_the_second_is_refused(sweep, url):
    stores.create_store(url, sweep.layout).close()
    first, second = stores.write.Store(url), stores.write.Store(url)
    for store in (first, second):
        sweep.fill(store)
    first.finish()
    with pytest.raises(LostLockError) as caught:
        second.finish()
    assert str(caught.value) == (
        f"another run has committed to {url} since this one's last commit; what was committed is kept, and nothing "
        "more is written here"
    )
    assert caught.value.exit_code == 1
    assert_complete(sweep, url)


def test_what_is_no_store_is_told(sweep, url, tmp_path):
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(url)
    assert str(caught.value) == f"there is no store at {url}"
    assert not (tmp_path / "x.ice").exists()
    place = repository.Repository(url)
    icechunk.Repository.create(place._storage)
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results(url)
    assert str(caught.value) == f"{url} is an empty Icechunk repository, not a rooflax store"
    filled(sweep, url)
    assert_complete(sweep, url)


def test_a_folder_of_other_files_is_no_repository(sweep, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("years of work")
    url = f"icechunk://{tmp_path}/x"
    for overwrite in (False, True):
        with pytest.raises(stores.StoreError) as caught:
            stores.create_or_resume(url, sweep.layout, overwrite=overwrite)
        assert str(caught.value) == f"{url} is no Icechunk repository; it is left as it is, give another -o"
    assert [entry.name for entry in (tmp_path / "x").iterdir()] == ["thesis.tex"]


def test_a_wrong_bucket_is_told(sweep, s3):
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume("icechunk+s3://nowhere/x", sweep.layout)
    assert str(caught.value) == "cannot create s3://nowhere/x: there is no bucket nowhere"


def test_places_that_cannot_be_are_told(monkeypatch):
    for url in ("icechunk://", "icechunk+gs://bucket/x"):
        with pytest.raises(stores.StoreError) as caught:
            stores.open_results(url)
        assert str(caught.value) == f"{url}: icechunk://PATH or icechunk+s3://BUCKET/NAME was expected"


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(repository, "find_spec", lambda _: None)
    with pytest.raises(stores.StoreError) as caught:
        stores.open_results("icechunk://x")
    assert str(caught.value) == (
        "icechunk://x: icechunk is not installed, which keeps repositories; pip install 'rooflax[cloud]'"
    )
