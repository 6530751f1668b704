"""Exploring: the sources of the explorer, which are stores and specs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .live_source import LiveSource, live_source
from .reports.defaults import start
from .reports.explorer.source import Dial, Explanation, Place, Source
from .results import open as open_results
from .results import stored_notices
from .specs.places import names_a_store
from .specs.problems import RooflaxError
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    from .reports.registry import Report


def source_of(given: str, bench: Workbench, overrides: Sequence[str] = ()) -> Source:
    """The source of a store or of a spec. Raises RooflaxError where it is neither, or cannot be read."""
    if not names_a_store(given):
        return live_source(bench, given, overrides)
    if overrides:
        raise RooflaxError(f"{os.fspath(given)} is a store and takes no --set; its sliders choose among what is stored")
    return StoreSource(given, bench)


@dataclass(frozen=True)
class StoreSource:
    """What a store holds; its planes are read when a picture asks for them."""

    path: str
    bench: Workbench
    _groups: dict[str, xr.Dataset | None] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title of the spec that filled the store."""
        return str(self.results.attrs.get("title") or Path(self.path).name)

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices of its run."""
        return self._notices

    @cached_property
    def _notices(self) -> tuple[str, ...]:
        return tuple(map(str, stored_notices(self.path)))

    @property
    def dials(self) -> tuple[Dial, ...]:
        """None: what is stored is computed."""
        return ()

    @cached_property
    def results(self) -> xr.Dataset:
        """The root of the store."""
        return open_results(self.path)

    @property
    def start(self) -> Mapping[str, int]:
        """The best point, where one was looked for, else a feasible one."""
        return start(self.results, self.dataset("best"))

    def dataset(self, group: str) -> xr.Dataset | None:
        """The root or a group of the store, read as it is used."""
        if not group:
            return self.results
        if group not in self._groups:
            try:
                self._groups[group] = open_results(self.path, group)
            except RooflaxError:
                self._groups[group] = None
        return self._groups[group]

    def cut(self, report: Report, choice: Mapping[str, str], place: Place) -> xr.Dataset:
        """The picture's plane, read from the store."""
        data = self.dataset(report.group)
        if data is None:
            raise RooflaxError(f"{self.path} has no group {report.group}")
        return report.cut(data, choice, place.at)

    @cached_property
    def live(self) -> LiveSource:
        """The spec that filled the store. Raises RooflaxError where it cannot be loaded, or is another grid's."""
        attrs = self.results.attrs
        if "spec" not in attrs:
            raise RooflaxError(f"{self.path} does not tell the spec that filled it")
        overrides = tuple(map(str, attrs.get("overrides", ())))
        loaded = self.bench.load_text(str(attrs["spec"]), f"spec in {Path(self.path).name}", overrides)
        found = LiveSource(self.bench, loaded, overrides)
        sizes = {str(dim): size for dim, size in self.results.sizes.items()}
        if any(sizes.get(dim, size) != size for dim, size in found.sweep.sizes.items()):
            raise RooflaxError(f"the spec in {self.path} has other axes than its arrays")
        return found

    def explain(self, quantity: str, place: Place) -> Explanation:
        """A point, computed anew by the spec of the store."""
        found = self.live.explain(quantity, place)
        stored, here = str(self.results.attrs.get("registry_digest", "")), self.bench.registry.digest
        if stored == here:
            return found
        note = "The store was computed by other cost models than those that explain it here; numbers may differ."
        return replace(found, notices=(*found.notices, note))

    def elasticity(self, quantity: str, by: str, place: Place) -> float | None:
        """The elasticity by the spec of the store."""
        return self.live.elasticity(quantity, by, place)

    def spec(self, report: Report, choice: Mapping[str, str], place: Place) -> str:
        """The spec of the store, narrowed to the picture."""
        if report.group:
            return str(self.results.attrs.get("spec", ""))
        return self.live.spec(report, choice, place)
