"""The packages list names every folder of modules, and the wheel holds every module and data file and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

OUTSIDE = {"tests", "docs", "benchmarks", ".ci"}

USE_OF_WHEEL = """
import importlib, pathlib, sys
for package in sys.argv[2:]:
    module = importlib.import_module(package)
    assert pathlib.Path(module.__file__).is_relative_to(sys.argv[1]), f"{package} came from {module.__file__}"
from rooflax.specs import catalog
catalogs = catalog.open_catalogs()
records = [catalogs.get(group, name) for group in ("model", "hardware") for name in catalogs.names(group)]
assert records and all(record.fields for record in records)
"""


def listed_packages(root: Path) -> list[str]:
    return tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]


def shipped_files(checkout_files: list[Path]) -> list[Path]:
    """What a user needs at run time: the root's modules, and every file below the package folders."""
    modules = [path for path in checkout_files if len(path.parts) == 1 and path.suffix == ".py"]
    below = [path for path in checkout_files if len(path.parts) > 1 and path.parts[0] not in OUTSIDE]
    return [*modules, Path("py.typed"), *below]


def copy_checkout(root: Path, checkout_files: list[Path], target: Path) -> Path:
    for path in checkout_files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target / path)
    return target


@pytest.fixture(scope="session")
def wheel(root: Path, checkout_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_checkout(root, checkout_files, tmp_path_factory.mktemp("source") / "check-out.1")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((source / "dist").glob("*.whl"))


def test_packages_list_names_every_folder_with_modules(root: Path, checkout_files: list[Path]) -> None:
    folders = {path.parent for path in checkout_files if path.suffix == ".py" and path.parts[0] not in OUTSIDE}
    assert listed_packages(root) == sorted(".".join(("rooflax", *folder.parts)) for folder in folders)


def test_every_listed_package_has_an_init_file(root: Path) -> None:
    folders = [root.joinpath(*package.split(".")[1:]) for package in listed_packages(root)]
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_citation_names_the_version(root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (root / "CITATION.cff").read_text()


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel: Path, checkout_files: list[Path]) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    held = {name for name in names if ".dist-info/" not in name}
    assert held == {(Path("rooflax") / path).as_posix() for path in shipped_files(checkout_files)}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_wheel_works_where_nothing_else_of_the_checkout_is(wheel: Path, root: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    # The folder comes before the checkout's own editable install, whose import hook is asked last.
    environment = os.environ | {"PYTHONPATH": str(target)}
    for arguments in (["-c", USE_OF_WHEEL, str(target), *listed_packages(root)], ["-m", "rooflax", "--version"]):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert version in done.stdout


@pytest.mark.slow
def test_tests_run_in_a_folder_whose_name_is_no_identifier(
    root: Path, checkout_files: list[Path], tmp_path: Path
) -> None:
    source = copy_checkout(root, checkout_files, tmp_path / "check-out.1")
    link = tmp_path / "path" / "rooflax"
    link.parent.mkdir()
    link.symlink_to(source, target_is_directory=True)
    chosen = ["tests/structure/test_doctests.py", "tests/structure/test_imports.py"]
    command = [sys.executable, "-m", "pytest", "-q", *chosen]
    environment = os.environ | {"PYTHONPATH": str(link.parent)}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
