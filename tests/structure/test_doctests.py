"""Doctests of every module, and each module imported once and from this checkout."""

from __future__ import annotations

import doctest
import importlib
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def module_names() -> list[str]:
    """Every module of the listed packages but `__main__`, whose import runs the command line."""
    names = []
    for package in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]:
        folder = ROOT.joinpath(*package.split(".")[1:])
        stems = sorted(path.stem for path in folder.glob("*.py"))
        names += [package if stem == "__init__" else f"{package}.{stem}" for stem in stems if stem != "__main__"]
    return names


@pytest.mark.parametrize("name", module_names())
def test_examples_in_docstrings_hold(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_one_registry_is_loaded() -> None:
    importlib.import_module("rooflax.kernels.registry")
    assert [name for name in sys.modules if name.endswith("kernels.registry")] == ["rooflax.kernels.registry"]


def test_the_root_is_one_module() -> None:
    files = {
        name: Path(file).resolve() for name, module in sys.modules.items() if (file := getattr(module, "__file__", ""))
    }
    assert [name for name, file in files.items() if file == ROOT / "__init__.py"] == ["rooflax"]
