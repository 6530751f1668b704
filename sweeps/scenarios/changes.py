"""Changes: the inputs in which two sweeps of the same quantities over the same grid differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...specs.axes import Axis, Value
from ...specs.problems import RooflaxError
from ...specs.vocabulary import CATALOGS, Kind
from ..sweep import Sweep

_BY_DEFAULT = ("default", "calibration")


@dataclass(frozen=True)
class Change:
    """One input that differs: a name that is given, or a catalog with all of its fields that differ.

    `leaves` are the names that change their values with it. `continuous` says whether a straight path of values leads
    from one to the other.
    """

    name: str
    leaves: tuple[str, ...]
    continuous: bool


def value_of(sweep: Sweep, name: str) -> Value | None:
    """The value of a name in a sweep, its default included; None where nobody gives one or it is computed."""
    if (given := sweep.inputs.values.get(name)) is not None:
        return given
    leaf = sweep.registry.vocabulary.get(name)
    return None if leaf is None or leaf.required else Value(name, (), np.array(leaf.default_value), "default")


def changes(first: Sweep, second: Sweep, names: tuple[str, str]) -> tuple[Change, ...]:
    """What differs between two sweeps, each input once, in the order in which the second was given them.

    A record's fields count together as their catalog, a field given beside it by itself; a network or software stack
    that follows from the hardware counts as hardware. Raises RooflaxError where the axes differ; `names` are what
    messages call the sweeps.
    """
    _require_same_axes(first, second, names)
    leaves: dict[str, list[str]] = {}
    for name in dict.fromkeys([*second.inputs.values, *first.inputs.values]):
        before, after = value_of(first, name), value_of(second, name)
        if not _same(before, after, first):
            leaves.setdefault(_owner(before, after) or name, []).append(name)
    return tuple(
        Change(name, tuple(own), name not in CATALOGS and _is_continuous(first, second, name))
        for name, own in leaves.items()
    )


def spread(value: Value, dims: tuple[str, ...], sizes: Mapping[str, int]) -> np.ndarray:
    """The data of a value along `dims`, which hold its own."""
    order = sorted(value.dims, key=dims.index)
    data = np.transpose(value.data, [value.dims.index(dim) for dim in order])
    lengths = dict(zip(order, data.shape, strict=True))
    shape = tuple(sizes[dim] for dim in dims)
    return np.broadcast_to(data.reshape([lengths.get(dim, 1) for dim in dims]), shape)


def joint_dims(sweep: Sweep, *values: Value | None) -> tuple[str, ...]:
    """The dims of several values, in the order of the axes."""
    own = {dim for value in values if value is not None for dim in value.dims}
    return tuple(dim for dim in sweep.sizes if dim in own)


def _same(before: Value | None, after: Value | None, sweep: Sweep) -> bool:
    if before is None or after is None:
        return before is after
    dims = joint_dims(sweep, before, after)
    return np.array_equal(spread(before, dims, sweep.sizes), spread(after, dims, sweep.sizes))


def _owner(before: Value | None, after: Value | None) -> str:
    """The catalog that a difference is due to; "" where a value was given by itself."""
    told = [value for value in (before, after) if value is not None]
    if any(not value.catalog and value.origin not in _BY_DEFAULT for value in told):
        return ""
    # A record that follows from another in one of the two is named by itself in the other: that is what changed.
    owners = [value.catalog for value in told if value.catalog]
    return max(owners, key=[str(catalog) for catalog in CATALOGS].index) if owners else ""


def _is_continuous(first: Sweep, second: Sweep, name: str) -> bool:
    values = [value_of(first, name), value_of(second, name)]
    leaf = first.registry.vocabulary.get(name)
    smooth = leaf.kind is Kind.CONTINUOUS if leaf is not None else not first.registry.options(name)
    return smooth and all(value is not None and bool(np.isfinite(value.data).all()) for value in values)


def _require_same_axes(first: Sweep, second: Sweep, names: tuple[str, str]) -> None:
    for problem in _axis_problems(first, second, names):
        raise RooflaxError(f"{problem}; scenarios are compared over one grid: leave its axes as they are")


def _axis_problems(first: Sweep, second: Sweep, names: tuple[str, str]) -> Iterator[str]:
    own, other = ({axis.name: axis for axis in sweep.axes} for sweep in (first, second))
    for name in dict.fromkeys([*own, *other]):
        if name not in other:
            yield f"`{name}` is an axis in {names[0]} and none in {names[1]}"
        elif name not in own:
            yield f"`{name}` is an axis in {names[1]} and none in {names[0]}"
        elif not _same_labels(own[name], other[name]):
            yield f"`{name}` has other labels in {names[1]} than in {names[0]}"


def _same_labels(one: Axis, other: Axis) -> bool:
    return (
        np.array_equal(one.labels, other.labels)
        and one.coords.keys() == other.coords.keys()
        and all(np.array_equal(labels, other.coords[name]) for name, labels in one.coords.items())
    )
