"""How the place of a store is written: a path, or a URL with a scheme."""

from __future__ import annotations

import os
import re
from pathlib import Path

Place = str | os.PathLike[str]

_URL = re.compile(r"([a-z][a-z0-9+]*)://", re.IGNORECASE)


def scheme_of(place: Place) -> str:
    """The scheme of a URL in small letters; empty for a path.

    >>> scheme_of("s3://bucket/x.zarr"), scheme_of("runs/x.zarr")
    ('s3', '')
    """
    found = _URL.match(os.fspath(place))
    return found[1].lower() if found else ""


def names_a_store(given: Place) -> bool:
    """Whether what may be a store or a spec is to be read as a store: a URL, a folder or a zip file."""
    return bool(scheme_of(given)) or Path(given).is_dir() or is_archive(Path(given))


def is_archive(path: Path) -> bool:
    """Whether a path is that of a zip file, by its name."""
    return path.suffix.lower() == ".zip" and path.is_file()
