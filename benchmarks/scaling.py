"""A model of rooflax's own runs, filled with what one worker measures, against runs with more of them.

The model is `run_models.py`, evaluated by rooflax itself. Its rate, start and cost of a task come from the run with one
worker; those with 2 and 4 workers are predicted and then measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import rooflax

from .cluster import WORKERS, Measured, measured

TITLE = "A stored grid of six axes: predicted from one worker, and measured"
CAPTION = "a worker keeps the cores of the first row busy; more than there are cores for share them"
COLUMNS = ("workers", "cores", "predicted", "measured", "difference")
MODELS = Path(__file__).with_name("run_models.py")


def rows() -> Iterator[tuple[str, ...]]:
    """A row for each number of workers; the first one fills the model."""
    cores = os.cpu_count() or 1
    alone = measured(1)
    yield "1", f"{alone.cores:.1f}", "", f"{alone.whole:.1f} s", ""
    for workers in WORKERS[1:]:
        found = measured(workers)
        expected = predicted(alone, workers, cores)
        yield (
            f"{workers}",
            f"{min(workers, cores)}",
            f"{expected:.1f} s",
            f"{found.whole:.1f} s",
            f"{100 * (expected / found.whole - 1):+.0f} %",
        )


def predicted(alone: Measured, workers: int, cores: int) -> float:
    """Seconds of the same run with more workers, by the model."""
    found = rooflax.evaluate(
        "sweep_wall_time",
        models=[MODELS],
        stored_points=alone.points,
        num_workers=workers,
        num_cores=cores,
        cores_per_worker=alone.cores,
        points_per_task=alone.points / alone.blocks,
        worker_rate=alone.rate,
        task_time=alone.empty_task,
        first_block_time=alone.first,
        stored_bytes_per_point=8,
        store_bandwidth=1e12,
    )
    return float(found["sweep_wall_time"])
