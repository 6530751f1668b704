"""The explorer as a process of its own, which is interrupted and has to end in order."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Served:
    """The explorer as a process: its address, and what it has logged."""

    url: str
    process: subprocess.Popen[str]
    log: list[str]


@contextlib.contextmanager
def served(*arguments: str, sound: bool = True) -> Iterator[Served]:
    """`rooflax explore` with these arguments; a `sound` one has logged no fault when it is stopped."""
    command = [sys.executable, "-m", "rooflax", "explore", "--port", "0", "--no-browser", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, told = process.stdout, process.stderr
    assert out is not None
    assert told is not None
    log: list[str] = []
    thread = threading.Thread(target=lambda: log.extend(told), daemon=True)
    thread.start()
    try:
        url = out.readline().strip()
        assert url.startswith("http://127.0.0.1:"), "".join(log)
        yield Served(url, process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "".join(log)
    finally:
        process.kill()
        process.wait()
        thread.join(10)
        out.close()
        told.close()
    if sound:
        assert [line for line in log if re.search("Traceback|Error|ERROR|WARN|fault", line)] == []
