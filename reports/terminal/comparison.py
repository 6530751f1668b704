"""Comparisons as waterfalls: the base, what each input adds or takes, and the result."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...specs.units import format_quantity
from .columns import Columns, number_column, text_column
from .tables import MOST_ROWS, condition, shown

if TYPE_CHECKING:
    import xarray as xr

SCENARIO, INPUT = "scenario", "input"


@dataclass(frozen=True)
class Waterfall:
    """One quantity in one scenario at one point, held against the base; `steps` are its contributions by size."""

    scenario: str
    base: str
    title: str
    quantity: str
    unit: str
    at: Mapping[str, Any]
    place: str
    value: float
    base_value: float
    change: float
    verdicts: tuple[str, str]
    status: tuple[int | None, int | None]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Step:
    """An input that changed: what it was and is, as text and (where it is a number) as number, and what that adds."""

    name: str
    unit: str
    texts: tuple[str, str]
    numbers: tuple[float, float]
    contribution: float


def waterfalls(found: xr.Dataset) -> Iterator[Waterfall]:
    """Every scenario but the base, quantity and point of a comparison in turn."""
    titles = dict(zip(found[SCENARIO].values.tolist(), found.attrs["titles"], strict=True))
    base = str(found.attrs["base"])
    for name, quantity in itertools.product(found[SCENARIO].values.tolist()[1:], _quantities(found)):
        pair = found.sel({SCENARIO: [base, name]})
        dims = _dims(found, quantity)
        for place in itertools.product(*(range(found.sizes[dim]) for dim in dims)):
            yield _waterfall(pair.isel(dict(zip(dims, place, strict=True))), quantity, dims, titles[name])


def comparison_tables(found: xr.Dataset, most: int = MOST_ROWS) -> list[Columns]:
    """A table for every scenario, quantity and point, as many as have `most` rows together and at least one."""
    tables: list[Columns] = []
    left = most
    for one in waterfalls(found):
        left -= 2 + len(one.steps)
        if tables and left < 0:
            break
        tables.append(_table(one))
    sizes = [math.prod(found.sizes[dim] for dim in _dims(found, quantity)) for quantity in _quantities(found)]
    total = (found.sizes[SCENARIO] - 1) * sum(sizes)
    if len(tables) < total:
        advice = f"{len(tables)} of {total:,} comparisons; narrow with --sel or --of, or read all with --json"
        tables[-1] = replace(tables[-1], caption=f"{tables[-1].caption}\n{advice}")
    return [*(replace(table, caption=f"{table.caption}\n") for table in tables[:-1]), tables[-1]]


def _quantities(found: xr.Dataset) -> list[str]:
    return [str(name).removesuffix("_contribution") for name in found if str(name).endswith("_contribution")]


def _dims(found: xr.Dataset, quantity: str) -> list[str]:
    """The dims of the grid along which a quantity is compared."""
    own = {*found[quantity].dims, *found[f"{quantity}_contribution"].dims} - {SCENARIO, INPUT}
    return [str(dim) for dim in found.dims if dim in own]


def comparison_records(found: xr.Dataset) -> list[dict[str, Any]]:
    """Every scenario, quantity and point as plain data: what `--json` prints; numbers that are not finite are None."""
    return [
        {
            "scenario": one.scenario,
            "base": one.base,
            "title": one.title,
            "quantity": one.quantity,
            "unit": one.unit,
            "at": one.at,
            "base_value": _finite(one.base_value),
            "value": _finite(one.value),
            "change": _finite(one.change),
            "base_status": one.status[0],
            "status": one.status[1],
            "contributions": [
                {
                    "input": step.name,
                    "unit": step.unit,
                    "from": _told(step, 0),
                    "to": _told(step, 1),
                    "contribution": _finite(step.contribution),
                    "share": _finite(_share(step, one)),
                }
                for step in one.steps
            ],
        }
        for one in waterfalls(found)
    ]


def _waterfall(point: xr.Dataset, quantity: str, dims: list[str], title: str) -> Waterfall:
    base, name = point[SCENARIO].values.tolist()
    parts = point[f"{quantity}_contribution"].values[1]
    rows = zip(
        point[INPUT].values.tolist(),
        point["input_unit"].values.tolist(),
        point["input_label"].values.T.tolist(),
        point["input_value"].values.T.tolist(),
        point["changed"].values[1].tolist(),
        parts.tolist(),
        strict=True,
    )
    steps = [
        Step(i, unit, tuple(text), tuple(number), part) for i, unit, text, number, new, part in rows if new or part
    ]
    fixed = [str(n) for n, coord in point.coords.items() if not coord.dims]
    place = ", ".join(f"{n} = {shown(point[n])}" for n in [*dims, *(n for n in fixed if n not in dims)])
    status = point["status"]
    # A status that varies along axes the quantity does not have is that of no single point.
    codes = (int(status[0]), int(status[1])) if status.ndim == 1 else (None, None)
    verdicts = [f"infeasible: {condition(status.attrs, code)}" if code else "" for code in codes]
    return Waterfall(
        scenario=name,
        base=base,
        title=title,
        quantity=quantity,
        unit=str(point[quantity].attrs["units"]),
        at={n: point[n].item() for n in [*dims, *(n for n in fixed if n not in dims)]},
        place=place,
        value=float(point[quantity][1]),
        base_value=float(point[quantity][0]),
        change=float(point[f"{quantity}_change"][1]),
        verdicts=(verdicts[0], verdicts[1]),
        status=codes,
        steps=tuple(sorted(steps, key=lambda step: -abs(step.contribution))),
    )


def _table(one: Waterfall) -> Columns:
    steps = one.steps
    values = number_column(one.quantity, [one.base_value, *(s.contribution for s in steps), one.value], one.unit)
    signed = [
        f"+{cell}" if step.contribution > 0 else cell for cell, step in zip(values.cells[1:-1], steps, strict=True)
    ]
    shares = [_percent(_share(step, one)) for step in steps]
    columns = [
        text_column("input", [one.base, *(step.name for step in steps), one.scenario]),
        text_column("from", ["", *(step.texts[0] for step in steps), ""]),
        text_column("to", ["", *(step.texts[1] for step in steps), ""]),
        replace(values, cells=(values.cells[0], *signed, values.cells[-1])),
        replace(text_column("share of change", ["", *shares, ""]), right=True),
    ]
    if any(one.verdicts):
        columns.append(text_column("", [one.verdicts[0], *("" for _ in steps), one.verdicts[1]]))
    versus = f"{one.quantity}: {one.scenario}{f' ({one.title})' if one.title else ''} against {one.base}"
    title = "\n".join(filter(None, [versus, f"at {one.place}" if one.place else ""]))
    return Columns(columns, title, f"change: {_changed(one)}", keys=1)


def _changed(one: Waterfall) -> str:
    """The change and its share of the base, or why there is none."""
    if math.isnan(one.change):
        sides = ((one.base, one.base_value), (one.scenario, one.value))
        lacking = [name for name, value in sides if math.isnan(value)]
        state = "has no value" if lacking else "is infinite"
        return f"none, since {one.quantity} {state} in {' and '.join(lacking or [name for name, _ in sides])}"
    sign = "+" if one.change > 0 else ""
    relative = one.change / one.base_value if one.base_value else math.nan
    parts = [format_quantity(one.change, one.unit), *([_percent(relative)] if math.isfinite(relative) else [])]
    return ", ".join(sign + part for part in parts)


def _share(step: Step, one: Waterfall) -> float:
    return step.contribution / one.change if one.change else math.nan


def _percent(share: float) -> str:
    return f"{100 * share + 0.0:.1f} %" if math.isfinite(share) else ""


def _told(step: Step, side: int) -> float | str | None:
    number = step.numbers[side]
    return number if math.isfinite(number) else step.texts[side] or None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
