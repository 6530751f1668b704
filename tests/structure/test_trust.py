"""Only `--models` runs code of the user's: nothing evaluates text, unpickles, starts a process or imports by a path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("commands", "kernels", "queries", "reports", "specs", "stores", "sweeps")

# What may stand in no module, or only in those named here.
BUILTINS = dict.fromkeys(("eval", "exec", "compile", "__import__", "breakpoint", "input"), frozenset[str]())
MODULES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"), frozenset()
    ),
    **dict.fromkeys(("subprocess", "pty", "ctypes", "cffi", "runpy", "imp", "code", "codeop", "yaml"), frozenset()),
    "importlib.util": frozenset({"kernels/discovery.py", "slices.py", "stores/repository.py"}),
    "importlib.machinery": frozenset({"kernels/discovery.py"}),
}
ATTRIBUTES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("system", "popen", "execv", "execve", "execvp", "spawnv", "spawnl", "fork"), frozenset()),
    **dict.fromkeys(
        ("spec_from_file_location", "exec_module", "module_from_spec"), frozenset({"kernels/discovery.py"})
    ),
    # Names of our own modules, from tables in the code or files in our folders.
    "import_module": frozenset(
        {"__init__.py", "commands/__init__.py", "kernels/discovery.py", "reports/pictures/__init__.py", "reproduce.py"}
    ),
}
NUMPY = ("load", "fromfile", "loadtxt", "genfromtxt", "memmap")
KEYWORDS = ("allow_pickle",)


def faults(source: str, path: str) -> Iterator[str]:
    """What a module does that only a trusted one may do, with its line."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for found, homes in _uses(node):
            if path not in homes:
                yield f"{path}:{getattr(node, 'lineno', 0)}: {found}"


def _uses(node: ast.AST) -> Iterator[tuple[str, frozenset[str]]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names]
        whole = [f"{node.module}.{name}" for name in names] if isinstance(node, ast.ImportFrom) else names
        for name in [*whole, *([node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])]:
            for module, homes in MODULES.items():
                if name == module or name.startswith(f"{module}."):
                    yield module, homes
            last = name.rpartition(".")[2]
            if isinstance(node, ast.ImportFrom) and last in ATTRIBUTES:
                yield last, ATTRIBUTES[last]
    elif isinstance(node, ast.Name) and node.id in BUILTINS:
        yield node.id, BUILTINS[node.id]
    elif isinstance(node, ast.Attribute):
        if node.attr in ATTRIBUTES:
            yield node.attr, ATTRIBUTES[node.attr]
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy") and node.attr in NUMPY:
            yield f"numpy.{node.attr}", frozenset()
    elif isinstance(node, ast.keyword) and node.arg in KEYWORDS:
        yield str(node.arg), frozenset()
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "YAML":
        yield from _unsafe_reader(node)


def _unsafe_reader(call: ast.Call) -> Iterator[tuple[str, frozenset[str]]]:
    """A reader of YAML that builds objects from tags; the one without `typ` writes, in one place."""
    kinds = [word.value.value for word in call.keywords if word.arg == "typ" and isinstance(word.value, ast.Constant)]
    if kinds != ["safe"]:
        yield "YAML without typ='safe'", frozenset({"specs/calibration_files.py"})


def modules() -> list[Path]:
    return sorted([*ROOT.glob("*.py"), *(path for part in PARTS for path in (ROOT / part).rglob("*.py"))])


def test_no_module_runs_what_it_reads() -> None:
    paths = modules()
    assert len(paths) > 300
    found = [fault for path in paths for fault in faults(path.read_text(), path.relative_to(ROOT).as_posix())]
    assert found == []


def test_specs_are_parsed_by_one_reader() -> None:
    """Documents from outside pass its limits; what ships with the package may be loaded as it is."""
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if "ruamel" in path.read_text() and not path.name.startswith("_")
    ]
    assert readers == ["specs/bibliography.py", "specs/calibration_files.py", "specs/documents.py"]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("eval('1')", "eval"),
        ("f = exec", "exec"),
        ("import pickle", "pickle"),
        ("from pickle import loads", "pickle"),
        ("import os\nos.system('x')", "system"),
        ("from os import system", "system"),
        ("import subprocess as s", "subprocess"),
        ("import importlib.util", "importlib.util"),
        ("from importlib import util", "importlib.util"),
        ("from importlib import import_module", "import_module"),
        ("import numpy as np\nnp.load('x')", "numpy.load"),
        ("f(allow_pickle=True)", "allow_pickle"),
        ("YAML()", "YAML without typ='safe'"),
        ("YAML(typ='unsafe')", "YAML without typ='safe'"),
        ("import yaml", "yaml"),
    ],
)
def test_what_is_looked_for_is_found(source: str, fault: str) -> None:
    assert any(found.endswith(f": {fault}") for found in faults(source, "specs/x.py"))


def test_what_is_harmless_passes() -> None:
    source = "import re\nre.compile('x')\nYAML(typ='safe', pure=True)\nimport numpy as np\nnp.array(1)"
    assert list(faults(source, "specs/x.py")) == []
