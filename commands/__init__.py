"""What all commands share: options, notes, and the group that ends bad input with one message."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..workbench import Workbench

MODELS = click.option(
    "--models", multiple=True, type=click.Path(path_type=Path), help="File of cost models of your own; runs as code."
)
CATALOG = click.option(
    "--catalog", multiple=True, type=click.Path(path_type=Path), help="Folder of catalog records of your own."
)
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set an input or a key of the spec; VALUE is YAML."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
QUIET = click.option("--quiet", is_flag=True, help="Print results and errors only.")


def print_notices(notices: Iterable[str], quiet: bool) -> None:
    """Prints what the user should know beside the results, on standard error."""
    from ..specs.scalars import printable

    if not quiet:
        for notice in notices:
            click.echo(f"note: {printable(notice)}", err=True)


def print_tables(*tables: Any) -> None:
    """Prints tables as wide as the terminal."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in tables:
        console.print(table)


def print_json(content: Any) -> None:
    """Prints plain data as JSON."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def bench_of(models: Sequence[Path], catalog: Sequence[Path], *, compiles: bool = True) -> Workbench:
    """The workbench; what `compiles` finds the functions that earlier processes have compiled."""
    from ..workbench import Workbench

    if compiles:
        from ..sweeps.compilation import cache_compilations, cache_folder

        cache_compilations(cache_folder())
    return Workbench(tuple(models), tuple(catalog))


@contextmanager
def stoppable() -> Iterator[None]:
    """What ends a process politely (SIGTERM, of a scheduler) stops it like a keyboard's interrupt: nothing is lost."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def progress_of(quiet: bool, what: str = "blocks") -> Any:
    """A progress bar on standard error, where somebody may see it."""
    from ..reports.terminal.progress import progress_bar

    return progress_bar(quiet or not sys.stderr.isatty(), what)


LAZY = {
    "attribute": "attribution",
    "check": "check",
    "compare": "compare",
    "explore": "explore",
    "fit": "fit",
    "grad": "gradient",
    "measured": "documents",
    "optimize": "optimize",
    "pareto": "pareto",
    "report": "report",
    "reproduce": "documents",
    "solve": "solve",
    "uncertainty": "uncertainty",
    "validate": "validation",
}
"""The module beside this one that defines a command; those of the root are in `cli`."""


class _Notes(logging.Handler):
    """What a part of rooflax logs, such as what it waits for, as notes beside the results."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one of them, unless the command is to be quiet."""
        context = click.get_current_context(silent=True)
        print_notices([record.getMessage()], bool(context and context.params.get("quiet")))


@contextmanager
def _logged() -> Iterator[None]:
    log, notes = logging.getLogger(__name__.partition(".")[0]), _Notes()
    log.addHandler(notes)
    try:
        yield
    finally:
        log.removeHandler(notes)


class Commands(click.Group):
    """A group whose commands end bad input with one message and the exit code it carries.

    Those of `LAZY` are in modules of their own.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, wherever it is defined."""
        if cmd_name in LAZY:
            return getattr(import_module(f".{LAZY[cmd_name]}", __package__), cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what is the user's to mend is told without a traceback."""
        from ..specs.problems import RooflaxError
        from ..specs.scalars import printable

        try:
            with _logged():
                return super().invoke(ctx)
        except RooflaxError as error:
            click.echo(printable(str(error)), err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            ctx.exit(1)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            click.echo(printable(f"{place}{(error.strerror or str(error)).lower()}"), err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped; the finished blocks of a run are kept, and the same command resumes it", err=True)
            ctx.exit(130)
