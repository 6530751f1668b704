"""The shipped sweep specs."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def example_names() -> tuple[str, ...]:
    """The names of the shipped specs, in order."""
    return tuple(sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml")))


def spec_path(given: str) -> Path:
    """The file of a spec given as a path or as the name of a shipped example; a path is returned as it is."""
    example = FOLDER / f"{given}.yaml"
    return example if given in example_names() and not Path(given).is_file() else Path(given)
