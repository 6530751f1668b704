"""The command line answers before any heavy library is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"jax", "jaxlib", "scipy", "pandas", "xarray", "zarr", "dask", "distributed", "hvplot", "holoviews", "panel"}
HEAVY |= {"bokeh", "matplotlib", "icechunk", "obstore", "pydantic", "ruamel.yaml", "optimistix", "equinox"}

LOADED_AT_EXIT = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from rooflax.cli import main
sys.argv = ["rooflax", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["fit", "--help"], ["optimize", "--help"], ["explore", "--help"]],
    ids=" ".join,
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    command = [sys.executable, "-c", LOADED_AT_EXIT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    loaded = done.stderr.split()
    assert "rooflax.cli" in loaded
    assert sorted(HEAVY & set(loaded)) == []


POINT = ["--set", "model=llama-2-70b", "--set", "hardware=h100-sxm-80gb", "--set", "prompt_len=512"]
POINT += ["--set", "output_len=64", "--set", "concurrency=8"]


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["eval", "tpot", *POINT], {"jax", "xarray", "pandas", "scipy", "zarr", "dask"}),
        (["run", "serving", "--overwrite", "--quiet", "-o"], {"jax", "optimistix"}),
    ],
    ids=["eval", "run"],
)
def test_few_points_are_answered_without_what_compiles(arguments: list[str], absent: set[str], tmp_path: Path) -> None:
    place = [str(tmp_path / "x.zarr")] if arguments[-1] == "-o" else []
    command = [sys.executable, "-c", LOADED_AT_EXIT, *arguments, *place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(absent & set(done.stderr.split())) == []


def test_import_of_the_package_loads_no_heavy_library() -> None:
    code = "import sys, rooflax; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert sorted(HEAVY & set(done.stdout.split())) == []
