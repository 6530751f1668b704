"""Waits before servers and lognormal lengths: textbook formulas, a simulated queue, and quadrature."""

from __future__ import annotations

import itertools
import math
import random
import runpy
import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.primitives import lognormal, queueing

REGISTRY = shipped_registry()
# Plain numbers serve as arrays.
LOGNORMAL: Any = lognormal
QUEUEING: Any = queueing
pytestmark = pytest.mark.usefixtures("double_precision")


FLEET = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "reference" / "serving_fleet.py")))


def test_one_exponential_server() -> None:
    """M/M/1: W = rho / (1 - rho) S, and P(wait > t) = rho exp(-(1 - rho) t / S)."""
    for rho in (0.1, 0.5, 0.9):
        wait = QUEUEING.wait_before(rho, 2.0, 1.0, 1.0)
        assert float(wait.probability * wait.delay) == pytest.approx(rho / (1 - rho) * 2.0, rel=1e-12)
        late = float(QUEUEING.late_wait(wait, 0.99))
        if late:
            assert rho * math.exp(-(1 - rho) * late / 2.0) == pytest.approx(0.01, rel=1e-12)


def erlang_c(servers: int, rho: float) -> float:
    """The share of requests that wait in M/M/c."""
    load = servers * rho
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) / (1 - rho)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(
    ("servers", "rho", "most"),
    [
        (2, 0.8, 0.02),
        (8, 0.8, 0.06),
        (32, 0.8, 0.3),
        (8, 0.9, 0.015),
        (32, 0.9, 0.035),
        (128, 0.9, 0.25),
        (128, 0.95, 0.01),
    ],
)
def test_many_exponential_servers_follow_erlang(servers: int, rho: float, most: float) -> None:
    exact = erlang_c(servers, rho) / (1 - rho)
    wait = QUEUEING.wait_before(rho, 1.0, float(servers), 1.0)
    assert float(wait.probability * wait.delay) == pytest.approx(exact, rel=most)


@pytest.mark.parametrize(
    ("servers", "variation", "most"), [(1, 0.0, 0.05), (1, 1.0, 0.05), (8, 0.0, 0.2), (8, 1.0, 0.2), (8, 2.0, 0.5)]
)
def test_waits_of_a_simulated_queue(servers: int, variation: float, most: float) -> None:
    """200,000 requests at 80 % utilisation: the mean wait, and its 99th percentile within 35 %."""
    chance = random.Random(11)
    services = [FLEET.lognormal(chance, variation) for _ in range(200_000)]
    arrivals = list(itertools.accumulate(chance.expovariate(0.8 * servers) for _ in services))
    found = FLEET.waits(arrivals, services, servers)[5_000:]
    wait = QUEUEING.wait_before(0.8, 1 / servers, float(servers), variation**2)
    mean = float(wait.probability * wait.delay)
    assert mean == pytest.approx(FLEET.mean(found), rel=most)
    assert float(QUEUEING.late_wait(wait, 0.99)) == pytest.approx(FLEET.quantile(found, 0.99), rel=0.35)


def test_an_overloaded_queue_has_a_finite_wait_that_grows() -> None:
    at = [
        float(QUEUEING.wait_before(rho, 1.0, 4.0, 1.0).delay)
        for rho in (QUEUEING.FULLEST - 1e-9, QUEUEING.FULLEST + 1e-9, 1.0, 1.5, 1e6)
    ]
    assert at == sorted(at)
    assert at[1] == pytest.approx(at[0], rel=1e-5)
    slopes = [
        float(jax.grad(lambda rho: QUEUEING.wait_before(rho, 1.0, 1.0, 1.0).delay)(rho))
        for rho in (QUEUEING.FULLEST - 1e-9, 1.2)
    ]
    assert all(map(math.isfinite, slopes))


@pytest.mark.parametrize("draws", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("variation", [0.0, 0.3, 1.0, 3.0])
def test_longest_of_several_lengths(draws: int, variation: float) -> None:
    """By quadrature of quantiles, E[max] = integral of Q(v^(1/n)) dv in the probability v, on a fine grid of z."""
    shape, normal = math.sqrt(math.log1p(variation**2)), statistics.NormalDist()
    grid = np.linspace(-9, 14, 40_001)
    below = np.array([normal.cdf(z) for z in grid])
    weight = np.diff(below**draws)
    middle = (grid[1:] + grid[:-1]) / 2
    wanted = float(np.sum(weight * np.exp(shape * middle - shape**2 / 2)))
    assert float(LOGNORMAL.longest_over_mean(variation, float(draws))) == pytest.approx(wanted, rel=2e-5)


def test_longest_of_one_is_the_mean() -> None:
    assert float(LOGNORMAL.longest_over_mean(0.7, 1.0)) == pytest.approx(1, rel=1e-6)


@given(st.floats(0, 20))
def test_shape_and_variation_are_inverse(variation: float) -> None:
    with jax.enable_x64(True):
        assert float(LOGNORMAL.variation_of_shape(LOGNORMAL.shape_of_variation(variation))) == pytest.approx(
            variation, rel=1e-9, abs=1e-12
        )


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.9999])
def test_quantiles(share: float) -> None:
    wanted = statistics.NormalDist().inv_cdf(share)
    assert float(LOGNORMAL.normal_quantile(share)) == pytest.approx(wanted, abs=4.5e-4)
    shape = math.sqrt(math.log1p(0.25))
    assert float(LOGNORMAL.quantile_over_mean(0.5, share)) == pytest.approx(
        math.exp(shape * wanted - shape**2 / 2), rel=5e-4
    )


def test_quantiles_stand_in_for_mean_and_variation() -> None:
    """Of 200,000 draws with the derived mean and variation, the median and the 95th percentile are those given."""
    given = dict(prompt_len_median=1020.0, prompt_len_p95=4000.0)
    graph = resolve(REGISTRY, ["prompt_len", "prompt_len_cv"], given.keys())
    assert graph.missing == {}
    found = {name: float(one) for name, one in graph(given).items()}
    chance = random.Random(1)
    draws = [found["prompt_len"] * FLEET.lognormal(chance, found["prompt_len_cv"]) for _ in range(200_000)]
    assert FLEET.quantile(draws, 0.5) == pytest.approx(1020, rel=0.01)
    assert FLEET.quantile(draws, 0.95) == pytest.approx(4000, rel=0.01)


def test_a_given_variation_wins_over_quantiles_and_quantiles_over_the_default() -> None:
    quantiles = {"prompt_len_median", "prompt_len_p95"}
    assert resolve(REGISTRY, ["prompt_len_cv"], ()).inputs == ("prompt_len_cv",)
    assert set(resolve(REGISTRY, ["prompt_len_cv"], quantiles).inputs) == quantiles
    assert resolve(REGISTRY, ["prompt_len_cv"], {"prompt_len_cv", *quantiles}).inputs == ("prompt_len_cv",)


def test_equal_quantiles_are_lengths_all_alike() -> None:
    model: Any = REGISTRY.stand_ins["prompt_len_cv"][0]
    given = {"prompt_len_median": 1000.0, "prompt_len_p95": 1000.0}
    assert float(model(given)) == 0
    assert math.isfinite(jax.grad(lambda p95: model(given | {"prompt_len_p95": p95}))(1000.0))
