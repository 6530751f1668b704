"""`rooflax reproduce` writes every document's page, and everything a page links is there."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rooflax.reproduce import document_modules, reproduce
from rooflax.specs.problems import RooflaxError

TIME_LIMIT = 120
LINK = re.compile(r"\]\(([^)#]+)\)")
CODE = re.compile(r"`[^`]*`")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rooflax", "reproduce", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def targets(page: Path) -> set[Path]:
    """The files that a page links."""
    found = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return {(page.parent / target).resolve() for target in found}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """The folder with all documents, what the command printed, and the processor seconds that it took."""
    folder = tmp_path_factory.mktemp("documents")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("all", "-o", str(folder))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
def test_pages_are_printed_and_written(everything):
    folder, printed, _ = everything
    pages = [folder / "README.md", *(folder / number / "README.md" for number in document_modules())]
    assert printed.splitlines() == [str(page) for page in pages]
    assert [str(page) for page in pages if not page.is_file()] == []


@pytest.mark.slow
def test_everything_linked_exists_and_everything_written_is_linked(everything):
    folder, _, _ = everything
    for page in folder.rglob("README.md"):
        linked = targets(page)
        assert linked
        assert [str(path) for path in linked if not path.is_file() or path.stat().st_size == 0] == []
    for number in document_modules():
        page = folder / number / "README.md"
        linked = targets(page)
        written = {path.resolve() for path in (folder / number).rglob("*") if path.is_file()} - {page.resolve()}
        assert sorted(map(str, written - linked)) == []


@pytest.mark.slow
def test_anchors_exist(everything):
    folder, _, _ = everything
    for number in document_modules():
        text = (folder / number / "README.md").read_text(encoding="utf-8")
        anchors = set(re.findall(r'<a id="([^"]+)"></a>', text))
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.slow
def test_all_documents_are_quick(everything):
    # Processor seconds, so that a busy machine does not fail the test; two idle cores need at most that long.
    _, _, seconds = everything
    assert seconds < TIME_LIMIT


@pytest.mark.slow
def test_a_document_is_equal_when_made_again(everything, tmp_path: Path):
    folder, _, _ = everything
    reproduce("000", tmp_path)
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name, content in again.items() if (folder / name).read_bytes() != content} == set()
    assert len(again) > 10


def test_unknown_document_is_refused(tmp_path: Path):
    with pytest.raises(RooflaxError, match="there is no document '005'; one of 000, 001, 002, 003, 004 or all"):
        reproduce("005", tmp_path)


def test_data_belongs_to_one_document(tmp_path: Path):
    with pytest.raises(RooflaxError, match="--data replaces the sample of one document; name that document"):
        reproduce("all", tmp_path, data="x.csv")
    with pytest.raises(RooflaxError, match="document 004 reads no file that --data could replace"):
        reproduce("004", tmp_path, data="x.csv")


def test_missing_data_is_told_in_a_sentence(tmp_path: Path):
    done = run("000", "-o", str(tmp_path), "--data", str(tmp_path / "none.csv"))
    assert done.returncode == 2
    assert "none.csv: no such file" in done.stderr
    assert "Traceback" not in done.stderr
