"""`rooflax report`: a store as a page that works offline, or one picture of it as a file."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, MODELS, QUIET, bench_of, print_notices, progress_of


@click.command()
@click.argument("store")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A page (.html), or one picture as .png, .svg or .pdf.",
)
@click.option("--picture", "name", help="Which picture to draw; `rooflax list reports` names them.")
@click.option("--role", "roles", multiple=True, metavar="ROLE=NAME", help="What takes a role, such as x=world_size.")
@click.option(
    "--sel", "selection", multiple=True, metavar="AXIS=LABEL", help="The label of an axis that is not drawn along."
)
@click.option(
    "--attribution/--no-attribution", default=True, help="Ask the cost models what each input does at the best point."
)
@MODELS
@CATALOG
@QUIET
def report(
    store: str,
    output: Path,
    name: str | None,
    roles: tuple[str, ...],
    selection: tuple[str, ...],
    attribution: bool,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Write what a STORE holds as one page that works offline: findings, pictures, tables, formulas, sources.

    With a name that ends in .png, .svg or .pdf, write one picture: --picture says which, --role and --sel of what.
    """
    from ..queries.reporting import write_picture_of, write_report
    from ..reports.pictures.files import KINDS
    from ..results import stored_notices

    bench = bench_of(models, catalog)
    if output.suffix == ".html" and (name or roles or selection):
        raise click.UsageError("--picture, --role and --sel are of single pictures: -o NAME.png, .svg or .pdf")
    if output.suffix not in (".html", *KINDS):
        kinds = ", ".join(KINDS)
        raise click.UsageError(f"{output}: a name ending in .html was expected for a page, in {kinds} for one picture")
    print_notices(stored_notices(store), quiet)
    if output.suffix == ".html":
        with progress_of(quiet, "pictures") as progress:
            size = write_report(store, output, bench, attribution=attribution, progress=progress)
        told = f"{output}: {size / 1e6:.1f} MB; open it in a browser, no network is needed"
    else:
        told = f"{output}: {write_picture_of(store, output, name, roles, selection)}"
    if not quiet:
        click.echo(told, err=True)
