"""Runs: a spec's sweep into its store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .jobs import Assignment, Job, assignment_of, job_of, versions
from .plans import layout_of
from .specs.loaded import LoadedSpec
from .specs.problems import RooflaxError
from .sweeps.executors.cluster import Cluster, cluster_of
from .sweeps.executors.cluster import computed as on_cluster
from .sweeps.executors.task import Task
from .sweeps.searches.searches import Finds, labelled, take
from .workbench import Workbench

if TYPE_CHECKING:
    from .specs.blocks import StoreLayout
    from .stores.write import Store

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Run:
    """A finished run: the path or URL of its store, how many blocks it has, and how many of them were there already.

    `was_finished` says that an earlier run had come to its end, so that there was nothing to do.
    """

    path: Path | str
    blocks: int
    resumed: int
    points: int
    notices: tuple[str, ...]
    was_finished: bool = False

    def _repr_html_(self) -> str:
        """The run as a notebook shows it."""
        from .reports.markup import facts_html

        blocks = f"{self.blocks:,}" + (f", {self.resumed:,} of them there already" if self.resumed else "")
        facts = [("store", str(self.path)), ("points", f"{self.points:,}"), ("blocks", blocks)]
        return facts_html("rooflax run", facts, self.notices)


def run(
    spec: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    executor: str = "local",
    progress: Progress | None = None,
    bench: Workbench | None = None,
    overrides: Sequence[str] = (),
    **inputs: object,
) -> Run:
    """Runs a sweep spec into a store, resuming where an earlier run of the same spec stopped.

    `inputs` override the spec's, as `--set` does. `executor` is where blocks are computed: `local`, in this process;
    `dask` or `dask=4`, in processes of this machine; `dask=tcp://host:8786`, on a dask cluster. Blocks are written
    first and marked as done last, so an interruption at any moment loses at most the blocks under way.
    """
    bench = bench or Workbench()
    given = [*overrides, *overrides_of(inputs)]
    loaded = bench.load(spec, given)
    return run_loaded(
        bench, loaded, store=store, overwrite=overwrite, executor=executor, progress=progress, overrides=given
    )


def overrides_of(inputs: Mapping[str, object]) -> list[str]:
    """Keyword inputs as the overrides `KEY=VALUE` of a spec. Raises RooflaxError for what YAML cannot say."""
    return [f"{name}={_yaml(value)}" for name, value in inputs.items()]


def _yaml(value: object) -> str:
    """A Python value as YAML on one line; JSON is YAML."""
    try:
        return json.dumps(value, default=_plain)
    except (TypeError, ValueError) as error:
        raise RooflaxError(f"{value!r} is no number, text, list or grid form: {error}") from error


def _plain(value: object) -> object:
    """A numpy array or number as Python's own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} was found")


def run_loaded(
    bench: Workbench,
    loaded: LoadedSpec,
    *,
    store: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    executor: str = "local",
    progress: Progress | None = None,
    overrides: Sequence[str] = (),
) -> Run:
    """Runs a spec that was loaded; `overrides` are those it was loaded with, for the store's provenance."""
    from .stores.location import located
    from .stores.read import is_finished

    cluster = cluster_of(executor)
    path = store or loaded.spec.store.path
    if path is None:
        raise RooflaxError(f"{loaded.file} names no store; give it one with -o runs/NAME.zarr")
    if cluster and not located(path).shared_by_processes:
        raise RooflaxError(
            f"{path} has one process that commits, so other processes cannot compute its blocks: --executor local, or "
            "give a path or an s3:// URL"
        )
    job = job_of(bench.registry, loaded)
    layout = layout_of(job.sweep, loaded, job.gradients, overrides)
    with _opened(path, layout, overwrite=overwrite) as target:
        done = target.done()
        # A marked block whose files were lost since is computed again.
        done[done] = target.holds([job.regions[int(index)] for index in np.flatnonzero(done)])
        complete = is_finished(target.place) and all(map(target.has_group, job.searches))
        whole = bool(done.all() and complete)
        if not whole:
            if not target.is_locked:
                raise RooflaxError(
                    f"{path} was finished and has lost files since; nothing may be written there, so give a copy of it "
                    "with -o"
                )
            where = _Elsewhere(cluster, assignment_of(bench, loaded, target)) if cluster else None
            _fill(job, target, done, where, progress)
    return Run(target.place.address, len(job.regions), int(done.sum()), job.sweep.points, loaded.notices, whole)


def _opened(path: str | os.PathLike[str], layout: StoreLayout, *, overwrite: bool) -> Store:
    """The store to fill; where nothing may be written, a finished one will do."""
    from .stores.problems import ReadOnlyError
    from .stores.resume import create_or_resume, finished_store

    try:
        return create_or_resume(path, layout, overwrite=overwrite)
    except ReadOnlyError:
        found = None if overwrite else finished_store(path, layout)
        if found is None:
            raise
        return found


def _fill(job: Job, target: Store, done: np.ndarray, where: _Elsewhere | None, progress: Progress | None) -> None:
    """Evaluates the blocks that are not done, writes and marks them; then what was searched for, and the end.

    Where something is searched for, the blocks that an earlier run has written are evaluated again, which is quicker
    than reading them.
    """
    if job.gradients:
        from .sweeps.gradients.stored_gradients import GROUP, gradient_labels

        target.write_group(GROUP, gradient_labels(job.sweep, job.gradients))
    stored = set(np.flatnonzero(done).tolist())
    due = [index for index in range(len(job.regions)) if job.searches or index not in stored]
    computed = where.computed(due, stored) if where else job.compute(target, Task(tuple(due), frozenset(stored)))
    count = len(job.regions) - len(due)
    for finds in computed:
        if where:
            take(job.searches, finds)
        count += 1
        if progress:
            progress(count, len(job.regions))
    for group, found in labelled(job.sweep, job.searches).items():
        target.write_group(group, found)
    target.finish()


@dataclass(frozen=True)
class _Elsewhere:
    """The processes that compute the blocks, and what they need to know."""

    cluster: Cluster
    assignment: Assignment

    def computed(self, due: Sequence[int], stored: Collection[int]) -> Iterator[Finds]:
        """What each block adds to searches, as tasks end."""
        for finds in on_cluster(self.cluster, self.assignment, due, stored, versions):
            yield from finds
