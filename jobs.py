"""Jobs: a spec's sweep at work on its blocks, in the process that was asked or in one of a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from .kernels.discovery import registry_with, shipped_registry
from .kernels.registry import Registry
from .specs.blocks import Regions
from .specs.loaded import LoadedSpec
from .specs.problems import RooflaxError
from .sweeps import engine
from .sweeps.compilation import cache_compilations, cache_folder
from .sweeps.eager import is_small
from .sweeps.engine import Block
from .sweeps.executors.overlap import overlapped
from .sweeps.executors.task import Task
from .sweeps.searches.searches import Finds, Search, found_in, names_of, searches_of
from .sweeps.sweep import Sweep, sweep_of_spec
from .sweeps.versions import device, difference, interpreter, library_versions
from .workbench import Workbench

if TYPE_CHECKING:
    from .stores.write import Store
    from .sweeps.block_function import BlockFunction
    from .sweeps.gradients.stored_gradients import StoredGradient

WRITERS = 2
MEMORY_IN_FLIGHT = 512 * 2**20


@dataclass(frozen=True)
class Job:
    """A sweep with its gradients and the type it is computed in; `compute` is called by one thread at a time."""

    sweep: Sweep
    gradients: tuple[StoredGradient, ...]
    dtype: str

    @cached_property
    def regions(self) -> Regions:
        """The blocks of the grid."""
        return engine.blocks_of(self.sweep)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is evaluated: the variables, what points are chosen by, and the parts of gradients."""
        return (*names_of(self.sweep), *(name for gradient in self.gradients for name in gradient.names))

    @cached_property
    def searches(self) -> Mapping[str, Search]:
        """What is chosen from all blocks that this process computes, or takes in from others."""
        return searches_of(self.sweep)

    @cached_property
    def _function(self) -> BlockFunction | None:
        """Compiled once for all tasks; few points need no compilation."""
        if is_small(self.sweep):
            return None
        from .sweeps.block_function import BlockFunction

        return BlockFunction(self.sweep, self.names, self.regions.lengths)

    @property
    def in_flight(self) -> int:
        """How many blocks may be in memory: one is evaluated while others are written."""
        block = engine.total_bytes(self.sweep, self.names, self.dtype) / len(self.regions)
        return max(2, min(1 + WRITERS, int(MEMORY_IN_FLIGHT // max(block, 1.0))))

    def arrays(self, block: Block) -> dict[str, np.ndarray]:
        """What a block stores, by its path in the store."""
        found = block.owned(self.sweep.variables)
        for gradient in self.gradients:
            found |= gradient.block(block, self.dtype)
        return found

    def compute(self, store: Store, task: Task) -> Iterator[Finds]:
        """Evaluates the blocks of a task, and writes and marks those not stored; yields what each adds to searches.

        Evaluation and writing overlap. A block's values are written before its mark.
        """
        due = [self.regions[index] for index in task.blocks]
        blocks = engine.evaluate_blocks(
            self.sweep, self.names, dtype=self.dtype, regions=due, function=self._function, in_flight=self.in_flight
        )
        finds: dict[int, Finds] = {}

        def searched() -> Iterator[Block]:
            for block in blocks:
                finds[block.region.index] = found_in(self.searches, block.region, block.values)
                yield block

        def write(block: Block) -> int:
            if block.region.index not in task.stored:
                store.write(block.region, self.arrays(block))
                store.mark(block.region)
            return block.region.index

        for index in overlapped(searched(), write, WRITERS):
            yield finds.pop(index)


def job_of(registry: Registry, loaded: LoadedSpec) -> Job:
    """The job of a spec."""
    sweep, gradients = with_stored(sweep_of_spec(registry, loaded), loaded)
    return Job(sweep, gradients, loaded.spec.store.dtype)


def with_stored(sweep: Sweep, loaded: LoadedSpec) -> tuple[Sweep, tuple[StoredGradient, ...]]:
    """The sweep of a spec that also computes the gradients it asks for, and the arrays of these."""
    if loaded.spec.gradients is None:
        return sweep, ()
    from .sweeps.gradients.stored_gradients import with_gradients

    return with_gradients(sweep, loaded.spec.gradients)


@dataclass(frozen=True, eq=False)
class Assignment:
    """All that another process needs to compute blocks of a run: the spec, the text of a user's models, the store.

    `run` is that of the store, so that work for a store that was replaced is refused; `versions` are those of the
    process that asks, its models among them.
    """

    loaded: LoadedSpec
    models: tuple[tuple[str, str], ...]
    versions: Mapping[str, str]
    place: str
    run: str

    def __call__(self, task: Task) -> list[Finds]:
        """Computes the blocks of a task: what each adds to searches."""
        with _ONE_AT_A_TIME:
            return list(_job(self).compute(self._store(), task))

    def _store(self) -> Store:
        from .stores.write import Store

        store = Store(self.place)
        if store.run != self.run:
            raise RooflaxError(f"{self.place} was replaced by another run in the meantime")
        return store


def assignment_of(bench: Workbench, loaded: LoadedSpec, store: Store) -> Assignment:
    """What other processes need to compute blocks of a run into its store."""
    models = tuple((path.name, path.read_text(encoding="utf-8")) for path in bench.models)
    address = store.place.address
    place = str(address.absolute()) if isinstance(address, Path) else address
    return Assignment(loaded, models, {**versions(), _MODELS: bench.registry.digest}, place, store.run)


# A worker may have several threads; XLA uses the cores within one evaluation.
_ONE_AT_A_TIME = Lock()
_MODELS = "the models given"
_JOBS: dict[str, Job] = {}


def _job(assignment: Assignment) -> Job:
    """The job of an assignment, kept from task to task; that of another run makes room for it."""
    if assignment.run not in _JOBS:
        cache_compilations(cache_folder())
        with tempfile.TemporaryDirectory() as folder:
            registry = registry_with([_written(Path(folder), name, text) for name, text in assignment.models])
        if clause := difference(assignment.versions, {**versions(), _MODELS: registry.digest}):
            raise RooflaxError(f"a worker that joined later {clause}")
        _JOBS.clear()
        _JOBS[assignment.run] = job_of(registry, assignment.loaded)
    return _JOBS[assignment.run]


def _written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """What must be equal in all processes of a run for its blocks to be those of one process."""
    return {
        "rooflax": version("rooflax"),
        "cost models": shipped_registry().digest,
        "Python": interpreter(),
        **library_versions(),
        "device": device(),
    }
