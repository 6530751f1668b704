from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIVE = """\
title: Five mistakes
axes:
  tp: [1, 2]
  d_modle: [1, 2]
  scale_out_bandwidth: {min: 25 GB, max: 400 GB/s, num: 4}
fixed: {model: llama-2-13b, hardware: a100-sxm-80, world_size: -8, global_batch_size: 64, seq_len: 2048}
outputs: [step_tme]
"""
FRONT = ("--objectives", "step_time:min,memory_per_gpu:min")


def test_all_mistakes_of_a_spec_are_told_at_once_where_they_stand(rooflax, tmp_path):
    (tmp_path / "five.yaml").write_text(FIVE)
    for command in ("run", "plan", "best"):
        done = rooflax(command, "five.yaml")
        assert (done.code, done.out) == (2, "")
        lines = done.err.splitlines()
        assert lines[0] == "5 problems in five.yaml"
        located = [line.split()[0] for line in lines if line.startswith("  five.yaml:")]
        assert located == ["five.yaml:4:3", "five.yaml:5:30", "five.yaml:6:39", "five.yaml:6:64", "five.yaml:7:11"]
        assert "did you mean `step_time`?" in done.err


MISTAKES = {
    "no such spec": ("run", "nowhere.yaml"),
    "no such example": ("run", "6ndd"),
    "a folder for a spec": ("run", "folder"),
    "an empty spec": ("run", "empty.yaml"),
    "bytes for a spec": ("run", "bytes.yaml"),
    "a list for a spec": ("run", "list.yaml"),
    "broken YAML": ("run", "broken.yaml"),
    "an empty name": ("run", ""),
    "a null byte in a name": ("run", "a\0b"),
    "no store": ("run", "nostore.yaml"),
    "a store in a file": ("run", "small.yaml", "-o", "empty.yaml/x.zarr"),
    "a store that is a file": ("run", "small.yaml", "-o", "small.yaml"),
    "a store that is a folder of files": ("run", "small.yaml", "-o", "folder"),
    "an override without a value": ("run", "small.yaml", "--set", "tp"),
    "an override without a key": ("run", "small.yaml", "--set", "=3"),
    "an override of nothing": ("run", "small.yaml", "--set", ""),
    "an override of an unknown key": ("run", "small.yaml", "--set", "tpp=3"),
    "an override of an unknown path": ("run", "small.yaml", "--set", "store.dtpe=float64"),
    "an override with broken YAML": ("run", "small.yaml", "--set", "tp=[1,"),
    "an override with a wrong type": ("run", "small.yaml", "--set", "tp={a: b}"),
    "an override with text for a number": ("run", "small.yaml", "--set", "tp=many"),
    "an override below zero": ("run", "small.yaml", "--set", "tp=-1"),
    "an override with infinity": ("run", "small.yaml", "--set", "seq_len=.inf"),
    "an override that is not a number": ("run", "small.yaml", "--set", "seq_len=.nan"),
    "an override that is no whole number": ("run", "small.yaml", "--set", "tp=1.5"),
    "an empty axis": ("run", "small.yaml", "--set", "tp=[]"),
    "a label twice": ("run", "small.yaml", "--set", "tp=[1, 1]"),
    "an axis of nothing": ("run", "small.yaml", "--set", "tp=[null]"),
    "an axis too long": ("run", "small.yaml", "--set", "seq_len={range: [1, 1000000000000, 1]}"),
    "a wrong unit": ("run", "small.yaml", "--set", "hbm_bandwidth=3 parsecs"),
    "a wrong dimension": ("run", "small.yaml", "--set", "hbm_bandwidth=3 TB"),
    "another alphabet": ("run", "small.yaml", "--set", "размер=3"),
    "a wrong dtype": ("run", "small.yaml", "--set", "store.dtype=float16"),
    "a wrong condition": ("run", "small.yaml", "--set", "where=[fits_everything]"),
    "a condition that is code": ("run", "small.yaml", "--set", "where=['__import__(\"os\")']"),
    "no outputs": ("run", "small.yaml", "--set", "outputs=[]"),
    "an output that is no text": ("run", "small.yaml", "--set", "outputs=[3]"),
    "a best over no axis": ("run", "small.yaml", "--set", "best.over=[cp]"),
    "a frontier of one": ("run", "small.yaml", "--set", "pareto={objectives: [step_time:min]}"),
    "a frontier over no axis": (
        *("run", "small.yaml", "--set", "pareto.objectives=[step_time:min, memory_per_gpu:min]"),
        *("--set", "pareto.over=[cp]"),
    ),
    "a best of nothing": ("run", "small.yaml", "--set", "best.minimize=nothing"),
    "a best of a category": ("run", "small.yaml", "--set", "best.minimize=binding"),
    "a path that is a number": ("run", "small.yaml", "--set", "store.path=3"),
    "a million to the fourth": (
        "plan",
        "small.yaml",
        *("--set", "seq_len={range: [1, 1000000, 1]}", "--set", "global_batch_size={range: [1, 1000000, 1]}"),
        *("--set", "world_size={range: [1, 1000000, 1]}"),
        *("--set", "hbm_bandwidth={min: 1 TB/s, max: 2 TB/s, num: 1000000}"),
    ),
    "no quantity": ("eval",),
    "an unknown quantity": ("eval", "step_tme"),
    "an empty quantity": ("eval", ""),
    "two quantities in one": ("eval", "step_time, dp"),
    "a quantity that is YAML": ("eval", "a]b"),
    "a quantity that is an input": ("eval", "tp"),
    "a point with nothing given": ("eval", "step_time"),
    "a point that is an axis": ("eval", "dp", "--set", "tp=[1, 2]", "--set", "world_size=8"),
    "a point from a spec with axes": ("eval", "step_time", "--from", "small.yaml"),
    "a point from nowhere": ("eval", "step_time", "--from", "nowhere.yaml"),
    "a point with a title": ("eval", "dp", "--set", "title=[]", "--set", "world_size=8"),
    "an unknown catalog folder": ("eval", "dp", "--set", "world_size=8", "--catalog", "nowhere"),
    "a catalog that is a file": ("eval", "dp", "--set", "world_size=8", "--catalog", "small.yaml"),
    "models from nowhere": ("eval", "dp", "--set", "world_size=8", "--models", "nowhere.py"),
    "models from a folder": ("eval", "dp", "--set", "world_size=8", "--models", "folder"),
    "models in YAML": ("eval", "dp", "--set", "world_size=8", "--models", "small.yaml"),
    "models with a mistake": ("eval", "dp", "--set", "world_size=8", "--models", "wrong.py"),
    "models that contradict": ("eval", "dp", "--set", "world_size=8", "--models", "twice.py"),
    "an explanation of nothing": ("explain", "nothing"),
    "an explanation of an axis": ("explain", "dp", "--set", "tp=[1, 2]", "--set", "world_size=8"),
    "a depth that is no number": ("explain", "dp", "--depth", "deep"),
    "a table from nowhere": ("table", "nowhere.csv", "dp"),
    "a table from a folder": ("table", "folder", "dp"),
    "a table of nothing": ("table", "cases.csv"),
    "a table to a folder": ("table", "cases.csv", "dp", "-o", "folder"),
    "a table to nowhere": ("table", "cases.csv", "dp", "-o", "nowhere/x.csv"),
    "a slice of nothing": ("slice", "nowhere.zarr"),
    "a slice of a file": ("slice", "small.yaml"),
    "a slice of a folder": ("slice", "folder"),
    "a slice of an empty folder": ("slice", "hollow"),
    "a slice of an empty name": ("slice", ""),
    "a slice of another zarr": ("slice", "foreign.zarr"),
    "a slice of a damaged store": ("slice", "torn.zarr"),
    "a slice of a damaged chunk": ("slice", "damaged.zarr"),
    "a selection without a label": ("slice", "small.zarr", "--sel", "tp"),
    "a selection of an empty label": ("slice", "small.zarr", "--sel", "tp="),
    "a selection of an unknown axis": ("slice", "small.zarr", "--sel", "tpp=1"),
    "a selection of no labels": ("slice", "small.zarr", "--sel", "tp=[]"),
    "a selection of nested labels": ("slice", "small.zarr", "--sel", "tp=[[1]]"),
    "a selection of a mapping": ("slice", "small.zarr", "--sel", "tp={a: 1}"),
    "a selection of text": ("slice", "small.zarr", "--sel", "tp=two"),
    "a selection out of range": ("slice", "small.zarr", "--sel", "tp=1000"),
    "a selection between whole labels": ("slice", "small.zarr", "--sel", "tp=3"),
    "a selection with a unit": ("slice", "small.zarr", "--sel", "tp=4 GB"),
    "a selection with broken YAML": ("slice", "small.zarr", "--sel", "tp=[1"),
    "a selection twice": ("slice", "small.zarr", "--sel", "tp=1", "--sel", "tp=2"),
    "unknown variables": ("slice", "small.zarr", "--vars", "step_tme"),
    "no variables": ("slice", "small.zarr", "--vars", ""),
    "a file of no known kind": ("slice", "small.zarr", "-o", "x.xlsx"),
    "a slice into a file": ("slice", "small.zarr", "-o", "small.yaml/x.csv"),
    "the frontier of nothing": ("pareto", "nowhere.zarr"),
    "the frontier of no objectives": ("pareto", "small.zarr"),
    "the frontier of a spec without objectives": ("pareto", "small.yaml"),
    "the frontier over an empty axis": ("pareto", "small.zarr", *FRONT, "--over", ""),
    "the frontier of an unknown quantity": ("pareto", "small.yaml", "--objectives", "step_tme:min,memory_per_gpu:min"),
    "the frontier where a name is unknown": ("pareto", "small.yaml", *FRONT, "--where", "tpp < 4"),
    "the frontier where a store judges": ("pareto", "small.zarr", *FRONT, "--where", "fits_memory"),
    "the frontier at a label that is none": ("pareto", "small.zarr", *FRONT, "--sel", "tp=3"),
    "the frontier of a store with overrides": ("pareto", "small.zarr", *FRONT, "--set", "tp=8"),
    "the best of nothing": ("best", "nowhere.zarr"),
    "the best of no axis": ("best", "small.zarr", "--over", "cp"),
    "the best of an empty axis": ("best", "small.zarr", "--over", ""),
    "the best both ways": ("best", "small.zarr", "--minimize", "step_time", "--maximize", "step_time"),
    "the best of an unknown quantity": ("best", "small.zarr", "--minimize", "step_tme", "--over", "tp"),
    "the best of an empty quantity": ("best", "small.zarr", "--minimize", "", "--over", "tp"),
    "the best of a stored category": ("best", "small.zarr", "--minimize", "binding", "--over", "tp"),
    "the best of an axis": ("best", "small.zarr", "--minimize", "tp", "--over", "tp"),
    "the top none": ("best", "small.zarr", "--top", "0"),
    "the best of a store with overrides": ("best", "small.zarr", "--set", "tp=8"),
    "the best of a store without a best": ("best", "plain.zarr"),
    "the best of a spec without a best": ("best", "plain.yaml"),
    "the best of a spec over nothing": ("best", "small.yaml", "--over", "cp"),
    "the best of a spec by a category": ("best", "small.yaml", "--minimize", "binding", "--over", "tp"),
    "the best of a spec by an axis": ("best", "small.yaml", "--minimize", "tp", "--over", "tp"),
    "a kind of nothing": ("list", "things"),
    "a list with a wrong catalog": ("list", "models", "--catalog", "wrong"),
    "nothing of that name": ("show", "nothing-of-that-name"),
    "an empty thing": ("show", ""),
    "a blank thing": ("show", "  "),
    "a thing that is a path": ("show", "../../etc/passwd"),
    "a path to no record": ("show", "small.yaml"),
    "an unknown option": ("run", "small.yaml", "--fast"),
    "an unknown command": ("rum", "small.yaml"),
}


@pytest.fixture
def mistaken(tmp_path, spec, filled, filled_without_best):
    """A folder of files that are not what they should be."""
    assert spec == tmp_path / "small.yaml"
    text = spec.read_text()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "hollow").mkdir()
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    (tmp_path / "broken.yaml").write_text("title: [1\naxes: }")
    (tmp_path / "bytes.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "nostore.yaml").write_text(text.replace("store: {path: runs/small.zarr}\n", ""))
    (tmp_path / "plain.yaml").write_text(text.replace("best: {minimize: step_time, over: [tp, pp]}\n", ""))
    (tmp_path / "cases.csv").write_text("tp,world_size\n1,8\n")
    (tmp_path / "wrong.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "twice.py").write_text(TWICE)
    (tmp_path / "wrong" / "model").mkdir(parents=True)
    (tmp_path / "wrong" / "model" / "odd.yaml").write_text("name: [")
    for name in ("small", "torn", "damaged"):
        shutil.copytree(filled, tmp_path / f"{name}.zarr")
    shutil.copytree(filled_without_best, tmp_path / "plain.zarr")
    (tmp_path / "torn.zarr" / "zarr.json").write_text("{")
    chunk = next(path for path in (tmp_path / "damaged.zarr" / "step_time" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"xxxxxxxxx")
    (tmp_path / "foreign.zarr").mkdir()
    (tmp_path / "foreign.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    return tmp_path


TWICE = '''
"""A quantity that there is already."""
from rooflax.kernels.annotations import Count
from rooflax.kernels.registry import cost_model


@cost_model(formula="1", source="definition: one", example=dict(tp=1, expect=1))
def dp(tp: Count) -> Count:
    """One."""
    return tp
'''


# That a store is damaged is nobody's mistake.
DAMAGES = {"a slice of a damaged store", "a slice of a damaged chunk"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_sentence(mistake, rooflax, mistaken):
    before = sorted(path for path in mistaken.rglob("*") if path.name != "__pycache__")
    done = rooflax(*MISTAKES[mistake])
    assert done.code == (1 if mistake in DAMAGES else 2)
    assert done.out == ""
    assert done.err.strip()
    assert "Traceback" not in done.err
    assert "rror(" not in done.err
    assert max(map(len, done.err.splitlines())) < 700
    after = sorted(path for path in mistaken.rglob("*") if path.name != "__pycache__")
    assert after == before  # nothing half made is left behind


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("two quantities in one", "unknown quantity `step_time, dp`; did you mean `step_time`?"),
        (
            "a point with nothing given",
            "`step_time` needs `world_size` (GPUs), which has no default; give it with --set",
        ),
        ("a point that is an axis", "one point was expected, but tp (2) varies; give each one value with --set"),
        ("the best of a store with overrides", "small.zarr is a store and takes no --set; cut it with --sel"),
        ("the best both ways", "give --minimize or --maximize, not both"),
        ("a selection out of range", "--sel tp=1000: the labels go from 1 to 8"),
        ("a selection of an unknown axis", "--sel tpp=1: there is no axis `tpp`; did you mean `tp`?"),
        ("a million to the fourth", "so give the axes fewer labels"),
        ("the best of a store without a best", "plain.zarr has no group best"),
        ("the best of a spec without a best", "plain.yaml says nothing of `best`; give --minimize QUANTITY and --over"),
        ("a slice of a damaged chunk", "is damaged in chunk"),
        ("no store", "nostore.yaml names no store; give it one with -o runs/NAME.zarr"),
        ("models that contradict", "twice.py: `dp` is declared twice"),
        ("nothing of that name", "nothing is called `nothing-of-that-name`; `rooflax list` shows what there is"),
    ],
)
def test_the_sentence_says_what_to_do(mistake, sentence, rooflax, mistaken):
    assert sentence in rooflax(*MISTAKES[mistake]).err


def test_no_space_left_is_told_and_the_finished_blocks_are_kept(rooflax, spec, monkeypatch):
    import errno

    import zarr.storage

    real, written = zarr.storage.LocalStore.set, []

    async def full(self, key, value, *more, **options):
        if "/c/" in f"{key}/" and "step_time/c" in key:
            written.append(key)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await real(self, key, value, *more, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", full)
    done = rooflax("run", spec)
    assert written
    assert (done.code, done.out) == (1, "")
    assert done.told == (
        "disk full: cannot write block 0 of runs/small.zarr; the finished blocks are kept; free some space and run the "
        "same command to resume\n"
    )
    monkeypatch.undo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_that_finds_no_space_is_told():
    script = Path(sys.executable).with_name("rooflax")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([script, "list", "examples"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "no space left on device\n")


def test_a_reader_that_goes_away_ends_the_command_quietly():
    script = Path(sys.executable).with_name("rooflax")
    done = subprocess.run(
        f"'{script}' show 6nd | true; exit ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(rooflax, spec, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    done = rooflax("run", spec, "-o", "closed/x.zarr")
    assert (done.code, done.err) == (2, "cannot create closed/x.zarr: permission denied\n")


def test_a_system_folder_that_may_not_be_written_is_told(rooflax, spec):
    done = rooflax("run", spec, "-o", "/proc/x.zarr")
    assert done.code == 2
    assert done.told.startswith("cannot create /proc/x.zarr: ")
