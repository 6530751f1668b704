"""The compiled kernels against NumPy running the same functions on the same leaves, block by block, in one run.

NumPy gets what favours it: the same blocks, the same broadcasting, float32, and intermediates freed when their last
reader is done. It evaluates exactly what the sweep keeps: the outputs, the status and the margin.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np

from rooflax.specs.blocks import Regions
from rooflax.sweeps import checks, engine
from rooflax.sweeps.block_function import BlockFunction, leaves_of
from rooflax.sweeps.checks import judge
from rooflax.sweeps.sweep import MARGIN, STATUS, Sweep, sweep_of_spec
from rooflax.workbench import Workbench

EXAMPLES = {
    "6nd": ["num_parameters={min: 1 G, max: 1 T, num: 1700, scale: log}"],
    "llama-70b-parallelism": ["scale_out_bandwidth={min: 25 GB/s, max: 400 GB/s, num: 4700, scale: log}"],
    "inference": ["prompt_len={range: [256, 70000, 10]}", "output_len=[256, 512]"],
}


def compare(name: str, repeats: int = 3) -> tuple[str, ...]:
    """A row: example, points, variables, seconds of both, the ratio, and the bytes per second written."""
    bench = Workbench()
    sweep = sweep_of_spec(bench.registry, bench.load(name, EXAMPLES[name]))
    regions = engine.blocks_of(sweep)
    compiled = _compiled(sweep, regions)
    compiled()
    ours = min(_seconds(compiled) for _ in range(repeats))
    theirs = min(_seconds(lambda: _numpy(sweep, regions)) for _ in range(repeats))
    written = engine.total_bytes(sweep, sweep.variables, "float32")
    floor = _memset_seconds(written)
    return (
        name,
        f"{sweep.points:.2e}",
        f"{len(sweep.graph.order)}",
        f"{ours:.2f} s",
        f"{theirs:.2f} s",
        f"{theirs / ours:.1f}",
        f"{sweep.points / ours:.2e}",
        f"{floor / ours:.2f}",
    )


def _compiled(sweep: Sweep, regions: Regions) -> Callable[[], None]:
    function = BlockFunction(sweep, sweep.variables, regions.lengths)

    def run() -> None:
        blocks = engine.evaluate_blocks(sweep, sweep.variables, dtype="float32", regions=regions, function=function)
        for _ in blocks:
            pass

    return run


def _numpy(sweep: Sweep, regions: Regions) -> None:
    with rebound():
        for region in regions:
            _evaluate_freeing(sweep, leaves_of(sweep, region, "float32"))


def _evaluate_freeing(sweep: Sweep, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    like = next(iter(values.values()))
    last = {name: step for step, quantity in enumerate(sweep.graph.order) for name in quantity.reads}
    kept = {*sweep.outputs, *(check.reads for check in sweep.checks)}
    for step, quantity in enumerate(sweep.graph.order):
        values[quantity.name] = quantity(values)
        for name in [n for n in quantity.reads if last[n] == step and n not in kept]:
            values.pop(name, None)
    values[STATUS], values[MARGIN] = judge(sweep.checks, values, like)
    return values


@contextlib.contextmanager
def rebound() -> Iterator[None]:
    """Every `jnp` of the kernels, and of the checks, is NumPy inside."""
    modules = [
        module
        for name, module in sys.modules.items()
        if (name.startswith("rooflax.kernels") or module is checks) and getattr(module, "jnp", None) is jnp
    ]
    with np.errstate(all="ignore"):
        for module in modules:
            module.jnp = np
        try:
            yield
        finally:
            for module in modules:
                module.jnp = jnp


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _memset_seconds(size: int) -> float:
    buffer = np.zeros(64 * 2**20, dtype=np.uint8)
    rounds = max(1, size // buffer.size)
    return min(_seconds(lambda: [buffer.fill(1) for _ in range(rounds)]) for _ in range(3))
