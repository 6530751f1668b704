"""The command that tells how far quantities are known."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of


@click.command()
@click.argument("quantities", nargs=-1, required=True)
@SET
@click.option("--from", "spec", help="Take the other inputs and the conditions from this spec.")
@click.option("--samples", default=1024, show_default=True, help="A power of 2.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same numbers.")
@click.option("--quantiles", default="0.05,0.5,0.95", show_default=True, help="Shares, separated by commas.")
@click.option("--indices/--no-indices", default=True, help="Sobol indices, for samples · (inputs + 2) evaluations.")
@click.option("--fitted", is_flag=True, help="Take the calibrated inputs with their standard errors.")
@click.option("-o", "--store", metavar="PATH|URL", help="A finished store of the spec, to write it into.")
@MODELS
@CATALOG
@JSON
@QUIET
def uncertainty(
    quantities: tuple[str, ...],
    overrides: tuple[str, ...],
    spec: str | None,
    samples: int,
    seed: int,
    quantiles: str,
    indices: bool,
    fitted: bool,
    store: str | None,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show how far quantities are known where inputs have distributions.

    An input is given as --set 'mfu=0.42 ± 0.03', 'scale_out_bandwidth=25 GB/s ± 10 %', 'mfu={uniform: [0.3, 0.5]}',
    {lognormal: [MEDIAN, FACTOR]} or {samples: [...]}, or so in a spec.
    """
    from ..queries.uncertainty import answer, asked_of_spec, shares_of, store_of, write_into
    from ..reports.terminal.uncertainty import as_records, told, uncertainty_tables

    bench = bench_of(models, catalog)
    asked = asked_of_spec(bench, quantities, spec, overrides)
    target = store_of(bench, store, spec, overrides) if store is not None else None
    print_notices(asked.notices, quiet)
    with progress_of(quiet) as progress:
        found = answer(asked, samples, shares_of(quantiles), seed, indices=indices, fitted=fitted, progress=progress)
    print_notices(found.attrs["notices"][len(asked.notices) :], quiet)
    if target is not None:
        write_into(target, found)
    if as_json:
        print_json(as_records(found))
        return
    print_tables(*uncertainty_tables(found))
    if not quiet:
        click.echo(told(found.attrs), err=True)
