"""The command that finds Pareto frontiers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, print_notices


@click.command()
@click.argument("store_or_spec")
@click.option(
    "--objectives", metavar="Q:min,Q:max", help="Two or three quantities, each to be made small (min) or large (max)."
)
@click.option("--over", help="Axes to choose along, separated by commas; all by default.")
@click.option(
    "--where", multiple=True, metavar="CONDITION", help="Take part only where this holds, as in a spec's `where`."
)
@click.option(
    "--sel", "selection", multiple=True, metavar="AXIS=LABEL", help="Take part only at these labels of an axis."
)
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def pareto(
    store_or_spec: str,
    objectives: str | None,
    over: str | None,
    where: tuple[str, ...],
    selection: tuple[str, ...],
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the points of a store or a spec that no other beats in every objective.

    --where and --sel narrow the points first, so the answer is the exact frontier of those they leave.
    """
    from rich.console import Console

    from ..queries.frontier import pareto as find
    from ..reports.progress import progress_bar
    from ..reports.tables import front_table, records
    from ..sweeps.compilation import cache_compilations, cache_folder
    from ..workbench import workbench

    cache_compilations(cache_folder())
    with progress_bar(quiet or not sys.stderr.isatty()) as progress:
        found = find(
            store_or_spec,
            objectives,
            over=over.split(",") if over is not None else None,
            where=where,
            sel=selection,
            bench=workbench(models, catalog),
            overrides=overrides,
            progress=progress,
        )
    print_notices(found.attrs["notices"], quiet)
    if as_json:
        click.echo(json.dumps(records(found.reset_coords()), indent=2, allow_nan=False))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(front_table(found))
