"""The command that solves for an input."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of


@click.command()
@click.argument("equation", metavar="'QUANTITY = VALUE'")
@click.option("--for", "for_", required=True, metavar="INPUT", help="The input to solve for; needs no value.")
@SET
@click.option("--from", "spec", help="Take the other inputs, and the conditions, from this spec.")
@click.option(
    "--between",
    nargs=2,
    metavar="LOW HIGH",
    help="Look between these values; otherwise in all that INPUT may take, of one without a lowest value from 0 on.",
)
@click.option("--wrt", metavar="INPUT,…", help="Tell how the solution moves with these inputs.")
@MODELS
@CATALOG
@JSON
@QUIET
def solve(
    equation: str,
    for_: str,
    overrides: tuple[str, ...],
    spec: str | None,
    between: tuple[str, str] | None,
    wrt: str | None,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the value of an input at which a quantity has a given value, at one point or over axes.

    At one point the exit code is 1 where there is no solution.
    """
    from ..queries.solve import solve_described
    from ..reports.terminal import solve as report

    names = [name.strip() for name in wrt.split(",")] if wrt else []
    bench = bench_of(models, catalog)
    with progress_of(quiet) as progress:
        found = solve_described(bench, equation, for_, overrides, spec, between, names, progress=progress)
    print_notices(found.attrs["notices"], quiet)
    if found["status"].dims or found["outcome"].dims:
        print_json(report.solve_records(found)) if as_json else print_tables(report.solve_table(found))
        return
    if as_json:
        print_json(report.point_record(found))
    else:
        click.echo("\n".join([report.sentence(found), *report.derivative_lines(found)]))
        if found.attrs["failure"]:
            click.echo(f"infeasible: {found.attrs['failure']}", err=True)
    if report.outcome(found) not in report.HOLDS:
        sys.exit(1)
