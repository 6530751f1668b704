"""Steps: what counts, flags and choices have in place of a derivative, the next legal value at every point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...specs.axes import Axis, Value
from ...specs.problems import RooflaxError
from ...specs.vocabulary import Kind, Leaf
from ..engine import evaluate
from ..sweep import STATUS, Sweep

CANDIDATE = "candidate"
MOST_TRIED = 2**14
MOST_VALUES = 2**26


def next_values(sweep: Sweep, leaf: Leaf) -> Value:
    """The next legal value of a count, a flag or a choice at every point, along the dims that decide it.

    The next larger whole number, the other state of a flag, the next of a choice's options (after the last the first).
    NaN where none of 16,384 numbers, or no other option, is legal.
    """
    judged = replace(sweep, checks=tuple(check for check in sweep.checks if _legal(sweep, check.text)))
    current = sweep.values[leaf.name]
    dims = tuple(dim for dim in sweep.sizes if dim in {*current.dims, *judged_dims(judged)})
    now = _spread(current, dims, sweep)
    found = np.full(now.shape, np.nan)
    for offsets in _offsets(leaf):
        if not np.isnan(found).any():
            break
        if now.size * len(offsets) > MOST_VALUES:
            raise RooflaxError(
                f"`{leaf.name}`: its next legal value is looked for at {now.size:,} points among {len(offsets):,} "
                f"values each, which is too many; ask at fewer points"
            )
        tried = _tried(leaf, now[..., None] + offsets)
        legal = _is_legal(judged, Value(leaf.name, (*dims, CANDIDATE), tried, "tried"), len(offsets))
        first = np.argmax(legal, axis=-1)[..., None]
        picked = np.where(legal.any(axis=-1), np.take_along_axis(tried, first, -1)[..., 0], np.nan)
        found = np.where(np.isnan(found), picked, found)
    return Value(leaf.name, dims, found, "next legal value")


def moved(sweep: Sweep, value: Value) -> Sweep:
    """The sweep with another value of one input; where that is NaN, the value stays."""
    own = _spread(sweep.values[value.name], value.dims, sweep)
    kept = replace(value, data=np.where(np.isnan(value.data), own, value.data))
    return replace(sweep, inputs=replace(sweep.inputs, values={**sweep.inputs.values, value.name: kept}))


def judged_dims(sweep: Sweep) -> tuple[str, ...]:
    """The dims along which the conditions of a sweep vary."""
    return tuple(dict.fromkeys(dim for check in sweep.checks for dim in sweep.dims[check.reads]))


def _legal(sweep: Sweep, name: str) -> bool:
    quantity = sweep.registry.constraints.get(name)
    return quantity is not None and quantity.declared.constraint is not None and quantity.declared.constraint.legal


def _offsets(leaf: Leaf) -> Iterator[np.ndarray]:
    """How far candidates lie from the value, nearest first, in growing portions."""
    if leaf.kind is not Kind.COUNT:
        yield np.arange(1.0, len(leaf.options) or 2)
        return
    start, stop = 1, 64
    while start <= MOST_TRIED:
        yield np.arange(float(start), min(stop, MOST_TRIED) + 1)
        start, stop = stop + 1, 4 * stop


def _tried(leaf: Leaf, numbers: np.ndarray) -> np.ndarray:
    if leaf.kind is Kind.COUNT:
        return np.where(numbers <= leaf.high, numbers, np.nan)
    return numbers % (len(leaf.options) or 2)


def _is_legal(sweep: Sweep, tried: Value, count: int) -> np.ndarray:
    """Which candidates are legal."""
    own = {dim: sweep.sizes[dim] for dim in tried.dims if dim != CANDIDATE}
    shape = (*own.values(), count)
    legal = ~np.isnan(tried.data)
    if sweep.checks:
        axes = (*sweep.inputs.axes, Axis(CANDIDATE, np.arange(float(count))))
        data = np.where(legal, tried.data, np.broadcast_to(np.nanmin(tried.data, axis=-1, keepdims=True), shape))
        values = {**sweep.inputs.values, tried.name: replace(tried, data=np.nan_to_num(data, nan=1.0))}
        trial = replace(sweep, inputs=replace(sweep.inputs, axes=axes, values=values))
        status = evaluate(trial, [STATUS])[STATUS]
        there = [dim for dim in trial.sizes if dim in trial.dims[STATUS]]
        lengths = dict(zip(there, status.shape, strict=True))
        spread = status.reshape([lengths.get(dim, 1) for dim in (*own, CANDIDATE)])
        legal &= np.broadcast_to(spread, shape) == 0
    return legal


def _spread(value: Value, dims: tuple[str, ...], sweep: Sweep) -> np.ndarray:
    """A value along more dims than its own."""
    order = sorted(value.dims, key=dims.index)
    data = np.transpose(value.data, [value.dims.index(dim) for dim in order])
    lengths = dict(zip(order, data.shape, strict=True))
    shape = tuple(sweep.sizes[dim] for dim in dims)
    return np.broadcast_to(data.reshape([lengths.get(dim, 1) for dim in dims]), shape)
