"""What can go wrong with a store, each in one sentence for the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from ..specs.problems import RooflaxError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoreError(RooflaxError):
    """A store that cannot be created, resumed, written or read."""


class DiskFullError(StoreError):
    """No space left: not a mistake in the input, so the command ran and failed (exit code 1)."""

    exit_code: ClassVar[int] = 1


@contextmanager
def file_errors(action: str, path: Path, *, kept: bool = False) -> Iterator[None]:
    """Turns what the operating system refuses while we `action` the store at `path` into a StoreError.

    `kept` says that blocks finished so far stay in the store.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            rest = "the finished blocks are kept; free some space and run the same command to resume"
            rest = rest if kept else "nothing was changed; free some space or give another -o"
            raise DiskFullError(f"disk full: cannot {action} {path}; {rest}") from error
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        at = f" ({error.filename})" if error.filename and Path(str(error.filename)) != path else ""
        raise StoreError(f"cannot {action} {path}: {reason}{at}") from error
