"""Golden files: the folder they are in, the modules that compare them, and the rows each comparison has seen."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
SHIPPED = HERE / "data"
DESCRIPTIONS = ("README.md", "INDEX.csv")
FOLDERS = ("d000_pipeline", "measured_runs")
COMPARED = pytest.StashKey[dict[str, int]]()


def _module(path: Path) -> ModuleType:
    """A module of this folder; its tests are no package, so it is loaded from its file."""
    name = f"golden_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def comparisons() -> dict[str, Callable[[Path, Any], int]]:
    """The comparison of every golden file, from all modules of `documents`; a file belongs to one of them."""
    found: dict[str, Callable[[Path, Any], int]] = {}
    for path in sorted((HERE / "documents").glob("*.py")):
        files = _module(path).FILES
        twice = set(files) & set(found)
        assert not twice, f"{path.name}: {', '.join(sorted(twice))} is compared by another module too"
        found |= files
    return found


def golden_dir(config: pytest.Config) -> Path:
    """The folder whose files are compared."""
    return Path(config.getoption("--golden-dir", None) or SHIPPED)


def required(folder: Path) -> set[str]:
    """The entries that must be compared where they are present: those the indexes name, and two folders of runs."""
    names = set(FOLDERS)
    for index in (SHIPPED / "INDEX.csv", folder / "INDEX.csv"):
        if index.is_file():
            with index.open(newline="", encoding="utf-8") as file:
                names |= {row["file"] for row in csv.DictReader(file)}
    return names


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-dir", metavar="DIR", help="Folder of golden files to compare with (default: shipped)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COMPARED] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = golden_dir(metafunc.config)
    if "golden_file" in metafunc.fixturenames:
        present = [name for name in comparisons() if (folder / name).exists()]
        metafunc.parametrize("golden_file", present)
    if "unclaimed_file" in metafunc.fixturenames:
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        claimed = {name.partition("/")[0] for name in comparisons()}
        metafunc.parametrize("unclaimed_file", sorted((names & required(folder)) - claimed))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    compared = config.stash.get(COMPARED, {})
    if not compared:
        return
    folder = golden_dir(config)
    terminalreporter.section(f"golden rows compared in {folder}")
    for name, rows in sorted(compared.items()):
        terminalreporter.write_line(f"{rows:>8,}  {name}")
    terminalreporter.write_line(f"{sum(compared.values()):>8,}  in {len(compared)} files")
    claimed = {name.partition("/")[0] for name in comparisons()}
    for path in sorted(folder.iterdir()):
        if path.name not in claimed and path.name not in DESCRIPTIONS:
            terminalreporter.write_line(f"not compared: {path.name} (no comparison knows it)")


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    """The folder whose files are compared."""
    return golden_dir(pytestconfig)


@pytest.fixture(scope="session")
def compared(pytestconfig: pytest.Config) -> dict[str, int]:
    """The rows compared so far, by file."""
    return pytestconfig.stash[COMPARED]


@pytest.fixture(scope="session")
def compare() -> dict[str, Callable[[Path, Any], int]]:
    """The comparison of every golden file."""
    return comparisons()


@pytest.fixture(scope="session")
def harness() -> Any:
    """How golden rows are read, evaluated and compared."""
    return _module(HERE / "harness.py").Harness()
