"""The command that serves the explorer."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import CATALOG, MODELS, QUIET, SET, bench_of

PORT = 5006


@click.command()
@click.argument("store_or_spec")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Where the page is served; 0 takes any port that is free.",
)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen; others reach 0.0.0.0.")
@click.option(
    "--allow-origin",
    "allowed",
    multiple=True,
    metavar="HOST[:PORT]",
    help="A further name under which the page may be asked for.",
)
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@SET
@MODELS
@CATALOG
@QUIET
def explore(
    store_or_spec: str,
    port: int,
    address: str,
    allowed: tuple[str, ...],
    no_browser: bool,
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Look around in a store, or in a spec that is evaluated as you look, on a page in the browser.

    Choose a picture, its axes and everything else; click a point to see what it is made of; save the picture, its
    numbers, or a spec that gives the same picture. The page is for this machine alone unless --address says otherwise:
    whoever reaches it can read the results. Ctrl-C ends it.
    """
    from ..exploring import source_of
    from ..reports.explorer.server import Address, serve

    source = source_of(store_or_spec, bench_of(models, catalog), overrides)

    def told(url: str) -> None:
        click.echo(url)
        if not quiet:
            click.echo("Ctrl-C ends the page", err=True)

    serve(source, Address(address, port, allowed), told, browser=sys.stdout.isatty() and not no_browser)
