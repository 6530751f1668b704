"""What all tests share: the checkout's files, and property tests that repeat exactly."""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run, and no time limit on an example: the first call of a jitted function compiles it.
hypothesis.settings.register_profile("rooflax", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("rooflax")


def _files(folder: Path, ignored: list[str]) -> list[Path]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.name == ".git" or any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_symlink() or path.is_file():
            found.append(path)
        elif not (path / "pyvenv.cfg").exists():
            found += _files(path, ignored)
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def checkout_files() -> list[Path]:
    """Every file of the checkout that `.gitignore` does not name, relative to it."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    return [path.relative_to(ROOT) for path in _files(ROOT, ignored)]


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server."""
    pytest.importorskip("obstore")
    from object_server import s3_server

    with s3_server() as port:
        yield port


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of a bucket, of this test's own, which the environment leads to."""
    from object_server import BUCKET, environment

    for name, value in environment(s3_port).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
