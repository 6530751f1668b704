"""The server: the page and its files at one address, until somebody stops it."""

from __future__ import annotations

import asyncio
import errno
import signal
import threading
import webbrowser
from collections.abc import Callable
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
    from bokeh.server.util import bind_sockets

    from .files import TYPES, Files
    from .page import FILES, Page, page_of
    from .views import Offer

    offer = Offer(source)
    pn.extension("tabulator", notifications=False)
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    try:
        sockets, port = bind_sockets(address.host, address.port)
    except OSError as error:
        raise _refused(address, error) from error
    for bound in sockets:  # the server binds them itself, once their port is known
        bound.close()
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
    told(url)
    if browser:
        loop.add_callback(webbrowser.open, url)
    try:
        _run(loop)
    finally:
        ended.set()
        server.stop()


def _run(loop: object) -> None:
    """Runs the loop until a signal ends it."""
    own = loop.asyncio_loop  # type: ignore[attr-defined]
    for number in (signal.SIGINT, signal.SIGTERM):
        own.add_signal_handler(number, own.stop)
    try:
        own.run_forever()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            own.remove_signal_handler(number)


def _refused(address: Address, error: OSError) -> RooflaxError:
    place = f"port {address.port} of {address.host}"
    if error.errno == errno.EADDRINUSE:
        return RooflaxError(f"{place} is taken; give another with --port, or --port 0 for any that is free")
    return RooflaxError(f"{place} cannot be had: {error.strerror or error}")
