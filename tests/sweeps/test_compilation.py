from __future__ import annotations

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from rooflax.kernels.arrays import jnp
from rooflax.sweeps.compilation import cache_compilations, compiled, precision

CACHED = """
import pathlib, sys
from rooflax.sweeps.compilation import cache_compilations
if sys.argv[2] == "before":
    import jax
cache_compilations(pathlib.Path(sys.argv[1]))
assert ("jax" in sys.modules) == (sys.argv[2] == "before")
import jax
jax.jit(lambda x: x * 3 + 1)(2.0)
"""


@pytest.mark.parametrize("loaded", ["before", "after"])
def test_what_is_compiled_is_kept_whether_jax_was_loaded_before_or_not(loaded, tmp_path):
    folder = tmp_path / "xla"
    subprocess.run([sys.executable, "-c", CACHED, str(folder), loaded], check=True, env=without_jax_settings())
    assert any(folder.iterdir())


def test_the_users_own_cache_wins(tmp_path):
    environment = {**without_jax_settings(), "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    subprocess.run([sys.executable, "-c", CACHED, str(tmp_path / "xla"), "after"], check=True, env=environment)
    assert any((tmp_path / "own").iterdir())
    assert not any((tmp_path / "xla").iterdir())


def without_jax_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}


def test_a_folder_that_cannot_be_made_keeps_nothing_and_is_no_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache_compilations(tmp_path / "file" / "xla")
    assert jax.config.jax_compilation_cache_dir != str(tmp_path / "file" / "xla")  # pyright: ignore[reportAttributeAccessIssue]


@compiled("power")
def halves(number, *, power):
    return jnp.sum(number / (number - 1.0)) * 2.0**power


def test_numpy_runs_a_function_that_jax_compiles_for_its_own():
    array = np.array([1.0, 2.0, 3.0])
    assert type(halves(array, power=-1)) is np.float64
    assert halves(array, power=-1) == np.inf
    with precision("float64"):
        found = halves(jax.numpy.asarray(array[1:]), power=-1)
    assert isinstance(found, jax.Array)
    assert float(found) == halves(array[1:], power=-1) == 1.75
