"""An S3 server of its own process on the loopback, and a connection to it that can be cut."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BUCKET = "bucket"
_PATIENCE = 60.0


@contextmanager
def s3_server() -> Iterator[int]:
    """The port of a running moto server that has one bucket; it is ended by its process id."""
    for _ in range(3):
        port = _free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if _answers(process, port):
                request = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
                urllib.request.urlopen(request, timeout=_PATIENCE).close()
                yield port
                return
        finally:
            process.kill()
            process.wait()
    raise TimeoutError("the S3 server does not start")


def environment(port: int) -> dict[str, str]:
    """What leads obstore to a server on the loopback, and icechunk too."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


class Line:
    """A connection to a port through which all goes; it can be cut, and what goes can be changed on its way."""

    def __init__(self, target: int) -> None:
        self.port = _free_port()
        self.changes: dict[bytes, bytes] = {}
        self._target, self._open = target, set[socket.socket]()
        self._listener: socket.socket | None = None
        self.restore()

    def restore(self) -> None:
        """Takes connections again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Ends all connections and takes no more."""
        if self._listener is not None:
            # A thread that waits in accept would keep the port open.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in list(self._open):
            _shut(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open |= {here, there}
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                for old, new in self.changes.items():
                    data = data.replace(old, new)
                sink.sendall(data)
        for end in (source, sink):
            _shut(end)
            end.close()
            self._open.discard(end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    limit = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
        else:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
