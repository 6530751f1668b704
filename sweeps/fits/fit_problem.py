"""A fit as one function: measured rows stacked along one axis, fitted inputs as nodes that add up to each row's value.

Every fitted input of a row has the value T(c + w₀·z₀ + w₁·z₁ + w₂·z₂): c the prior's centre in the free coordinate, z
the standardised unknowns of all records, of the row's class and of the row's record, w their prior widths. Every z is
normal with mean 0 and width 1 before a row is seen, so a record without rows keeps z₂ = 0: the value of its class.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...kernels.graph import Graph, resolve
from ...kernels.registry import Quantity, Registry
from ...specs.axes import Inputs
from ...specs.bind import bind_keywords
from ...specs.calibration import ALL, Prior, class_of
from ...specs.catalog import Catalogs
from ...specs.columns import default_stack_name
from ...specs.distributions import free_coordinate
from ...specs.measured.rows import VALIDATED, MeasuredRow
from ...specs.problems import SpecError
from ...specs.records import Record
from ...specs.vocabulary import Group
from ..compilation import precision
from ..known import RegistryNames

LEVELS = 3


@dataclass(frozen=True)
class Parameter:
    """A fitted input: its bounds, and the catalog whose records own its values ("" for one value everywhere)."""

    name: str
    owner: str
    prior: Prior
    low: float = 0.0
    high: float = math.inf

    def free(self, value: float) -> float:
        """The free coordinate of a value; infinite at a bound."""
        return free_coordinate(value, self.low, self.high)

    def natural(self, free: Any) -> Any:
        """The value at a free coordinate."""
        if math.isinf(self.high):
            return self.low + jnp.exp(free)
        return self.low + (self.high - self.low) * jax.nn.sigmoid(free)

    def slope(self, free: float) -> float:
        """The derivative of the value by its free coordinate."""
        if math.isinf(self.high):
            return math.exp(free)
        share = 1 / (1 + math.exp(-free))
        return (self.high - self.low) * share * (1 - share)


@dataclass(frozen=True)
class Node:
    """One unknown: what the records `label` of a level (0 all, 1 a class, 2 one record) add to an input."""

    parameter: int
    level: int
    label: str
    width: float


@dataclass(frozen=True)
class BoundRow:
    """A row with its inputs bound, the records it uses by catalog, and the graph that predicts it."""

    row: MeasuredRow
    inputs: Inputs
    records: Mapping[str, Record]
    graph: Graph


@dataclass(frozen=True)
class Refused:
    """A row that the fit cannot use, and why."""

    row: MeasuredRow
    reason: str


@dataclass(frozen=True)
class Problem:
    """All rows in the order of their groups, the unknowns, and the arrays that the compiled functions take.

    `live` holds, for each group of rows with one graph, the models that read a fitted input, and the predicted name.
    """

    parameters: tuple[Parameter, ...]
    nodes: tuple[Node, ...]
    rows: tuple[BoundRow, ...]
    live: tuple[tuple[tuple[Quantity, ...], str], ...]
    data: Mapping[str, Any]

    def free_values(self, unknowns: Any, data: Mapping[str, Any]) -> Any:
        """The free coordinates of all fitted inputs (row, input) at standardised unknowns."""
        scaled = jnp.append(unknowns * data["widths"], 0.0)
        return data["centres"] + scaled[data["paths"]].sum(axis=-1)

    def values(self, free: Any, data: Mapping[str, Any]) -> Any:
        """The values of all fitted inputs (row, input); what rows and records state themselves stays."""
        columns = [parameter.natural(free[:, j]) for j, parameter in enumerate(self.parameters)]
        return jnp.where(data["fitted"], jnp.stack(columns, axis=1), data["stated"])

    def log_ratios(self, values: Any, data: Mapping[str, Any]) -> Any:
        """The logarithm of predicted over measured time of every row."""
        found, start = [], 0
        for (models, output), given in zip(self.live, data["groups"], strict=True):
            stop = start + given["target"].shape[0]
            known = dict(given["values"])
            known |= {p.name: values[start:stop, j] for j, p in enumerate(self.parameters)}
            for model in models:
                known[model.name] = model(known)
            predicted = jnp.log(known[output]) - jnp.log(given["target"])
            found.append(jnp.broadcast_to(given["sign"] * predicted, (stop - start,)))
            start = stop
        return jnp.concatenate(found)


def bind_rows(
    registry: Registry, catalogs: Catalogs, rows: Sequence[MeasuredRow], parameters: Sequence[Parameter]
) -> tuple[list[BoundRow], list[Refused]]:
    """The rows whose prediction reads a fitted input, with their inputs bound, and the rows that are refused."""
    names = [parameter.name for parameter in parameters]
    known, plain = RegistryNames(registry), catalogs.without(names)
    graphs: dict[tuple[str, frozenset[str]], Graph] = {}
    bound: list[BoundRow] = []
    refused: list[Refused] = []
    for row in rows:
        try:
            found = _bound(row, registry, known, plain, names, graphs)
        except SpecError as error:
            found = "; ".join(f"{problem.where}: {problem.message}" for problem in error.problems)
        if isinstance(found, str):
            refused.append(Refused(row, found))
        else:
            bound.append(found)
    return bound, refused


def _bound(
    row: MeasuredRow,
    registry: Registry,
    known: RegistryNames,
    catalogs: Catalogs,
    names: Collection[str],
    graphs: dict[tuple[str, frozenset[str]], Graph],
) -> BoundRow | str:
    if reason := _unusable(row, registry):
        return reason
    target = row.primary
    inputs = bind_keywords(row.inputs, known=known, catalogs=catalogs)
    if inputs.axes:
        return f"{', '.join(inputs.sizes)} varies; a row is one point"
    given = frozenset([*inputs.values, *names])
    key = (target.quantity, given)
    if key not in graphs:
        graphs[key] = resolve(registry, [target.quantity], given)
    graph = graphs[key]
    if graph.missing:
        return f"{', '.join(graph.missing)}: needed and not stated"
    if not any(name in graph.inputs and name not in inputs.values for name in names):
        return f"{target.quantity} depends on none of the fitted inputs here"
    return BoundRow(row, inputs, _records(inputs, catalogs), graph)


def _records(inputs: Inputs, catalogs: Catalogs) -> dict[str, Record]:
    """The records of a row by catalog, with the software stack that stands where none is given once there is a fit."""
    found: dict[str, Record] = {str(record.catalog): record for record in inputs.records}
    if Group.HARDWARE in found and Group.SOFTWARE not in found:
        found[Group.SOFTWARE] = catalogs.get(Group.SOFTWARE, default_stack_name(found[Group.HARDWARE]))
    return found


def _unusable(row: MeasuredRow, registry: Registry) -> str:
    """Why a row is no target, "" where it is one."""
    target = row.primary
    if row.refused:
        return row.refused
    if row.confidence not in VALIDATED:
        return f"confidence {row.confidence}: unverified rows are never a target"
    if not (math.isfinite(target.value) and target.value > 0):
        return f"{target.quantity} = {target.value} was measured; a number above 0 was expected"
    return "" if target.quantity in registry.quantities else f"`{target.quantity}` is no computed quantity"


def stacked(registry: Registry, bound: Sequence[BoundRow], parameters: Sequence[Parameter]) -> Problem:
    """The problem of the bound rows: rows with one graph together, so that each graph is compiled once."""
    alike: dict[tuple[Any, ...], list[BoundRow]] = defaultdict(list)
    for row in bound:
        graph = row.graph
        alike[graph.outputs, tuple(map(id, graph.order)), frozenset(graph.inputs)].append(row)
    rows = tuple(row for group in alike.values() for row in group)
    nodes, paths = _nodes(rows, parameters)
    fitted = np.array([[p.name in r.graph.inputs and p.name not in r.inputs.values for p in parameters] for r in rows])
    live, groups = [], []
    for group in alike.values():
        models, arrays = _group(registry, group, [parameter.name for parameter in parameters])
        live.append((models, group[0].graph.outputs[0]))
        groups.append(arrays)
    data = {
        "centres": np.array([parameter.free(parameter.prior.centre) for parameter in parameters]),
        "widths": np.array([node.width for node in nodes]),
        "paths": paths,
        "fitted": fitted,
        "stated": np.array([[_stated(row.inputs, parameter) for parameter in parameters] for row in rows]),
        "groups": groups,
    }
    return Problem(tuple(parameters), nodes, rows, tuple(live), data)


def _stated(inputs: Inputs, parameter: Parameter) -> float:
    """What a row states of a fitted input; the prior's centre, which nothing reads, where it states none."""
    value = inputs.values.get(parameter.name)
    return parameter.prior.centre if value is None else float(value.data)


def owners_of(record: Record | None) -> dict[int, str]:
    """The labels of the unknowns that a record's values add up from, by level: all records, its class, itself."""
    labels = {0: ALL}
    if record is not None and (kind := class_of(record)) != ALL:
        labels[1] = kind
    if record is not None and not record.facts.get("pooled"):
        labels[2] = record.name
    return labels


def _nodes(rows: Sequence[BoundRow], parameters: Sequence[Parameter]) -> tuple[tuple[Node, ...], np.ndarray]:
    """The unknowns, and which of them each fitted input of each row adds up (one past the last for none)."""
    places: dict[tuple[int, int, str], int] = {}
    paths = np.full((len(rows), len(parameters), LEVELS), -1)
    for i, row in enumerate(rows):
        for j, parameter in enumerate(parameters):
            for level, label in owners_of(row.records.get(parameter.owner)).items():
                paths[i, j, level] = places.setdefault((j, level, label), len(places))
    paths[paths < 0] = len(places)
    priors = [parameter.prior for parameter in parameters]
    widths = [(prior.overall, prior.group, prior.record) for prior in priors]
    return tuple(Node(j, level, label, widths[j][level]) for j, level, label in places), paths


def _group(
    registry: Registry, rows: Sequence[BoundRow], fitted: Collection[str]
) -> tuple[tuple[Quantity, ...], dict[str, Any]]:
    """The models of a group that read a fitted input, and the values that these take, computed once."""
    graph = rows[0].graph
    moving, live = set(fitted), list[Quantity]()
    for quantity in graph.order:
        if moving.intersection(quantity.reads):
            moving.add(quantity.name)
            live.append(quantity)
    taken = {name for quantity in live for name in quantity.reads} - moving
    values = {name: _column(registry, rows, name) for name in graph.inputs if name not in fitted}
    fixed = [quantity for quantity in graph.order if quantity.name not in moving]
    with precision("float64"):
        known = jax.device_get(jax.jit(_evaluator(fixed, taken))(values))
    targets = [row.row.primary for row in rows]
    return tuple(live), {
        "values": known,
        "target": np.array([target.value for target in targets]),
        "sign": np.array([-1.0 if target.rate else 1.0 for target in targets]),
    }


def _evaluator(models: Sequence[Quantity], wanted: Collection[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def evaluate(values: dict[str, Any]) -> dict[str, Any]:
        known = dict(values)
        for model in models:
            known[model.name] = model(known)
        return {name: known[name] for name in wanted}

    return evaluate


def _column(registry: Registry, rows: Sequence[BoundRow], name: str) -> np.ndarray:
    """The values of one input, a row each."""
    values = [row.inputs.values.get(name) for row in rows]
    return np.array(
        [registry.vocabulary[name].default_value if value is None else float(value.data) for value in values]
    )
