"""Mode labels of document 001, "DP-8": the size of the group they name, as printed and as meant."""

from __future__ import annotations

import re

NON_BREAKING = "\N{NON-BREAKING HYPHEN}"
_SIZE = re.compile(rf"[-{NON_BREAKING}](\d+)\b")
_PAIR = 2


def group_size_as_published(label: str) -> int:
    """The document's rule (cell 37): it looks for an ASCII hyphen, which none of its own labels has."""
    if "-8" in label:
        return 8
    return 16 if "-16" in label else _PAIR


def group_size(label: str) -> int | None:
    """The GPUs that a label names, behind either hyphen; two for a pipeline message, None where it names none."""
    if label.startswith("PP"):
        return _PAIR
    found = _SIZE.search(label)
    return int(found[1]) if found else None


def mode_label(strategy: str, num_gpus: int, *, crosses_nodes: bool) -> str:
    """The document's label of a row, with its own hyphen."""
    what = ("Cross" if crosses_nodes else "NV") if strategy == "PP" else str(num_gpus)
    return f"{strategy}{NON_BREAKING}{what}"
