"""Files of arrays judged by their bytes alone, and documents that ask for what no store has."""

from __future__ import annotations

import copy
import json

import google_crc32c
import numpy as np
import pytest
import zarr
from numcodecs import Blosc
from zarr.codecs import BloscCodec, Crc32cCodec

from rooflax import stores
from rooflax.stores.files import ArrayFiles, array_files

CODECS = (BloscCodec(cname="lz4"), Crc32cCodec())


def with_checksum(content):
    return octets(content + google_crc32c.value(content).to_bytes(4, "little"))


def plain(dtype="float32", shape=(4,)):
    return ArrayFiles("a", ("x",) * len(shape), shape, shape, shape, dtype, ("bytes", "blosc", "crc32c"), sharded=False)


def octets(content):
    return np.frombuffer(content, dtype=np.uint8)


def compressed(values):
    return Blosc("lz4").encode(values)


def test_a_chunk_that_zarr_writes_has_no_fault():
    assert plain().faults((0,), with_checksum(compressed(np.arange(4, dtype="float32")))) == []


def test_a_chunk_that_lies_about_its_length_is_never_decoded():
    chunk = bytearray(compressed(np.arange(4, dtype="float32")))
    chunk[12:16] = (2**31 - 1).to_bytes(4, "little")
    (fault,) = plain().faults((0,), with_checksum(bytes(chunk)))
    assert (fault.kind, fault.what) == ("undecodable", "it cannot be decoded")
    (fault,) = plain("string").faults((0,), with_checksum(bytes(chunk)))
    assert fault.kind == "undecodable"


def test_a_chunk_of_another_length_than_stated_is_a_fault():
    (fault,) = plain().faults((0,), with_checksum(compressed(np.arange(5, dtype="float32"))))
    assert (fault.kind, fault.what) == ("undecodable", "it holds 20 bytes where 16 were expected")
    (fault,) = plain().faults((0,), with_checksum(b"short"))
    assert fault.what == "it cannot be decoded"


def test_a_chunk_that_a_shard_lacks_is_a_fault(tmp_path):
    root = zarr.create_group(tmp_path / "x.zarr")
    array = root.create_array(
        "a", shape=(5,), shards=(6,), chunks=(2,), dtype="float32", compressors=CODECS, fill_value=0
    )
    array[:2] = 1
    found = array_files("a", {**json.loads((tmp_path / "x.zarr/a/zarr.json").read_text()), "dimension_names": ["x"]})
    faults = found.faults((0,), octets((tmp_path / "x.zarr/a/c/0").read_bytes()))
    assert [(fault.kind, fault.chunk) for fault in faults] == [
        ("missing", (1,)),
        ("missing", (2,)),
    ]


@pytest.fixture
def document(sweep, tmp_path):
    stores.create_store(tmp_path / "x.zarr", sweep.layout)
    return json.loads((tmp_path / "x.zarr/step_time/zarr.json").read_text())


def changed(document, *path, value):
    found = copy.deepcopy(document)
    inner = found
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return found


INNER = ("codecs", 0, "configuration")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("codecs",), []),
        (("codecs",), [{"name": "pickle"}]),
        ((*INNER, "codecs"), [{"name": "bytes"}, {"name": "zstd"}]),
        ((*INNER, "chunk_shape"), [1, 2, 0]),
        ((*INNER, "chunk_shape"), [1, 2, 7]),
        ((*INNER, "chunk_shape"), [1, 2]),
        (("chunk_grid",), {"name": "regular"}),
        (("shape",), "many"),
        (("shape",), [2, 5, -1]),
        (("shape",), [2**40, 5, 23]),
        (("chunk_grid",), {"name": "regular", "configuration": {"chunk_shape": [0, 2, 24]}}),
        ((*INNER, "chunk_shape"), [1, 2, -8]),
        (("shape",), [2, 5]),
        (("data_type",), "object"),
        (("dimension_names",), ["model"]),
    ],
)
def test_a_document_that_no_rooflax_wrote_is_refused(document, path, value):
    assert array_files("step_time", document).sharded
    with pytest.raises(stores.StoreError, match="the document of array step_time"):
        array_files("step_time", changed(document, *path, value=value))
