"""`rooflax attribute`: which inputs a quantity depends on most."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables


@click.command()
@click.argument("quantity")
@SET
@click.option("--from", "spec", help="Take the other inputs, the axes and the conditions from this spec.")
@click.option("--best", is_flag=True, help="Ask at the points that the spec's `best` chooses.")
@click.option(
    "--wrt", metavar="INPUT,…", default="", help="The inputs to ask about; all that can be changed by default."
)
@click.option("--change", default=0.1, show_default=True, help="By which share continuous inputs fall and rise.")
@MODELS
@CATALOG
@JSON
@QUIET
def attribute(
    quantity: str,
    overrides: tuple[str, ...],
    spec: str | None,
    best: bool,
    wrt: str,
    change: float,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show which inputs QUANTITY depends on most, at one point or at every point of a grid.

    Continuous inputs fall and rise by a share of themselves, counts, flags and choices go to their next legal value,
    one at a time; what describes the model stays unless --wrt names it.
    """
    from ..queries.attribution import attribute_described
    from ..reports.terminal.attribution import attribution_records, attribution_tables

    inputs = [name.strip() for name in wrt.split(",") if name.strip()]
    found = attribute_described(bench_of(models, catalog), quantity, inputs, change, overrides, spec, best=best)
    print_notices(found.attrs["notices"], quiet)
    print_json(attribution_records(found)) if as_json else print_tables(*attribution_tables(found))
