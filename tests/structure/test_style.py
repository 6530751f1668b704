"""House rules that no linter knows."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest

LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
MAY_PRINT = {"cli.py", "benchmarks", "docs"}
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cff", ".csv", ".html", ""}

BANNER = re.compile(r"([-=#*_~─━═—])\1{3,}")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# A path from the root of somebody's machine; in a URL the same folder names follow a host.
MACHINE_PATH = re.compile(r"(?<![\w.\-/])/(home|root|work|tmp|Users|opt|mnt|var)/\w")


@pytest.fixture
def python_files(checkout_files: list[Path]) -> list[Path]:
    return [path for path in checkout_files if path.suffix == ".py"]


@pytest.fixture
def texts(root: Path, checkout_files: list[Path]) -> list[tuple[Path, str]]:
    chosen = [path for path in checkout_files if path.suffix in TEXT and path != Path(__file__).relative_to(root)]
    return [(path, (root / path).read_text(encoding="utf-8")) for path in chosen]


def test_no_module_is_long(root: Path, python_files: list[Path]) -> None:
    lengths = {str(path): (root / path).read_text(encoding="utf-8").count("\n") for path in python_files}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_modules_are_named_after_things(python_files: list[Path]) -> None:
    assert [str(path) for path in python_files if VAGUE & {path.stem, *path.parts}] == []


def test_only_the_command_line_prints(root: Path, python_files: list[Path]) -> None:
    printing = []
    for path in python_files:
        nodes = ast.walk(ast.parse((root / path).read_text(encoding="utf-8")))
        calls = (node.func for node in nodes if isinstance(node, ast.Call))
        if path.parts[0] not in MAY_PRINT and any(isinstance(f, ast.Name) and f.id == "print" for f in calls):
            printing.append(str(path))
    assert printing == []


def test_comments_draw_no_banners(root: Path, python_files: list[Path]) -> None:
    banners = []
    for path in python_files:
        with tokenize.open(root / path) as file:
            comments = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
        banners += [f"{path}:{token.start[0]}" for token in comments if BANNER.search(token.string)]
    assert banners == []


@pytest.mark.parametrize("pattern", [UNFINISHED, MACHINE_PATH], ids=["unfinished", "machine-path"])
def test_no_file_holds(pattern: re.Pattern[str], texts: list[tuple[Path, str]]) -> None:
    found = [
        f"{path}:{number}"
        for path, text in texts
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["# see /home/ann/runs", 'open("/tmp/x")', "(/wor" + "k/main)"])
def test_machine_path_is_noticed(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["https://arxiv.org/tmp/x", "runs/tmp/x", "B/s/work"])
def test_other_slashes_are_none(line: str) -> None:
    assert not MACHINE_PATH.search(line)
