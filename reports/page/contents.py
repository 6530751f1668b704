"""Contents: which pictures and tables a page about a store has, and what each shows first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...specs.bibliography import bibliography, cited
from ...specs.problems import RooflaxError
from ..defaults import preferred, start
from ..pictures import pictures
from ..registry import Report
from ..terminal.columns import Columns
from ..terminal.tables import MOST_ROWS, best_table, front_table, results_table
from .film import film, unoffered

if TYPE_CHECKING:
    import xarray as xr

ROOT = ""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Shown:
    """One picture on the page: its heading, its bokeh layout, and why it is missing where it could not be drawn.

    `caption` says where it lies along the axes that a reader cannot choose along.
    """

    name: str
    title: str
    layout: Any = None
    problem: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Study:
    """Everything that a page is made from: the datasets of a store's groups, what was found in words, and its spec."""

    groups: Mapping[str, xr.Dataset]
    findings: tuple[str, ...]
    notices: tuple[str, ...]
    source: str
    spec: str

    @property
    def results(self) -> xr.Dataset:
        """The dataset of the store's root."""
        return self.groups[ROOT]


def shown(study: Study, progress: Progress | None = None) -> list[Shown]:
    """The pictures that the datasets offer, in the order of the registry, each with its selectors."""
    objective = str(study.groups["best"].attrs.get("objective", "")) if "best" in study.groups else ""
    at = start(study.results, study.groups.get("best"))
    choices = [
        (report, data, choice)
        for report in pictures()
        if (data := study.groups.get(report.group)) is not None
        and report.is_offered(data)
        and (choice := preferred(report, data, objective)) is not None
    ]
    found = []
    for place, (report, data, choice) in enumerate(choices, start=1):
        found.append(_shown(report, data, choice, at))
        if progress:
            progress(place, len(choices))
    return found


def _shown(report: Report, data: xr.Dataset, choice: Mapping[str, str], at: Mapping[str, int]) -> Shown:
    title = report.titled(data, choice)
    inside = {dim: place for dim, place in at.items() if place < data.sizes.get(dim, 0)}
    try:
        layout = film(report, data, choice, inside, report.name)
        return Shown(report.name, title, layout, caption=unoffered(report, data, choice, inside))
    except RooflaxError as error:
        return Shown(report.name, title, problem=str(error))


def tables(study: Study) -> Iterator[Columns]:
    """The tables of the page: the best points and the frontier, where the store has them; all points where few."""
    if "best" in study.groups:
        yield best_table(study.groups["best"].load(), advice=f"`rooflax best {study.source} --json` has all")
    if math.prod(study.results.sizes.values()) <= MOST_ROWS:
        yield results_table(study.results.load().assign_attrs(title="All points"))
    if "pareto" in study.groups:
        yield front_table(study.groups["pareto"].load(), advice=f"`rooflax pareto {study.source} --json` has all")


def references(results: xr.Dataset) -> list[tuple[str, str, str]]:
    """(text, title, address) of every work that the formulas of the results cite, in the order of the keys."""
    texts = [str(variable.attrs.get("source", "")) for variable in results.variables.values()]
    texts += [str(source) for source in results.attrs.get("sources", ())]
    works = bibliography()
    keys = sorted({key for text in texts for key in cited(text) if key in works})
    return [
        (f"{works[key].authors} ({works[key].year}). {works[key].title}. {works[key].venue}.", key, works[key].url)
        for key in keys
    ]
