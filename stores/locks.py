"""The lock of a store on a file system: the kernel keeps it, so that it ends with the process that holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .problems import LockedError, StoreError
from .provenance import now

# Beyond what is written there, since on some systems a locked byte cannot be read.
_LOCKED_BYTE = 2**30


class Lock(ABC):
    """The right of one run to write to a store."""

    @abstractmethod
    def check(self) -> None:
        """Raises LostLockError where another run has the lock by now."""

    @abstractmethod
    def release(self) -> None:
        """Lets the lock go; a second call does nothing."""


class FileLock(Lock):
    """A file that this process has locked; the kernel unlocks it when the process ends, however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._process = os.getpid()

    def check(self) -> None:
        """A lock that the kernel keeps is not lost."""

    def release(self) -> None:
        """Removes the file while it is locked, so that nobody can hold what is about to go, and unlocks it."""
        descriptor, self._descriptor = self._descriptor, None
        # A forked child has a copy of the descriptor, and the lock is its parent's.
        if descriptor is None or self._process != os.getpid():
            return
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(descriptor)


def locked_file(path: Path, place: object) -> FileLock:
    """The lock on a file, which is made where it is missing. Raises LockedError where another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _granted(descriptor, place):
                raise LockedError(refusal(place, _holder(descriptor)))
            # The last holder may have removed the file after it was opened here; another run would lock a new one.
            if _is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(identity()).encode())
                return FileLock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def identity() -> dict[str, Any]:
    """Who holds a lock, for the message to others; nothing is decided by it."""
    return {"host": socket.gethostname(), "process": os.getpid(), "since": now()}


def refusal(place: object, holder: Mapping[str, Any]) -> str:
    """The sentence that a second run gets."""
    known = [f"{name} {holder[name]}" for name in ("host", "process", "since") if name in holder]
    who = f" ({', '.join(known)})" if known else ""
    return f"{place} is being written by another run{who}; wait for its end, or give another -o"


def _holder(descriptor: int) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(os.read(descriptor, 4096))
        return found if isinstance(found, dict) else {}
    return {}


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _granted(descriptor: int, place: object) -> bool:
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(
            f"cannot lock {place}: {reason}; a file system that keeps locks is needed, so that no two runs write to "
            "one store"
        ) from error
    return True


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
