"""What can go wrong with a store, each in one sentence for the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from ..specs.places import scheme_of
from ..specs.problems import RooflaxError
from ..specs.scalars import printable

_LONGEST_REASON = 300
_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
# The variables of the environment that hold credentials, by the scheme of the URL.
_VARIABLES = {
    "gs": "GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_S3_VARIABLES = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
# Where machines of a cloud ask for the credentials they have been lent.
_METADATA_HOST = "169.254.169.254"


class StoreError(RooflaxError):
    """A store that cannot be created, resumed, written or read."""


class ReadOnlyError(StoreError):
    """A place where nothing may be written."""


class MovedError(StoreError):
    """A store that is no longer where a run writes it (exit code 1)."""

    exit_code: ClassVar[int] = 1


class DiskFullError(StoreError):
    """No space left: not a mistake in the input, so the command ran and failed (exit code 1)."""

    exit_code: ClassVar[int] = 1


class OutageError(StoreError):
    """A server that does not answer or does not do its work: the command may succeed later (exit code 1)."""

    exit_code: ClassVar[int] = 1


class LockedError(StoreError):
    """A store that another run is writing: the command is right and cannot be done now (exit code 1)."""

    exit_code: ClassVar[int] = 1


class LostLockError(LockedError):
    """A store that another run has taken over from this one."""


class DamagedError(StoreError):
    """A store of which something is damaged: no mistake in the input either (exit code 1)."""

    exit_code: ClassVar[int] = 1


def remedy(place: object) -> str:
    """What to do about a damaged store, as a clause."""
    return f"`rooflax check {place} --repair` mends it"


@contextmanager
def foreign_errors(place: object) -> Iterator[None]:
    """What was not written by us is told in one sentence, be it refused here or by a library that trips over it."""
    try:
        yield
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        NotImplementedError,
        RecursionError,
    ) as error:
        reason = printable(str(error) or type(error).__name__)[:_LONGEST_REASON]
        raise StoreError(f"{place} is damaged, or not written by rooflax: {reason}") from error


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
        kind = ReadOnlyError if error.errno in _READ_ONLY else StoreError
        raise kind(f"cannot {action} {path}: {reason}{at}") from error


@contextmanager
def remote_errors(action: str, url: str, bucket: str, *, kept: bool = False) -> Iterator[None]:
    """Turns what an object store refuses while we `action` the store at `url` into a StoreError.

    `kept` says that blocks finished so far stay in the store.
    """
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error)
        variables = _VARIABLES.get(scheme_of(url), _S3_VARIABLES)
        # A missing object is nobody's error, so what is not found here is what should hold the objects.
        if "NoSuchBucket" in text or "ContainerNotFound" in text or isinstance(error, FileNotFoundError):
            raise StoreError(f"cannot {action} {url}: there is no bucket {bucket}") from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise ReadOnlyError(
                f"cannot {action} {url}: access denied ({_reason(text)}); credentials are read from the environment, "
                f"such as {variables}"
            ) from error
        if _METADATA_HOST in text or "MissingAccount" in text:
            raise StoreError(
                f"cannot {action} {url}: there are no credentials in the environment, such as {variables}, and this "
                "machine has none of its own"
            ) from error
        if "builder error" in text:
            raise StoreError(
                f"cannot {action} {url}: its endpoint is no https:// URL; set AWS_ALLOW_HTTP=true to allow http://"
            ) from error
        rest = "; the finished blocks are kept, run the same command to resume" if kept else ""
        raise OutageError(
            f"cannot {action} {url}: the server does not answer as it should ({_reason(text)}){rest}"
        ) from error


def _reason(text: str) -> str:
    """The last clause of what obstore tells, without the answer's XML and its own structures."""
    line = text.partition("\n")[0].rpartition(" - ")[2]
    return line.partition(": <")[0].strip() or "no reason is given"
