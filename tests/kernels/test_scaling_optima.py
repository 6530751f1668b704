"""Scaling laws: optima against a search, their derivatives, limits, and what no model reaches."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantity_values import value

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.scaling.lifetime_optimum import _root
from rooflax.specs.catalog import open_catalogs

REGISTRY = shipped_registry()
CATALOGS = open_catalogs()
LAWS = CATALOGS.names("scaling_law")
GOPHER = 5.76e23
FIELDS = ("irreducible_loss", "parameter_coefficient", "parameter_exponent", "token_coefficient", "token_exponent")


def law(name: str) -> dict[str, float]:
    return {leaf: field.value for leaf, field in CATALOGS.get("scaling_law", name).fields.items()}


def slopes(name: str, **given: float) -> dict[str, float]:
    """The derivatives of one quantity by everything that it depends on, in double precision."""
    with jax.enable_x64(True):
        return _slopes(name, given)


def single_slopes(name: str, **given: float) -> dict[str, float]:
    """The same in single precision."""
    with jax.enable_x64(False):
        return _slopes(name, given)


def _slopes(name: str, given: dict[str, float]) -> dict[str, float]:
    graph = resolve(REGISTRY, [name], given.keys())
    values = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given} | given
    at = {n: jnp.asarray(float(v)) for n, v in values.items()}
    return {n: float(slope) for n, slope in jax.grad(lambda moved: graph(moved)[name])(at).items()}


def loss(coefficients: dict[str, float], parameters: float, tokens: float) -> float:
    irreducible, of_parameters, alpha, of_tokens, beta = (coefficients[name] for name in FIELDS)
    return irreducible + of_parameters / parameters**alpha + of_tokens / tokens**beta


def least(function, low: float, high: float) -> float:
    """Where a function of one positive number with a single minimum has it, by golden section of its logarithm."""
    a, b = math.log(low), math.log(high)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(200):
        c, d = b - golden * (b - a), a + golden * (b - a)
        a, b = (a, d) if function(math.exp(c)) < function(math.exp(d)) else (c, b)
    return math.exp((a + b) / 2)


LAW = st.fixed_dictionaries(
    {
        "irreducible_loss": st.floats(1, 2),
        "parameter_coefficient": st.floats(50, 2000),
        "parameter_exponent": st.floats(0.2, 0.5),
        "token_coefficient": st.floats(50, 5000),
        "token_exponent": st.floats(0.2, 0.5),
    }
)


@settings(max_examples=60, deadline=None)
@given(LAW, st.floats(20, 26))
def test_the_closed_form_is_the_least_loss(coefficients: dict[str, float], exponent: float) -> None:
    budget = 10**exponent
    size = value("optimal_parameters", compute_budget=budget, **coefficients)
    wanted = least(lambda n: loss(coefficients, n, budget / 6 / n), 1e3, 1e19)
    assert size == pytest.approx(wanted, rel=1e-5)
    tokens = value("optimal_tokens", compute_budget=budget, **coefficients)
    assert 6 * size * tokens == pytest.approx(budget, rel=1e-12)
    best = value("optimal_loss", compute_budget=budget, **coefficients)
    assert best == pytest.approx(loss(coefficients, size, tokens), rel=1e-12)
    for name, point in (("num_active_parameters", size), ("tokens", tokens)):
        assert (
            value(
                "loss_penalty", **{"num_active_parameters": size, "tokens": tokens} | {name: 2 * point}, **coefficients
            )
            > 0
        )
    back = dict(target_loss=best, **coefficients)
    if best - coefficients["irreducible_loss"] > 0.02:
        assert value("target_loss_compute", **back) == pytest.approx(budget, rel=1e-9)
        assert value("target_loss_parameters", **back) == pytest.approx(size, rel=1e-9)
        again = value("tokens_to_target_loss", num_active_parameters=size, **back)
        assert again == pytest.approx(tokens, rel=1e-9)


@pytest.mark.parametrize("name", ["hoffmann-2022", "besiroglu-2024", "muennighoff-2023"])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_optimum_is_flat(name: str, factor: float) -> None:
    size, tokens = (value(n, compute_budget=1e21, **law(name)) for n in ("optimal_parameters", "optimal_tokens"))
    run = dict(num_active_parameters=size * factor, tokens=tokens / factor, **law(name))
    assert 0 < value("loss_penalty", **run) < 0.01 * value("optimal_loss", compute_budget=1e21, **law(name))


def test_the_loss_is_level_at_the_optimum() -> None:
    refit = law("besiroglu-2024")
    size, tokens = (value(n, compute_budget=GOPHER, **refit) for n in ("optimal_parameters", "optimal_tokens"))
    by = slopes("predicted_loss", num_active_parameters=size, tokens=tokens, **refit)
    # Along 6 N D = C the relative changes of N and D are opposite.
    assert by["num_active_parameters"] * size == pytest.approx(by["tokens"] * tokens, rel=1e-12)
    penalty = slopes("loss_penalty", num_active_parameters=size, tokens=tokens, **refit)
    assert abs(penalty["num_active_parameters"] * size) < 1e-14


@settings(max_examples=40, deadline=None)
@given(LAW, st.floats(0.05, 0.5), st.floats(10, 16), st.floats(0.1, 10))
def test_the_lifetime_optimum_is_the_least_cost(
    coefficients: dict[str, float], gap: float, exponent: float, ratio: float
) -> None:
    served, target = 10**exponent, coefficients["irreducible_loss"] + gap
    alpha, beta = coefficients["parameter_exponent"], coefficients["token_exponent"]

    def tokens_of(share: float) -> float:
        return (coefficients["token_coefficient"] / (gap * share)) ** (1 / beta)

    def cost(odds: float) -> float:
        share = odds / (1 + odds)
        size = (coefficients["parameter_coefficient"] / (gap * (1 - share))) ** (1 / alpha)
        return math.log(size) + math.log(6 * tokens_of(share) + 2 * ratio * served)

    odds = least(cost, 1e-12, 1e3)
    given = dict(target_loss=target, lifetime_inference_tokens=served, inference_price_ratio=ratio, **coefficients)
    tokens = value("lifetime_optimal_tokens", **given)
    assert tokens == pytest.approx(tokens_of(odds / (1 + odds)), rel=1e-5)
    size = value("lifetime_optimal_parameters", **given)
    assert loss(coefficients, size, tokens) == pytest.approx(target, rel=1e-9)
    assert value("lifetime_optimal_compute", **given) == pytest.approx(math.exp(cost(odds)), rel=1e-9)
    assert -1e-12 <= value("lifetime_saving", **given) < 1
    run = dict(num_active_parameters=size, tokens=tokens, lifetime_inference_tokens=served)
    assert value("lifetime_flops", **run) == pytest.approx(size * (6 * tokens + 2 * served), rel=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.floats(-12, 30), st.floats(1.5, 12))
def test_newton_converges_from_its_start(exponent: float, power: float) -> None:
    weight = 10**exponent
    with jax.enable_x64(True):
        root, slope = jax.value_and_grad(_root)(jnp.float64(weight), jnp.float64(power))
    low, high = 0.0, 1.0
    for _ in range(2000):
        middle = (low + high) / 2
        low, high = (low, middle) if middle + weight * middle**power > 1 else (middle, high)
    assert float(root) == pytest.approx(low, rel=1e-12)
    implicit = -(low**power) / (1 + power * weight * low ** (power - 1))
    assert float(slope) == pytest.approx(implicit, rel=1e-9)
    single = float(_root(jnp.float32(weight), jnp.float32(power)))
    assert single == pytest.approx(low, rel=2e-5)


@pytest.mark.parametrize("name", ["lifetime_optimal_parameters", "lifetime_optimal_tokens", "lifetime_saving"])
@pytest.mark.parametrize("served", [1e11, 1e13, 1e16])
def test_slopes_of_the_lifetime_optimum_are_those_of_differences(name: str, served: float) -> None:
    given = dict(target_loss=2.0, lifetime_inference_tokens=served, inference_price_ratio=2.0, **law("besiroglu-2024"))
    for leaf, slope in slopes(name, **given).items():
        step = 1e-5 * given[leaf]
        around = [value(name, **given | {leaf: given[leaf] + sign * step}) for sign in (1, -1)]
        assert slope * given[leaf] == pytest.approx((around[0] - around[1]) / 2e-5, rel=1e-5, abs=1e-9), leaf


def test_a_model_that_serves_nothing_is_trained_compute_optimally() -> None:
    given = dict(target_loss=2.0, lifetime_inference_tokens=0, **law("besiroglu-2024"))
    assert value("overtraining_factor", **given) == 1
    assert value("lifetime_optimal_parameters", **given) == value("target_loss_parameters", **given)
    assert value("lifetime_saving", **given) == pytest.approx(0, abs=1e-15)
    assert all(map(math.isfinite, slopes("lifetime_optimal_parameters", **given).values()))
    assert slopes("lifetime_optimal_parameters", **given)["lifetime_inference_tokens"] < 0


def test_the_smallest_model_serves_ever_more() -> None:
    refit = law("besiroglu-2024")
    given = dict(target_loss=2.0, lifetime_inference_tokens=1e30, **refit)
    smallest = (refit["parameter_coefficient"] / (2.0 - refit["irreducible_loss"])) ** (1 / refit["parameter_exponent"])
    assert value("lifetime_optimal_parameters", **given) == pytest.approx(smallest, rel=1e-3)
    assert value("lifetime_optimal_parameters", **given) > smallest


@pytest.mark.parametrize("name", [name for name in LAWS if name != "ludziejewski-2025"])
def test_enough_data_leaves_the_loss_as_it_was(name: str) -> None:
    size, tokens = (value(n, compute_budget=1e22, **law(name)) for n in ("optimal_parameters", "optimal_tokens"))
    run = dict(num_active_parameters=size, tokens=tokens, **law(name))
    free = value("predicted_loss", **run)
    assert value("data_limited_loss", unique_tokens=2 * tokens, **run) == pytest.approx(free, rel=1e-12)
    scarce = value("data_limited_loss", unique_tokens=tokens / 10, **run)
    assert free < scarce < value("predicted_loss", **run | {"tokens": tokens / 10})


@pytest.mark.parametrize("derivatives", [slopes, single_slopes])
def test_losses_out_of_reach_have_values_slopes_and_a_margin(derivatives) -> None:
    refit = law("besiroglu-2024")
    below = dict(target_loss=1.5, lifetime_inference_tokens=1e12, **refit)
    assert value("reachable_loss", **below) == pytest.approx(1.5 - 1.8172 - 0.01)
    assert value("reachable_loss", **below | {"target_loss": 1.83}) > 0
    small = dict(num_active_parameters=1e9, target_loss=2.0, **refit)
    assert value("large_enough", **small) < 0 < value("large_enough", **small | {"num_active_parameters": 10e9})
    for name in ("target_loss_compute", "lifetime_optimal_parameters", "lifetime_saving"):
        assert math.isfinite(value(name, **below))
        assert all(map(math.isfinite, derivatives(name, **below).values())), name
    assert math.isfinite(value("tokens_to_target_loss", **small))
    assert all(map(math.isfinite, derivatives("tokens_to_target_loss", **small).values()))


def test_more_tokens_bring_a_model_to_its_own_limit() -> None:
    refit = law("besiroglu-2024")
    limit = value("predicted_loss", num_active_parameters=7e9, tokens=1e30, **refit)
    tokens = value("tokens_to_target_loss", num_active_parameters=7e9, target_loss=limit + 0.05, **refit)
    assert value("predicted_loss", num_active_parameters=7e9, tokens=tokens, **refit) == pytest.approx(limit + 0.05)


def test_a_budget_alone_asks_for_its_own_lowest_loss() -> None:
    refit = law("besiroglu-2024")
    assert value("target_loss", compute_budget=1e24, **refit) == value("optimal_loss", compute_budget=1e24, **refit)
    given = dict(compute_budget=1e24, lifetime_inference_tokens=0, **refit)
    best = value("optimal_parameters", compute_budget=1e24, **refit)
    assert value("lifetime_optimal_parameters", **given) == pytest.approx(best, rel=1e-12)
