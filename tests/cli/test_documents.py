"""`rooflax measured` says what the library says, and refuses what it refuses with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rooflax.cli import main
from rooflax.measured import report_of
from rooflax.specs.examples import FOLDER

RUNS = FOLDER / "documents" / "data" / "measured"
SINGLE, MULTI = str(RUNS / "synthetic-single-device"), str(RUNS / "synthetic-two-devices")


def test_command_and_library_agree(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["measured", SINGLE, "--workdir", MULTI, "-o", str(tmp_path / "figures")])
    text, _ = report_of([SINGLE, MULTI])
    assert (done.exit_code, done.stdout) == (0, text)
    assert str(tmp_path / "figures" / "training_time_comparison.png") in done.stderr.splitlines()
    assert all(Path(line).is_file() for line in done.stderr.splitlines())


def test_sample_deviation_is_named() -> None:
    done = CliRunner().invoke(main, ["measured", SINGLE, MULTI, "--sample-std"])
    assert "sample standard deviation (ddof=1)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([SINGLE, "--single-world-size", "1", "--multi-world-size", "2"], "cannot tell the runs apart"),
        ([SINGLE, SINGLE], "cannot tell the runs apart"),
        (["no-such-folder"], "no-such-folder: no such folder of measured runs"),
    ],
)
def test_refusals_are_sentences(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["measured", *arguments])
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stdout == ""
