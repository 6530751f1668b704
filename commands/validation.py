"""The command that holds the models against published measurements."""

from __future__ import annotations

from pathlib import Path

import click

from . import CATALOG, MODELS, QUIET, bench_of, print_notices, print_tables, progress_of


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A folder of CSV files of measured runs, or one such file; the shipped rows otherwise.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every row to this JSON file.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write predicted over measured to this .png file.")
@click.option(
    "--leave-one-family-out",
    is_flag=True,
    help="Fit these rows again without each family in turn, and show how the family is predicted then (minutes).",
)
@click.option("--details", is_flag=True, help="Show what was assumed where rows do not state it.")
@MODELS
@CATALOG
@QUIET
def validate(
    data: Path | None,
    json_file: Path | None,
    picture: Path | None,
    leave_one_family_out: bool,
    details: bool,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Predict published measurements and show the errors by family, and over families alike.

    Rows that cannot be predicted are counted with the reason. The constant-MFU column is the naive rule.
    """
    from ..output_files import make_ready
    from ..reports.terminal.validation import (
        assumption_table,
        check_picture,
        family_table,
        overall_table,
        refusal_table,
        write_picture,
    )
    from ..specs.measured.reading import unread_columns
    from ..validation import fitted_families, predicted_without_family, write_json
    from ..validation import validate as predict_all

    if picture is not None:
        check_picture(picture)
    for file in (json_file, picture):
        if file is not None:
            make_ready(file)
    if data is not None:
        print_notices(unread_columns(data), quiet)
    bench = bench_of(models, catalog)
    left_out = predicted_without_family(data, bench) if leave_one_family_out else None
    with progress_of(quiet) as progress:
        found = predict_all(data, bench=bench, left_out=left_out, progress=progress)
    families = found.families
    tables = [family_table(families, fitted_families(found)), overall_table(found.overall)]
    tables += [refusal_table(families)] if any(family.refused for family in families) else []
    tables += [assumption_table(found.records)] if details else []
    print_tables(*tables)
    written = []
    if json_file is not None:
        written.append(write_json(found, json_file))
    if picture is not None:
        written += write_picture(found.records, picture)
    if not quiet:
        for file in written:
            click.echo(str(file), err=True)
