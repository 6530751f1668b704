"""Runs with failures: against the published numbers, against the process itself played out, and in their limits."""

from __future__ import annotations

import math
import random
import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import resolve
from rooflax.kernels.primitives.exponentials import growth, second_remainder
from rooflax.kernels.reliability.stragglers import largest_of_normals

REGISTRY = shipped_registry()
HOUR, DAY = 3600.0, 86400.0
LLAMA_3 = dict(
    world_size=16384, num_trained_parameters=405e9, num_parameters=405e9, mtp_parameters=0, weight_width=2,
    master_width=4, optimizer_width=8, training_time=54 * DAY, step_time=5.0,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("double_precision")


def values(*names: str, **given: float) -> dict[str, float]:
    """Quantities from the given values and the declared defaults."""
    graph = resolve(REGISTRY, names, given.keys())
    assert graph.missing == {}
    defaults = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given}
    found = graph(defaults | {n: float(v) for n, v in given.items()})
    return {name: float(found[name]) for name in names}


def value(name: str, **given: float) -> float:
    return values(name, **given)[name]


def run(
    mtbf: float, restart: float, interval: float, stall: float, lag: float = 0.0, **more: float
) -> dict[str, float]:
    """A run by its times alone."""
    return dict(
        cluster_mtbf=mtbf, restart_time=restart, checkpoint_interval=interval, checkpoint_stall_time=stall,
        checkpoint_lag_time=lag, straggler_time=0.0, world_size=1024,
    ) | more  # fmt: skip


def segment_time(mtbf: float, restart: float, interval: float, stall: float, lag: float = 0.0) -> float:
    """Daly's complete model for one segment, the lag counted like a restart."""
    return mtbf * math.exp((restart + lag) / mtbf) * math.expm1((interval + stall) / mtbf)


# Daly 2006, captions of figures 3 to 5: a dump takes 5 minutes.
@pytest.mark.parametrize(
    ("mtbf", "minutes", "digit"), [(24 * HOUR, 117, 1), (6 * HOUR, 57, 1), (0.25 * HOUR, 9.1, 0.1)]
)
def test_estimate_of_daly_figures_3_to_5(mtbf: float, minutes: float, digit: float) -> None:
    found = values("daly_interval", "optimal_checkpoint_interval", checkpoint_stall_time=300, cluster_mtbf=mtbf)
    assert abs(found["daly_interval"] / 60 - minutes) <= 0.5 * digit
    assert found["optimal_checkpoint_interval"] == pytest.approx(found["daly_interval"], rel=3e-3)


def test_published_failures_of_llama_3() -> None:
    """Table 5 and sec. 3.3.4: 419 interruptions in 54 days on 16,384 GPUs, more than 90 % effective training time."""
    found = values("cluster_mtbf", "expected_failures", "effective_training_share", "checkpoint_size", **LLAMA_3)
    assert found["cluster_mtbf"] / HOUR == pytest.approx(54 * 24 / 419)
    assert REGISTRY.vocabulary["gpu_mtbf"].default_value / (365.25 * DAY) == pytest.approx(5.781, abs=1e-3)
    assert 0.9 < found["effective_training_share"] < 0.91
    wall = value("run_wall_time", **LLAMA_3)
    assert found["expected_failures"] == pytest.approx(419 * wall / (54 * DAY))
    assert 1e6 < found["checkpoint_size"] / 16384 < 4e9  # sec. 3.3.1: 1 MB to 4 GB per GPU


@pytest.mark.parametrize(("gpus", "hours"), [(16384, 1.8), (131072, 0.23)])
def test_projected_failures_of_kokolis(gpus: int, hours: float) -> None:
    """RSC-1: 6.50 failures per thousand days of a node of eight; the projections of the paper, as printed."""
    found = value("cluster_mtbf", gpu_mtbf=8 * 1000 / 6.5 * DAY, world_size=gpus) / HOUR
    assert found == pytest.approx(hours, abs=0.006)


def test_effective_training_share_of_kokolis_where_little_is_lost() -> None:
    """(1 - N r (u + dt/2)) / (1 + w/dt) to first order: a tenth of the loss leaves a hundredth of the error."""
    errors = []
    for scale in (1.0, 0.1):
        mtbf, restart, interval, stall = 10 * DAY / scale, 300.0, HOUR, 10.0 * scale
        published = (1 - (restart + interval / 2) / mtbf) / (1 + stall / interval)
        found = value("effective_training_share", training_time=DAY, **run(mtbf, restart, interval, stall))
        errors.append(abs(found - published))
    assert errors[0] < 1e-4
    assert errors[1] < 0.02 * errors[0]


def test_checkpoint_of_bloom() -> None:
    """Model card: bf16 weights of 329 GB, 2.3 TB with optimizer states; counted in binary units."""
    trained = dict(num_trained_parameters=176247271424, weight_width=2, master_width=4, optimizer_width=8)
    assert value("checkpoint_size", **trained) / 2**40 == pytest.approx(2.3, abs=0.06)
    weights = trained | dict(master_width=0, optimizer_width=0)
    assert value("checkpoint_size", **weights) / 2**30 == pytest.approx(329, abs=1)


@settings(deadline=None, max_examples=40)
@given(st.floats(-6, 1), st.floats(0, 2), st.floats(0, 0.5))
def test_optimum_is_where_the_slope_vanishes(log_cost: float, restart: float, lag: float) -> None:
    with jax.enable_x64(True):
        mtbf, stall = 7200.0, 7200.0 * 10**log_cost
        best = value("optimal_checkpoint_interval", checkpoint_stall_time=stall, cluster_mtbf=mtbf)
        given = run(mtbf, restart * HOUR, best, stall, lag * HOUR, training_time=DAY)
        graph = resolve(REGISTRY, ["run_wall_time"], given.keys())
        fixed = {n: REGISTRY.vocabulary[n].default_value for n in graph.inputs if n not in given} | given
        wall = lambda interval: graph(fixed | {"checkpoint_interval": interval})["run_wall_time"]  # noqa: E731
        elasticity = float(jax.grad(wall)(best)) * best / float(wall(best))
        assert abs(elasticity) < 1e-9
        assert float(wall(best)) < min(float(wall(0.99 * best)), float(wall(1.01 * best)))


@pytest.mark.parametrize("cost", [1e-8, 1e-3, 0.3, 2.0, 30.0])
def test_slope_of_the_optimum_is_that_of_its_equation(cost: float) -> None:
    """From e^-z - 1 + z = C/M: dz = dC/M / (1 - e^-z), so the interval M (1 - e^-z) moves by dC / (e^z - 1)."""
    model = REGISTRY.quantities["optimal_checkpoint_interval"]
    slope = jax.grad(lambda stall: model({"checkpoint_stall_time": stall, "cluster_mtbf": 1.0}))(cost)
    z = -math.log1p(-value("optimal_checkpoint_interval", checkpoint_stall_time=cost, cluster_mtbf=1.0))
    if cost < 10:
        assert math.expm1(-z) + z == pytest.approx(cost, rel=1e-7)
    assert float(slope) == pytest.approx(1 / math.expm1(z), rel=1e-5, abs=1e-12)


def test_rules_agree_where_checkpoints_are_cheap() -> None:
    for cost, young, daly in [(1e-2, 0.06, 2e-5), (1e-4, 0.006, 2e-8), (1e-6, 0.0006, 1e-10)]:
        given = dict(checkpoint_stall_time=cost * HOUR, cluster_mtbf=HOUR)
        found = values("young_interval", "daly_interval", "optimal_checkpoint_interval", **given)
        assert found["young_interval"] == pytest.approx(found["optimal_checkpoint_interval"], rel=young)
        assert found["daly_interval"] == pytest.approx(found["optimal_checkpoint_interval"], rel=daly)


def test_estimate_of_daly_ends_at_the_mean_time_between_failures() -> None:
    assert value("daly_interval", checkpoint_stall_time=2 * HOUR, cluster_mtbf=HOUR) == HOUR
    below = value("daly_interval", checkpoint_stall_time=1.9 * HOUR, cluster_mtbf=HOUR)
    half = 0.95
    by_hand = 2 * math.sqrt(half) * (1 + math.sqrt(half) / 3 + half / 9) - 1.9
    assert below == pytest.approx(by_hand * HOUR, rel=1e-12)


def test_without_failures_a_run_is_its_steps_and_checkpoints() -> None:
    given = run(1e15, 900, HOUR, 60, training_time=30 * DAY)
    found = values("run_wall_time", "effective_training_share", "expected_failures", **given)
    assert found["run_wall_time"] == pytest.approx(30 * DAY * (1 + 60 / HOUR), rel=1e-9)
    assert found["expected_failures"] == pytest.approx(0, abs=1e-8)


def test_free_checkpoints_leave_only_restarts() -> None:
    """With C = 0 the best interval is as short as it may be, and no work is lost."""
    names = ("optimal_checkpoint_interval", "young_interval", "daly_interval")
    assert all(found < 1e-9 for found in values(*names, checkpoint_stall_time=0, cluster_mtbf=HOUR).values())
    found = value("run_wall_time", training_time=DAY, **run(6 * HOUR, 600, 1e-3, 0))
    assert found == pytest.approx(DAY * math.exp(600 / (6 * HOUR)), rel=1e-6)


@pytest.mark.parametrize("name", ["optimal_checkpoint_interval", "young_interval", "daly_interval"])
def test_slopes_are_finite_where_a_checkpoint_is_free(name: str) -> None:
    model = REGISTRY.quantities[name]
    for mode in (True, False):
        with jax.enable_x64(mode):
            given = {"checkpoint_stall_time": np.float32(0), "cluster_mtbf": np.float32(HOUR)}
            slopes = jax.grad(model)(given)
        assert all(math.isfinite(slope) for slope in slopes.values())


@settings(deadline=None, max_examples=40)
@given(
    st.floats(600, 1e6), st.floats(0, 3000), st.floats(60, 7200), st.floats(0, 900), st.floats(0, 60), st.floats(0, 0.3)
)
def test_parts_of_a_run_add_up_to_the_complete_model(
    mtbf: float, restart: float, interval: float, stall: float, lag: float, slower: float
) -> None:
    with jax.enable_x64(True):
        given = run(mtbf, restart, interval, stall, lag, training_time=DAY, straggler_time=slower * DAY)
        parts = REGISTRY.quantities["run_wall_time"].terms
        found = values("run_wall_time", *parts, **given)
    segments = DAY * (1 + slower) / interval
    assert found["run_wall_time"] == pytest.approx(
        segments * segment_time(mtbf, restart, interval, stall, lag), rel=1e-9
    )
    assert math.fsum(found[part] for part in parts) == pytest.approx(found["run_wall_time"], rel=1e-12)
    assert min(found.values()) >= 0


class Played:
    """One run, failure by failure: the clock, time in restarts, and failures until `segments` are safe."""

    def __init__(self, chance: random.Random, segments: int, mtbf: float, restart: float, length: float, lag: float):
        self.clock = self.restarting = 0.0
        self.failures = safe = 0
        while True:
            until, missing = chance.expovariate(1 / mtbf), (segments - safe) * length + lag
            self.clock += min(until, missing)
            if until >= missing:
                return
            self.failures += 1
            safe += max(math.floor((until - lag) / length), 0)
            while (until := chance.expovariate(1 / mtbf)) < restart:
                self.failures += 1
                self.clock += until
                self.restarting += until
            self.clock += restart
            self.restarting += restart


@pytest.mark.parametrize(
    ("mtbf", "restart", "interval", "stall", "lag"),
    [(3 * HOUR, 900, 1800, 60, 0), (3 * HOUR, 900, 1800, 5, 600), (HOUR, 1200, 1500, 300, 0), (HOUR, 60, 900, 0, 900)],
)
def test_process_played_out(mtbf: float, restart: float, interval: float, stall: float, lag: float) -> None:
    """Until the last checkpoint is safe: the first one of a run has to wait for its lag, no later one has."""
    chance, segments, runs = random.Random(20260707), 40, 3000
    played = [Played(chance, segments, mtbf, restart, interval + stall, lag) for _ in range(runs)]
    given = run(mtbf, restart, interval, stall, lag, training_time=segments * interval)
    found = values("run_wall_time", "restarting_time", "expected_failures", **given)
    first = mtbf * math.expm1(lag / mtbf)
    again = math.exp(restart / mtbf)
    wanted = {
        "clock": found["run_wall_time"] + first * again,
        "restarting": found["restarting_time"] + first * (again - 1),
        "failures": found["expected_failures"] + first * again / mtbf,
    }
    for what, expected in wanted.items():
        sample = [float(getattr(one, what)) for one in played]
        error = statistics.stdev(sample) / math.sqrt(runs)
        assert abs(statistics.mean(sample) - expected) < 3.5 * error, what
        assert error < 0.01 * expected


def erlang_loss(servers: int, load: float) -> float:
    """Share of time in which all servers are busy, by the recursion over servers."""
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked


@pytest.mark.parametrize("load", [1e-3, 0.2, 1.0, 8.0, 60.0])
@pytest.mark.parametrize("spares", [0, 1, 2, 7, 20, 60, 80])
def test_wait_for_a_node_is_that_of_the_loss_formula(load: float, spares: int) -> None:
    blocked = erlang_loss(spares + 1, load)
    found = value("node_wait_time", node_repair_time=load * HOUR, cluster_mtbf=HOUR, spare_nodes=spares)
    assert found == pytest.approx(blocked / (1 - blocked) * HOUR, rel=1e-8, abs=1e-3)


@pytest.mark.parametrize("single", [True, False])
def test_without_spares_a_failure_waits_for_its_repair(single: bool) -> None:
    with jax.enable_x64(not single):
        kind = np.float32 if single else np.float64
        model = REGISTRY.quantities["node_wait_time"]
        for repair in (0, 1, HOUR, 30 * DAY):
            given = {"node_repair_time": kind(repair), "cluster_mtbf": kind(HOUR), "spare_nodes": kind(0)}
            assert float(model(given)) == pytest.approx(repair, rel=1e-5)
            assert float(jax.grad(model)(given)["node_repair_time"]) == pytest.approx(1, rel=1e-4)
        many = {"node_repair_time": kind(30), "cluster_mtbf": kind(HOUR), "spare_nodes": kind(500)}
        assert float(model(many)) < 1e-20
        assert all(math.isfinite(slope) for slope in jax.grad(model)(many).values())


@pytest.mark.parametrize(("spares", "fixed"), [(0, True), (2, True), (2, False), (5, False)])
def test_waiting_played_out(spares: int, fixed: bool) -> None:
    """The wait does not depend on how repairs are distributed."""
    chance, repair, clock = random.Random(7), 4.0, 0.0
    broken: list[float] = []
    batches = []
    for _ in range(40):
        waited = 0.0
        for _ in range(2500):
            clock += chance.expovariate(1.0)
            broken = [back for back in broken if back > clock]
            broken.append(clock + (repair if fixed else chance.expovariate(1 / repair)))
            if len(broken) > spares:
                waited += min(broken) - clock
                clock = min(broken)
                broken.remove(clock)
        batches.append(waited / 2500)
    expected = value("node_wait_time", node_repair_time=repair, cluster_mtbf=1.0, spare_nodes=spares)
    error = statistics.stdev(batches) / math.sqrt(len(batches))
    assert abs(statistics.mean(batches) - expected) < max(3.5 * error, 1e-9)
    assert error < 0.05 * expected


def largest_by_quadrature(count: float) -> float:
    """The integral of 1 - F^n above zero less that of F^n below, by the trapezoidal rule."""
    step = 1e-3

    def distribution(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    def above(x: float) -> float:
        return -math.expm1(count * math.log1p(-distribution(-x)))

    def trapezoid(heights: list[float]) -> float:
        return step * (math.fsum(heights) - (heights[0] + heights[-1]) / 2)

    grid = [step * i for i in range(9001)]
    return trapezoid([above(x) for x in grid]) - trapezoid([distribution(-x) ** count for x in grid])


@pytest.mark.parametrize("count", [1.5, 2, 3, 8, 64, 1024, 16384, 131072, 10**7])
def test_largest_of_normals(count: float) -> None:
    assert float(largest_of_normals(jnp.float64(count))) == pytest.approx(largest_by_quadrature(count), rel=1.3e-5)


def test_largest_of_few_normals_in_closed_form() -> None:
    assert float(largest_of_normals(jnp.float64(1))) == 0
    assert float(largest_of_normals(jnp.float64(2))) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-6)
    assert float(largest_of_normals(jnp.float64(3))) == pytest.approx(1.5 / math.sqrt(math.pi), rel=1e-5)


def test_stragglers_played_out() -> None:
    draws = np.random.default_rng(3).normal(1.0, 0.02, (4000, 512)).max(axis=1)
    found = value("straggler_slowdown", step_time_variation=0.02, world_size=512)
    assert abs(draws.mean() - found) < 3.5 * draws.std() / math.sqrt(4000)


def test_stragglers_lengthen_the_run_and_not_the_step() -> None:
    usual = values("run_wall_time", "effective_training_share", **LLAMA_3, checkpoint_interval=600)
    varied = LLAMA_3 | dict(step_time_variation=0.01, checkpoint_interval=600)
    found = values("run_wall_time", "effective_training_share", "step_time", **varied)
    slowdown = 1 + 0.01 * 3.97135  # 16,384 GPUs
    assert found["step_time"] == 5.0
    assert found["run_wall_time"] / usual["run_wall_time"] == pytest.approx(slowdown, rel=1e-6)
    assert found["effective_training_share"] == pytest.approx(usual["effective_training_share"])


def test_asynchronous_checkpoints_hold_up_for_the_copy_only() -> None:
    given = LLAMA_3 | dict(asynchronous_checkpoint=1, storage_bandwidth=20e9)
    names = ("checkpoint_time", "checkpoint_stall_time", "checkpoint_lag_time", "checkpoint_interval")
    found = values(*names, "optimal_checkpoint_interval", "writes_checkpoints_in_time", **given)
    assert found["checkpoint_time"] == pytest.approx(405e9 * 14 / 20e9)
    assert found["checkpoint_stall_time"] == pytest.approx(405e9 * 14 / 16384 / 25e9)
    assert found["optimal_checkpoint_interval"] < found["checkpoint_interval"] == found["checkpoint_lag_time"]
    assert found["writes_checkpoints_in_time"] == 0
    synchronous = value("run_wall_time", **given | dict(asynchronous_checkpoint=0))
    assert value("run_wall_time", **given) < synchronous


def test_a_given_interval_counts() -> None:
    given = LLAMA_3 | dict(checkpoint_interval=3.0, asynchronous_checkpoint=1, storage_bandwidth=1e12)
    conditions = ("writes_checkpoints_in_time", "checkpoints_between_steps", "outruns_failures")
    assert [found < 0 for found in values(*conditions, **given).values()] == [True, True, False]
    best = value("run_wall_time", **LLAMA_3)
    for factor in (0.5, 2.0):
        interval = factor * value("checkpoint_interval", **LLAMA_3)
        assert value("run_wall_time", **LLAMA_3, checkpoint_interval=interval) > best


def test_adapters_alone_are_saved_and_frozen_weights_are_loaded_again() -> None:
    lora = LLAMA_3 | dict(num_trained_parameters=1e9, frozen_share=1, storage_bandwidth=1e11)
    found = values("checkpoint_size", "checkpoint_load_time", **lora)
    assert found["checkpoint_size"] == 14e9
    assert found["checkpoint_load_time"] == pytest.approx((14e9 + 2 * 405e9) / 1e11)


def test_spare_nodes_are_paid() -> None:
    given = LLAMA_3 | dict(node_repair_time=DAY, gpu_hour_price=2.0)
    bare, spared = (values("run_wall_time", "run_cost", **given, spare_nodes=spares) for spares in (0, 20))
    assert spared["run_wall_time"] < 0.2 * bare["run_wall_time"]
    assert spared["run_cost"] == pytest.approx(2.0 * (16384 + 20 * 8) * spared["run_wall_time"] / HOUR)
    assert bare["run_cost"] == pytest.approx(2.0 * 16384 * bare["run_wall_time"] / HOUR)


def test_hopeless_runs_stay_finite() -> None:
    """Failures every second: no number is infinite, in single precision either, and the condition says so."""
    given = LLAMA_3 | dict(gpu_mtbf=16384.0, node_repair_time=DAY, checkpoint_interval=1e5, gpu_hour_price=2.0)
    names = ("outruns_failures", "run_cost", "expected_failures", *REGISTRY.quantities["run_wall_time"].terms)
    graph = resolve(REGISTRY, names, given.keys())
    start = {n: given[n] if n in given else REGISTRY.vocabulary[n].default_value for n in graph.inputs}
    with jax.enable_x64(False):
        single = {n: np.float32(v) for n, v in start.items()}
        found = graph(single)
        slopes = jax.grad(lambda moved: graph(single | moved)["run_cost"])({n: single[n] for n in ("gpu_mtbf",)})
    assert float(found["outruns_failures"]) < 0
    assert all(math.isfinite(found[name]) for name in names)
    assert all(math.isfinite(slope) for slope in slopes.values())


def test_exponentials_do_not_cancel() -> None:
    for x in (-30.0, -0.51, -0.49, -1e-4, 0.0, 1e-6, 0.3, 0.4999, 0.5001, 7.0):
        series = math.fsum(x**k / math.factorial(k) for k in range(2, 150)) if x > -2 else math.expm1(x) - x
        assert float(second_remainder(jnp.float64(x))) == pytest.approx(series, rel=1e-14, abs=0)
    assert float(growth(jnp.float64(1e9))) == float(growth(jnp.float64(20))) == pytest.approx(math.exp(20))


def test_no_work_between_checkpoints_is_no_number_of_its_own() -> None:
    """A millisecond stands for an interval of 0, which is refused as shorter than a step."""
    none, short = (value("run_wall_time", **run(1e5, 900, gap, 10), training_time=1e6) for gap in (0.0, 1e-3))
    assert none == short
