"""The command that finds Pareto frontiers."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of


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
    from ..queries.frontier import pareto as find
    from ..reports.terminal.tables import front_table, records

    with progress_of(quiet) as progress:
        found = find(
            store_or_spec,
            objectives,
            over=over.split(",") if over is not None else None,
            where=where,
            sel=selection,
            bench=bench_of(models, catalog),
            overrides=overrides,
            progress=progress,
        )
    print_notices(found.attrs["notices"], quiet)
    if as_json:
        print_json(records(found.reset_coords()))
    else:
        print_tables(front_table(found))
