"""`rooflax compare`: scenarios of a spec."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of


@click.command()
@click.argument("spec")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A YAML file with `set:`, the inputs it changes. One is held against SPEC, several against the first.",
)
@click.option("--of", "quantities", metavar="QUANTITY,…", help="The quantities to compare; otherwise SPEC's outputs.")
@click.option("--sel", "selection", multiple=True, metavar="AXIS=LABEL", help="Compare at these labels only.")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def compare(
    spec: str,
    scenarios: tuple[Path, ...],
    quantities: str | None,
    selection: tuple[str, ...],
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare scenarios of SPEC, and attribute the differences to the inputs that changed.

    The contributions of the inputs add up to the difference of a quantity. A record from a catalog counts as one input.
    """
    from ..queries.comparison import compare_spec, scenario_files
    from ..reports.terminal.comparison import comparison_records, comparison_tables
    from ..specs.problems import RooflaxError

    bench = bench_of(models, catalog)
    asked = [name for part in quantities.split(",") if (name := part.strip())] if quantities is not None else None
    if asked == []:
        raise RooflaxError(f"--of {quantities!r} names no quantity; give some, such as --of step_time, or leave it out")
    files = scenario_files(bench, scenarios)
    with progress_of(quiet) as progress:
        found = compare_spec(bench, spec, files, overrides, asked, selection, progress)
    print_notices(found.attrs["notices"], quiet)
    print_json(comparison_records(found)) if as_json else print_tables(*comparison_tables(found))
    if not quiet:
        for name, failure in zip(found["scenario"].values, found.attrs["failures"], strict=True):
            if failure:
                click.echo(f"{name} is infeasible: {failure}", err=True)
