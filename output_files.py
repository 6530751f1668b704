"""Files that commands write: made ready before anything is computed, and what is told where one cannot be written."""

from __future__ import annotations

import errno
from pathlib import Path

from .specs.problems import RooflaxError


class DiskFullError(RooflaxError):
    """No space left for a file: not a mistake in the input, so the command ran and failed."""

    exit_code = 1


def make_ready(path: Path) -> None:
    """Makes the folder of a file that is to be written. Raises RooflaxError where no file can be there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise RooflaxError(f"{path} cannot be written: {path.parent} is a file, not a folder") from error
    except OSError as error:
        raise write_error(path, error) from error
    if path.is_dir():
        raise RooflaxError(f"{path} cannot be written: it is a folder; the name of a file was expected")


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> RooflaxError:
    """What to tell of a file that the operating system does not let us write."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    kind = DiskFullError if full else RooflaxError
    return kind(f"{path} cannot be written: {(error.strerror or str(error)).lower()}")
