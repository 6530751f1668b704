"""The glossary gives the units and the accepted spellings of the vocabulary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rooflax.specs import vocabulary

CODE = re.compile(r"`([^`]+)`")


@pytest.fixture
def rows(root: Path) -> list[tuple[set[str], str, set[str]]]:
    """(names, unit, aliases) of every row of the tables of inputs."""
    lines = (root / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return [(set(CODE.findall(names)), unit, set(CODE.findall(also))) for names, unit, _, also in _four(cells)]


def _four(cells: list[list[str]]) -> list[list[str]]:
    return [row for row in cells if len(row) == 4]


def test_inputs_of_the_glossary_are_leaves(rows: list[tuple[set[str], str, set[str]]]) -> None:
    leaves = vocabulary.shipped()
    assert len(rows) > 30
    assert {name for names, _, _ in rows for name in names} <= set(leaves)
    assert {name: unit for names, unit, _ in rows for name in names if leaves[name].unit != unit} == {}


def test_accepted_spellings_are_the_aliases(rows: list[tuple[set[str], str, set[str]]]) -> None:
    leaves = vocabulary.shipped()
    wrong = [names for names, _, also in rows if also != {alias for name in names for alias in leaves[name].aliases}]
    assert wrong == []
    assert set(leaves.aliases) == {alias for _, _, also in rows for alias in also}
