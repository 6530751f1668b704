"""Signals that wait until JAX is done."""

from __future__ import annotations

import os
import signal
import threading

import jax
import pytest

from rooflax.sweeps.compilation import compiled
from rooflax.sweeps.interrupts import held


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end_and_comes_once():
    reached = []

    def act():
        with held():
            interrupt()
            interrupt()
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        act()
    assert reached
    with held():
        pass


def test_handlers_are_as_before():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with held():
        assert signal.getsignal(signal.SIGINT) is not before[0]
        # What ends the process without an exception is not waited for.
        assert signal.getsignal(signal.SIGTERM) is before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_within_one_another_the_outermost_raises():
    reached = []

    def act():
        with held():
            with held():
                interrupt()
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        act()
    assert reached


def test_another_thread_leaves_signals_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    def look():
        with held():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]


def test_a_compiled_function_is_not_torn_through():
    reached = []

    def function(x):
        interrupt()
        reached.append(True)
        return x + 1

    with pytest.raises(KeyboardInterrupt):
        compiled()(function)(jax.numpy.zeros(3))
    assert reached == [True]
