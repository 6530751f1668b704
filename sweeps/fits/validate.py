"""Predictions of measured rows: many independent points, evaluated together however much each of them states.

Unlike cases of a table, rows are kept where a condition fails: a run that was measured did run. Rows that give
different leaves are stacked with the declared defaults in the gaps, and rows that leave a quantity to its model which
others pin take the model's value for it, so that one function serves all rows from which the same can be had.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...kernels.graph import resolve
from ...kernels.registry import Registry
from ...specs.axes import Axis, Inputs, Value
from ...specs.bind import bind_keywords
from ...specs.catalog import Catalogs
from ...specs.problems import SpecError
from ...specs.vocabulary import CATALOGS
from ..engine import evaluate
from ..known import RegistryNames
from ..sweep import sweep_of

ROW = "row"
_GIVEN = "given"
_RECORDS = frozenset(group.value for group in CATALOGS)


@dataclass(frozen=True, slots=True)
class Predicted:
    """The values of one row by quantity, codes for categories; those that are not finite are left out.

    `lacking` says of every other quantity why it has none.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)


def bound_rows(registry: Registry, catalogs: Catalogs, rows: Iterable[Mapping[str, object]]) -> Iterator[Inputs | str]:
    """The bound inputs of rows given as keyword inputs, or what is wrong with them.

    The fields of records are bound once for all rows that name the same ones.
    """
    known, shared = RegistryNames(registry), dict[tuple[tuple[str, object], ...], Inputs]()
    for row in rows:
        named = {name: value for name, value in row.items() if name in _RECORDS}
        own = {name: value for name, value in row.items() if name not in _RECORDS}
        key = tuple(sorted(named.items()))
        try:
            if key not in shared:
                shared[key] = bind_keywords(named, known=known, catalogs=catalogs)
            stated = bind_keywords(own, known=known, catalogs=catalogs).values
        except SpecError as error:
            yield "; ".join(f"{problem.where}: {problem.message}" for problem in error.problems)
        else:
            given = {name: value for name, value in stated.items() if value.origin == _GIVEN}
            yield replace(shared[key], values={**shared[key].values, **given})


def predict(
    registry: Registry,
    rows: Sequence[Inputs | str],
    quantities: Iterable[str],
    everywhere: Mapping[str, float] | None = None,
) -> list[Predicted]:
    """The quantities of every bound row, in order; inputs may be asked for too.

    A row that could not be bound lacks all of them for the reason it is. `everywhere` are values of inputs that win
    over those of the rows.
    """
    asked = tuple(dict.fromkeys(quantities))
    constants = {name: Value(name, (), np.asarray(value), _GIVEN) for name, value in (everywhere or {}).items()}
    bound = {
        place: replace(row, values={**row.values, **constants})
        for place, row in enumerate(rows)
        if not isinstance(row, str)
    }
    found = {
        place: Predicted(lacking=dict.fromkeys(asked, row)) for place, row in enumerate(rows) if isinstance(row, str)
    }
    for group, lacking in _alike(registry, _pinned_alike(registry, bound), asked):
        for place, values in _values(registry, group, [name for name in asked if name not in lacking]):
            found[place] = _told(values, lacking)
    return [found[place] for place in range(len(rows))]


def _pinned_alike(registry: Registry, rows: Mapping[int, Inputs]) -> dict[int, Inputs]:
    """The rows with the same pinned quantities as far as they can be had: a model's own value changes nothing."""
    pinned = {name for row in rows.values() for name in row.values if name not in registry.vocabulary}
    completed = dict(rows)
    for group, lacking in _alike(registry, rows, tuple(sorted(pinned))):
        own = pinned.intersection(*(row.values for row in group.values()))
        for place, values in _values(registry, group, sorted(pinned - own - {*lacking})):
            more = {n: Value(n, (), np.asarray(v), _GIVEN) for n, v in values.items() if math.isfinite(v)}
            completed[place] = replace(rows[place], values={**more, **rows[place].values})
    return completed


def _alike(
    registry: Registry, rows: Mapping[int, Inputs], asked: Sequence[str]
) -> Iterator[tuple[dict[int, Inputs], Mapping[str, str]]]:
    """Rows that pin the same quantities and from which the same of those asked can be had, and why not the others."""
    lacking: dict[frozenset[str], Mapping[str, str]] = {}
    groups: dict[tuple[frozenset[str], tuple[tuple[str, str], ...]], dict[int, Inputs]] = defaultdict(dict)
    for place, row in rows.items():
        given = frozenset(row.values)
        if given not in lacking:
            lacking[given] = _lacking(registry, asked, given)
        groups[given.difference(registry.vocabulary), tuple(lacking[given].items())][place] = row
    yield from ((group, dict(reasons)) for (_, reasons), group in groups.items())


def _lacking(registry: Registry, asked: Iterable[str], given: frozenset[str]) -> dict[str, str]:
    """The quantities that cannot be had from the given names, and why."""
    reasons = {}
    for name in asked:
        if name not in registry.quantities and name not in registry.vocabulary:
            reasons[name] = f"there is no model of `{name}`"
        elif missing := resolve(registry, [name], given).missing:
            reasons[name] = f"{', '.join(f'`{leaf}`' for leaf in missing)} is neither stated nor known"
    return reasons


def _values(
    registry: Registry, group: Mapping[int, Inputs], names: Sequence[str]
) -> Iterator[tuple[int, Mapping[str, float]]]:
    """The values of rows that pin the same quantities, by place."""
    if not names:
        yield from ((place, {}) for place in group)
        return
    rows = list(group.values())
    graph = resolve(registry, names, {name for row in rows for name in row.values})
    sweep = sweep_of(registry, _stacked(registry, rows, graph.inputs), names)
    arrays = {name: np.broadcast_to(array, len(rows)) for name, array in evaluate(sweep, names).items()}
    for position, place in enumerate(group):
        yield place, {name: float(array[position]) for name, array in arrays.items()}


def _told(values: Mapping[str, float], lacking: Mapping[str, str]) -> Predicted:
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    infinite = {name: f"the formula of `{name}` has no finite value here" for name in values if name not in finite}
    return Predicted(finite, {**lacking, **infinite})


def _stacked(registry: Registry, rows: Sequence[Inputs], names: Sequence[str]) -> Inputs:
    """Rows as one set of inputs along `row`, declared defaults where a row gives nothing."""

    def column(name: str) -> np.ndarray:
        return np.array([row.values[name].data if name in row.values else default(name) for row in rows])

    def default(name: str) -> float:
        return registry.vocabulary[name].default_value

    given = {name for row in rows for name in row.values}
    columns = {name: Value(name, (ROW,), column(name), _GIVEN) for name in names if name in given}
    return Inputs((Axis(ROW, np.arange(len(rows), dtype=float), label="Row"),), columns)
