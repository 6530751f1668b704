"""The reference of commands: every command, argument and option as the command line itself describes it."""

from __future__ import annotations

import inspect

import click

from rooflax import cli

from .texts import Part, plain, table

PAGE = "reference/commands.md"
_ENDS = (
    "Exit codes: 0 done, 1 ran but something asked for does not hold or the system failed, 2 bad input (one message, "
    "nothing lost), 130 stopped from the keyboard. `rooflax --version` includes the digest of the cost models."
)


def commands() -> Part:
    """One page with a section for every command."""
    above = click.Context(cli.main, info_name="rooflax", **cli.main.context_settings)
    sections = [_section(name, above) for name in cli.main.list_commands(above)]
    return Part(PAGE, {PAGE: "\n\n".join(["# Commands", plain(str(cli.main.help)), _ENDS, *sections]) + "\n"})


def _section(name: str, above: click.Context) -> str:
    command = cli.main.get_command(above, name)
    if command is None:
        raise LookupError(f"{name} is listed and cannot be had")
    context = click.Context(command, info_name=name, parent=above)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    told = [plain(" ".join(part.split())) for part in inspect.cleandoc(str(command.help)).split("\n\n")]
    records = [one.get_help_record(context) for one in command.get_params(context)]
    rows = [(f"`{declared.replace('|', '¦')}`", plain(said)) for declared, said in filter(None, records)]
    heading = f"## rooflax {name} {{#rooflax-{name}}}"
    return "\n\n".join([heading, *told, f"```text\n{usage}\n```", table(("option", "what"), rows)])
