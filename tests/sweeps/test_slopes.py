"""Slopes against differences: of every operation that switches, and of every registered model by all that it reads."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.registry import Quantity
from rooflax.specs.vocabulary import Kind
from rooflax.sweeps.gradients.motion import Motion, motion_of
from rooflax.sweeps.gradients.slopes import FALLING, RISING, Reach, slope_of

REGISTRY = shipped_registry()
MODELS = [model for model in REGISTRY.quantities.values() if not model.options]
TOLERANCE = 1e-6


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def followed(function, x, side=RISING):
    """The value just beside x on a side, the slope there, and how far it holds below and above."""
    found = slope_of(lambda v: function(v["x"]), {"x": jnp.float64(x)}, {"x": jnp.float64(1)}, {}, side=side)
    reach = found.reach or Reach(math.inf, math.inf)
    return float(found.value), float(found.tangent), float(reach.below), float(reach.above)


@pytest.mark.parametrize(
    ("name", "function", "x", "rising", "falling"),
    [
        ("max of equals", lambda x: jnp.maximum(x, 2.0), 2.0, (2, 1, 0, math.inf), (2, 0, math.inf, 0)),
        ("min of equals", lambda x: jnp.minimum(3 * x, x * x), 3.0, (9, 3, 0, math.inf), (9, 6, math.inf, 0)),
        ("max ahead", lambda x: jnp.maximum(2 * x, 2.0), 3.0, (6, 2, 2, math.inf), (6, 2, 2, math.inf)),
        ("max below", lambda x: jnp.maximum(2 * x, 2.0), 0.5, (2, 0, math.inf, 0.5), (2, 0, math.inf, 0.5)),
        ("max of still", lambda x: x + jnp.maximum(1.0, 1.0), 1.0, (2, 1, math.inf, math.inf), None),
        ("max of alike", lambda x: jnp.maximum(x, x), 1.0, (1, 1, math.inf, math.inf), None),
        ("absolute", lambda x: jnp.abs(x - 1), 1.0, (0, 1, 0, math.inf), (0, -1, math.inf, 0)),
        ("clip at its top", lambda x: jnp.clip(x, 0.0, 1.0), 1.0, (1, 0, 0, math.inf), (1, 1, 1, 0)),
        ("choice above", lambda x: jnp.where(x > 2, 5 * x, x * x), 2.0, (10, 5, 0, math.inf), (4, 4, math.inf, 0)),
        ("choice of truth", lambda x: (x >= 2).astype(float) * x, 2.0, (2, 1, 0, math.inf), (0, 0, math.inf, 0)),
        ("choice of the same", lambda x: jnp.where(x > 2, x, x), 2.0, (2, 1, math.inf, math.inf), None),
        ("and", lambda x: jnp.where((x > 1) & (x < 2), x, 0.0), 2.0, (0, 0, 0, math.inf), (2, 1, 1, 0)),
        ("not", lambda x: jnp.where(~(x > 1), x, 3.0), 1.0, (3, 0, 0, math.inf), (1, 1, math.inf, 0)),
        (
            "mask",
            lambda x: jnp.where(x == 2, 0.0, x / jnp.where(x == 2, 1.0, x)),
            3.0,
            (1, 0, math.inf, math.inf),
            None,
        ),
        ("on a mask", lambda x: jnp.where(x == 2, 7.0, x), 2.0, (7, 0, 0, 0), (7, 0, 0, 0)),
        ("floor", lambda x: x * jnp.floor(x), 2.0, (4, 2, 0, 1), (2, 1, 1, 0)),
        ("floor of falling", lambda x: x * jnp.floor(-x), 2.0, (-6, -3, 0, 1), (-4, -2, 1, 0)),
        ("ceil", lambda x: x * jnp.ceil(x), 2.0, (6, 3, 0, 1), (4, 2, 1, 0)),
        ("between steps", lambda x: x * jnp.floor(2 * x), 1.125, (2.25, 2, 0.125, 0.375), (2.25, 2, 0.125, 0.375)),
        ("round", lambda x: x * jnp.round(x), 2.5, (7.5, 3, 0, 1), (5, 2, 1, 0)),
        ("sign", lambda x: 3 + x * jnp.sign(x - 1), 1.0, (4, 1, 0, math.inf), (2, -1, math.inf, 0)),
        (
            "largest",
            lambda x: jnp.max(jnp.stack([x, 2 * x - 2, 1.0 * x]), axis=0),
            2.0,
            (2, 2, 0, math.inf),
            (2, 1, math.inf, 0),
        ),
        (
            "smallest",
            lambda x: jnp.min(jnp.stack([x, 2 * x - 2]), axis=0),
            2.0,
            (2, 1, 0, math.inf),
            (2, 2, math.inf, 0),
        ),
        (
            "elsewhere",
            lambda x: jnp.sum(jnp.stack([jnp.abs(x), x]).T[::-1]),
            0.0,
            (0, 2, 0, math.inf),
            (0, 0, math.inf, 0),
        ),
        ("inside", lambda x: jnp.maximum(jnp.maximum(x, 1.0), 3.0), 2.0, (3, 0, 1, 1), (3, 0, 1, 1)),
    ],
)
def test_a_switch_is_followed_on_either_side(name, function, x, rising, falling):
    for side, expected in ((RISING, rising), (FALLING, falling or rising)):
        found = followed(function, x, side)
        assert found == pytest.approx(expected), (name, side)
        if found[2:] == (0, 0):
            continue  # a mask has no side
        step = 1e-7
        slope = (
            float(function(jnp.float64(x + 2 * side * step))) - float(function(jnp.float64(x + side * step)))
        ) / step
        assert slope * side == pytest.approx(found[1], abs=1e-5), (name, side)


def test_reaches_of_what_enters_are_kept():
    values, slopes = {"a": jnp.float64(3), "b": jnp.float64(1)}, {"a": jnp.float64(2), "b": jnp.float64(-1)}
    reaches = {"a": Reach(jnp.float64(5), jnp.float64(0.25)), "b": Reach(jnp.float64(4), jnp.float64(9))}
    found = slope_of(lambda v: jnp.maximum(v["a"], v["b"]), values, slopes, reaches)
    assert found.reach is not None
    assert (float(found.tangent), float(found.reach.below), float(found.reach.above)) == (2, 2 / 3, 0.25)


def test_without_distances_only_slopes_are_kept():
    found = slope_of(lambda v: jnp.maximum(v["x"], 1.0), {"x": jnp.float64(1)}, {"x": jnp.float64(1)})
    assert found.reach is None
    assert float(found.tangent) == 1


def smooth_reads(model: Quantity) -> list[str]:
    leaves = REGISTRY.vocabulary
    return [n for n in model.reads if n not in leaves or leaves[n].kind not in (Kind.FLAG, Kind.CHOICE)]


def points(model: Quantity) -> dict[str, np.ndarray]:
    """The worked example, which often lies on a kink, and two points near it that do not."""
    leaves, draw = REGISTRY.vocabulary, np.random.default_rng(5)
    found = {}
    for name in model.reads:
        value = float(model.example[name] if name in model.example else leaves[name].default_value)
        spread = draw.uniform(0.9, 1.1, 3) if name in smooth_reads(model) else np.ones(3)
        found[name] = value * np.where(np.arange(3) == 0, 1.0, spread)
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_has_the_slope_of_its_differences(model: Quantity, differences) -> None:
    """To 1e-6 of the slope, or of value over input; at a kink by the differences on the side that is followed."""
    values = {name: jnp.asarray(value) for name, value in points(model).items()}
    for by in smooth_reads(model):
        kinks = check(model, values, by, RISING, differences)
        if kinks:
            check(model, values, by, FALLING, differences)


def check(model: Quantity, values, by: str, side: int, differences) -> bool:
    """Holds the slopes at all points against differences; whether any point lies on a kink."""
    found = slope_of(model, values, {by: jnp.ones(3)}, {}, side=side)
    nowhere = jnp.full(3, jnp.inf)
    reach = found.reach or Reach(nowhere, nowhere)
    below, above = (np.broadcast_to(part, 3) for part in (reach.below, reach.above))
    ahead, behind = (above, below) if side == RISING else (below, above)
    size = np.where(values[by] == 0, 1.0, np.abs(values[by]))
    step = np.minimum(1e-3 * size, ahead / 10)
    both = behind >= 10 * step
    place = np.concatenate([side * step * differences.lengths, -side * step * differences.lengths])
    moved = {name: value[None] for name, value in values.items()} | {by: values[by] + place}
    tried = np.broadcast_to(model(moved), (len(place), 3))
    value, slope = np.broadcast_to(found.value, 3), np.broadcast_to(found.tangent, 3)
    for point in range(3):
        if not np.isfinite(value[point]) or step[point] < 1e-7 * size[point]:
            continue  # on a mask, or too near to a switch
        slopes = differences(tried[:, point], step[point], side, None if both[point] else value[point])
        scale = max(abs(slope[point]), abs(value[point]) / size[point], 1e-300)
        error = min(abs(slope[point] - one) for one in slopes)
        assert error <= TOLERANCE * scale, (by, float(values[by][point]), side, slope[point], slopes)
    return bool((behind == 0).any())


@pytest.mark.parametrize(
    ("name", "by", "motion"),
    [
        ("mixture_stage_place", "num_layers", Motion.ROUNDED),
        ("divides_heads", "tp", Motion.SLOPE),
        ("step_time", "step_overhead", Motion.SLOPE),
        ("rules.gradient_gb", "rules.parameter_gb", Motion.STILL),
        ("binding", "step_time", Motion.STILL),
    ],
)
def test_how_an_input_moves_a_quantity_is_read_off_the_operations(name, by, motion):
    assert motion_of(REGISTRY.quantities[name], {by: Motion.SLOPE}) is motion


def test_what_only_steps_move_is_still_in_steps():
    model = REGISTRY.quantities["mixture_stage_place"]
    assert motion_of(model, {"num_layers": Motion.CHOSEN}) is Motion.CHOSEN
