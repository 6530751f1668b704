"""Labels of document 001: both hyphens are read, and the printed rule keeps its error."""

from __future__ import annotations

import pytest

from rooflax.reports.documents.mode_labels import group_size, group_size_as_published, mode_label


@pytest.mark.parametrize("hyphen", ["-", "\u2011"])
@pytest.mark.parametrize(("label", "size"), [("DP-8", 8), ("DP-16", 16), ("TP-4", 4), ("DP-80", 80), ("PP-Cross", 2)])
def test_group_size_with_either_hyphen(label: str, size: int, hyphen: str) -> None:
    assert group_size(label.replace("-", hyphen)) == size


@pytest.mark.parametrize("label", ["", "DP", "8", "DP 8"])
def test_text_without_a_size_names_no_group(label: str) -> None:
    assert group_size(label) is None


@pytest.mark.parametrize(
    ("label", "size"), [("DP\u20118", 2), ("DP\u201116", 2), ("DP-8", 8), ("DP-16", 16), ("DP-64", 2), ("DP-80", 8)]
)
def test_published_rule_looks_for_the_ascii_hyphen(label: str, size: int) -> None:
    assert group_size_as_published(label) == size


def test_labels_are_written_as_the_document_writes_them() -> None:
    assert mode_label("DP", 16, crosses_nodes=False) == "DP\u201116"
    assert mode_label("PP", 2, crosses_nodes=False) == "PP\u2011NV"
    assert mode_label("PP", 2, crosses_nodes=True) == "PP\u2011Cross"
