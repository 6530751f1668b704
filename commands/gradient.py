"""`rooflax grad`: how quantities move with inputs."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables


@click.command()
@click.argument("spec", required=False)
@click.option("--of", required=True, metavar="QUANTITY,…", help="The quantities that move.")
@click.option("--wrt", required=True, metavar="INPUT,…", help="The inputs that move them.")
@click.option("--elasticity", is_flag=True, help="Relative changes per relative changes, without units.")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def grad(
    spec: str | None,
    of: str,
    wrt: str,
    elasticity: bool,
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show how quantities move with inputs, at the point or over the grid that SPEC and --set describe.

    Derivatives are exact, and one-sided at kinks. Beside them stands an interval of the input without a kink: sure
    where what switches is linear or reciprocal in it, else an estimate. By a count, a flag or a choice it is the
    difference to the next legal value.
    """
    from ..queries.gradient import gradient_described
    from ..reports.terminal.gradient import gradient_records, gradient_table

    bench = bench_of(models, catalog)
    found = gradient_described(bench, _names(of), _names(wrt), overrides, spec, relative=elasticity)
    print_notices(found.attrs["notices"], quiet)
    print_json(gradient_records(found)) if as_json else print_tables(gradient_table(found))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
