"""The registry of reports: a report is one function that says which quantities along which axes it draws.

A report is offered for every dataset that has what it needs, whatever else it holds. Figures of the source documents
are reports of fixed names that also say whose spec's results they draw; pictures declare roles, which the names of any
dataset may take.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .documents.contract import Figure
from .roles import CONFIGURATION, JUDGED, QUANTILE, RANK, WRT, Kind, Role

if TYPE_CHECKING:
    import xarray as xr

Draw = TypeVar("Draw", bound=Callable[..., Any])
_MARK = "__report__"
_OWN_DIMS = (WRT, QUANTILE, RANK, "point")
_MOST_POINTS = 200_000


@dataclass(frozen=True)
class Report:
    """A declared report: `draw` makes its plot from a dataset that has `quantities` and `axes`.

    `axes` are names of dims or of their coordinates; `along` names the quantities that vary along some of them only.
    `labels` gives labels that the plot asks for by name, and `units` those units it relies on; both serve the made-up
    dataset of its test.

    `roles` are the keyword arguments of `draw` and what may be given for each. `group` is the part of a store whose
    dataset it draws. A picture of the `whole` keeps every dim; of others, those without a role are cut to one label,
    but for the dims that are its `own`. `further` quantities are drawn too where the dataset has them.
    """

    name: str
    title: str
    quantities: tuple[str, ...]
    axes: tuple[str, ...]
    draw: Callable[..., Any]
    spec: str = ""
    size_inches: tuple[float, float] = (6.4, 4.0)
    note: str = ""
    labels: Mapping[str, Sequence[Any]] = field(default_factory=lambda: MappingProxyType({}))
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    along: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    group: str = ""
    whole: bool = False
    own: tuple[str, ...] = _OWN_DIMS
    further: tuple[str, ...] = ()

    def is_offered(self, data: xr.Dataset) -> bool:
        """Whether the dataset has every quantity, every axis, and a name for every role."""
        named = all(name in data.variables for name in self.quantities) and all(
            name in data.dims or name in data.coords for name in self.axes
        )
        return named and self.choice(data) is not None

    def choice(self, data: xr.Dataset, wanted: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """A name for every role that has to be filled, no two alike; None where the dataset has none.

        A name that is `wanted` for a role comes first, where it can take it; for an optional role it alone does.
        """
        wanted = wanted or {}
        columns = []
        for name, role in self.roles.items():
            found = role.candidates(data)
            asked = [wanted[name]] if wanted.get(name) in found else []
            columns.append(asked or [""] if role.optional else [*asked, *found])
        for names in itertools.product(*columns):
            taken = [name for name in names if name]
            if len(set(taken)) == len(taken):
                return {role: name for role, name in zip(self.roles, names, strict=True) if name}
        return None

    def lacks(self, data: xr.Dataset) -> str:
        """In words, what a dataset does not have that this report needs; "" where nothing is missing."""
        there = {*map(str, data.variables), *map(str, data.dims)}
        absent = [name for name in (*self.quantities, *self.axes) if name not in there]
        empty = [
            f"{role} ({declared.kind.value})"
            for role, declared in self.roles.items()
            if not declared.optional and not declared.candidates(data)
        ]
        if not absent and not empty and self.choice(data) is None:
            return "its roles need different axes or quantities, and there are too few"
        return "; ".join(
            [*([f"without {', '.join(absent)}"] if absent else []), *(f"nothing to be {one}" for one in empty)]
        )

    def dims(self, data: xr.Dataset, choice: Mapping[str, str]) -> tuple[str, ...]:
        """The dims that a picture of this choice has: those with a role, or all of them."""
        return tuple(
            str(dim) for dim in data.sizes if self.whole or dim in (*choice.values(), *self.axes) or dim in self.own
        )

    def needed(self, data: xr.Dataset, choice: Mapping[str, str]) -> xr.Dataset:
        """The variables that a picture of this choice needs, along all of their dims."""
        named = {name for name in choice.values() if name in data.data_vars}
        sums = [name for role, name in choice.items() if self.roles[role].kind is Kind.SUM]
        terms = {term for name in sums for term in data[name].attrs.get("terms", ())}
        chosen = {name for name in data.data_vars if data[name].attrs.get("role") == CONFIGURATION}
        wanted = {*self.quantities, *self.further, *named, *terms, *chosen, *JUDGED}
        kept = data[[name for name in data.data_vars if name in wanted or not self.roles]]
        # A dim along which nothing that is drawn varies can still be drawn along.
        return kept.assign_coords({name: data[name] for name in choice.values() if name in data.dims})

    def cut(self, data: xr.Dataset, choice: Mapping[str, str], at: Mapping[str, int] | None = None) -> xr.Dataset:
        """What a picture of this choice needs, in memory: dims without a role at the position `at`, or the first.

        Of a whole with very many points, every so many labels are kept.
        """
        kept = self.needed(data, choice)
        own = self.dims(kept, choice)
        part = kept.isel({dim: (at or {}).get(str(dim), 0) for dim in kept.sizes if dim not in own})
        return (_thinned(part) if self.whole else part).load()

    def titled(self, data: xr.Dataset, choice: Mapping[str, str]) -> str:
        """The title with the labels of what was chosen."""
        labels = {role: str(data[name].attrs.get("long_name", name)) for role, name in choice.items()}
        return self.title.format_map({role: labels.get(role, "") for role in self.roles})

    def figure(self, data: xr.Dataset) -> Figure:
        """The report drawn from a dataset."""
        return Figure(self.name, self.title, self.draw(data), self.size_inches, self.note)


def _thinned(data: xr.Dataset) -> xr.Dataset:
    """A dataset with every so many labels of its longest dims, so that a picture can hold its points."""
    steps = dict.fromkeys(data.sizes, 1)
    lengths = dict(data.sizes)
    while math.prod(lengths.values()) > _MOST_POINTS:
        longest = max(lengths, key=lambda dim: lengths[dim])
        steps[longest] += 1
        lengths[longest] = -(-data.sizes[longest] // steps[longest])
    return data.isel({dim: slice(None, None, step) for dim, step in steps.items()})


def report(
    *,
    title: str,
    quantities: Sequence[str] = (),
    axes: Sequence[str] = (),
    spec: str = "",
    size_inches: tuple[float, float] = (6.4, 4.0),
    note: str = "",
    labels: Mapping[str, Sequence[Any]] | None = None,
    units: Mapping[str, str] | None = None,
    along: Mapping[str, Sequence[str]] | None = None,
    roles: Mapping[str, Role] | None = None,
    group: str = "",
    whole: bool = False,
    own: Sequence[str] = _OWN_DIMS,
    further: Sequence[str] = (),
) -> Callable[[Draw], Draw]:
    """Declares a report: a function from a dataset to a plot, whose name is the report's (with hyphens)."""

    def declare(function: Draw) -> Draw:
        declared = Report(
            name=function.__name__.replace("_", "-"),
            title=title,
            quantities=tuple(quantities),
            axes=tuple(axes),
            draw=function,
            spec=spec,
            size_inches=size_inches,
            note=note,
            labels=MappingProxyType(dict(labels or {})),
            units=MappingProxyType(dict(units or {})),
            along=MappingProxyType(dict(along or {})),
            roles=MappingProxyType(dict(roles or {})),
            group=group,
            whole=whole,
            own=tuple(own),
            further=tuple(further),
        )
        setattr(function, _MARK, declared)
        return function

    return declare


def reports_of(module: ModuleType) -> tuple[Report, ...]:
    """The reports that a module declares, in the order of its text."""
    found = [
        getattr(function, _MARK)
        for function in vars(module).values()
        if hasattr(function, _MARK) and function.__module__ == module.__name__
    ]
    names = [declared.name for declared in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{module.__name__} declares {', '.join(twice)} twice")
    return tuple(found)


def offered(reports: Sequence[Report], data: xr.Dataset) -> tuple[Report, ...]:
    """The reports that can be drawn from a dataset."""
    return tuple(declared for declared in reports if declared.is_offered(data))


def figures_of(module: ModuleType, data: Mapping[str, xr.Dataset]) -> Iterator[Figure]:
    """The figures of a document: its reports, each on the dataset of its spec, then what `figures` yields."""
    for declared in reports_of(module):
        yield declared.figure(data[declared.spec])
    if hasattr(module, "figures"):
        yield from module.figures(data)


def made_up(declared: Report) -> xr.Dataset:
    """A dataset that holds what a report declares and nothing else: growing numbers along every axis."""
    import xarray as xr

    axes = (*declared.axes, *(name for name, role in declared.roles.items() if role.kind in (Kind.AXIS, Kind.NUMERIC)))
    coords = {
        axis: ((axis,), np.array(declared.labels.get(axis, (1.0, 2.0, 4.0))), {"long_name": axis, "units": "1"})
        for axis in axes
    }
    variables: dict[str, Any] = {}
    for scale, name in enumerate(declared.quantities, start=1):
        own = tuple(declared.along.get(name, axes))
        variables[name] = (
            own,
            scale * _growing(coords, own),
            {"long_name": name, "units": declared.units.get(name, "1")},
        )
    for name, role in declared.roles.items():
        variables |= _playing(name, role.kind, axes, coords)
    if declared.roles:
        flags = {
            "flag_values": [0, 1, 127],
            "flag_meanings": "feasible fits_memory not_computed",
            "long_name": "Feasibility",
        }
        codes = (_growing(coords, axes).astype("int8") % 2) if axes else np.int8(0)
        variables |= {
            "status": (axes, codes, flags),
            "margin": (axes, 1.0 - 2.0 * codes, {"long_name": "Margin", "units": "B"}),
        }
    return xr.Dataset({name: variable for name, variable in variables.items() if name not in coords}, coords)


def _growing(coords: Mapping[str, Any], axes: Sequence[str]) -> np.ndarray:
    shape = tuple(len(coords[axis][1]) for axis in axes)
    return np.arange(1.0, np.prod(shape, dtype=int) + 1).reshape(shape)


def _playing(name: str, kind: Kind, axes: Sequence[str], coords: dict[str, Any]) -> dict[str, Any]:
    """Variables, and further coordinates, that can take a role of this kind."""
    numbers, about = _growing(coords, tuple(axes)), {"long_name": name, "units": "s"}
    if kind in (Kind.NUMBER, Kind.PACE):
        return {name: (tuple(axes), numbers, about)}
    if kind is Kind.SUM:
        parts = {
            f"{name}_{part}": (tuple(axes), numbers / 2, {**about, "long_name": part}) for part in ("first", "second")
        }
        return {**parts, name: (tuple(axes), numbers, {**about, "terms": list(parts)})}
    if kind is Kind.CODES:
        flags = {"flag_values": [0, 1], "flag_meanings": "compute hbm"}
        return {name: (tuple(axes), numbers.astype("int8") % 2, {**about, "units": "1", **flags})}
    if kind is Kind.SLOPE:
        coords[WRT] = ((WRT,), np.array(["hbm_bandwidth", "peak_flops"]), {"long_name": "Input"})
        return {name: ((WRT, *axes), np.stack([numbers, -numbers]), {**about, "units": "1"})}
    if kind is Kind.DRAWN:
        coords["quantile"] = (("quantile",), np.array([0.05, 0.5, 0.95]), {"long_name": "Quantile", "units": "1"})
        return {name: ((*axes, "quantile"), numbers[..., None] * np.array([0.9, 1.0, 1.2]), about)}
    return {}
