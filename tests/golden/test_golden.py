"""Every golden file that is present is compared row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Comparisons = dict[str, Callable[[Path, Any], int]]


def test_folder_holds_golden_files(folder: Path, compare: Comparisons):
    assert folder.is_dir(), f"{folder} is no folder"
    present = [name for name in compare if (folder / name).exists()]
    assert present, f"{folder} holds none of the {len(compare)} golden files that can be compared"


def test_golden_file(golden_file: str, folder: Path, compare: Comparisons, harness: Any, compared: dict[str, int]):
    rows = compare[golden_file](folder / golden_file, harness)
    assert rows > 0, f"{golden_file}: present, but no row was compared"
    compared[golden_file] = rows


def test_every_file_is_claimed(unclaimed_file: str):
    pytest.fail(f"{unclaimed_file} is a golden file, but no module of tests/golden/documents compares it")
