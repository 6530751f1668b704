"""The command that checks stores for damage, and repairs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import CATALOG, JSON, MODELS, QUIET, SET, bench_of, print_json, print_notices, print_tables, progress_of

if TYPE_CHECKING:
    from ..repairs import Repair
    from ..stores.damage import Soundness


@click.command()
@click.argument("store")
@click.option("--repair", is_flag=True, help="Mend what is damaged, and compute just that anew.")
@click.option("--from", "spec", help="Repair by this spec, where the store's own names files beside it.")
@SET
@MODELS
@CATALOG
@JSON
@QUIET
def check(
    store: str,
    repair: bool,
    spec: str | None,
    overrides: tuple[str, ...],
    models: tuple[Path, ...],
    catalog: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Read every file of STORE and tell what is damaged: which chunks, of which labels, in which way.

    --repair shows what it would do, does it, and checks again. What was computed by other models cannot be repaired.
    """
    from ..reports.terminal.soundness import soundness_sentence
    from ..soundness import check as checked
    from ..soundness import needs_repair, origin_of, repaired

    with progress_of(quiet, "files") as progress:
        found = checked(store, progress=progress)
    repairs: list[dict[str, Any]] = []
    _tell(found, as_json, quiet)
    if repair and needs_repair(found):
        origin = origin_of(found, bench=bench_of(models, catalog), spec=spec, overrides=overrides)
        print_notices(origin.notices, quiet)

        def told(plan: Repair, before: Soundness) -> None:
            if repairs:
                _tell(before, as_json, quiet)
            repairs.append(plan.as_mapping())
            if not quiet:
                click.echo("\n".join(f"repair: {line}" for line in plan.lines), err=True)

        with progress_of(quiet) as progress:
            found = repaired(found, origin, told=told, progress=progress)
    elif found.damages and not quiet:
        click.echo(f"`rooflax check {store} --repair` mends it", err=True)
    mapping = found.as_mapping()
    if as_json:
        print_json({**mapping, "repairs": repairs} if repair else mapping)
    elif found.sound or repairs:
        click.echo(soundness_sentence(mapping, repaired=bool(repairs)))
    sys.exit(0 if found.sound else 1)


def _tell(found: Soundness, as_json: bool, quiet: bool) -> None:
    from ..reports.terminal.soundness import damage_table, soundness_notices, soundness_sentence

    mapping = found.as_mapping()
    print_notices(soundness_notices(mapping), quiet)
    if found.damages and not as_json:
        click.echo(soundness_sentence(mapping))
        print_tables(damage_table(mapping["damages"]))
