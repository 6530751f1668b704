"""The reference of commands: every command and option as the command line itself describes it."""

from __future__ import annotations

from importlib import import_module

import click

from rooflax import cli
from rooflax.commands import LAZY

from .texts import Part

PAGE = "reference/commands.md"
_ENDS = (
    "Exit codes: 0 done, 1 ran but something asked for does not hold or the system failed, 2 bad input (one message, "
    "nothing lost), 130 stopped from the keyboard."
)


def commands() -> Part:
    """One page with a block for every command; lazily loaded ones are named with the module that defines them."""
    names = cli.main.list_commands(click.Context(cli.main))
    blocks = ["# Commands", str(cli.main.help), _ENDS, *map(_block, names)]
    return Part(PAGE, {PAGE: "\n\n".join(blocks) + "\n"})


def _block(name: str) -> str:
    module = import_module(f"rooflax.commands.{LAZY[name]}") if name in LAZY else cli
    found = cli.main.get_command(click.Context(cli.main), name)
    attribute = next(known for known, value in vars(module).items() if value is found)
    options = {"module": module.__name__, "command": attribute, "prog_name": f"rooflax {name}", "depth": 1}
    return "\n".join(
        ["::: mkdocs-click", *(f"    :{key}: {value}" for key, value in {**options, "style": "table"}.items())]
    )
