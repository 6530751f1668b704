"""The server: the page and its files at one address, until somebody stops it."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...specs.problems import RooflaxError
from ..pictures.style import missing
from .source import Source

LOOPBACK = ("127.0.0.1", "localhost")
EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Address:
    """Where to listen, and under which further names the page may be asked for."""

    host: str = LOOPBACK[0]
    port: int = 0
    allowed: tuple[str, ...] = ()

    def names(self, port: int) -> tuple[str, ...]:
        """The hosts, with ports, that the page answers to."""
        own = LOOPBACK if self.host in (*LOOPBACK, *EVERYWHERE) else (self.host,)
        named = [f"[{host}]" if ":" in host and not host.startswith("[") else host for host in own]
        others = [name if ":" in name else f"{name}:{port}" for name in self.allowed]
        return tuple(dict.fromkeys([*(f"{host}:{port}" for host in named), *others]))


def serve(source: Source, address: Address, told: Callable[[str], None], *, browser: bool = False) -> None:
    """Serves the page of a source until the process is interrupted or told to end.

    `told` is given the address of the page once it answers. Raises RooflaxError where the address cannot be had, or
    where the packages are not installed.
    """
    try:
        import panel as pn
        from panel.io.server import get_server
        from tornado.ioloop import IOLoop
    except ImportError as error:
        raise missing(error) from error
    from .files import TYPES, Files
    from .page import Page, page_of
    from .parts import FILES
    from .views import Offer

    offer = Offer(source)
    pn.extension("tabulator", notifications=False)
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    loop = IOLoop.current()
    port = _free_port(address)
    names, ended = address.names(port), threading.Event()
    kinds = "|".join(TYPES)
    server = get_server(
        {"/": page_of(offer, ended)},
        port=port,
        address=address.host,
        websocket_origin=list(names),
        loop=loop,
        title=f"{source.title} · rooflax",
        extra_patterns=[(rf"/{FILES}/view\.({kinds})", Files, {"offer": offer, "hosts": frozenset(names)})],
    )
    server.start()
    Page(offer)  # what is loaded with the first picture is there when somebody asks for it
    url = f"http://{names[0]}/"
    with _stopped_by_signals(own):
        told(url)
        if browser:
            loop.add_callback(webbrowser.open, url)
        own.run_forever()
    ended.set()
    server.stop()


@contextmanager
def _stopped_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Ends the loop when the process is interrupted or told to end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, loop.stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _free_port(address: Address) -> int:
    """The port that is asked for, or any that is free for 0. Raises RooflaxError where it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.create_server((address.host, address.port), family=family) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise _refused(address, error) from error


def _refused(address: Address, error: OSError) -> RooflaxError:
    place = f"port {address.port} of {address.host}"
    if error.errno == errno.EADDRINUSE:
        return RooflaxError(f"{place} is taken; give another with --port, or --port 0 for any that is free")
    return RooflaxError(f"{place} cannot be had: {error.strerror or error}")
