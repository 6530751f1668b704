"""What README and the pages show runs as they show it, and prints what they say.

Every page has a folder of its own with the example of the README, `mine.yaml` and its store. Blocks share what they
define, in the order of the page; `--set ...` stands for the inputs of the command before.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from page_examples import Block, Command, blocks

from rooflax.cli import main

pytest.importorskip("holoviews", reason="pictures are among the examples")

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BY_PAGE = {page: list(blocks(page.read_text(encoding="utf-8"))) for page in PAGES}


@pytest.fixture(scope="module", autouse=True)
def _compile_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled functions are kept for this module alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example of the README: its spec, and the store of its run."""
    folder = tmp_path_factory.mktemp("example")
    spec = next(block for block in BY_PAGE[PAGES[0]] if block.file == "mine.yaml")
    (folder / "mine.yaml").write_text(spec.text, encoding="utf-8")
    done = invoke("run", str(folder / "mine.yaml"), "-o", str(folder / "runs" / "mine.zarr"))
    assert done.exit_code == 0, done.output
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    return folder


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.runs for b in BY_PAGE[page])], ids=lambda page: page.name
)
def test_examples_of_a_page_run(page: Path, example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(example, tmp_path / "page", symlinks=True)
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"__name__": "example"}
    sets: list[str] = []
    for block in BY_PAGE[page]:
        where = f"{page.name}:{block.line}"
        if block.file == "mine.yaml":
            shutil.rmtree("runs")
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        if not block.runs:
            continue
        if block.language == "python":
            exec(compile(block.text, where, "exec"), names)
        for command in block.commands:
            if not any(text in command.text for text in block.skipped):
                more = [option for text, option in block.options.items() if text in command.text]
                sets = run(command, sets, more, where)


def run(command: Command, sets: list[str], more: list[str], where: str) -> list[str]:
    """Runs a command and compares what it prints; the inputs that the next one may leave out."""
    words = list(command.words)
    if words[-2:] == ["--set", "..."]:
        assert sets, f"{where}: no command before {command.text} has inputs"
        words = [*words[:-2], *sets]
    done = invoke(*words, *" ".join(more).split())
    assert done.exit_code == 0, f"{where}: {command.text}\n{done.output}"
    shown = [_plain(line) for line in done.output.splitlines()]
    missing = [line for line in command.printed if _plain(line) not in shown]
    assert missing == [], f"{where}: {command.text} prints\n{done.output}"
    given = [place for place, word in enumerate(words[:-1]) if word == "--set"]
    return [word for place in given for word in words[place : place + 2]] or sets


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", line).strip()


def test_what_is_not_run_is_there() -> None:
    """A text that a comment excludes stands in the block, so that the comment goes when the command does."""
    gone = [
        f"{page.name}:{block.line}: {text}"
        for page, found in BY_PAGE.items()
        for block in found
        for text in {**block.skipped, **block.options}
        if text != "all" and not any(text in command.text for command in block.commands)
    ]
    assert gone == []


def test_pages_have_examples() -> None:
    runs = [block for found in BY_PAGE.values() for block in found if block.runs]
    assert len(runs) > 20
    assert {block.language for block in runs} == {"python", "", "sh"}


@pytest.mark.parametrize("text", ["all", "all ()", "a (b), c (d"])
def test_an_exclusion_without_a_reason_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="was expected"):
        list(blocks(f"<!-- not run: {text} -->\n```\nrooflax\n```\n"))


def test_commands_are_read_as_a_shell_reads_them() -> None:
    text = "RUN=\"--set a=1\n  --set b=2\"\n$ rooflax eval x $RUN  # why\nx = 1\nrooflax solve 'y = 2' \\\n  --for z\n"
    first, second = Block(1, "", text).commands
    assert (first.words, first.printed) == (("eval", "x", "--set", "a=1", "--set", "b=2"), ("x = 1",))
    assert second.words == ("solve", "y = 2", "--for", "z")
    assert not Block(1, "", "make demo\nrooflax run x").commands
