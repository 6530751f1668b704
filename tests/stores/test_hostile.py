"""Stores that somebody else has written: what no store of ours holds is refused before it costs or reaches anything."""

from __future__ import annotations

import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from forged import forge
from zarr.codecs import BloscCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.dtype import VariableLengthUTF8

from rooflax import stores
from rooflax.specs.limits import LARGEST_LABELS, LONGEST_METADATA, MOST_CHUNKS
from rooflax.stores.guarded import refuse_links
from rooflax.stores.problems import StoreError

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def sound(sweep, tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "x.zarr"
    store = stores.create_store(path, sweep.layout)
    sweep.fill(store)
    store.finish()
    return path


@pytest.fixture
def store(sound, tmp_path):
    """A copy whose metadata are each array's own, so that a change of one shows, and that says not to be finished."""
    path = tmp_path / "x.zarr"
    shutil.copytree(sound, path)
    forge(path, lambda root: root.pop("consolidated_metadata"))
    forge(path, lambda root: root["attributes"].update(rooflax_finished=False))
    return path


def _array(path: Path, name: str = "extra", dims: tuple[str, ...] = ("tp",), **given: Any) -> zarr.Array:
    settings = {"shape": (5,), "chunks": (5,), "dtype": "float32", "dimension_names": dims, "compressors": None} | given
    return zarr.open_group(path, mode="r+", use_consolidated=False).create_array(name, **settings)


def _read(path: Path, variable: str) -> None:
    found = stores.open_results(path)
    if variable:
        found[variable].load()


def _refusal(path: Path, variable: str = "") -> str:
    with pytest.raises(StoreError) as refused:
        _read(path, variable)
    return f"{refused.value}; {refused.value.__cause__}"


def test_the_copy_is_read_as_it_stands(store, sweep):
    np.testing.assert_array_equal(stores.open_results(store).step_time, sweep.expected("step_time"))


@pytest.mark.parametrize("codec", [GzipCodec(), ZstdCodec()])
def test_codecs_that_we_do_not_write_are_refused(store, codec):
    _array(store, compressors=[codec])
    assert f"the codec {type(codec).__name__} is none that a store uses" in _refusal(store)


def test_a_filter_is_refused_too(store):
    _array(store, dims=("tp", "model"), shape=(5, 2), chunks=(5, 2), filters=[TransposeCodec(order=(1, 0))])
    assert "the codec TransposeCodec is none" in _refusal(store)


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "S8", "U8", [("a", "i4")]])
def test_types_that_are_neither_numbers_nor_text_are_refused(store, dtype):
    with warnings.catch_warnings(action="ignore"):  # zarr's, of types that have no specification
        _array(store, dtype=np.dtype(dtype))
        assert "numbers or text were expected" in _refusal(store)


@pytest.mark.parametrize(
    "dtype", [{"name": "null_terminated_bytes"}, "object", "|O", "variable_length_bytes", "r8", 7, {"name": {}}]
)
def test_types_by_name_never_reach_a_decoder(store, dtype):
    forge(store / "step_time", lambda own: own.update(data_type=dtype))
    assert "is damaged, or not written by rooflax" in _refusal(store)


def test_a_chunk_that_unpacks_to_more_than_its_array_has_is_refused(store):
    array = _array(store, compressors=[BloscCodec(cname="lz4", shuffle="noshuffle")])
    array[...] = np.arange(5, dtype="float32")
    assert stores.open_results(store).extra.values.tolist() == [0, 1, 2, 3, 4]
    file = store / "extra" / "c" / "0"
    bomb = bytearray(file.read_bytes())
    bomb[4:8] = (2**31 - 64).to_bytes(4, "little")
    file.write_bytes(bytes(bomb))
    assert "array extra is damaged in chunk (0,)" in _refusal(store, "extra")
    assert "a chunk says to hold 2,147,483,584 bytes where 20 were expected" in _refusal(store, "extra")


def test_inside_a_shard_too(store):
    array = _array(store, shape=(4,), chunks=(2,), shards=(4,), dims=("other",), compressors=[BloscCodec(cname="lz4")])
    array[...] = np.arange(4, dtype="float32")
    file = store / "extra" / "c" / "0"
    bomb = bytearray(file.read_bytes())
    bomb[4:8] = (2**31 - 64).to_bytes(4, "little")
    file.write_bytes(bytes(bomb))
    assert "a chunk says to hold 2,147,483,584 bytes where 8 were expected" in _refusal(store, "extra")


def test_a_chunk_of_billions_of_texts_is_refused(store):
    array = _array(store, dtype=VariableLengthUTF8())
    array[...] = np.array(list("abcde"), dtype=np.dtypes.StringDType())
    (store / "extra" / "c" / "0").write_bytes((2**32 - 1).to_bytes(4, "little") + b"\1\0\0\0a")
    assert "a chunk says to hold 4,294,967,295 texts where 5 were expected" in _refusal(store, "extra")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chunks": (2**40,), "shape": (2**40,)}, "has chunks of 4,398,046,511,104 bytes"),
        ({"chunks": (1,), "shards": (2 * MOST_CHUNKS,), "shape": (5,)}, "has 2,000,000 chunks in a shard"),
        ({"chunks": (1, 1), "shape": (2**40, 2**40), "dims": ("a", "b")}, "has more values than can be counted"),
        ({"dims": None}, "has 1 dims, but not as many different names"),
        ({"chunks": (1, 1), "shape": (2, 2), "dims": ("a", "a")}, "has 2 dims, but not as many different names"),
        ({"dims": ("a\x1b[2J",)}, "has 1 dims, but not as many different names"),
        ({"chunks": (1,) * 40, "shape": (1,) * 40, "dims": tuple(f"d{i}" for i in range(40))}, "has 40 dims"),
        ({"name": "a b"}, "'a b' is no name of an array"),
        ({"name": "a\x1b[2Jb"}, "is no name of an array"),
        (
            {"name": "other", "dims": ("other",), "shape": (2**27,), "chunks": (1000,), "dtype": "float64"},
            "coordinate other",
        ),
    ],
)
def test_sizes_and_names_that_no_array_of_ours_has(store, change, message):
    _array(store, **change)
    assert message in _refusal(store)


def test_labels_are_read_up_to_a_length(store):
    array = _array(store, "other", ("other",), dtype=VariableLengthUTF8())
    array[...] = np.array(["a", "b", "c", "d", "e" * 10**6], dtype=np.dtypes.StringDType())
    assert "coordinate other has a label of 1,000,000 characters; at most 200 are read" in _refusal(store)
    assert LARGEST_LABELS < 8 * 2**27


@pytest.mark.parametrize("inside", ["step_time/c", "memory/c", "tp/c/0", "tp/zarr.json"])
def test_links_lead_nowhere(store, tmp_path, inside):
    place, elsewhere = store / inside, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    variable = inside.split("/")[0]
    assert f"{inside} is a link, which no store holds" in _refusal(store, variable)
    with pytest.raises(StoreError, match="is a link, which no store holds; nothing was written"):
        refuse_links(store)


def test_an_array_that_is_a_link_is_not_read(store, tmp_path):
    other = tmp_path / "elsewhere"
    (store / "step_time").rename(other)
    (store / "step_time").symlink_to(other)
    with pytest.raises((StoreError, KeyError)):
        stores.open_results(store)["step_time"].load()


def test_a_pipe_is_not_waited_for(store):
    file = next(path for path in (store / "memory" / "c").rglob("*") if path.is_file())
    file.unlink()
    os.mkfifo(file)
    assert "is no file" in _refusal(store, "memory")


def test_a_file_far_larger_than_its_array_is_not_read(store):
    file = next(path for path in (store / "memory" / "c").rglob("*") if path.is_file())
    os.truncate(file, 2**40)
    assert "has 1,099,511,627,776 bytes, more than the" in _refusal(store, "memory")


def test_metadata_of_any_size_and_shape(store):
    file = store / "step_time" / "zarr.json"
    file.write_text('{"a":' * 50_000 + "1" + "}" * 50_000)
    assert "is damaged, or not written by rooflax" in _refusal(store)
    os.truncate(file, LONGEST_METADATA + 1)
    assert "step_time/zarr.json has 67,108,865 bytes" in _refusal(store)


def test_the_root_is_read_with_the_same_care(store, tmp_path):
    root = store / "zarr.json"
    content = root.read_text()
    root.write_text("[" * 100_000)
    assert "its zarr.json is not valid JSON" in _refusal(store)
    os.truncate(root, LONGEST_METADATA + 1)
    assert "zarr.json has 67,108,865 bytes, more than the 67,108,864 that it may have" in _refusal(store)
    root.unlink()
    (tmp_path / "elsewhere").write_text(content)
    root.symlink_to(tmp_path / "elsewhere")
    assert "zarr.json is a link, which no store holds" in _refusal(store)


@pytest.mark.parametrize(
    ("entry", "variable"), [("zarr.json", ""), ("step_time/zarr.json", ""), ("memory/c/0/0", "memory")]
)
def test_files_of_an_archive_unpack_to_what_they_may(store, tmp_path, entry, variable):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(path for path in store.rglob("*") if path.is_file()):
            name = path.relative_to(store).as_posix()
            with file.open(name, "w") as target:
                target.write(path.read_bytes())
                for _ in range(65 if name == entry else 0):
                    target.write(b" " * 2**20)
    assert (tmp_path / "x.zip").stat().st_size < 2**20
    assert f"{entry} has 68," in _refusal(tmp_path / "x.zip", variable)


@pytest.mark.parametrize("key", ["../x.zarr/step_time", "/etc", "a/../../b", "\0"])
def test_consolidated_names_stay_inside(sound, tmp_path, key):
    path = tmp_path / "x.zarr"
    shutil.copytree(sound, path)
    own = json.loads((path / "step_time" / "zarr.json").read_text())
    forge(path, lambda root: root["consolidated_metadata"]["metadata"].update({key: own}))
    told = ""
    try:
        found = stores.open_results(path)
    except StoreError as error:
        told = str(error)
    else:
        assert key not in found.variables
        found.load()
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"units": ["s"]}, "attribute `units` of step_time is a list; text was expected"),
        ({"units": "furlong"}, "the unit of step_time cannot be read"),
        ({"flag_meanings": 7}, "attribute `flag_meanings` of step_time is a int; text was expected"),
        ({"flag_values": [0, 1], "flag_meanings": "a"}, "the codes of step_time do not match their meanings"),
        ({"flag_values": [0, 1], "flag_meanings": "a b"}, "step_time has codes with meanings, but holds float32"),
        ({"condition_units": "s"}, "attribute `condition_units` of step_time is a str; a list of texts was expected"),
    ],
)
def test_attributes_are_of_the_types_that_readers_rely_on(store, attrs, message):
    forge(store / "step_time", lambda own: own["attributes"].update(attrs))
    assert message in _refusal(store)


def test_control_characters_do_not_reach_a_terminal(store):
    forge(
        store, lambda root: root["attributes"].update(title="red \x1b[31m", notices=["a\x9bb"], more={"\x07": ["\x1b"]})
    )
    forge(store / "step_time", lambda own: own["attributes"].update(long_name="Time\x1b]0;owned\x07"))
    labels = zarr.open_array(store / "model", mode="r+")
    labels[...] = np.array(["llama\x1b[2J", "b"], dtype=np.dtypes.StringDType())
    found = stores.open_results(store)
    assert found.attrs["title"] == "red �[31m"
    assert found.attrs["notices"] == ["a�b"]
    assert found.attrs["more"] == {"�": ["�"]}
    assert found.step_time.attrs["long_name"] == "Time�]0;owned�"
    assert found.model.values.tolist() == ["llama�[2J", "b"]
