"""Every notebook runs from its first cell to its last, and what is committed has been run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install 'rooflax[docs]' has what runs notebooks")
pytest.importorskip("nbclient", reason="pip install 'rooflax[docs]' has what runs notebooks")

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 400_000
MACHINE_PATH = re.compile(r"(?<![\w.\-/])/(home|root|work|tmp|Users|opt|mnt|var)/\w")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request) -> Path:
    return request.param


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the client, not of the notebook
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.executed(notebook, str(tmp_path))
    outputs = [output for cell in found.cells if cell.cell_type == "code" for output in cell.outputs]
    assert len(outputs) >= 10
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_what_is_committed_was_run(notebook: Path) -> None:
    assert notebook.stat().st_size < LARGEST
    read = nbformat.read(notebook, as_version=4)
    cells = [cell for cell in read.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert 10 <= len(read.cells) <= 26
    shown = "\n".join(str(output) for cell in cells for output in cell.outputs)
    assert "stderr" not in shown
    assert MACHINE_PATH.search(shown) is None


def test_there_are_notebooks_and_hvplot_is_in_them() -> None:
    assert len(NOTEBOOKS) == 3
    assert all("hvplot" in path.read_text(encoding="utf-8") for path in NOTEBOOKS)
