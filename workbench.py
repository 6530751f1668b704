"""The workbench: the models and catalogs that a call uses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .kernels.discovery import registry_with
from .kernels.registry import Registry
from .specs.bind import bind_keywords
from .specs.catalog import Catalogs, open_catalogs
from .specs.examples import spec_path
from .specs.known import UnknownName, check_quantity
from .specs.loaded import LoadedSpec
from .specs.loader import load_spec, read_spec
from .specs.problems import Problem, RooflaxError, SpecError
from .sweeps.known import RegistryNames
from .sweeps.sweep import Sweep, sweep_of, sweep_of_spec


@dataclass(frozen=True)
class Workbench:
    """The models and catalogs that a call uses: the shipped ones, and those a user adds.

    `models` are files of cost models, run as trusted code; `catalog` folders of records.
    """

    models: tuple[Path, ...] = ()
    catalog: tuple[Path, ...] = ()

    @cached_property
    def registry(self) -> Registry:
        """The cost models."""
        return registry_with(self.models)

    @cached_property
    def names(self) -> RegistryNames:
        """The names a spec may use."""
        return RegistryNames(self.registry)

    @cached_property
    def catalogs(self) -> Catalogs:
        """The catalogs."""
        return open_catalogs(*self.catalog, vocabulary=self.registry.vocabulary)

    def load(self, spec: str | os.PathLike[str], overrides: Sequence[str] = ()) -> LoadedSpec:
        """The checked spec in a file, or the shipped example of that name."""
        path = spec_path(os.fspath(spec))
        return read_spec(path, known=self.names, catalogs=self.catalogs, overrides=overrides)

    def sweep(self, quantities: Sequence[str], inputs: Mapping[str, object]) -> Sweep:
        """The sweep of quantities over keyword inputs."""
        problems = []
        for name in quantities:
            try:
                check_quantity(name, self.names)
            except UnknownName as error:
                problems.append(Problem((name,), str(error)))
        if problems:
            raise SpecError(problems)
        return sweep_of(self.registry, bind_keywords(inputs, known=self.names, catalogs=self.catalogs), quantities)

    def point(self, quantities: Sequence[str], overrides: Sequence[str], spec: str | None) -> tuple[Sweep, LoadedSpec]:
        """The sweep of quantities at the one point that `--set` overrides, and perhaps a spec, describe."""
        if spec is None:
            asked = f"title: one point\noutputs: [{', '.join(quantities)}]\n"
            loaded = load_spec(
                asked, file="command line", known=self.names, catalogs=self.catalogs, overrides=overrides
            )
        else:
            loaded = self.load(spec, [*overrides, f"outputs=[{', '.join(quantities)}]"])
        if loaded.inputs.axes:
            axes = ", ".join(f"{axis.name} ({axis.size})" for axis in loaded.inputs.axes)
            raise RooflaxError(f"one point was expected, but {axes} varies; give each one value with --set, or use run")
        return sweep_of_spec(self.registry, loaded), loaded


def workbench(
    models: Sequence[str | os.PathLike[str]] = (), catalog: Sequence[str | os.PathLike[str]] = ()
) -> Workbench:
    """The workbench with the given additions."""
    return Workbench(tuple(map(Path, models)), tuple(map(Path, catalog)))
