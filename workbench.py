"""The workbench: the models and catalogs that a call uses."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .specs.bind import bind_keywords
from .specs.calibration import Calibration
from .specs.catalog import Catalogs, open_catalogs
from .specs.examples import spec_path
from .specs.goals import parse_goal
from .specs.known import Known, UnknownName, check_quantity
from .specs.layers import RecalibratedCatalogs
from .specs.loaded import LoadedSpec
from .specs.loader import load_spec, read_spec
from .specs.problems import Problem, RooflaxError, SpecError
from .specs.records import Record
from .specs.vocabulary import CATALOGS, Vocabulary, shipped

if TYPE_CHECKING:
    from .kernels.registry import Registry
    from .specs.axes import Inputs
    from .sweeps.known import RegistryNames
    from .sweeps.sweep import Sweep

_POINT = "command line"


@dataclass(frozen=True)
class Workbench:
    """The models and catalogs that a call uses: the shipped ones, and those a user adds.

    `models` are files of cost models, run as trusted code; `catalog` folders of records; `fitted` values lie over those
    of the calibration.
    """

    models: tuple[Path, ...] = ()
    catalog: tuple[Path, ...] = ()
    fitted: Calibration | None = None

    @cached_property
    def registry(self) -> Registry:
        """The cost models."""
        from .kernels.discovery import registry_with

        return registry_with(self.models)

    @property
    def record_leaves(self) -> Vocabulary:
        """The inputs that a catalog record may state; the shipped cost models declare no further ones of these."""
        return self.registry.vocabulary if self.models else shipped()

    @cached_property
    def names(self) -> RegistryNames:
        """The names a spec may use."""
        from .sweeps.known import RegistryNames

        return RegistryNames(self.registry)

    @cached_property
    def catalogs(self) -> Catalogs:
        """The catalogs."""
        opened = open_catalogs(*self.catalog, vocabulary=self.record_leaves)
        return opened if self.fitted is None else RecalibratedCatalogs(opened, self.fitted)

    def _repr_html_(self) -> str:
        """The workbench as a notebook shows it."""
        from .reports.markup import facts_html

        facts = [
            ("computed quantities", f"{len(self.registry.quantities) - len(self.registry.constraints):,}"),
            ("constraints", f"{len(self.registry.constraints):,}"),
            ("inputs", f"{len(self.registry.vocabulary):,}"),
            *((f"catalog {one.value}", f"{len(self.catalogs.names(one)):,} records") for one in CATALOGS),
        ]
        added = [f"added: {path}" for path in (*self.models, *self.catalog)]
        return facts_html("rooflax workbench", facts, added)

    def recalibrated(self, fitted: Calibration) -> Workbench:
        """The workbench with fitted values that are in no file."""
        return replace(self, fitted=fitted)

    def load(self, spec: str | os.PathLike[str], overrides: Sequence[str] = ()) -> LoadedSpec:
        """The checked spec in a file, or the shipped example of that name."""
        path = spec_path(os.fspath(spec))
        loaded = read_spec(path, known=self.names, catalogs=self.catalogs, overrides=overrides)
        return self._centred(_told(loaded))

    def load_text(self, text: str, file: str, overrides: Sequence[str] = ()) -> LoadedSpec:
        """The checked spec in a text; `file` is what messages call it."""
        loaded = load_spec(text, file=file, known=self.names, catalogs=self.catalogs, overrides=overrides)
        return self._centred(_told(loaded))

    def sweep(self, quantities: Sequence[str], inputs: Mapping[str, object]) -> Sweep:
        """The sweep of quantities over keyword inputs, with a notice for each distribution: it counts at its centre."""
        from .sweeps.sweep import sweep_of

        self.check_quantities(quantities)
        bound = bind_keywords(inputs, known=self.names, catalogs=self.catalogs)
        sweep = sweep_of(self.registry, bound, quantities, capacity=True)
        notices = (*bound.notices, *self.centres(bound, sweep.graph.inputs))
        return replace(sweep, inputs=replace(bound, notices=notices))

    def point(self, quantities: Sequence[str], overrides: Sequence[str], spec: str | None) -> tuple[Sweep, LoadedSpec]:
        """The sweep of quantities at the one point that `--set` overrides, and perhaps a spec, describe."""
        from .sweeps.sweep import sweep_of_spec

        loaded = self.asked(quantities, overrides, spec)
        if loaded.inputs.axes:
            axes = ", ".join(f"{axis.name} ({axis.size})" for axis in loaded.inputs.axes)
            raise RooflaxError(f"one point was expected, but {axes} varies; give each one value with --set, or use run")
        return sweep_of_spec(self.registry, loaded, capacity=True), loaded

    def asked(
        self,
        quantities: Sequence[str],
        overrides: Sequence[str],
        spec: str | None,
        known: Known | None = None,
        *,
        whole: bool = False,
    ) -> LoadedSpec:
        """The inputs and conditions that overrides, and perhaps a spec, describe, with `quantities` as the outputs.

        `known` are the names that may be used, where these differ from all there are. Unless distributions count as a
        `whole`, a notice tells of each that it counts at its centre.
        """
        self.check_quantities(quantities)
        known = known or self.names
        if spec is None:
            loaded = self._asked_alone(quantities, overrides, known)
        else:
            path = spec_path(os.fspath(spec))
            overrides = [*overrides, f"outputs=[{', '.join(quantities)}]"]
            loaded = _told(read_spec(path, known=known, catalogs=self.catalogs, overrides=overrides))
        return loaded if whole else self._centred(loaded)

    def check_quantities(self, quantities: Sequence[str]) -> None:
        """Raises SpecError unless all of these are computed quantities."""
        problems = []
        for name in quantities:
            try:
                check_quantity(name, self.names)
            except UnknownName as error:
                problems.append(Problem((), str(error)))
        if problems:
            raise SpecError(problems)

    def _centred(self, loaded: LoadedSpec) -> LoadedSpec:
        """The spec with a notice for each distribution that is read and counts at its centre."""
        if not loaded.inputs.distributions:
            return loaded
        read = self.names.reads(_asked_by(loaded), set(loaded.inputs.values))
        return replace(loaded, notices=(*loaded.notices, *self.centres(loaded.inputs, read)))

    def centres(self, inputs: Inputs, read: Collection[str]) -> tuple[str, ...]:
        """A notice for each distribution among the inputs in `read`, where it counts at its centre."""
        return tuple(
            f"{name}: {found.text(self.registry.unit(name))} counts at its centre here; `rooflax uncertainty` uses "
            "the whole"
            for name, found in inputs.distributions.items()
            if name in read
        )

    def _asked_alone(self, quantities: Sequence[str], overrides: Sequence[str], known: Known) -> LoadedSpec:
        asked = f"title: one point\noutputs: [{', '.join(quantities)}]\n"
        try:
            found = load_spec(asked, file=_POINT, known=known, catalogs=self.catalogs, overrides=overrides)
        except SpecError as error:
            raise SpecError(map(_without_spec, error.problems)) from None
        return _told(found)


def _without_spec(problem: Problem) -> Problem:
    """A problem of a point given on the command line, where there is no file to look into."""
    if problem.file != _POINT:
        return problem
    advice = problem.message.replace("give it under `fixed` or `axes`", "give it with --set")
    return Problem((), advice.replace("under `fixed` or `axes`", "with --set").replace("under `fixed`", "with --set"))


def _asked_by(loaded: LoadedSpec) -> list[str]:
    """The names whose values a spec asks for."""
    spec = loaded.spec
    asked = [*spec.outputs, *(condition.name for condition in loaded.conditions)]
    asked += [section.objective for section in (spec.best, spec.optimize) if section is not None]
    asked += [parse_goal(goal).quantity for goal in spec.pareto.objectives] if spec.pareto is not None else []
    parts = (spec.gradients.derivative, spec.gradients.elasticity) if spec.gradients is not None else ()
    asked += [name for part in parts if part is not None for name in part.of]
    return list(dict.fromkeys(asked))


def _told(loaded: LoadedSpec) -> LoadedSpec:
    """The spec with a notice for every record it uses whose numbers deserve little trust."""
    return replace(loaded, notices=(*loaded.notices, *low_confidence(loaded.inputs.records)))


def low_confidence(records: Iterable[Record]) -> tuple[str, ...]:
    """A notice for each record whose confidence is low."""
    return tuple(
        f"{record.catalog} {record.name}: confidence: low; `rooflax show {record.name}` tells its sources"
        for record in records
        if record.confidence == "low"
    )


def workbench(
    models: Sequence[str | os.PathLike[str]] = (), catalog: Sequence[str | os.PathLike[str]] = ()
) -> Workbench:
    """The workbench with the given additions."""
    return Workbench(tuple(map(Path, models)), tuple(map(Path, catalog)))
