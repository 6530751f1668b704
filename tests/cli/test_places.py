"""Commands take a URL wherever they take the path of a store."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

pytest.importorskip("obstore")

from object_server import Line

import rooflax as rx
from rooflax.specs.blocks import block_grid
from rooflax.stores import bucket, lease
from rooflax.stores.write import Store
from rooflax.sweeps import engine


def test_a_run_into_a_bucket_is_resumed_searched_and_cut(rooflax, spec, s3, tmp_path):
    url = f"{s3}/small.zarr"
    done = rooflax("run", spec, "-o", url)
    assert (done.code, done.told) == (0, f"A small sweep\n24 points in 1 block: {url}\n")
    done = rooflax("run", spec, "-o", url)
    assert done.told == f"A small sweep\n24 points in 1 block, finished already, nothing to do: {url}\n"
    rooflax("run", spec)
    for arguments in (
        ("best", "--json"),
        ("slice", "--json", "--sel", "tp=2"),
        ("pareto", "--json", "--objectives", "step_time:min,memory_per_gpu:min"),
    ):
        found, expected = (rooflax(arguments[0], place, *arguments[1:]) for place in (url, "runs/small.zarr"))
        assert (found.code, found.json) == (0, expected.json)


def test_a_run_into_a_repository(rooflax, spec, s3):
    pytest.importorskip("icechunk")
    rooflax("run", spec)
    expected = rooflax("best", "runs/small.zarr", "--json").json
    for url in ("icechunk://runs/small.ice", f"icechunk+{s3}/small.ice"):
        done = rooflax("run", spec, "-o", url)
        assert (done.code, done.told) == (0, f"A small sweep\n24 points in 1 block: {url}\n")
        assert "finished already, nothing to do" in rooflax("run", spec, "-o", url).told
        done = rooflax("best", url, "--json")
        assert (done.code, done.told, done.json) == (0, "", expected)


def test_a_repository_takes_no_other_processes(rooflax, spec, tmp_path):
    pytest.importorskip("icechunk")
    done = rooflax("run", spec, "-o", "icechunk://x.ice", "--executor", "dask=tcp://127.0.0.1:1")
    assert (done.code, done.told) == (
        2,
        "icechunk://x.ice has one process that commits, so other processes cannot compute its blocks: --executor "
        "local, or give a path or an s3:// URL\n",
    )
    assert not (tmp_path / "x.ice").exists()


def test_what_is_waited_for_is_a_note(rooflax, spec, monkeypatch):
    from rooflax.sweeps.executors import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    for options, first in (
        ((), "note: waiting up to 1 s for the scheduler at 127.0.0.1:1"),
        (("--quiet",), "--executor dask=127.0.0.1:1: no scheduler answers there (Timed out"),
    ):
        done = rooflax("run", spec, "--executor", "dask=127.0.0.1:1", *options)
        assert done.code == 1
        assert done.told.startswith(first)


def test_a_place_that_cannot_be_is_told(rooflax, spec, s3):
    for arguments, message in (
        (("run", spec, "-o", "s3://nowhere/x.zarr"), "cannot create s3://nowhere/x.zarr: there is no bucket nowhere"),
        (("slice", f"{s3}/none.zarr"), f"there is no store at {s3}/none.zarr"),
        (("best", f"{s3}/none.zarr"), f"there is no store at {s3}/none.zarr"),
        (("best", f"{s3}/x.zarr", "--set", "tp=2"), f"{s3}/x.zarr is a store and takes no --set; cut it with --sel"),
        (
            ("uncertainty", "step_time", "--from", spec, "--set", "hbm_bandwidth=2 TB/s ± 10 %", "-o", f"{s3}/x.zarr"),
            f"{s3}/x.zarr holds no finished results of {spec}; `rooflax run {spec} -o {s3}/x.zarr` computes them",
        ),
    ):
        done = rooflax(*arguments)
        assert (done.code, done.told) == (2, f"{message}\n")


def test_a_run_into_a_store_that_another_writes_ends_with_1(rooflax, spec, tmp_path):
    from rooflax.stores.locks import locked_file

    (tmp_path / "runs").mkdir()
    lock = locked_file(tmp_path / "runs" / ".small.zarr.lock", "x")
    done = rooflax("run", spec)
    assert done.code == 1
    assert done.told.startswith("runs/small.zarr is being written by another run (host ")
    lock.release()
    assert rooflax("run", spec).code == 0


def test_a_server_that_goes_away_ends_a_run_with_1_and_the_next_resumes_it(rooflax, spec, s3, s3_port, monkeypatch):
    line, url, marked = Line(s3_port), f"{s3}/small.zarr", []
    monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, 2))
    monkeypatch.setattr(bucket, "RETRY", {"max_retries": 1, "retry_timeout": timedelta(seconds=5)})
    monkeypatch.setattr(lease, "PATIENCE", 1.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
    mark = Store.mark

    def cut_after_three(self, region):
        mark(self, region)
        marked.append(region.index)
        if len(marked) == 3:
            line.cut()

    with monkeypatch.context() as patch:
        patch.setattr(Store, "mark", cut_after_three)
        done = rooflax("run", spec, "-o", url)
    assert done.code == 1
    # Several threads write, so which of them is cut first is chance, and a mark may arrive whose answer does not.
    assert re.fullmatch(
        rf"cannot (write|mark) block \d+ of {url}: the server does not answer as it should \(.+\); the finished "
        r"blocks are kept, run the same command to resume\n",
        done.told,
    )
    monkeypatch.setattr(lease, "LEASE", 1.0)
    line.restore()
    kept = int(Store(url).done().sum())
    assert 3 <= kept < 12
    done = rooflax("run", spec, "-o", url)
    assert (done.code, f" {kept} of them there already" in done.told) == (0, True)
    rooflax("run", spec)
    assert rx.open(url).drop_attrs().load().identical(rx.open("runs/small.zarr").drop_attrs().load())
    line.cut()
