"""The lock of a store in an object store: an object that its holder keeps renewing, by conditional puts."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .locks import Lock, identity, refusal
from .problems import LockedError, LostLockError, StoreError

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

_log = logging.getLogger(__name__)
# In seconds: how long a lock stays its holder's that is not renewed, and how often it is renewed.
LEASE, BEAT = 20.0, 4.0
# For how long an outage is waited out, in seconds, before it is one.
PATIENCE = 60.0


class Lease(Lock):
    """An object of ours, renewed by a thread.

    Nobody's wall clock is read: whoever wants the lock watches by a clock of its own whether the object changes.
    """

    def __init__(self, objects: ObjectStore, key: str, place: object) -> None:
        self._objects, self._key, self._place = objects, key, place
        self._id, self._count = uuid.uuid4().hex, 0
        self._version: UpdateVersion = {}
        self._renewed = _clock()
        self._successor: dict[str, Any] | None = None
        self._turn, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="rooflax lock", daemon=True)

    def take(self, over: UpdateVersion | None = None) -> None:
        """Makes the object, or takes it over from one that has not changed; then keeps it.

        Raises AlreadyExistsError or PreconditionError where another was quicker, StoreError where the server takes no
        notice of conditions.
        """
        began = _clock()
        self._put(over)
        self._renewed = began
        self._refuse_careless_server()
        self._thread.start()

    def check(self) -> None:
        """Raises LostLockError where another run has the lock; asks the server where it was not asked for long."""
        if self._is_stale():
            self._renew_patiently()
        if self._successor is not None:
            raise LostLockError(
                f"{self._place} was taken over by {_who(self._successor)} while this one could not be heard of; the "
                "finished blocks are kept, and nothing more is written here"
            )

    def release(self) -> None:
        """Deletes the object while it is surely ours, which the last renewal says."""
        from obstore.exceptions import BaseError

        if self._end.is_set():
            return
        self._end.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with suppress(BaseError, OSError):
            # What cannot be deleted now is no longer renewed, and therefore free after a while.
            if self._is_stale():
                self._renew()
            if self._successor is None:
                self._objects.delete(self._key)

    def _keep(self) -> None:
        from obstore.exceptions import BaseError

        while not self._end.wait(BEAT) and self._successor is None:
            # An outage may end; what is to be done about one that does not is seen by whoever writes.
            with suppress(BaseError, OSError):
                self._renew()

    def _is_stale(self) -> bool:
        return _clock() - self._renewed > LEASE / 2

    def _renew_patiently(self) -> None:
        from obstore.exceptions import BaseError

        began = time.monotonic()
        while True:
            try:
                return self._renew()
            except (BaseError, OSError):
                if time.monotonic() - began > PATIENCE:
                    raise
            time.sleep(BEAT / 4)

    def _renew(self) -> None:
        from obstore.exceptions import PreconditionError

        with self._turn:
            began = _clock()
            try:
                self._put(self._version)
            except (PreconditionError, FileNotFoundError):
                found, version = _read(self._objects, self._key)
                # A put whose answer was lost on its way is repeated by the client, and then finds itself.
                if found.get("id") != self._id:
                    self._successor = found
                    return
                self._version = version
            self._renewed = began

    def _put(self, over: UpdateVersion | None) -> None:
        self._count += 1
        record = {"id": self._id, "count": self._count, **identity()}
        put = self._objects.put(self._key, json.dumps(record).encode(), mode="create" if over is None else over)
        self._version = _version(put["e_tag"], put["version"])
        if not self._version:
            raise StoreError(_careless(self._place))

    def _refuse_careless_server(self) -> None:
        """Two puts that must fail: of an object that is there, and over a version that never was."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        other: UpdateVersion = {"e_tag": f'"{0:032}"'} if "version" not in self._version else {"version": "1"}
        for mode in ("create", other):
            try:
                self._objects.put(self._key, b"{}", mode=mode)
            except (AlreadyExistsError, PreconditionError):
                continue
            self._objects.delete(self._key)
            raise StoreError(_careless(self._place))


def leased(objects: ObjectStore, key: str, place: object) -> Lease:
    """The lease on an object, taken over where its holder has not renewed it for a whole lease.

    Raises LockedError where another run renews it.
    """
    from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError

    try:
        while True:
            lease = Lease(objects, key, place)
            with suppress(AlreadyExistsError):
                lease.take()
                return lease
            holder, version = _abandoned(objects, key, place)
            if version is None:
                continue
            try:
                lease.take(version)
            except PreconditionError:
                raise LockedError(refusal(place, holder)) from None
            return lease
    except NotSupportedError as error:
        raise StoreError(_careless(place)) from error


def _abandoned(objects: ObjectStore, key: str, place: object) -> tuple[dict[str, Any], UpdateVersion | None]:
    """The lock of a holder that has fallen silent; without a version where it went meanwhile. Raises LockedError."""
    holder, seen = _read(objects, key)
    since = time.monotonic()
    if seen:
        _log.warning("%s is locked by %s; waiting up to %.0f s for a sign of life of it", place, _who(holder), LEASE)
    while seen and time.monotonic() - since < LEASE:
        time.sleep(BEAT / 4)
        found, version = _read(objects, key)
        if not version:
            return found, None
        if version != seen:
            raise LockedError(refusal(place, found))
    return holder, seen or None


def _read(objects: ObjectStore, key: str) -> tuple[dict[str, Any], UpdateVersion]:
    """What a lock says of its holder, and its version; both empty where there is none."""
    try:
        found = objects.get(key)
    except FileNotFoundError:
        return {}, {}
    version = _version(found.meta["e_tag"], found.meta["version"])
    with suppress(ValueError):
        record = json.loads(bytes(found.bytes()))
        return (record if isinstance(record, dict) else {}), version
    return {}, version


def _version(e_tag: str | None, number: str | None) -> UpdateVersion:
    """What a later put states to replace this version only; servers tell one of the two or both."""
    version: UpdateVersion = {}
    if e_tag is not None:
        version["e_tag"] = e_tag
    if number is not None:
        version["version"] = number
    return version


def _who(holder: Mapping[str, Any]) -> str:
    known = ", ".join(f"{name} {holder[name]}" for name in ("host", "process", "since") if name in holder)
    return f"another run ({known})" if known else "another run"


def _careless(place: object) -> str:
    return (
        f"cannot lock {place}: its server takes no notice of conditions (If-None-Match, If-Match), without which two "
        "runs cannot be kept apart; give a place on a server that supports conditional writes, or a local path"
    )


def _clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
