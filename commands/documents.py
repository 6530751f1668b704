"""Commands about the source documents: reproducing them, and the comparison of measured runs that one describes."""

from __future__ import annotations

from pathlib import Path

import click

from . import QUIET, progress_of


@click.command()
@click.argument("number", metavar="000|001|002|003|004|all")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option("--data", type=click.Path(path_type=Path), help="Read this instead of the document's shipped sample.")
@QUIET
def reproduce(number: str, output: Path, data: Path | None, quiet: bool) -> None:
    """Write every table and figure of a source document, published beside corrected, and its page."""
    from ..reproduce import reproduce as write_pages
    from ..sweeps.compilation import cache_compilations, cache_folder

    cache_compilations(cache_folder())
    with progress_of(quiet) as progress:
        pages = write_pages(number, output, data=data, progress=progress)
    if not quiet:
        for page in pages:
            click.echo(page)


@click.command()
@click.argument("workdirs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--workdir", "more", multiple=True, type=click.Path(path_type=Path), help="A folder of measured runs.")
@click.option("--single-world-size", type=click.IntRange(min=1), help="GPUs of the single-device run.")
@click.option("--multi-world-size", type=click.IntRange(min=1), help="GPUs of the multi-device run.")
@click.option("--lenient", is_flag=True, help="Leave incomplete epochs out, and say so, instead of refusing them.")
@click.option("--sample-std", is_flag=True, help="Sample standard deviation instead of the population's.")
@click.option("--predicted", metavar="SPEC", help="Show the speedup that this spec's models predict beside it.")
@click.option("-o", "--output", "--output-dir", type=click.Path(path_type=Path), help="The folder for the figures.")
@QUIET
def measured(
    workdirs: tuple[Path, ...],
    more: tuple[Path, ...],
    single_world_size: int | None,
    multi_world_size: int | None,
    lenient: bool,
    sample_std: bool,
    predicted: str | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """Compare measured runs: averages over epochs and ranks, speedup and scaling efficiency.

    Each of WORKDIRS (default: workdir) holds the rank*_results_epoch*.json files of one run.
    """
    from ..measured import report_of

    folders = [*workdirs, *more] or [Path("workdir")]
    text, files = report_of(
        folders,
        single_world_size=single_world_size,
        multi_world_size=multi_world_size,
        lenient=lenient,
        ddof=int(sample_std),
        predicted=predicted,
        output=output,
    )
    click.echo(text, nl=False)
    if not quiet:
        for file in files:
            click.echo(str(file), err=True)
