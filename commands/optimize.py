"""The command that finds optima over continuous inputs."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of


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
    from ..queries.optimum import optimize as find
    from ..reports.terminal.optimum import optimum_tables
    from ..reports.terminal.tables import records

    with progress_of(quiet) as progress:
        found = find(
            spec,
            minimize=minimize,
            maximize=maximize,
            choose=[name for name in choose.split(",") if name] if choose is not None else None,
            bench=bench_of(models, catalog),
            overrides=overrides,
            progress=progress,
        )
    print_notices(found.attrs["notices"], quiet)
    if as_json:
        print_json(records(found))
    else:
        print_tables(*optimum_tables(found))
