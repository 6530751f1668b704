"""Cost models of rooflax's own runs: how long a stored sweep takes on a cluster with an object store.

Used with `--models`, and checked against measured runs by `python -m benchmarks scaling`. Three things bound a run, and
the slowest decides: the workers evaluate and write, the scheduler hands out tasks one after the other, and the object
store takes the bytes of all.
"""

from __future__ import annotations

from rooflax.kernels.annotations import Bytes, BytesPerSecond, Count, Hours, Number, PerSecond, Seconds
from rooflax.kernels.arrays import jnp
from rooflax.kernels.registry import cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

LEAVES = (
    Leaf("stored_points", "1", Kind.CONTINUOUS, "Points of a stored sweep", Group.RELIABILITY),
    Leaf("num_workers", "1", Kind.COUNT, "Worker processes, of one thread each", Group.RELIABILITY, low=1),
    Leaf("num_cores", "1", Kind.COUNT, "Cores that the workers share", Group.RELIABILITY, low=1),
    Leaf("cores_per_worker", "1", Kind.CONTINUOUS, "Cores that a worker keeps busy", Group.RELIABILITY, above=True),
    Leaf("points_per_task", "1", Kind.CONTINUOUS, "Points of a task", Group.RELIABILITY, low=1),
    Leaf("worker_rate", "1/s", Kind.CONTINUOUS, "Points a worker evaluates and writes a second", Group.RELIABILITY),
    Leaf("task_time", "s", Kind.CONTINUOUS, "Time of the scheduler for a task", Group.RELIABILITY),
    Leaf(
        "first_block_time",
        "s",
        Kind.CONTINUOUS,
        "Time to the first block, with one worker",
        Group.RELIABILITY,
    ),
    Leaf("stored_bytes_per_point", "B", Kind.CONTINUOUS, "Bytes of a point on disk", Group.RELIABILITY),
    Leaf("store_bandwidth", "B/s", Kind.CONTINUOUS, "Bytes that the store takes a second", Group.RELIABILITY),
)


@cost_model(
    formula=r"\frac{P}{r\,\min(n, c/c_w)}",
    source="definition: workers share nothing but cores",
    example=dict(stored_points=1e9, worker_rate=2e7, num_workers=4, num_cores=3, cores_per_worker=1.5, expect=25.0),
)
def working_time(
    stored_points: Count, worker_rate: PerSecond, num_workers: Count, num_cores: Count, cores_per_worker: Number
) -> Seconds:
    """Time of all workers to evaluate and write their blocks."""
    return stored_points / (worker_rate * jnp.minimum(num_workers, num_cores / cores_per_worker))


@cost_model(
    formula=r"t_1\,\max(1, n/c)",
    source="definition: every worker loads and compiles on a core of its own, as long as there are any",
    example=dict(first_block_time=3.0, num_workers=4, num_cores=2, expect=6.0),
)
def starting_time(first_block_time: Seconds, num_workers: Count, num_cores: Count) -> Seconds:
    """Time until all workers are at work."""
    return first_block_time * jnp.maximum(1.0, num_workers / num_cores)


@cost_model(
    formula=r"\lceil P / p \rceil\,t",
    source="definition: the scheduler takes one task after the other",
    example=dict(stored_points=1e9, points_per_task=6.4e7, task_time=4e-3, expect=0.064),
)
def scheduling_time(stored_points: Count, points_per_task: Count, task_time: Seconds) -> Seconds:
    """Time of the scheduler for all tasks."""
    return jnp.ceil(stored_points / points_per_task) * task_time


@cost_model(
    formula=r"P\,b",
    source="definition: bytes on disk",
    example=dict(stored_points=1e12, stored_bytes_per_point=4.0, expect=4e12),
)
def stored_size(stored_points: Count, stored_bytes_per_point: Bytes) -> Bytes:
    """Size of the store."""
    return stored_points * stored_bytes_per_point


@cost_model(
    formula=r"S / \beta",
    source="definition: bytes over bandwidth",
    example=dict(stored_size=4e12, store_bandwidth=1e10, expect=400.0),
)
def storing_time(stored_size: Bytes, store_bandwidth: BytesPerSecond) -> Seconds:
    """Time of the store to take the bytes."""
    return stored_size / store_bandwidth


@cost_model(
    formula=r"t_0 + \max(t_w, t_s, t_\beta)",
    source="definition: the slowest of what goes on at the same time",
    example=dict(starting_time=10.0, working_time=25.0, scheduling_time=0.064, storing_time=4.0, expect=35.0),
)
def sweep_wall_time(
    starting_time: Seconds, working_time: Seconds, scheduling_time: Seconds, storing_time: Seconds
) -> Seconds:
    """Time of a stored sweep from the command to its end."""
    return starting_time + jnp.maximum(working_time, jnp.maximum(scheduling_time, storing_time))


@cost_model(
    formula=r"n\,T / 3600",
    source="definition: workers are held from the start to the end",
    example=dict(num_workers=4, sweep_wall_time=3600.0, expect=4.0),
)
def worker_hours(num_workers: Count, sweep_wall_time: Seconds) -> Hours:
    """Hours of workers that a sweep takes."""
    return num_workers * sweep_wall_time / 3600
