"""Reporting: what a page about a store is made from, and the files that are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..output_files import make_ready, write_error, write_text
from ..results import open as open_store
from ..results import stored_notices
from ..specs.problems import RooflaxError
from ..stores.problems import StoreError
from ..workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    from ..reports.page.contents import Study
    from ..reports.registry import Report

GROUPS = ("best", "pareto", "gradients", "uncertainty")
POINT = "point"
_FIRST = ("heat-map", "line", "trade-off")
_WHENCE = {
    "attribution": "the page has it, -o NAME.html, for a spec that asks for `best`",
    **{group: f"a spec that asks for `{group}` makes one" for group in ("best", "pareto", "gradients")},
    "uncertainty": "`rooflax uncertainty … -o STORE` makes one",
}


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
    """Draws one picture of a store into a file; its title, and the labels it is cut at.

    `roles` are entries `ROLE=NAME`, `selection` entries `AXIS=LABEL` for axes that are not drawn; what is left open is
    chosen as a page about the store would.
    """
    from ..reports.defaults import chosen
    from ..reports.pictures import picture
    from ..reports.pictures.captions import caption, hidden
    from ..reports.pictures.files import write_picture

    groups = groups_of(store)
    declared = picture(name) if name else _first(groups[""])
    if declared.group not in groups:
        raise RooflaxError(
            f"{store} has no group {declared.group}, which the picture {declared.name} shows; {_WHENCE[declared.group]}"
        )
    at = positions_of(groups, selection)
    asked = {entry.partition("=")[0] for entry in selection}
    data = _narrowed(groups[declared.group], groups[""], {dim: at[dim] for dim in asked}, declared)
    choice = chosen(declared, data, _asked(roles), _objective(groups))
    make_ready(path)
    inside = {dim: place for dim, place in at.items() if dim not in asked and place < data.sizes.get(dim, 0)}
    cut = declared.cut(data, choice, inside)
    cut_at = hidden(declared, data, choice)
    told = [dim for dim in map(str, groups[""].sizes) if dim in asked or dim in cut_at]
    where = caption(groups[""], {dim: at.get(dim, 0) for dim in told})
    try:
        write_picture(lambda: declared.draw(cut, **choice), path, where)
    except OSError as error:
        raise write_error(path, error) from error
    return "; ".join(filter(None, [declared.titled(data, choice), where]))


def _objective(groups: Mapping[str, xr.Dataset]) -> str:
    return str(groups["best"].attrs.get("objective", "")) if "best" in groups else ""


def _narrowed(data: xr.Dataset, results: xr.Dataset, at: Mapping[str, int], declared: Report) -> xr.Dataset:
    """The part of a group's dataset at the labels asked for, which are then no axes to draw along."""
    for dim, place in at.items():
        if dim in data.dims:
            data = data.isel({dim: [place]})
        elif POINT in data.dims and dim in data.variables:
            data = data.isel({POINT: data[dim].to_numpy() == results[dim].to_numpy()[place]})
        elif any(dim in results[name].dims for name in map(str, data.data_vars) if name in results):
            raise RooflaxError(f"--sel {dim}: the picture {declared.name} shows points chosen over {dim}")
    return data


def _asked(roles: Sequence[str]) -> dict[str, str]:
    """What `--role` entries ask for, by role. Raises RooflaxError."""
    strangers = [entry for entry in roles if "=" not in entry]
    if strangers:
        raise RooflaxError(f"--role {strangers[0]}: ROLE=NAME was expected")
    return dict(entry.split("=", 1) for entry in roles)


def _first(results: xr.Dataset) -> Report:
    """The picture that is drawn where none is named: a heat map, else of what there are axes for."""
    from ..reports.pictures import picture

    able = [declared for declared in map(picture, _FIRST) if declared.is_offered(results)]
    return able[0] if able else picture(_FIRST[0])


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
