"""Specs and stores of strangers on a terminal: nothing in them is markup, moves the cursor, or ends in a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from forged import forge
from zarr.dtype import VariableLengthUTF8

MARKUP = "[bold red]x[/nothing] [link=file:///etc/passwd]y[/link] \\[z"
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
SHOWN = "�]0;owned��[2J"


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    path = tmp_path / "hostile.zarr"
    shutil.copytree(filled, path)
    return path


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the attributes of a group or an array, and takes away the root's copy of the metadata."""
    forge(folder, lambda document: (change(document["attributes"]), document.pop("consolidated_metadata", None)))


def test_a_title_is_no_markup(rooflax, spec):
    spec.write_text(spec.read_text().replace("A small sweep", json.dumps(MARKUP)))
    done = rooflax("plan", spec)
    assert done.code == 0
    assert MARKUP in done.out


def test_a_spec_cannot_write_to_a_terminal(rooflax, spec):
    spec.write_text(spec.read_text().replace("A small sweep", json.dumps(ESCAPE)))
    done = rooflax("plan", spec)
    assert done.code == 2
    assert "small.yaml:1:8  title: the control character U+001B is not read" in done.err
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    "command", [("best",), ("slice", "--sel", "tp=2"), ("pareto", "--objectives", "step_time:min,memory_per_gpu:min")]
)
def test_a_store_cannot_either(rooflax, store, command):
    name, *options = command
    plain = rooflax(name, store, *options)
    assert plain.code == 0
    for folder in (store, store / "best"):
        edited(folder, lambda attrs: attrs.update(title=ESCAPE + MARKUP, notices=[ESCAPE]))
    for array in ("step_time", "status", "tp", "best/step_time"):
        edited(store / array, lambda attrs: attrs.update(long_name=ESCAPE + MARKUP))
    done = rooflax(name, store, *options)
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert SHOWN in done.out + done.err


@pytest.mark.parametrize("command", [("best",), ("slice",), ("slice", "-o", "x.csv")])
@pytest.mark.parametrize(
    "change",
    [
        lambda store: edited(store / "step_time", lambda attrs: attrs.update(units=["s"])),
        lambda store: edited(store / "step_time", lambda attrs: attrs.update(units="furlong")),
        lambda store: edited(store / "status", lambda attrs: attrs.update(flag_values=[1, 2])),
        lambda store: edited(store, lambda attrs: attrs.update(variables=7)),
        lambda store: (store / "step_time" / "zarr.json").write_text("[" * 100_000),
        lambda store: (store / "step_time" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}'),
        lambda store: (store / "step_time" / "zarr.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_a_wrong_store_is_refused_in_a_sentence(rooflax, store, change, command):
    edited(store, lambda _: None)
    change(store)
    done = rooflax(command[0], store, *command[1:])
    assert done.code == 2
    assert f"{store} is damaged, or not written by rooflax: " in done.err
    assert done.err.count("\n") == 1


def test_labels_of_a_store_are_no_cursor_movements(rooflax, store):
    array = zarr.open_group(store, mode="r+", use_consolidated=False).create_array(
        "who", shape=(4,), chunks=(4,), dtype=VariableLengthUTF8(), dimension_names=("tp",), compressors=None
    )
    array[...] = np.array([ESCAPE, MARKUP, "c", "d"], dtype=np.dtypes.StringDType())
    edited(store, lambda attrs: attrs.update(coordinates="who"))
    done = rooflax("slice", store, "--sel", "pp=1", "--sel", "world_size=16")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "[bold" in done.out
