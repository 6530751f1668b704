"""Elasticities against evaluations: the same quantities over the same grid, compiled, in one run.

Forward mode follows an input through what depends on it alone, so an input costs more or less than an evaluation by how
much of the graph it moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rooflax.specs.schema import Gradient, Gradients
from rooflax.sweeps import engine
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.gradients.stored_gradients import with_gradients
from rooflax.sweeps.sweep import Sweep, sweep_of_spec
from rooflax.workbench import Workbench

TITLE = "Elasticities of step_time, memory_per_gpu and predicted_mfu, 1e7 points, float32"
CAPTION = "evaluations: time over that of the three quantities alone; asked are at most k + 1; the best of 5 in turn"
COLUMNS = ("inputs", "k", "points", "first", "seconds", "evaluations", "k + 1")
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
        pairs = [(_seconds(plain), _seconds(run)) for _ in range(REPEATS)]
        base, ours = (min(column) for column in zip(*pairs, strict=True))
        count = len(wrt)
        yield (
            name,
            f"{count}",
            f"{sweep.points:.2e}",
            f"{first:.1f} s",
            f"{ours:.3f} s",
            f"{ours / base:.1f}",
            f"{count + 1}",
        )


def _compiled(sweep: Sweep, names: Sequence[str]) -> tuple[Callable[[], None], float]:
    """A run over the whole grid, and the seconds of the first one."""
    regions = engine.blocks_of(sweep)
    function = BlockFunction(sweep, names, regions.lengths)

    def run() -> None:
        for block in engine.evaluate_blocks(sweep, names, dtype="float32", regions=regions, function=function):
            for name in names:
                block.values[name].block_until_ready()

    return run, _seconds(run)


def _seconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
