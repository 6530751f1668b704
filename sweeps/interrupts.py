"""Interrupts that wait: an exception that tears through JAX crashes the process at its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[None]:
    """Inside, what stops the process by an exception waits; at the end its handler is called, once.

    It is for tracing and compiling, where JAX also swallows exceptions: garbage collection calls it.
    Only the main thread gets signals. A signal that has no handler of Python's does what it always does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: dict[int, FrameType | None] = {}
    handlers = {stop: found for stop in _STOPS if callable(found := signal.getsignal(stop))}
    for stop in handlers:
        signal.signal(stop, came.__setitem__)
    try:
        yield
    finally:
        for stop, handler in handlers.items():
            signal.signal(stop, handler)
        for stop, frame in came.items():
            handlers[signal.Signals(stop)](stop, frame)
