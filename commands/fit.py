"""The command that fits inputs to measured rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click

from . import CATALOG, JSON, MODELS, QUIET, bench_of, print_json, print_notices, print_tables


def _finite(_: click.Context, option: click.Parameter, value: float) -> float:
    if not math.isfinite(value):  # click's range lets nan pass
        raise click.BadParameter(f"{value} is no number; one from 0 to 1 was expected", param=option)
    return value


@click.command()
@click.argument("measured", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--params",
    multiple=True,
    metavar="LEAF[:CATALOG],…",
    help="Inputs to fit: one value a record of CATALOG (hardware, software_stack, network), or one value everywhere. "
    "Without it, those of the shipped calibration.",
)
@click.option(
    "--stage",
    type=click.Choice(["training", "serving"]),
    default="training",
    show_default=True,
    help="Which inputs of the shipped calibration to fit where --params names none.",
)
@click.option("--prior", "priors", multiple=True, metavar="LEAF=WIDTH", help="How much one record may differ.")
@click.option("--start", "starts", multiple=True, metavar="LEAF=VALUE", help="The value that a prior is centred on.")
@click.option("--kind", "kinds", multiple=True, help="Use only tables of this kind, such as training or gemm.")
@click.option(
    "--quantity", help="MEASURED are tables of cases, one column an input, and the column of this name was measured."
)
@click.option(
    "--balance",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    callback=_finite,
    help="1 counts all families alike, 0 all rows.",
)
@click.option("--leave-one-family-out", is_flag=True, help="Predict every family by a fit without it, too.")
@click.option("--whole", is_flag=True, help="Write pooled values too: a calibration in place of the shipped one.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The calibration file to write.")
@MODELS
@CATALOG
@JSON
@QUIET
def fit(
    measured: tuple[Path, ...],
    params: tuple[str, ...],
    stage: str,
    priors: tuple[str, ...],
    starts: tuple[str, ...],
    kinds: tuple[str, ...],
    quantity: str | None,
    balance: float,
    leave_one_family_out: bool,
    whole: bool,
    output: Path | None,
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit inputs to the measured rows of MEASURED: files, or folders of them.

    Prints the fitted values with their standard errors and the errors before and after. The file that -o writes is
    catalog data: put it into a folder as calibration.yaml and name the folder with --catalog.
    """
    from ..calibration import default_kinds, fit_rows, parameters_of, rows_of, stage_params
    from ..fit_summary import summary, write_calibration
    from ..output_files import make_ready
    from ..reports.terminal.calibration import fit_tables
    from ..specs.measured.reading import unread_columns
    from ..sweeps.fits.fit_solver import Weighting

    if output is not None:
        make_ready(output)
    bench = bench_of(models, catalog)
    widths = {name: _number(name, text) for name, text in _pairs("--prior", priors)}
    parameters = parameters_of(bench, params or stage_params(stage), widths, dict(_pairs("--start", starts)))
    for place in measured if quantity is None else ():
        print_notices(unread_columns(place), quiet)
    rows = rows_of(bench, measured, kinds=kinds or default_kinds(params or None, quantity, stage), quantity=quantity)
    found = fit_rows(bench, rows, parameters, Weighting(balance=balance), leave_one_family_out=leave_one_family_out)
    told = summary(found, bench)
    if as_json:
        print_json(told)
    else:
        print_tables(*fit_tables(told))
    if output is not None:
        write_calibration(found, output, bench, whole=whole)
        if not quiet:
            click.echo(str(output), err=True)


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    from ..specs.problems import RooflaxError

    pairs = [(name.strip(), value.strip()) for name, _, value in (text.partition("=") for text in texts)]
    for text, (name, value) in zip(texts, pairs, strict=True):
        if not name or not value:
            raise RooflaxError(f"{option} {text}: LEAF=VALUE was expected")
    return pairs


def _number(name: str, text: str) -> float:
    from ..specs.problems import RooflaxError

    try:
        width = float(text)
    except ValueError:
        width = math.nan
    if not math.isfinite(width):
        raise RooflaxError(f"--prior {name}={text}: a number was expected, the width of the prior")
    return width
