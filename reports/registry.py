"""The registry of reports: a report is one function that says which quantities along which axes it draws.

A report is offered for every dataset that has what it needs, whatever else it holds. Figures of the source documents
are reports that also name the spec whose results they draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .documents.contract import Figure

if TYPE_CHECKING:
    import xarray as xr

Draw = TypeVar("Draw", bound=Callable[..., Any])
_MARK = "__report__"


@dataclass(frozen=True)
class Report:
    """A declared report: `draw` makes its plot from a dataset that has `quantities` and `axes`.

    `axes` are names of dims or of their coordinates; `along` names the quantities that vary along some of them only.
    `labels` gives labels that the plot asks for by name, and `units` those units it relies on; both serve the made-up
    dataset of its test.
    """

    name: str
    title: str
    quantities: tuple[str, ...]
    axes: tuple[str, ...]
    draw: Callable[[xr.Dataset], Any]
    spec: str = ""
    size_inches: tuple[float, float] = (6.4, 4.0)
    note: str = ""
    labels: Mapping[str, Sequence[Any]] = field(default_factory=lambda: MappingProxyType({}))
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    along: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))

    def is_offered(self, data: xr.Dataset) -> bool:
        """Whether the dataset has every quantity and every axis."""
        return all(name in data.variables for name in self.quantities) and all(
            name in data.dims or name in data.coords for name in self.axes
        )

    def figure(self, data: xr.Dataset) -> Figure:
        """The report drawn from a dataset."""
        return Figure(self.name, self.title, self.draw(data), self.size_inches, self.note)


def report(
    *,
    title: str,
    quantities: Sequence[str],
    axes: Sequence[str] = (),
    spec: str = "",
    size_inches: tuple[float, float] = (6.4, 4.0),
    note: str = "",
    labels: Mapping[str, Sequence[Any]] | None = None,
    units: Mapping[str, str] | None = None,
    along: Mapping[str, Sequence[str]] | None = None,
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

    coords = {
        axis: ((axis,), np.array(declared.labels.get(axis, (1.0, 2.0, 4.0))), {"long_name": axis, "units": "1"})
        for axis in declared.axes
    }
    variables = {}
    for scale, name in enumerate(declared.quantities, start=1):
        axes = tuple(declared.along.get(name, declared.axes))
        shape = tuple(len(coords[axis][1]) for axis in axes)
        numbers = scale * np.arange(1.0, np.prod(shape, dtype=int) + 1).reshape(shape)
        variables[name] = (axes, numbers, {"long_name": name, "units": declared.units.get(name, "1")})
    return xr.Dataset({name: variable for name, variable in variables.items() if name not in coords}, coords)
