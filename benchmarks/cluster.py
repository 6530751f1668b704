"""What a dask cluster costs and brings: its start, its tasks, and the rate of a stored sweep on 1, 2 and 4 workers."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import rooflax
from rooflax.sweeps.executors.cluster import Cluster

from .grids import SPEC, refined

TITLE = "A stored grid of six axes on a dask cluster of this machine, one thread a worker"
CAPTION = (
    "start: until the workers answer; the first block waits for that and for compilation; an empty task does nothing"
)
COLUMNS = ("executor", "cores", "start", "whole run", "first block", "blocks after it", "points/s", "empty task")
POINTS = 2e8
WORKERS = (1, 2, 4)
_EMPTY = 400


@dataclass(frozen=True)
class Measured:
    """Seconds of one run, of the cluster's start and of all processors; and what the run computed."""

    start: float
    whole: float
    first: float
    blocks: int
    points: int
    empty_task: float
    cpu: float

    @property
    def cores(self) -> float:
        """Cores kept busy once every worker is at work; until then it is one."""
        return (self.cpu - self.first) / (self.whole - self.first)

    @property
    def rate(self) -> float:
        """Points per second once every worker is at work."""
        return self.points * (self.blocks - 1) / self.blocks / (self.whole - self.first)


def rows() -> Iterator[tuple[str, ...]]:
    """A row for this process alone, and for each number of workers."""
    for workers in (None, *WORKERS):
        found = measured(workers)
        yield (
            f"dask={workers}" if workers else "local",
            f"{min(workers or os.cpu_count() or 1, os.cpu_count() or 1)}",
            f"{found.start:.1f} s",
            f"{found.whole:.1f} s",
            f"{found.first:.1f} s",
            f"{found.blocks - 1}",
            f"{found.rate:.2e}",
            f"{found.empty_task * 1e3:.1f} ms" if workers else "",
        )


def measured(workers: int | None, points: float = POINTS) -> Measured:
    """One run of the grid in this process, or on a new cluster of so many workers."""
    start, empty = _cluster_costs(workers) if workers else (0.0, 0.0)
    moments: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path, begun, cpu = Path(folder) / "x.zarr", time.perf_counter(), _cpu()
        run = rooflax.run(
            SPEC,
            store=path,
            executor=f"dask={workers}" if workers else "local",
            overrides=[refined(points)],
            progress=lambda *_: moments.append(time.perf_counter() - begun),
        )
        whole, cpu = time.perf_counter() - begun, _cpu() - cpu
        shutil.rmtree(path)
    return Measured(start, whole, moments[0], run.blocks, run.points, empty, cpu)


def _cluster_costs(workers: int) -> tuple[float, float]:
    begun = time.perf_counter()
    with Cluster(workers=workers).client() as client:
        client.wait_for_workers(workers, timeout=60)
        start = time.perf_counter() - begun
        begun = time.perf_counter()
        client.gather(client.map(_nothing, range(_EMPTY), pure=False))
        return start, (time.perf_counter() - begun) / _EMPTY


def _cpu() -> float:
    """Seconds of processors that this process and those it has ended took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _nothing(number: int) -> int:
    return number
