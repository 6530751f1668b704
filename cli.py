"""The command line: thin commands over the Python interface. Everything heavy is imported inside a command."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .commands import (
    CATALOG,
    JSON,
    MODELS,
    QUIET,
    SET,
    Commands,
    bench_of,
    print_json,
    print_notices,
    print_tables,
    progress_of,
    stoppable,
)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    from .kernels.discovery import shipped_registry

    click.echo(f"rooflax {version('rooflax')} (registry {shipped_registry().digest})")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and the digest of the cost models.",
)
def main() -> None:
    """Cost models of LLM training and inference over huge grids: run a sweep, ask for one point, find the best."""


@main.command()
@click.argument("spec")
@click.option("-o", "--store", metavar="PATH|URL", help="The store to fill; wins over the spec's own.")
@SET
@click.option(
    "--executor",
    default="local",
    show_default=True,
    metavar="local|dask[=N|=ADDRESS]",
    help="Where blocks are computed: this process, N processes, or the dask cluster at an address.",
)
@click.option("--overwrite", is_flag=True, help="Replace a store of another sweep.")
@MODELS
@CATALOG
@QUIET
def run(
    spec: str,
    store: str | None,
    overrides: tuple[str, ...],
    executor: str,
    overwrite: bool,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Run the sweep of SPEC (a file or a shipped example) into a store, resuming where an earlier run stopped."""
    from .runs import run_loaded

    bench = bench_of(models, catalog)
    loaded = bench.load(spec, overrides)
    print_notices(loaded.notices, quiet)
    with stoppable(), progress_of(quiet) as progress:
        done = run_loaded(
            bench,
            loaded,
            store=store,
            overwrite=overwrite,
            executor=executor,
            progress=progress,
            overrides=overrides,
        )
    if not quiet:
        blocks = "1 block" if done.blocks == 1 else f"{done.blocks:,} blocks"
        points = "1 point" if done.points == 1 else f"{done.points:,} points"
        resumed = f", {done.resumed:,} of them there already" if done.resumed else ""
        if done.was_finished:
            resumed = ", finished already, nothing to do"
        click.echo(f"{loaded.spec.title}\n{points} in {blocks}{resumed}: {done.path}", err=True)


@main.command()
@click.argument("spec")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def plan(
    spec: str,
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show what SPEC would compute: axes, points, blocks, bytes, conditions and inputs; runs nothing."""
    from .plans import plan_of
    from .reports.terminal.plan import plan_tables

    bench = bench_of(models, catalog)
    loaded = bench.load(spec, overrides)
    print_notices(loaded.notices, quiet)
    found = plan_of(bench, loaded)
    print_notices(found["warnings"], quiet)
    print_json(found) if as_json else print_tables(*plan_tables(found))


@main.command("eval")
@click.argument("quantities", nargs=-1, required=True)
@SET
@click.option("--from", "spec", help="Take the other inputs from this spec.")
@MODELS
@CATALOG
@JSON
@QUIET
def evaluate(
    quantities: tuple[str, ...],
    overrides: tuple[str, ...],
    spec: str | None,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate quantities at one point."""
    from .points import evaluate_point

    bench = bench_of(models, catalog)
    values, notices = evaluate_point(bench, quantities, overrides, spec)
    print_notices(notices, quiet)
    if as_json:
        print_json({name: value.as_mapping() for name, value in values.items()})
        return
    for name, value in values.items():
        click.echo(f"{name} = {value.text}")
    message = next((value.message for value in values.values() if value.message), "")
    if message:
        click.echo(f"infeasible: {message}", err=True)


@main.command()
@click.argument("cases", type=click.Path(path_type=Path))
@click.argument("quantities", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The CSV to write; standard output otherwise.")
@MODELS
@CATALOG
@QUIET
def table(
    cases: Path,
    quantities: tuple[str, ...],
    output: Path | None,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Evaluate quantities for every row of CASES, a CSV whose columns are named like inputs.

    Appends a column per quantity, `status` and `error`; a wrong row gets an error and the others still run.
    """
    from .output_files import write_text
    from .points import table_of

    found = table_of(bench_of(models, catalog), cases, quantities)
    print_notices(found.notices, quiet)
    if output is None:
        click.echo(found.text, nl=False)
    else:
        write_text(output, found.text)
    if found.failed and not quiet:
        rows = "1 row" if found.failed == 1 else f"{found.failed} rows"
        click.echo(f"{rows} could not be evaluated; see the column `error`", err=True)
    if found.failed:
        sys.exit(1)


@main.command()
@click.argument("quantity")
@SET
@click.option("--from", "spec", help="Take the other inputs from this spec.")
@click.option("--depth", default=0, show_default=True, help="Levels of inputs to show below the terms.")
@MODELS
@CATALOG
@JSON
@QUIET
def explain(
    quantity: str,
    overrides: tuple[str, ...],
    spec: str | None,
    depth: int,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show a quantity at one point as the tree of terms that add up to it, with formulas and sources."""
    from .points import explain_point
    from .reports.terminal.tree import as_mapping, explanation

    term, notices = explain_point(bench_of(models, catalog), quantity, overrides, spec, depth)
    print_notices(notices, quiet)
    print_json(as_mapping(term)) if as_json else print_tables(explanation(term))


@main.command("slice")
@click.argument("store")
@click.option(
    "--sel",
    "selection",
    multiple=True,
    metavar="AXIS=LABEL",
    help="Keep one label (the nearest, for numbers), or a list of labels.",
)
@click.option("--vars", "variables", help="Variables to keep, separated by commas.")
@click.option("--group", default="", help="A group of the store, such as gradients, best, pareto or uncertainty.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A .csv, .parquet or .nc file to write.")
@JSON
@QUIET
def slice_(
    store: str,
    selection: tuple[str, ...],
    variables: str | None,
    group: str,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Cut a part out of a store and print it, or write it to a file."""
    from .reports.terminal.tables import records, results_table
    from .results import stored_notices
    from .slices import slice_of, write_slice

    print_notices(stored_notices(store), quiet)
    part = slice_of(store, selection, variables.split(",") if variables is not None else None, group)
    if output is not None:
        write_slice(part, output)
        if not quiet:
            click.echo(f"{output}: {', '.join(f'{n} {d}' for d, n in part.sizes.items()) or 'one point'}", err=True)
    elif as_json:
        print_json(records(part))
    else:
        print_tables(results_table(part))


@main.command()
@click.argument("store_or_spec")
@click.option("--minimize", metavar="QUANTITY")
@click.option("--maximize", metavar="QUANTITY")
@click.option("--over", help="Axes to choose along, separated by commas.")
@click.option("--top", type=click.IntRange(min=1), help="How many points to show for every kept cell.")
@click.option("--sel", "selection", multiple=True, metavar="AXIS=LABEL", help="Show only these cells.")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def best(
    store_or_spec: str,
    minimize: str | None,
    maximize: str | None,
    over: str | None,
    top: int | None,
    selection: tuple[str, ...],
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the best points of a store, or of a spec without storing anything."""
    from .reports.terminal.tables import best_table, records
    from .results import best as find
    from .slices import select

    axes = over.split(",") if over is not None else None
    bench = bench_of(models, catalog)
    with progress_of(quiet) as progress:
        found = find(
            store_or_spec,
            minimize=minimize,
            maximize=maximize,
            over=axes,
            top=top,
            bench=bench,
            overrides=overrides,
            progress=progress,
        )
    print_notices(found.attrs["notices"], quiet)
    found = select(found, selection)
    print_json(records(found)) if as_json else print_tables(best_table(found))


KINDS = (
    "models",
    "hardware",
    "networks",
    "precisions",
    "software_stacks",
    "scaling_laws",
    "quantities",
    "inputs",
    "constraints",
    "examples",
    "reports",
)


@main.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@MODELS
@CATALOG
@JSON
@QUIET
def list_(kind: str, models: tuple[Path, ...], catalog: tuple[Path, ...], as_json: bool, quiet: bool) -> None:
    """List what there is."""
    from .inventory import listed
    from .reports.terminal.tables import listing

    _ = quiet
    columns, rows = listed(kind, bench_of(models, catalog, compiles=False))
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_tables(listing(kind, rows, columns))


@main.command()
@click.argument("name")
@MODELS
@CATALOG
@QUIET
def show(name: str, models: tuple[Path, ...], catalog: tuple[Path, ...], quiet: bool) -> None:
    """Show a catalog record, a quantity, an input, or the YAML of a shipped example."""
    from .inventory import described

    _ = quiet
    click.echo(described(name, bench_of(models, catalog, compiles=False)), nl=False)


@main.command()
@MODELS
@QUIET
def schema(models: tuple[Path, ...], quiet: bool) -> None:
    """Print the JSON schema of sweep specs, for editors."""
    from .specs.schema import schema as schema_of
    from .sweeps.known import RegistryNames

    _ = quiet
    registry = bench_of(models, (), compiles=False).registry
    print_json(schema_of(registry.vocabulary, RegistryNames(registry).units))
