"""The pictures: what each shows, what it needs, and one drawn from a study that is made while the site is built."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rooflax.reports.defaults import preferred, start
from rooflax.reports.pictures import pictures
from rooflax.reports.pictures.files import write_picture
from rooflax.reports.registry import Report, made_up

from .studies import studies
from .texts import Part, code, plain, table

if TYPE_CHECKING:
    import xarray as xr

PAGE = "reference/pictures.md"
_ASKED = {
    "breakdown": {"quantity": "step_time", "x": "world_size"},
    "scaling": {"quantity": "tokens_per_second", "x": "world_size"},
    "scaling-efficiency": {"quantity": "tokens_per_second", "x": "world_size"},
    "line": {"quantity": "predicted_mfu", "x": "scale_out_bandwidth", "by": "tp"},
    "trade-off": {"x": "step_time", "y": "memory_per_gpu"},
}
"""What some pictures show best; the others take what a page about the store would."""


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
        found = list(studies(Path(folder)))
        for declared in pictures():
            data, choice, said = _drawn_from(declared, found)
            path = Path(folder) / f"{declared.name}.png"
            write_picture(lambda d=declared, cut=data, names=choice: d.draw(cut, **names), path)
            title = declared.titled(data, choice)
            files[f"reference/pictures/{path.name}"] = path.read_bytes()
            lines += [*_about(declared), f"![{title}](pictures/{path.name})", f"*{plain(title)}*{said}"]
    return Part(PAGE, {PAGE: "\n\n".join(lines) + "\n", **files})


def _drawn_from(
    declared: Report, found: Sequence[tuple[str, Mapping[str, xr.Dataset]]]
) -> tuple[xr.Dataset, dict[str, str], str]:
    """The cut of the first study that offers the picture, the names of its roles, and where it is from."""
    for name, groups in found:
        data = groups.get(declared.group)
        choice = preferred(declared, data, asked=_ASKED.get(declared.name)) if data is not None else None
        if data is not None and choice is not None and declared.is_offered(data):
            at = start(groups[""], groups.get("best"))
            inside = {dim: place for dim, place in at.items() if place < data.sizes.get(dim, 0)}
            return declared.cut(data, choice, inside), choice, f", from {name}."
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
