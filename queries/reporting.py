"""Reporting: what a page about a store is made from, and the files that are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..output_files import make_ready, write_text
from ..results import open as open_store
from ..results import stored_notices
from ..specs.problems import RooflaxError
from ..stores.problems import StoreError
from ..workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    from ..reports.page.contents import Study

GROUPS = ("best", "pareto", "gradients", "uncertainty")


def groups_of(store: str | os.PathLike[str]) -> dict[str, xr.Dataset]:
    """The datasets of a store by the group they are in, the root's under the empty name; read as they are used."""
    found = {"": open_store(store)}
    for name in GROUPS:
        try:
            found[name] = open_store(store, name)
        except StoreError:
            continue
    return found


def study_of(store: str | os.PathLike[str], bench: Workbench, *, attribution: bool = True) -> Study:
    """Everything a page about a store tells; `attribution` asks the cost models what inputs do at the best point."""
    from ..reports.page.contents import Study
    from ..reports.page.findings import findings, notices

    groups = groups_of(store)
    best = groups["best"].load() if "best" in groups else None
    groups |= {"best": best} if best is not None else {}
    spec = str(groups[""].attrs.get("spec", ""))
    tornado, told = (None, [])
    if attribution and best is not None:
        tornado, told = _tornado(bench, groups, spec)
    words = findings(groups[""], best, tornado, groups.get("gradients"))
    groups |= {"attribution": tornado} if tornado is not None else {}
    said = notices(stored_notices(store), told)
    return Study(groups, tuple(words), tuple(said), os.fspath(store), spec)


def _tornado(bench: Workbench, groups: Mapping[str, xr.Dataset], spec: str) -> tuple[xr.Dataset | None, list[str]]:
    """What every input does to the objective at the best point; nothing, and why, where the spec cannot be asked."""
    from ..reports.winner import labels, winner

    best = groups["best"]
    point = winner(best)
    if point is None:
        return None, []
    try:
        given = groups[""].attrs.get("overrides", ())
        return attributed(bench, spec, str(best.attrs["objective"]), labels(point, best), given), []
    except RooflaxError as error:
        return None, [f"what each input does could not be asked: {error}"]


def attributed(
    bench: Workbench, spec: str, quantity: str, point: Mapping[str, object], overrides: Sequence[str]
) -> xr.Dataset:
    """What every input does to a quantity at one point of the sweep that a spec's text describes."""
    from ..runs import overrides_of
    from .attribution import attribute_loaded

    alone = [f"{section}=null" for section in ("best", "pareto", "gradients")]
    asked = [*overrides, *overrides_of(point), *alone, f"outputs=[{quantity}]"]
    return attribute_loaded(bench, bench.load_text(spec, "the store's spec", asked), quantity)


def write_report(
    store: str | os.PathLike[str],
    path: Path,
    bench: Workbench,
    *,
    attribution: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes the page about a store; the number of its bytes. `progress` is told of every picture that is drawn."""
    from ..reports.page.html import page

    if path.suffix != ".html":
        raise RooflaxError(f"{path}: a name ending in .html was expected")
    make_ready(path)
    text = page(study_of(store, bench, attribution=attribution), progress)
    write_text(path, text)
    return len(text.encode())


def write_picture_of(
    store: str | os.PathLike[str], path: Path, name: str | None, roles: Sequence[str], selection: Sequence[str]
) -> str:
    """Draws one picture of a store into a file; its title.

    `roles` are entries `ROLE=NAME`, `selection` entries `AXIS=LABEL` for axes that are not drawn; what is left open is
    chosen as a page about the store would.
    """
    from ..reports.defaults import chosen
    from ..reports.pictures import picture
    from ..reports.pictures.files import write_picture

    groups = groups_of(store)
    declared = picture(name or "heat-map")
    data = groups.get(declared.group)
    if data is None:
        raise RooflaxError(f"{store} has no group {declared.group}, which the picture {declared.name} shows")
    choice, at = chosen(declared, data, _asked(roles)), positions_of(groups, selection)
    make_ready(path)
    cut = declared.cut(data, choice, at)
    write_picture(lambda: declared.draw(cut, **choice), path)
    return declared.titled(data, choice)


def _asked(roles: Sequence[str]) -> dict[str, str]:
    """What `--role` entries ask for, by role. Raises RooflaxError."""
    strangers = [entry for entry in roles if "=" not in entry]
    if strangers:
        raise RooflaxError(f"--role {strangers[0]}: ROLE=NAME was expected")
    return dict(entry.split("=", 1) for entry in roles)


def positions_of(groups: Mapping[str, xr.Dataset], selection: Sequence[str]) -> dict[str, int]:
    """The position along every axis at which a picture is cut: where `--sel` says, else at the best point."""
    from ..reports.defaults import start
    from ..slices import positions

    data = groups[""]
    chosen = positions(data, selection)
    several = [
        dim for dim, places in chosen.items() if len(places) > 1 and any(s.startswith(f"{dim}=") for s in selection)
    ]
    if several:
        raise RooflaxError(f"--sel {several[0]}: one label was expected, since a picture shows one")
    return {**start(data, groups.get("best")), **{dim: int(places[0]) for dim, places in chosen.items()}}
