"""Elasticities against evaluations: the same quantities over the same grid, compiled, in one run.

Forward mode follows an input through what depends on it alone, so an input costs more or less than an evaluation by how
much of the graph it moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import numpy as np

from rooflax.specs.schema import Gradient, Gradients
from rooflax.sweeps import engine
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.gradients.stored_gradients import with_gradients
from rooflax.sweeps.sweep import Sweep, sweep_of_spec
from rooflax.workbench import Workbench

TITLE = "Elasticities of step_time, memory_per_gpu and predicted_mfu, 1e7 points, float32"
CAPTION = (
    "evaluations: time over that of the three quantities alone, the best of 5 in turn, and the same of the seconds of "
    "all processors; asked are at most k + 1"
)
COLUMNS = ("inputs", "k", "points", "first", "seconds", "evaluations", "of CPU", "k + 1")
OF = ("step_time", "memory_per_gpu", "predicted_mfu")
SETS = {
    "hbm_bandwidth": ("hbm_bandwidth",),
    "scale_out_bandwidth": ("scale_out_bandwidth",),
    "chip": ("hbm_bandwidth", "compute_efficiency", "attention_efficiency", "tdp"),
    "network": ("scale_up_bandwidth", "scale_out_bandwidth", "link_efficiency", "scale_out_latency"),
    "both": (
        "hbm_bandwidth", "compute_efficiency", "attention_efficiency", "tdp",
        "scale_up_bandwidth", "scale_out_bandwidth", "link_efficiency", "scale_out_latency",
    ),
}  # fmt: skip
REPEATS = 5


def rows() -> Iterator[tuple[str, ...]]:
    """A row for every set of inputs."""
    bench = Workbench()
    sweep = sweep_of_spec(bench.registry, bench.load(Path(__file__).with_name("training.yaml")))
    plain, _ = _compiled(sweep, OF)
    for name, wrt in SETS.items():
        extended, found = with_gradients(sweep, Gradients(elasticity=Gradient(of=OF, wrt=wrt)))
        asked = (*OF, *(part for gradient in found for part in gradient.names))
        run, first = _compiled(extended, asked)
        times = np.array([(_seconds(plain), _seconds(run)) for _ in range(REPEATS)])
        base, ours = times.min(axis=0)
        count = len(wrt)
        yield (
            name,
            f"{count}",
            f"{sweep.points:.2e}",
            f"{first[0]:.1f} s",
            f"{ours[0]:.3f} s",
            f"{ours[0] / base[0]:.1f}",
            f"{ours[1] / base[1]:.1f}",
            f"{count + 1}",
        )


def _compiled(sweep: Sweep, names: Sequence[str]) -> tuple[Callable[[], None], tuple[float, float]]:
    """A run over the whole grid, and the seconds of the first one."""
    regions = engine.blocks_of(sweep)
    function = BlockFunction(sweep, names, regions.lengths)

    def run() -> None:
        for block in engine.evaluate_blocks(sweep, names, dtype="float32", regions=regions, function=function):
            jax.block_until_ready([block.values[name] for name in names])

    return run, _seconds(run)


def _seconds(action: Callable[[], None]) -> tuple[float, float]:
    """Seconds that an action takes, and those of all processors."""
    start, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - start, time.process_time() - cpu
