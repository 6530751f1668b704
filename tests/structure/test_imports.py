"""Imports form a fan: specs below; kernels, stores and reports side by side; sweeps on kernels; all joined on top.

The root joins them, queries ask what the root has joined, and the command line asks both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PARTS = {"specs", "kernels", "sweeps", "stores", "reports"}
PACKAGES = {*PARTS, "queries", "commands"}
MAY_IMPORT = {
    "specs": {"specs"},
    "kernels": {"kernels", "specs"},
    "stores": {"stores", "specs"},
    "reports": {"reports", "specs"},
    "sweeps": {"sweeps", "kernels", "specs"},
    "root": {"root", *PARTS},
    "__init__": {"root", "queries", *PARTS},
    "queries": {"root", "queries", *PARTS},
    "cli": {"root", *PACKAGES},
    "commands": {"root", *PACKAGES},
    "__main__": {"cli"},
}
HOMES = {
    "jax": {"kernels", "sweeps"},
    "jaxlib": {"kernels", "sweeps"},
    "optimistix": {"sweeps"},
    "xarray": {"sweeps", "stores", "reports", "root", "queries"},
    "zarr": {"stores"},
    "obstore": {"stores"},
    "icechunk": {"stores"},
    "hvplot": {"reports"},
    "holoviews": {"reports"},
    "panel": {"reports"},
    "bokeh": {"reports"},
    "click": {"cli", "commands"},
}


def part(path: Path) -> str:
    """The package folder of a module; of those in the root, `cli` and `__main__` have rules of their own."""
    if len(path.parts) > 1:
        return path.parts[0]
    return path.stem if path.stem in MAY_IMPORT else "root"


def imported(tree: ast.AST, path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, "" or "rooflax", top-level name) of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, "", alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, "", str(node.module).split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = path.parent.parts[: len(path.parent.parts) - (node.level - 1)]
            below = (*base, *(node.module or "").split(".")) if node.module else base
            names = [below[0]] if below else [alias.name for alias in node.names]
            yield from ((node.lineno, "rooflax", name) for name in names)


def violations(source: str, path: Path) -> list[str]:
    """What the imports of one module break, in words."""
    here, broken = part(path), []
    for line, package, name in imported(ast.parse(source), path):
        where = f"{path}:{line}"
        if package == "rooflax":
            known = name if name in MAY_IMPORT else "root"
            if known not in MAY_IMPORT[here]:
                broken.append(f"{where} imports {name}, which {here} may not")
        elif name == "rooflax":
            broken.append(f"{where} imports rooflax by name; inside the package imports are relative")
        elif name in PACKAGES:
            broken.append(f"{where} imports a top-level module {name}, which is a folder only here")
        elif here not in HOMES.get(name, {here}):
            broken.append(f"{where} imports {name}, which belongs to {', '.join(sorted(HOMES[name]))}")
    return broken


def modules() -> list[Path]:
    found = [*ROOT.glob("*.py"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    return sorted(path.relative_to(ROOT) for path in found)


@pytest.mark.parametrize("path", modules(), ids=str)
def test_module_imports_only_what_its_place_allows(path: Path) -> None:
    assert violations((ROOT / path).read_text(encoding="utf-8"), path) == []


def test_modules_of_every_part_were_found() -> None:
    assert {part(path) for path in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("specs/loader.py", "import jax.numpy as jnp", "specs/loader.py:1 imports jax"),
        ("specs/loader.py", "def f():\n    import xarray", "specs/loader.py:2 imports xarray"),
        ("kernels/memory.py", "from ..stores import layout", "imports stores, which kernels may not"),
        ("kernels/published/rules.py", "from ...sweeps.plan import Plan", "imports sweeps, which kernels may not"),
        ("reports/page.py", "from .. import sweeps", "imports sweeps, which reports may not"),
        ("reports/page.py", "from .. import evaluate", "imports evaluate, which reports may not"),
        ("stores/write.py", "from ..kernels import registry", "imports kernels, which stores may not"),
        ("sweeps/plan.py", "from zarr import Group", "imports zarr, which belongs to stores"),
        ("sweeps/plan.py", "from rooflax.kernels import registry", "inside the package imports are relative"),
        ("sweeps/plan.py", "import kernels.registry", "which is a folder only here"),
        ("api.py", "from .cli import main", "imports cli, which root may not"),
        ("__init__.py", "from . import cli", "imports cli, which __init__ may not"),
        ("__init__.py", "import hvplot.xarray", "imports hvplot, which belongs to reports"),
    ],
)
def test_breach_is_noticed(path: str, source: str, found: str) -> None:
    assert any(found in sentence for sentence in violations(source, Path(path)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kernels/memory.py", "import jax\nfrom ..specs.units import conversion\nfrom .registry import cost_model"),
        ("kernels/published/rules.py", "from ..registry import cost_model\nfrom ...specs import vocabulary"),
        ("sweeps/plan.py", "from .. import kernels, specs\nimport xarray as xr"),
        ("cli.py", "import click\nfrom . import __version__, api"),
        ("__main__.py", "from .cli import main"),
    ],
)
def test_allowed_import_is_not_reported(path: str, source: str) -> None:
    assert violations(source, Path(path)) == []
