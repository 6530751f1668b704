"""Findings: what a dataset says, in sentences: how much is feasible, what is best, what binds, what matters most."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...specs.units import format_quantity
from ..pictures.feasible import FEASIBLE, NOT_COMPUTED, meanings
from ..pictures.scales import axis_scale, label_of
from ..terminal.tables import condition
from ..winner import labels, winner

if TYPE_CHECKING:
    import xarray as xr

SAMPLE = 10_000_000
_FEW = 3
_NEGLIGIBLE = 0.01


def findings(
    results: xr.Dataset,
    best: xr.Dataset | None = None,
    tornado: xr.Dataset | None = None,
    gradients: xr.Dataset | None = None,
) -> list[str]:
    """The sentences a reader should meet first.

    `best` is what a search kept, `tornado` what every input does at the best point, `gradients` stored elasticities.
    """
    return [
        *_extent(results),
        *_feasibility(results),
        *(_best(best) if best is not None else ()),
        *_binding(results if best is None else best, at_best=best is not None),
        *(_valuable(tornado) if tornado is not None else ()),
        *(_slopes(gradients) if gradients is not None and tornado is None else ()),
    ]


def _extent(results: xr.Dataset) -> Iterator[str]:
    if results.sizes:
        axes = ", ".join(
            f"{size:,} of {within(label_of(results[dim])) if dim in results.coords else dim}"
            for dim, size in results.sizes.items()
        )
        yield f"{math.prod(results.sizes.values()):,} points: {axes}."


def _sampled(data: xr.Dataset) -> tuple[xr.Dataset, bool]:
    """Variables at all points, or at some labels of the longest axes where they are too many to read."""
    strides = dict.fromkeys(map(str, data.dims), 1)
    sizes = {str(dim): size for dim, size in data.sizes.items()}
    while math.prod(-(-sizes[dim] // strides[dim]) for dim in sizes) > SAMPLE:
        strides[max(sizes, key=lambda dim: sizes[dim] / strides[dim])] *= 2
    part = data.isel({dim: slice(None, None, stride) for dim, stride in strides.items()})
    return part.load(), any(stride > 1 for stride in strides.values())


def _feasibility(results: xr.Dataset) -> Iterator[str]:
    if "status" not in results:
        return
    part, sampled = _sampled(results[["status"]])
    codes = part["status"].to_numpy()
    counts = Counter(codes.ravel().tolist())
    computed = codes.size - counts.pop(NOT_COMPUTED, 0)
    if not computed:
        yield "No point has been computed yet."
        return
    share, failed = counts.pop(FEASIBLE, 0) / computed, counts.most_common(_FEW)
    about = "About " if sampled else ""
    if not failed:
        yield f"{about}{_percent(share)} of the points are feasible."
        return
    causes = ", ".join(
        f"`{condition(results['status'].attrs, code)}` ({_percent(count / computed)})" for code, count in failed
    )
    yield f"{about}{_percent(share)} of the points are feasible; the first condition to fail is most often {causes}."


def _percent(share: float) -> str:
    """A share as people say it; what is small but there is not 0 %."""
    return "under 1 %" if 0 < share < _NEGLIGIBLE else f"{100 * share:.0f} %"


def _best(best: xr.Dataset) -> Iterator[str]:
    label, point = within(label_of(best[str(best.attrs["objective"])])), winner(best)
    if point is None:
        yield f"No point holds every condition, so there is no best {label}."
        return
    found = labels(point, best)
    cell = ", ".join(
        f"{within(label_of(point[name]))} {_label(best[name], found[name])}" for name in found if name in best.dims
    )
    chosen = ", ".join(f"`{name}` = {_shown(point[name])}" for name in found if name not in best.dims)
    where = [*([f"at {cell}"] if cell else []), *([f"with {chosen}"] if chosen else [])]
    value = _shown(point[best.attrs["objective"]])
    yield f"The {best.attrs['direction']} {label}: {', '.join([value, *where])}."


def _label(along: xr.DataArray, label: object) -> str:
    """A label as it is read; that of a zipped axis by what it stands for."""
    return axis_scale(along).texts[along.to_numpy().tolist().index(label)]


def _shown(value: xr.DataArray) -> str:
    item = value.item()
    return (
        format_quantity(float(item), str(value.attrs.get("units", "1"))) if isinstance(item, int | float) else str(item)
    )


def _binding(data: xr.Dataset, *, at_best: bool) -> Iterator[str]:
    if "binding" not in data or "status" not in data:
        return
    import xarray as xr

    part, sampled = _sampled(data[["binding", "status"]])
    codes, status = (one.to_numpy() for one in xr.broadcast(part["binding"], part["status"]))
    words, counts = meanings(data["binding"]), Counter(codes[status == FEASIBLE].tolist())
    total = counts.total()
    if not total:
        return
    parts = [f"`{words[int(code)]}` at {_percent(count / total)}" for code, count in counts.most_common(_FEW)]
    where = "the best points" if at_best else ("a sample of the feasible points" if sampled else "the feasible points")
    yield f"What {where} wait for most: {', '.join(parts)}."


def _valuable(tornado: xr.Dataset) -> Iterator[str]:
    quantity = str(tornado.attrs["quantity"])
    label, swing = within(label_of(tornado[quantity])), tornado["swing"].to_numpy()
    order = [
        int(place) for place in np.argsort(-np.nan_to_num(np.abs(swing)))[:_FEW] if abs(swing[place]) >= _NEGLIGIBLE
    ]
    if not order:
        yield f"No input moves {label} by as much as 1 % there."
        return
    parts = [f"`{tornado['input'].to_numpy()[place]}` ({_change(tornado, place)})" for place in order]
    yield f"At that point, what moves the {label} most: {', '.join(parts)}."


def _change(tornado: xr.Dataset, place: int) -> str:
    """What an input does: by 10 % up and down, or by its next legal value."""
    quantity = str(tornado.attrs["quantity"])
    base = float(tornado[quantity])
    ends = {end: float(tornado[end][place]) / base - 1 for end in ("low", "high")}
    change = 100 * float(tornado.attrs["change"])
    if math.isfinite(ends["low"]):
        return f"{change:.0f} % less of it: {100 * ends['low']:+.1f} %, more: {100 * ends['high']:+.1f} %"
    unit, following = str(tornado["input_units"].to_numpy()[place]), float(tornado["high_input"][place])
    options = str(tornado["input_options"].to_numpy()[place]).split()
    to = options[int(following)] if options else format_quantity(following, unit)
    return f"at {to}: {100 * ends['high']:+.1f} %"


def _slopes(gradients: xr.Dataset) -> Iterator[str]:
    for name, variable in gradients.data_vars.items():
        if "wrt" not in variable.dims or not str(name).endswith("_elasticity"):
            continue
        part, _ = _sampled(gradients[[name]])
        values = np.abs(part[name].transpose("wrt", ...).to_numpy().reshape(part.sizes["wrt"], -1))
        finite = values[:, np.isfinite(values).all(axis=0)]
        if not finite.size:
            continue
        sizes = np.median(finite, axis=1)
        top = int(np.argmax(sizes))
        by = gradients["wrt"].to_numpy()[top]
        yield f"{label_of(variable)} is largest by `{by}`: {sizes[top]:.2g} at the median of all points."


def within(label: str) -> str:
    """A label in the middle of a sentence; abbreviations and names of one letter stay as they are.

    >>> within("Time of one training step"), within("GPUs"), within("FLOPs of a step"), within("A grid")
    ('time of one training step', 'GPUs', 'FLOPs of a step', 'A grid')
    """
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def notices(*parts: Sequence[str]) -> list[str]:
    """What there is to say about the inputs, each once."""
    return list(dict.fromkeys(note for part in parts for note in part))
