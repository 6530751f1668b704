"""The command that finds optima over continuous inputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, print_notices


@click.command()
@click.argument("spec")
@click.option("--minimize", metavar="QUANTITY", help="Make this small instead of what the spec says.")
@click.option("--maximize", metavar="QUANTITY", help="Make this large instead of what the spec says.")
@click.option("--choose", metavar="AXES", help="Take the best cell along these axes, separated by commas.")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def optimize(
    spec: str,
    minimize: str | None,
    maximize: str | None,
    choose: str | None,
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the best values of continuous inputs in every cell of SPEC, a spec with `optimize`.

    The conditions of the spec hold at the optimum; their shadow prices say what they cost. Ranges are changed with
    --set optimize.over.INPUT='{min: LOW, max: HIGH}'.
    """
    from rich.console import Console

    from ..queries.optimum import optimize as find
    from ..reports.optimum import optimum_tables
    from ..reports.progress import progress_bar
    from ..reports.tables import records
    from ..sweeps.compilation import cache_compilations, cache_folder
    from ..workbench import workbench

    cache_compilations(cache_folder())
    with progress_bar(quiet or not sys.stderr.isatty()) as progress:
        found = find(
            spec,
            minimize=minimize,
            maximize=maximize,
            choose=[name for name in choose.split(",") if name] if choose is not None else None,
            bench=workbench(models, catalog),
            overrides=overrides,
            progress=progress,
        )
    print_notices(found.attrs["notices"], quiet)
    if as_json:
        click.echo(json.dumps(records(found), indent=2, allow_nan=False))
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in optimum_tables(found):
        console.print(table)
