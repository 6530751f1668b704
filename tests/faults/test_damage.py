"""Damaged stores: each damage is named, and a repair gives the store that was never damaged, bit for bit."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from killable_runs import contents, differing
from stored_sweep import SMALL_BLOCKS, SPEC, cut_small, files, filled, flip, rooflax, say

import rooflax as rx
from rooflax import jobs
from rooflax.stores.checksums import with_own
from rooflax.sweeps import engine

ROUNDS = 12
MODELS = '''
"""Times of a hall."""
from rooflax.kernels.annotations import Seconds
from rooflax.kernels.registry import cost_model


@cost_model(formula=r"2\\,t", source="definition: twice", example=dict(step_time=1.0, expect=2.0))
def twice_the_step(step_time: Seconds) -> Seconds:
    """Twice the time of a step."""
    return 2 * step_time
'''
GPU = """\
name: my-gpu
title: My GPU
confidence: low
network: dgx-h100
sources: {page: {title: My page, url: "https://example.org", date: "2025"}}
source: page
fields: {peak_flops_bf16: 500 TFLOP/s, hbm_capacity: 96 GB, hbm_bandwidth: 4 TB/s, tdp: 500 W}
"""
KILLED = f"""\
import os, signal
{SMALL_BLOCKS}
from zarr.storage import _local
put, left = _local._put, [int(sys.argv.pop(1))]
def counted(*arguments, **options):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return put(*arguments, **options)
_local._put = counted
main()
"""


@pytest.fixture
def store(whole, small_blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(whole, "x.zarr"))


def cut(file, chance):
    file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size)])


def flipped(file, chance):
    flip(file, chance.randrange(file.stat().st_size), chance.randrange(8))


def lost(file, _):
    file.unlink()


def spoil_all_kinds(store):
    for name in ("training_time_6nd", "training_cost_6nd"):
        flip(store / name / "c/1/0/0", 2)
    for name in ("best/ties/c/0", "gradients/wrt/c/0", "world_size/c/0"):
        flip(store / name, 2)
    (store / "_blocks/done/c/3").unlink()
    (store / "mfu/zarr.json").write_text("{")
    (store / "margin/c.0f0f.partial").write_text("half")


def checked(store, *options) -> tuple[int, dict[str, Any]]:
    done = rooflax("check", store, "--json", *options)
    return done.exit_code, json.loads(done.stdout) if done.stdout else {"told": done.stderr}


def test_a_sound_store_is_left_alone(store):
    before = {file: file.stat().st_mtime_ns for file in files(store)}
    done = rooflax("check", store)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("x.zarr is sound: 6 blocks, ")
    assert rooflax("check", store, "--repair").exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in files(store)} == before


def test_random_damage_is_named_and_repaired(store, whole):
    seed = random.SystemRandom().randrange(2**32)
    say(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        spoilt = chance.sample(files(store), chance.randint(1, 6))
        for file in spoilt:
            chance.choice([cut, flipped, lost])(file, chance)
        names = {str(file.relative_to(store)) for file in spoilt}
        code, found = checked(store)
        told = {damage["key"] for damage in found["damages"]}
        assert (code, found["sound"]) == (1, False)
        # A root that is damaged vouches for no other document; these are told once it is restored.
        assert told <= names if "zarr.json" in names else told == names
        code, found = checked(store, "--repair", "--quiet")
        if {"zarr.json", "_blocks/zarr.json"} <= names:
            assert "are both damaged, so nothing tells its origin" in found
            shutil.rmtree(store)
            shutil.copytree(whole, store)
        else:
            assert (code, found["sound"]) == (0, True), names
        assert differing(store, whole) == []


def test_every_document_is_restored(store, whole):
    documents = {file for file in files(store) if file.name == "zarr.json"}
    root, copy = store / "zarr.json", store / "_blocks/zarr.json"
    for spoilt in (documents - {root}, documents - {copy}):
        for file in spoilt:
            file.write_bytes(file.read_bytes()[:-20])
        code, found = checked(store, "--repair", "--quiet")
        assert (code, found["sound"]) == (0, True)
        assert differing(store, whole) == []


def test_only_what_is_damaged_is_computed_and_written(store, whole):
    before = {file: file.stat().st_mtime_ns for file in files(store)}
    names = ("training_time_6nd/c/1/0/0", "gradients/training_time_6nd_elasticity/c/0/1/1/0", "mfu/c/0")
    for name in names:
        flip(store / name, 2)
    assert rooflax("check", store, "--repair").exit_code == 0
    written = {file for file in files(store) if before.get(file) != file.stat().st_mtime_ns}
    assert written == {store / name for name in names}
    assert differing(store, whole) == []


def test_compiled_blocks_come_out_the_same(tmp_path, monkeypatch):
    cut_small(monkeypatch)
    for module in (engine, jobs):
        monkeypatch.setattr(module, "is_small", lambda _: False)
    whole = filled(tmp_path)
    store = Path(shutil.copytree(whole, tmp_path / "x.zarr"))
    for name in ("training_time_6nd/c/1/0/0", "gradients/training_time_6nd_elasticity/c/0/1/1/0", "best/ties/c/0"):
        flip(store / name, 2)
    assert rooflax("check", store, "--repair").exit_code == 0
    assert differing(store, whole) == []


def test_what_a_repair_does_is_told_before(store, monkeypatch):
    spoil_all_kinds(store)
    before = contents(store)

    def refused(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rooflax.soundness.mend", refused)
    done = rooflax("check", store, "--repair")
    assert done.exit_code == 130
    assert [line.removeprefix("repair: ") for line in done.stderr.splitlines() if line.startswith("repair: ")] == [
        "restore mfu/zarr.json",
        "restore world_size/c/0",
        "compute block 2 again and write training_cost_6nd, training_time_6nd",
        "mark block 3 as done",
        "write best again",
        "write gradients again",
        "delete margin/c.0f0f.partial, which is half written",
    ]
    assert contents(store) == before


def test_all_kinds_of_damage_are_repaired_at_once(store, whole):
    spoil_all_kinds(store)
    (store / "notes.txt").write_text("mine")
    done = rooflax("check", store, "--repair")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("x.zarr is sound again: what was damaged was read again, ")
    assert "note: x.zarr/notes.txt is no part of the store\n" in done.stderr
    (store / "notes.txt").unlink()
    assert differing(store, whole) == []


def test_the_table_tells_file_fault_labels_and_block(store):
    flip(store / "training_cost_6nd/c/2/1/0", 2)
    done = rooflax("check", store)
    assert done.exit_code == 1
    assert done.stdout.startswith("x.zarr is damaged in 1 file: 6 blocks, ")
    row = next(line for line in done.stdout.splitlines() if line.startswith("training_cost_6nd/c"))
    assert "its checksum does not match" in row
    assert "world_size 64, mfu 0.5 … 0.6" in row
    assert row.split()[-1] == "5"
    assert done.stderr == "`rooflax check x.zarr --repair` mends it\n"


def test_readers_and_runs_name_the_remedy(store, whole):
    flip(store / "training_cost_6nd/c/2/1/0", 2)
    done = rooflax("slice", store, "--vars", "training_cost_6nd")
    assert done.exit_code == 1
    assert done.stderr.endswith("its checksum does not match; `rooflax check x.zarr --repair` mends it\n")
    flip(store / "zarr.json", 900)
    for command in (["slice", store], ["best", store], ["run", whole.parent / "spec.yaml", "-o", store]):
        done = rooflax(*command)
        assert (done.exit_code, done.stderr.splitlines()[-1]) == (
            1,
            "x.zarr is damaged: its zarr.json does not match its checksum; `rooflax check x.zarr --repair` mends it",
        )
    assert rooflax("run", whole.parent / "spec.yaml", "-o", store, "--overwrite").exit_code == 0
    assert differing(store, whole) == []


def test_an_unfinished_store_is_no_damaged_one(store, whole):
    # As a killed run leaves it: not finished, some blocks without their mark.
    for index in (1, 4):
        (store / f"_blocks/done/c/{index}").unlink()
    document = json.loads((store / "zarr.json").read_text())
    document["attributes"]["rooflax_finished"] = False
    (store / "zarr.json").write_bytes(with_own(document, document["attributes"]["rooflax_run"]))
    done = rooflax("check", store)
    assert done.exit_code == 0
    assert done.stderr == "note: x.zarr is not finished: 4 of 6 blocks are there; the same `rooflax run` resumes it\n"
    flip(store / "training_time_6nd/c/0/0/0", 2)
    assert rooflax("check", store, "--repair").exit_code == 0
    assert rooflax("run", whole.parent / "spec.yaml", "-o", store).exit_code == 0
    assert differing(store, whole) == []


def test_other_models_cannot_repair(store):
    flip(store / "training_time_6nd/c/0/0/0", 2)
    before = contents(store)
    Path("mine.py").write_text(MODELS)
    done = rooflax("check", store, "--repair", "--models", "mine.py")
    assert done.exit_code == 2
    assert "x.zarr cannot be repaired: the cost models (" in done.stderr
    assert done.stderr.endswith("differs; `rooflax run SPEC -o x.zarr --overwrite` computes it anew\n")
    assert contents(store) == before


def test_a_store_of_another_cut_cannot_be_repaired(store, monkeypatch):
    flip(store / "training_time_6nd/c/0/0/0", 2)
    place = store.resolve()
    monkeypatch.undo()
    done = rooflax("check", place, "--repair")
    assert done.exit_code == 2
    assert "cannot be repaired: how it is cut into blocks (" in done.stderr


def test_an_older_store_cannot_be_repaired(tmp_path):
    with zipfile.ZipFile(Path(__file__).parents[1] / "stores/data/format-1.zip") as packed:
        packed.extractall(tmp_path / "older.zarr")
    assert rooflax("check", tmp_path / "older.zarr").exit_code == 0
    flip(tmp_path / "older.zarr/training_time_6nd/c/1/0", 2)
    done = rooflax("check", tmp_path / "older.zarr", "--repair")
    assert done.exit_code == 2
    assert "cannot be repaired: it has store format 1, and this version writes 2 alone" in done.stderr


def test_a_spec_that_names_files_beside_it_is_given_by_its_place(store, tmp_path):
    (tmp_path / "mine/records/hardware").mkdir(parents=True)
    (tmp_path / "mine/records/hardware/my-gpu.yaml").write_text(GPU)
    (tmp_path / "mine/spec.yaml").write_text(f"{SPEC}catalog: [records]\n")
    done = rooflax("run", tmp_path / "mine/spec.yaml", "-o", "y.zarr")
    assert done.exit_code == 0, done.stderr
    shutil.copytree("y.zarr", "z.zarr")
    flip(Path("z.zarr/training_time_6nd/c/0/0/0"), 2)
    done = rooflax("check", "z.zarr", "--repair")
    assert done.exit_code == 2
    assert "1 problem in spec in z.zarr\n" in done.stderr
    done = rooflax("check", "z.zarr", "--repair", "--from", tmp_path / "mine/spec.yaml")
    assert done.exit_code == 0, done.stderr
    assert differing(Path("z.zarr"), Path("y.zarr")) == []


def test_what_no_run_has_written_is_left_and_told(store, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.replace("tokens: 1 T", "tokens: 1 T ± 0.05 T"))
    assert rooflax("run", "spec.yaml", "-o", "u.zarr", "--quiet").exit_code == 0
    done = rooflax("uncertainty", "training_time_6nd", "--from", "spec.yaml", "-o", "u.zarr", "--no-indices", "--quiet")
    assert done.exit_code == 0, done.stderr
    damaged = next(file for file in files(Path("u.zarr/uncertainty")) if file.name != "zarr.json")
    flip(damaged, 2)
    flip(Path("u.zarr/training_time_6nd/c/0/0/0"), 2)
    key = damaged.relative_to("u.zarr")
    done = rooflax("check", "u.zarr", "--repair")
    assert done.exit_code == 1
    assert f"repair: leave {key} as it is: the command that wrote uncertainty writes it again\n" in done.stderr
    code, found = checked("u.zarr")
    assert (code, [damage["key"] for damage in found["damages"]]) == (1, [str(key)])


@pytest.mark.slow
def test_a_repair_that_is_killed_leaves_the_rest_told(store, whole):
    """Killed with SIGKILL at one of its writes, from the first on."""
    spoilt = ["training_time_6nd/c/1/0/0", "training_cost_6nd/c/2/1/0", "best/ties/c/0", "mfu/c/0"]
    kills = []
    for after, root in ((1, False), (9, False), (13, True)):
        shutil.rmtree(store)
        shutil.copytree(whole, store)
        for name in [*spoilt, *(["zarr.json"] if root else [])]:
            flip(store / name, 2)
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(after), "check", str(store), "--repair", "--quiet"],
            check=False,
            timeout=120,
            capture_output=True,
        )
        kills.append(process.returncode)
        code, found = checked(store)
        told = {damage["key"] for damage in found["damages"]}
        say(f"killed at write {after}: {len(told)} files are damaged")
        assert code == (1 if told else 0)
        # A group that is written again is written whole, so that other files of it may be missing.
        assert {key for key in told if not key.startswith("best/")} <= {*spoilt, "zarr.json"}
        code, found = checked(store, "--repair")
        assert (code, found["sound"]) == (0, True)
        if not found["complete"]:
            assert rooflax("run", whole.parent / "spec.yaml", "-o", store).exit_code == 0
        assert differing(store, whole) == []
    assert kills == [-signal.SIGKILL] * 3


def test_the_same_in_python(store, whole):
    flip(store / "training_time_6nd/c/1/0/0", 2)
    assert [damage.block for damage in rx.check(store).damages] == [2]
    assert rx.repair(store).sound
    assert differing(store, whole) == []
