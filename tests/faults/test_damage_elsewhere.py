"""Damage of stores that lie in an object store, in a repository, or in a zip file."""

from __future__ import annotations

import json
import zipfile

import pytest

pytest.importorskip("obstore")
pytest.importorskip("icechunk")

from killable_runs import contents
from object_server import BUCKET
from obstore.store import S3Store
from stored_sweep import files, rooflax
from zarr.core.sync import sync

from rooflax.stores.location import located

pytestmark = pytest.mark.usefixtures("small_blocks")


def ran(whole, url):
    done = rooflax("run", whole.parent / "spec.yaml", "-o", url, "--quiet")
    assert done.exit_code == 0, done.stderr
    return url


def checked(url, *options):
    done = rooflax("check", url, "--json", *options)
    found = json.loads(done.stdout)
    return done.exit_code, sorted(damage["key"] for damage in found["damages"])


def test_objects_are_checked_and_repaired(whole, s3):
    url = ran(whole, f"{s3}/x.zarr")
    objects = S3Store(BUCKET, prefix=url.removeprefix(f"s3://{BUCKET}/"))
    assert checked(url) == (0, [])

    def spoil(key):
        content = bytearray(bytes(objects.get(key).bytes()))
        content[len(content) // 2] ^= 4
        objects.put(key, bytes(content))

    spoilt = ["best/ties/c/0", "mfu/c/0", "training_cost_6nd/zarr.json", "training_time_6nd/c/1/0/0"]
    for key in spoilt:
        spoil(key)
    objects.delete("training_cost_6nd/c/2/1/0")
    objects.put("notes.txt", b"mine")
    done = rooflax("check", url)
    assert done.exit_code == 1
    assert f"note: {url}/notes.txt is no part of the store\n" in done.stderr
    assert checked(url) == (1, sorted([*spoilt, "training_cost_6nd/c/2/1/0"]))
    assert checked(url, "--repair") == (0, [])
    spoil("zarr.json")
    assert checked(url) == (1, ["zarr.json"])
    assert checked(url, "--repair") == (0, [])
    objects.delete("notes.txt")
    found = {str(entry["path"]) for batch in objects.list() for entry in batch}
    expected = contents(whole)
    assert found == {*expected}
    assert [key for key in found - {"zarr.json"} if bytes(objects.get(key).bytes()) != expected[key]] == []


def test_a_repository_is_checked_and_repaired(whole, tmp_path):
    url = ran(whole, f"icechunk://{tmp_path}/x.ice")
    assert checked(url) == (0, [])
    place = located(url)
    store = place.zarr_store()
    for key in ("training_time_6nd/c/1/0/0", "mfu/c/0", "best/ties/c/0"):
        sync(store.delete(key))
    place.publish("somebody deletes chunks", now=True)
    assert checked(url) == (1, ["best/ties/c/0", "mfu/c/0", "training_time_6nd/c/1/0/0"])
    assert checked(url, "--repair") == (0, [])
    left = located(url)
    expected = contents(whole)
    values = [key for key in expected if not key.endswith("zarr.json")]
    assert [key for key in values if left.read(key) != expected[key]] == []


def test_a_zip_file_is_checked_and_never_written(whole, tmp_path):
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in files(whole):
            content = bytearray(path.read_bytes())
            if path == whole / "training_time_6nd/c/1/0/0":
                content[3] ^= 4
            file.writestr(str(path.relative_to(whole)), bytes(content))
    assert checked(packed) == (1, ["training_time_6nd/c/1/0/0"])
    before = packed.read_bytes()
    done = rooflax("check", packed, "--repair")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == (
        f"{packed} is a zip file, which is read only; give a folder or a URL to write to"
    )
    assert packed.read_bytes() == before
