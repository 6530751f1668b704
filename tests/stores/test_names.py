"""Paths and URLs that name no store, or where no store can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("obstore")

from rooflax import stores
from rooflax.stores.bucket import Bucket
from rooflax.stores.location import located
from rooflax.stores.problems import remote_errors


@pytest.mark.parametrize("name", ["new.zip", "new.ZIP"])
def test_a_new_zip_file_is_refused(sweep, tmp_path, name):
    path, folder = tmp_path / "runs" / name, tmp_path / "runs" / "new.zarr"
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout)
    assert str(caught.value) == (
        f"{path}: a zip file is read only; run into a folder, such as -o {folder}, then zip what is inside of it: "
        f"cd {folder} && zip -0 -r ../{name} ."
    )
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "parquet", "nc"])
def test_a_table_is_no_store(sweep, tmp_path, ending):
    path, folder = tmp_path / f"x.{ending}", tmp_path / "x.zarr"
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout)
    assert str(caught.value) == (
        f"{path}: a run fills a store, a folder; run into one, such as -o {folder}, then `rooflax slice {folder} -o "
        f"{path}` writes a table"
    )


def test_a_store_of_such_a_name_is_still_resumed(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout).close()
    (tmp_path / "x.zarr").rename(tmp_path / "x.zip")
    stores.create_or_resume(tmp_path / "x.zip", sweep.layout).close()


def test_what_lies_beside_a_store_is_no_store(sweep, tmp_path):
    path = tmp_path / ".x.zarr.partial"
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(path, sweep.layout)
    assert str(caught.value) == (
        f"{path}: names like this one are for what a run keeps beside its store; give another -o"
    )


def test_the_root_of_the_file_system_is_no_store():
    with pytest.raises(stores.StoreError) as caught:
        located("/")
    assert str(caught.value) == ("/ is the root of the file system; a folder in it was expected, such as runs/x.zarr")


@pytest.mark.parametrize("given", [".", "..", "inner/.."])
def test_a_folder_named_by_dots_is_the_folder(sweep, tmp_path, monkeypatch, given):
    (tmp_path / "inner" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "inner")
    meant = Path(given).resolve()
    with pytest.raises(stores.StoreError) as caught:
        stores.create_or_resume(given, sweep.layout)
    assert str(caught.value) == (
        f"{meant} is a folder of other files, not a rooflax store (it has no zarr.json); it is left as it is, give "
        "another -o"
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "inner"]


def test_a_name_too_long_is_told():
    with pytest.raises(stores.StoreError, match=r"cannot reach x+\.zarr: file name too long") as caught:
        located("x" * 300 + ".zarr")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("scheme", "variables"),
    [
        ("az", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
        ("gs", "GOOGLE_SERVICE_ACCOUNT"),
        ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_missing_credentials_are_told_by_the_names_of_their_variables(scheme, variables, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    url = f"{scheme}://bucket/x.zarr"

    def reach():
        if scheme == "az":
            Bucket(url)
        # Where machines of a cloud ask: this one has nobody to ask, or would wait for an answer.
        with remote_errors("reach", url, "bucket"):
            raise OSError("error sending request for url (http://169.254.169.254/latest/api/token)")

    with pytest.raises(stores.StoreError) as caught:
        reach()
    assert str(caught.value) == (
        f"cannot reach {url}: there are no credentials in the environment, such as {variables}, and this machine has "
        "none of its own"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket", "s3://bucket: s3://BUCKET/NAME was expected, such as s3://bucket/runs/x.zarr"),
        ("gs://bucket/", "gs://bucket/: gs://BUCKET/NAME was expected, such as gs://bucket/runs/x.zarr"),
        ("s3://bucket/../x", "s3://bucket/../x: s3://BUCKET/NAME was expected, such as s3://bucket/runs/x.zarr"),
        ("s3://bucket//x", "s3://bucket//x: s3://BUCKET/NAME was expected, such as s3://bucket/runs/x.zarr"),
        ("s3://bucket/x?y", "s3://bucket/x?y: s3://BUCKET/NAME was expected, such as s3://bucket/runs/x.zarr"),
        (
            "ftp://host/x",
            "ftp://host/x: `ftp` is no place for a store; a path was expected, or s3://BUCKET/NAME, gs://BUCKET/NAME, "
            "az://CONTAINER/NAME, icechunk://PATH, icechunk+s3://BUCKET/NAME or file:///PATH",
        ),
        ("file://host/x", "file://host/x: file:///PATH with an absolute path was expected"),
        (
            Path("s3://bucket/x"),
            "s3:/bucket/x: a URL has two slashes after the colon; give it as text, since a Path drops one",
        ),
    ],
)
def test_a_url_that_cannot_be_one_is_told(sweep, url, message):
    for act in (stores.open_results, lambda place: stores.create_or_resume(place, sweep.layout)):
        with pytest.raises(stores.StoreError) as caught:
            act(url)
        assert str(caught.value) == message
