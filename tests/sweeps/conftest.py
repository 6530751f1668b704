from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from rooflax import Workbench
from rooflax.specs.bind import bind_keywords
from rooflax.specs.blocks import block_grid
from rooflax.sweeps import engine
from rooflax.sweeps.checks import judge
from rooflax.sweeps.compilation import precision
from rooflax.sweeps.leaves import leaves_of
from rooflax.sweeps.sweep import MARGIN, STATUS, Sweep, sweep_of

TRAINING: Mapping[str, Any] = {
    "model": "llama-2-13b",
    "hardware": "a100-sxm-80gb",
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
}
SERVING: Mapping[str, Any] = {
    "model": "llama-3-8b",
    "hardware": "h100-sxm-80gb",
    "prompt_len": 1024,
    "output_len": 256,
    "concurrency": 8,
}
RULE: Mapping[str, Any] = {
    "hardware": "a100-sxm-80gb",
    "num_parameters": 7e9,
    "world_size": 64,
    "global_batch_size": 256,
    "seq_len": 4096,
    "mfu": 0.4,
}


@pytest.fixture(scope="session")
def bench() -> Workbench:
    return Workbench()


@pytest.fixture(scope="session")
def base() -> Mapping[str, Mapping[str, Any]]:
    """Complete inputs of one training run, one served model and one run by the rule."""
    return {"training": TRAINING, "serving": SERVING, "rule": RULE}


@pytest.fixture(scope="session")
def make_sweep(bench: Workbench) -> Callable[..., Sweep]:
    """A sweep of outputs over keyword inputs, with `where` conditions as texts."""

    def make(outputs: list[str], where: tuple[str, ...] = (), **inputs: Any) -> Sweep:
        from rooflax.specs.conditions import parse_condition

        bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
        leaves = bench.registry.vocabulary
        units = {**bench.names.units, **{leaf.name: leaf.unit for leaf in leaves.values() if not leaf.options}}
        parsed = [parse_condition(text, units, bench.names.constraints, bench.names.options) for text in where]
        return sweep_of(bench.registry, bound, outputs, [condition for part in parsed for condition in part])

    return make


@pytest.fixture(scope="session")
def point_by_point() -> Callable[[Sweep], dict[str, np.ndarray]]:
    """Every variable of a sweep on all of its axes, from a loop over its points: no jit, no broadcasting, float64."""

    def loop(sweep: Sweep) -> dict[str, np.ndarray]:
        sizes = tuple(sweep.sizes.values())
        leaves = leaves_of(sweep, None, "float64")
        spread = {name: np.broadcast_to(leaf, sizes) for name, leaf in leaves.items()}
        found = {name: np.empty(sizes) for name in sweep.variables}
        with precision("float64"):
            for place in np.ndindex(sizes):
                values = sweep.graph({name: np.float64(leaf[place]) for name, leaf in spread.items()})
                values[STATUS], values[MARGIN] = (x.ravel()[0] for x in judge(sweep.checks, values, np.zeros(1)))
                for name in sweep.variables:
                    found[name][place] = float(values[name])
        return found

    return loop


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Cuts grids into blocks of at most so many points, and compiles them however few there are."""

    def cut(target: int) -> None:
        monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, target))
        monkeypatch.setattr(engine, "is_small", lambda _: False)

    return cut


class Differences:
    """Slopes by differences of five halved steps, extrapolated: candidates of all orders of Richardson's table."""

    lengths = 1 / 2.0 ** np.arange(5)[:, None]

    def __call__(self, tried: np.ndarray, step: float, side: int, here: float | None) -> list[float]:
        """`tried` are the values at steps of `lengths` to a side, then at those to the other.

        With `here`, the value at the point itself, only the first half counts.
        """
        lengths = side * step * self.lengths[:, 0]
        ahead, behind = np.split(tried, 2)
        if here is None:
            return self._extrapolated((ahead - behind) / (2 * lengths), 4.0)
        return self._extrapolated((ahead - here) / lengths, 2.0)

    @staticmethod
    def _extrapolated(differences: np.ndarray, factor: float) -> list[float]:
        found, order = [], factor
        while len(differences):
            found += list(differences)
            differences = (order * differences[1:] - differences[:-1]) / (order - 1)
            order *= factor
        return found


@pytest.fixture(scope="session")
def differences() -> Differences:
    return Differences()
