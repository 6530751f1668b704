"""Checks of stores: nothing can be damaged without being named, and nothing sound is called damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from stored_sweep import files, flip

from rooflax import stores
from rooflax.stores.check import check_store
from rooflax.stores.checksums import holds
from rooflax.stores.damage import Span

# A stride that visits every bit of a byte, and another part of every chunk in each round.
STRIDE = 31


@pytest.fixture
def finished(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store)
    labels = ("model", np.array(["a100", "größer"]))
    store.write_group(
        "best", xr.Dataset({"step_time": ("model", [1.0, 2.0]), "hardware": labels}, attrs={"over": "tp"})
    )
    store.finish()
    return tmp_path / "x.zarr"


def keys(store, damages=None):
    return [damage.key for damage in (check_store(store).damages if damages is None else damages)]


def test_a_whole_store_is_sound(finished, sweep):
    found = check_store(finished)
    assert found.sound
    assert (found.format, found.complete, found.blocks, found.done) == (2, True, 6, 6)
    assert (found.torn, found.strays) == ((), ())
    values = [file for file in files(finished) if file.name != "zarr.json"]
    assert (found.files, found.stored) == (len(values), sum(file.stat().st_size for file in values))


def test_no_bit_of_the_roots_document_flips_unseen(finished):
    text = (finished / "zarr.json").read_bytes()
    assert holds(text) is True
    for position in range(len(text)):
        changed = bytearray(text)
        changed[position] ^= 1 << position % 8
        assert holds(bytes(changed)) is not True, position


@pytest.mark.parametrize("position", [0, 300, 2000, -2])
def test_a_damaged_root_is_named(finished, position):
    flip(finished / "zarr.json", position)
    assert keys(finished) == ["zarr.json"]
    with pytest.raises(stores.StoreError, match=r"is damaged: its zarr.json .*; `rooflax check .* --repair` mends it"):
        stores.open_results(finished)


def test_the_format_and_the_checksum_of_the_root_are_no_way_around_it(finished):
    text = (finished / "zarr.json").read_bytes()
    for there, instead in (
        (b"rooflax_store", b"rooflax_stork"),
        (b'_store": 2', b'_store": 1'),
        (b"root_check", b"root_chess"),
    ):
        assert there in text
        (finished / "zarr.json").write_bytes(text.replace(there, instead, 1))
        assert keys(finished) == ["zarr.json"]


def test_no_byte_flips_unseen(finished):
    whole = {file: file.read_bytes() for file in files(finished) if file != finished / "zarr.json"}
    visited = 0
    for position in range(0, max(map(len, whole.values())), STRIDE):
        flipped = [file for file, content in whole.items() if len(content) > position]
        for file in flipped:
            # Another offset in each file, so that the short ones are not always flipped in the same place.
            flip(file, (position + len(file.name)) % len(whole[file]), position % 8)
        assert sorted({*keys(finished)}) == sorted(str(file.relative_to(finished)) for file in flipped)
        visited += len(flipped)
        for file in flipped:
            file.write_bytes(whole[file])
    assert visited > 500
    assert check_store(finished).sound


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "missing"),
        (lambda file: file.write_bytes(b""), "empty"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), ""),
        (lambda file: file.write_bytes(file.read_bytes() + b"\0"), ""),
    ],
    ids=["missing", "empty", "shorter", "longer"],
)
def test_every_file_is_told_that_is_not_whole(finished, spoil, words):
    root, *others = sorted(files(finished), key=lambda file: file != finished / "zarr.json")
    whole = {file: file.read_bytes() for file in others}
    for file in others:
        spoil(file)
    damages = check_store(finished).damages
    assert sorted({*keys(finished, damages)}) == sorted(str(file.relative_to(finished)) for file in others)
    # A mark is one byte: an empty one is told as no mark.
    assert [damage.key for damage in damages if words not in damage.what and damage.kind != "mark"] == []
    for file, content in whole.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    spoil(root)
    assert keys(finished) == ["zarr.json"]


def test_a_chunk_is_told_with_its_labels_and_its_block(finished, sweep):
    array = next(array for array in sweep.layout.arrays if array.path == "step_time")
    assert (array.shards, array.chunks) == ((1, 2, 24), (1, 2, 8))
    flip(finished / "step_time/c/1/2/0", 3)
    (damage,) = check_store(finished).damages
    assert (damage.kind, damage.array, damage.what) == ("checksum", "step_time", "its checksum does not match")
    assert damage.chunk in {(1, 2, 0), (1, 2, 1), (1, 2, 2)}
    low, high = damage.chunk[2] * 8, min(damage.chunk[2] * 8 + 8, 23)
    bandwidth = np.linspace(25e9, 400e9, 23)
    assert damage.spans == {
        "model": Span(1, 2, "größer-1t", "größer-1t"),
        "tp": Span(4, 5, 16.0, 16.0),
        "bandwidth": Span(low, high, bandwidth[low], bandwidth[high - 1], "B/s"),
    }
    assert damage.block == 5
    assert sweep.regions[5].slices == {"model": (1, 2), "tp": (4, 5), "bandwidth": (0, 23)}


def test_labels_are_positions_where_the_coordinate_is_damaged_too(finished):
    flip(finished / "step_time/c/1/2/0", 3)
    flip(finished / "tp/c/0", 3)
    shard, labels = check_store(finished).damages
    assert (shard.key, labels.key) == ("step_time/c/1/2/0", "tp/c/0")
    assert shard.spans["tp"] == Span(4, 5)
    assert shard.spans["model"].first == "größer-1t"


def test_the_index_of_a_shard_counts(finished):
    flip(finished / "step_time/c/0/1/0", -6)
    (damage,) = check_store(finished).damages
    assert (damage.kind, damage.chunk, damage.block) == ("index", None, 1)
    assert damage.spans["tp"] == Span(2, 4, 4.0, 8.0)
    file = finished / "step_time/c/0/1/0"
    file.write_bytes(file.read_bytes()[:20])
    (damage,) = check_store(finished).damages
    assert (damage.kind, damage.what) == ("truncated", "the file is cut short: 20 bytes cannot hold its index")


def test_what_an_unfinished_store_lacks_is_no_damage(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store, [0, 3])
    store.write(sweep.regions[4], sweep.block(sweep.regions[4]))
    flip(tmp_path / "x.zarr/step_time/c/1/1/0", 3)
    found = check_store(tmp_path / "x.zarr")
    assert found.sound
    assert (found.complete, found.blocks, found.done) == (False, 6, 2)
    flip(tmp_path / "x.zarr/step_time/c/1/0/0", 3)
    (tmp_path / "x.zarr/memory/c/0/0").unlink()
    damages = check_store(tmp_path / "x.zarr").damages
    assert [(damage.key, damage.block) for damage in damages] == [("memory/c/0/0", 0), ("step_time/c/1/0/0", 3)]


def test_what_a_run_writes_again_at_its_end_is_no_damage_before(sweep, tmp_path):
    store = stores.create_store(tmp_path / "x.zarr", sweep.layout)
    sweep.fill(store, [0, 3])
    store.write_group("best", xr.Dataset({"step_time": ("model", [1.0, 2.0])}))
    # As a process leaves it that is killed while it writes the group again.
    for name in ("best/zarr.json", "best/step_time/zarr.json", "gradients/zarr.json"):
        (tmp_path / "x.zarr" / name).write_text('{"attributes": {}, "zarr_format": 3, "node_type": "group"}')
    (tmp_path / "x.zarr/best/step_time/c/0").unlink()
    (tmp_path / "x.zarr/pareto").mkdir()
    (tmp_path / "x.zarr/pareto/zarr.json").write_text('{"attributes": {}, "zarr_format": 3, "node_type": "group"}')
    found = check_store(tmp_path / "x.zarr")
    assert (found.sound, found.strays) == (True, ())
    flip(tmp_path / "x.zarr/gradients/step_time/zarr.json", 100)
    assert keys(tmp_path / "x.zarr") == ["gradients/step_time/zarr.json"]


def test_what_is_no_part_of_a_store_is_told_and_is_no_damage(finished):
    (finished / "notes.txt").write_text("mine")
    (finished / "step_time/c/0/0/0.0f0f.partial").write_text("half")
    (finished / "step_time/c/9").mkdir()
    (finished / "step_time/c/9/0").write_text("?")
    (finished / "best/old").mkdir()
    (finished / "best/old/zarr.json").write_text("{}")
    found = check_store(finished)
    assert found.sound
    assert found.torn == ("step_time/c/0/0/0.0f0f.partial",)
    assert sorted(found.strays) == ["best/old", "notes.txt", "step_time/c/9/0"]


def test_lost_marks_and_lost_arrays_are_named(finished):
    (finished / "_blocks/done/c/2").unlink()
    shutil.rmtree(finished / "rules.share")
    damages = check_store(finished).damages
    assert [(damage.kind, damage.key) for damage in damages] == [
        ("missing", "rules.share/zarr.json"),
        ("missing", "_blocks/done/c/2"),
        ("missing", "rules.share/c/0"),
    ]


def test_links_pipes_and_giants_are_told_and_not_read(finished, tmp_path):
    (tmp_path / "secret").write_bytes((finished / "step_time/c/0/0/0").read_bytes())
    link, giant, document = (finished / key for key in ("step_time/c/0/0/0", "memory/c/0/0", "tp/zarr.json"))
    for file in (link, document):
        file.unlink()
        file.symlink_to(tmp_path / "secret")
    with giant.open("r+b") as file:
        file.truncate(2**32)
    pipe = finished / "step_time/c/0/1/0"
    pipe.unlink()
    os.mkfifo(pipe)
    found = check_store(finished)
    assert [(damage.kind, damage.key, damage.block) for damage in found.damages] == [
        ("foreign", "tp/zarr.json", None),
        ("foreign", "memory/c/0/0", 0),
        ("foreign", "step_time/c/0/0/0", 0),
        ("missing", "step_time/c/0/1/0", 1),
    ]
    assert found.damages[2].what == "step_time/c/0/0/0 is a link, which no store holds"
    assert "4,294,967,296 bytes, more than" in found.damages[1].what


def test_documents_of_any_depth_are_told(finished):
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    (finished / "tp/zarr.json").write_text(deep)
    assert keys(finished) == ["tp/zarr.json"]
    (finished / "_blocks/zarr.json").write_text(deep)
    (finished / "zarr.json").write_bytes((finished / "zarr.json").read_bytes()[:300])
    assert {"zarr.json", "tp/zarr.json", "_blocks/zarr.json"} <= {*keys(finished)}


def test_progress_counts_every_file(finished):
    told = []
    found = check_store(finished, progress=lambda done, total: told.append((done, total)))
    assert told == [(count, found.files) for count in range(1, found.files + 1)]


def test_only_the_asked_arrays_are_read(finished):
    flip(finished / "step_time/c/0/0/0", 3)
    flip(finished / "memory/c/0/0", 3)
    assert keys(finished, check_store(finished, only={"memory"}).damages) == ["memory/c/0/0"]


def test_what_is_no_store_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    for name, message in (("none.zarr", "there is no store at"), ("a.zarr", "is an empty folder, not a rooflax store")):
        with pytest.raises(stores.StoreError, match=message):
            check_store(tmp_path / name)
