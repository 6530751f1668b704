from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rooflax.cli import main

POOLED = "values pooled over others of its class"
TRAINING = ("model=llama-2-13b", "hardware=a100-sxm-80gb", "world_size=64", "global_batch_size=256", "seq_len=4096")
SMALL = """\
title: A small sweep
axes:
  tp: [1, 2, 4, 8]
  pp: [1, 2, 4]
  world_size: [16, 64]
fixed: {model: llama-2-13b, hardware: a100-sxm-80gb, seq_len: 2048, global_batch_size: 256}
outputs: [step_time, memory_per_gpu, binding]
where: [fits_memory]
best: {minimize: step_time, over: [tp, pp]}
store: {path: runs/small.zarr}
"""


@dataclass(frozen=True)
class Done:
    """A finished command: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """Standard error without the notes on pooled calibration, which most points have."""
        return "".join(line for line in self.err.splitlines(keepends=True) if POOLED not in line)

    @property
    def json(self) -> Any:
        def refused(text: str) -> None:
            raise ValueError(f"{text} is no JSON")

        return json.loads(self.out, parse_constant=refused)


@pytest.fixture(scope="session", autouse=True)
def _compile_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled functions are kept for this session alone, whatever the machine has."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def rooflax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs the command line in a folder of its own; an exception that is not handled fails the test."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, env: Mapping[str, str] | None = None) -> Done:
        result = CliRunner().invoke(main, [str(a) for a in arguments], env=env, catch_exceptions=False)
        assert "Traceback" not in result.stderr
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def point() -> list[str]:
    """The options that describe one complete training point."""
    return [part for setting in TRAINING for part in ("--set", setting)]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def _filled(folder: Path, text: str) -> Path:
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["run", str(folder / "small.yaml"), "-o", str(folder / "small.zarr")])
    assert done.exit_code == 0, done.stderr
    return folder / "small.zarr"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished store, not to be changed."""
    return _filled(tmp_path_factory.mktemp("filled"), SMALL)


@pytest.fixture(scope="session")
def filled_without_best(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a spec that asks for no best points."""
    kept = [line for line in SMALL.splitlines() if not line.startswith("best")]
    return _filled(tmp_path_factory.mktemp("plain"), "\n".join(kept))
