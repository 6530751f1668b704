"""The pictures: what each shows, what it needs, and one drawn from a sweep that is run while the site is built."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import rooflax as rx
from rooflax.queries.reporting import groups_of
from rooflax.reports.defaults import preferred, start
from rooflax.reports.pictures import pictures
from rooflax.reports.pictures.files import write_picture
from rooflax.reports.registry import Report, made_up
from rooflax.sweeps.compilation import cache_compilations, cache_folder

from .texts import Part, code, plain, table

if TYPE_CHECKING:
    import xarray as xr

PAGE = "reference/pictures.md"
_SWEEPS: tuple[tuple[str, dict[str, object]], ...] = (
    (
        "llama-70b-parallelism",
        {
            "world_size": {"pow2": [64, 4096]},
            "pareto": {"objectives": ["step_time:min", "memory_per_gpu:min"], "over": ["tp", "pp", "micro_batch_size"]},
        },
    ),
    (
        "inference",
        {
            "gradients": {
                "elasticity": {"of": ["tpot"], "wrt": ["hbm_bandwidth", "scale_up_bandwidth", "peak_flops_bf16"]}
            }
        },
    ),
    ("serving", {}),
)


def pages() -> Part:
    """One page with every picture."""
    lines = [
        "# Pictures",
        "`rooflax report STORE -o page.html` shows every picture that a store has what it takes for, with selectors; "
        "`rooflax report STORE -o it.png --picture NAME` draws one; `ds.rooflax.draw(NAME)` does in a notebook. A "
        "picture declares roles, and any name of a store that fits may take one: `--role x=world_size`.",
    ]
    files: dict[str, str | bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        stores = dict(_stores(Path(folder)))
        for declared in pictures():
            data, choice, said = _drawn_from(declared, stores)
            path = Path(folder) / f"{declared.name}.png"
            write_picture(lambda d=declared, cut=data, names=choice: d.draw(cut, **names), path)
            title = declared.titled(data, choice)
            files[f"reference/pictures/{path.name}"] = path.read_bytes()
            lines += [*_about(declared), f"![{title}](pictures/{path.name})", f"*{plain(title)}*{said}"]
    return Part(PAGE, {PAGE: "\n\n".join(lines) + "\n", **files})


def _stores(folder: Path) -> list[tuple[str, dict[str, xr.Dataset]]]:
    cache_compilations(cache_folder())
    found = []
    for name, given in _SWEEPS:
        run = rx.run(name, store=folder / f"{name}.zarr", **given)  # pyright: ignore[reportArgumentType]
        found.append((name, groups_of(run.path)))
    return found


def _drawn_from(
    declared: Report, stores: Mapping[str, Mapping[str, xr.Dataset]]
) -> tuple[xr.Dataset, dict[str, str], str]:
    """The cut of the first sweep that offers the picture, the names of its roles, and where it is from."""
    for name, groups in stores.items():
        data = groups.get(declared.group)
        choice = preferred(declared, data) if data is not None else None
        if data is not None and choice is not None and declared.is_offered(data):
            at = start(groups[""], groups.get("best"))
            inside = {dim: place for dim, place in at.items() if place < data.sizes.get(dim, 0)}
            return declared.cut(data, choice, inside), choice, f", from the shipped sweep `{name}`."
    data = made_up(declared)
    choice = declared.choice(data) or {}
    return declared.cut(data, choice), choice, ", from made-up numbers."


def _about(declared: Report) -> list[str]:
    first = (declared.draw.__doc__ or "").strip().split("\n\n")[0]
    rows = [
        (code(role), one.kind.value, "may be left out" if one.optional else "") for role, one in declared.roles.items()
    ]
    lines = [f"## `{declared.name}` {{#{declared.name}}}", plain(" ".join(first.split()))]
    lines += [table(("role", "taken by", ""), rows)] if rows else []
    lines += [f"Needs {', '.join(map(code, declared.quantities))}."] if declared.quantities else []
    return [*lines, *([f"Drawn from the group `{declared.group}` of a store."] if declared.group else [])]
