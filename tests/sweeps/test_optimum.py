"""Optima in the cells of a sweep: against formulas, dense grids and finite differences."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooflax import RooflaxError, Workbench
from rooflax.queries.optimum import optimize
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.optima import optimum as module
from rooflax.sweeps.optima.optimum_label import price_names

TOYS = Path(__file__).with_name("optimum_models.py")
OPTIMAL, AT_BOUND, INFEASIBLE, UNDEFINED = 0, 1, 2, 4
SQUARE = {"free_x": {"min": -2, "max": 2}, "free_y": {"min": -2, "max": 2}}
WIDE = {"free_x": {"min": 0.1, "max": 100}, "free_y": {"min": 0.1, "max": 100}}


@pytest.fixture(scope="module")
def toys() -> Workbench:
    return Workbench(models=(TOYS,))


def dense(bench, objective, over, where=(), count=401, largest=False, **inputs):
    """The best feasible value of every point of a grid over the boxes, evaluated by the engine."""
    from rooflax.specs.bind import bind_keywords
    from rooflax.specs.conditions import read_condition
    from rooflax.sweeps.sweep import sweep_of

    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs, boxes=over)
    axes = {}
    for box in bound.boxes:
        space = np.geomspace if box.log else np.linspace
        axes[box.name] = np.clip(space(box.low, box.high, count), box.low, box.high).tolist()
    bound = bind_keywords({**inputs, **axes}, known=bench.names, catalogs=bench.catalogs)
    conditions = [c for text in where for c in read_condition(text, bench.names)]
    sweep = sweep_of(bench.registry, bound, [objective], conditions)
    found = evaluate(sweep, [objective, "status"])
    spread = {}
    for name, values in found.items():
        index = tuple(slice(None) if dim in sweep.dims[name] else None for dim in sweep.sizes)
        spread[name] = np.broadcast_to(values[index], tuple(sweep.sizes.values()))
    worst = -np.inf if largest else np.inf
    values = np.where(spread["status"] == 0, spread[objective], worst)
    free = tuple(axis for axis, dim in enumerate(sweep.sizes) if dim in axes)
    return values.max(axis=free) if largest else values.min(axis=free)


def test_what_grows_and_what_falls_balance(toys):
    found = optimize(
        minimize="trade", over={"free_x": {"min": 0.01, "max": 100}}, bench=toys, given_a=[3, 0.2], given_b=[4, 1e-3, 7]
    )
    price, fall = found["given_a"], found["given_b"]
    trade, best = (price * fall) ** 0.5 * 2, (fall / price) ** 0.5
    np.testing.assert_allclose(found["trade"], trade.transpose(*found["trade"].dims), rtol=1e-9)
    np.testing.assert_allclose(found["free_x"], best.transpose(*found["free_x"].dims), rtol=1e-4)
    assert (found["outcome"] == OPTIMAL).all()
    assert (found["free_x_side"] == module.INSIDE).all()


def test_an_optimum_beyond_its_range_is_at_the_bound_exactly(toys):
    found = optimize(minimize="trade", over={"free_x": {"min": 3, "max": 41}}, bench=toys, given_a=[1, 1e-6], given_b=4)
    assert found["free_x"].values.tolist() == [3, 41]
    assert found["free_x_side"].values.tolist() == [module.LOWER, module.UPPER]
    assert (found["outcome"] == AT_BOUND).all()


def test_an_input_that_all_but_touches_its_bound_is_put_on_it(toys):
    found = optimize(minimize="bill", over=WIDE, where=["square >= 400"], bench=toys, given_a=1, given_b=[30, 7, 2])
    assert found["free_y"].values.tolist() == [0.1, 0.1, 0.1]
    assert (found["free_y_side"] == module.LOWER).all()
    assert (found["free_x_side"] == module.INSIDE).all()
    assert (found["outcome"] == AT_BOUND).all()


def test_a_curved_valley_within_a_circle(toys):
    found = optimize(minimize="valley", over=SQUARE, where=["square <= 1"], bench=toys)
    assert float(found["valley"]) == pytest.approx(0.045674808719604715, rel=1e-7)  # by SLSQP to 1e-15
    assert float(found["square"]) <= 1
    assert (float(found["free_x"]), float(found["free_y"])) == pytest.approx((0.786415, 0.617698), rel=1e-4)


def test_the_end_of_a_curved_valley(toys):
    found = optimize(minimize="valley", over=SQUARE, bench=toys)
    assert float(found["valley"]) < 1e-10
    assert (float(found["free_x"]), float(found["free_y"])) == pytest.approx((1, 1), abs=1e-4)


def test_a_kink_that_lies_along_no_axis(toys):
    box = {"min": -2, "max": 2}
    found = optimize(minimize="kinks", over={f"free_{n}": box for n in "xyz"}, bench=toys, given_a=[0.6, 1, 4])
    at = found.transpose("given_a")
    np.testing.assert_allclose(at["free_x"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(at["free_z"], 1 / at["given_a"].values, rtol=1e-6)
    np.testing.assert_allclose(at["kinks"], 0.2 / at["given_a"].values, rtol=1e-6)


def test_the_deeper_of_two_hollows_is_found(toys):
    over = {"free_x": {"min": -9, "max": 9}, "free_y": {"min": -1, "max": 1}}
    assert float(optimize(minimize="hollows", over=over, bench=toys)["hollows"]) == pytest.approx(1, rel=1e-7)
    over["free_x"] = {"min": -9, "max": 3}
    assert float(optimize(minimize="hollows", over=over, bench=toys)["hollows"]) == pytest.approx(1.5, rel=1e-7)


def test_the_largest_is_found_as_well(toys):
    found = optimize(maximize="bill", over=SQUARE, where=["square <= 2"], bench=toys, given_a=3, given_b=4)
    assert float(found["bill"]) == pytest.approx(5 * np.sqrt(2), rel=1e-7)
    assert float(found["shadow_price_square_max"]) == pytest.approx(5 * np.sqrt(2) / 4, rel=1e-5)
    assert found.attrs["direction"] == "largest"


def test_two_active_conditions_meet_at_a_corner(toys):
    where = ["slower <= 0.9", "square >= 400"]
    found = optimize(minimize="bill", over=WIDE, where=where, bench=toys, given_a=[1, 30], given_b=1)
    best = dense(toys, "bill", WIDE, where, given_a=[1, 30], given_b=1)
    assert (found["bill"].values <= best * (1 + 1e-6)).all()
    assert (found["status"] == 0).all()


CASES = {
    "kinked": ("rent", WIDE, []),
    "kinked-bounded": ("rent", WIDE, ["slower <= 0.5"]),
    "from-outside": ("bill", WIDE, ["outside"]),
    "tight": ("bill", WIDE, ["slower <= 0.2", "square <= 8000"]),
    "valley": ("valley", SQUARE, ["bill <= 0.3", "square >= 0.2"]),
}


@pytest.mark.parametrize("case", CASES)
def test_no_point_of_a_dense_grid_is_better(case, toys):
    objective, over, where = CASES[case]
    inputs: dict[str, Any] = {"given_a": [0.5, 1, 20], "given_b": [1, 2.5]}
    best = dense(toys, objective, over, where, **inputs)
    found = optimize(minimize=objective, over=over, where=where, bench=toys, **inputs)
    cells = {name: found[name].broadcast_like(found["free_x"]).transpose(*inputs) for name in (objective, "status")}
    values, feasible = cells[objective].values, cells["status"].values == 0
    assert (feasible >= np.isfinite(best)).all()
    assert (values[feasible] <= best[feasible] + 1e-6 * abs(best[feasible])).all()
    assert not (found["outcome"] == 3).any()


@settings(max_examples=6)
@given(st.lists(st.floats(0.3, 30), min_size=2, max_size=2), st.floats(0.2, 3), st.sampled_from(["slower", "square"]))
def test_no_point_of_a_dense_grid_is_better_whatever_the_prices(prices, bound, what):
    bench = _bench()
    where = [f"slower <= {bound!r}"] if what == "slower" else [f"square >= {bound!r}"]
    given_a, given_b = prices
    best = dense(bench, "rent", WIDE, where, count=101, given_a=given_a, given_b=given_b)
    found = optimize(minimize="rent", over=WIDE, where=where, bench=bench, given_a=given_a, given_b=given_b)
    assert int(found["status"]) == 0
    assert float(found["rent"]) <= float(best) * (1 + 1e-6)


_BENCHES: list[Workbench] = []


def _bench() -> Workbench:
    if not _BENCHES:
        _BENCHES.append(Workbench(models=(TOYS,)))
    return _BENCHES[0]


def test_cells_without_a_feasible_point_show_the_nearest_miss(toys):
    found = optimize(minimize="bill", over=WIDE, where=["slower <= 0.15"], bench=toys, given_a=[1, 2])
    assert (found["outcome"] == INFEASIBLE).all()
    assert found["status"].attrs["flag_meanings"].split()[int(found["status"].max())] == "slower_<=_0.15"
    np.testing.assert_allclose(found["margin"], 0.15 - 0.18, rtol=1e-6)  # 8 / 100 + 0.1 at best
    np.testing.assert_allclose(found["free_x"], 100)
    assert found["shadow_price_slower_max"].isnull().all()


def failing(found):
    """The condition of each cell that its status names."""
    return [found["status"].attrs["flag_meanings"].split()[code] for code in found["status"].values.ravel()]


@pytest.mark.parametrize("turned", [False, True])
def test_the_condition_that_cannot_be_met_is_blamed(turned, toys):
    where = ["bill <= 50", "slower <= 0.15"]
    over = {**WIDE, "free_z": {"min": 0.1, "max": 100}}
    easy = ["free_z >= 7", *where][:: -1 if turned else 1]
    found = optimize(minimize="bill", over=over, where=easy, outputs=["slower"], bench=toys, given_a=[1, 0.01])
    assert (found["outcome"] == INFEASIBLE).all()
    assert set(failing(found)) == {"slower_<=_0.15"}
    assert (found["free_z"] >= 7).all()
    assert (found["bill"] <= 50).all()
    # The least time is that of a bill that is met: x + 3 x / 8 = 50, and x = 100 where x costs next to nothing.
    np.testing.assert_allclose(found["slower"], [0.1 + 8 / (50 / 1.375), 0.18], rtol=1e-6)


def test_conditions_that_exclude_each_other_blame_the_one_that_holds_more_rarely(toys):
    for where in (["bill <= 1", "square >= 90"], ["square >= 90", "bill <= 1"]):
        found = optimize(minimize="trade", over=WIDE, where=where, bench=toys)
        assert failing(found) == ["bill_<=_1"]
        assert float(found["margin"]) == pytest.approx(1 - (np.sqrt(90 - 0.01) + 0.1), rel=1e-6)


def test_a_condition_that_nothing_free_changes_is_blamed_rather_than_one_that_can_be_met(toys):
    found = optimize(minimize="bill", over=WIDE, where=["slower <= 0.2", "given_b <= 2"], bench=toys, given_b=[1, 3])
    assert found["outcome"].values.tolist() == [OPTIMAL, INFEASIBLE]
    assert failing(found)[1] == "given_b_<=_2"


def test_an_objective_without_a_value_is_not_optimal(toys):
    over = {"free_x": {"min": 5, "max": 9}}
    found = optimize(minimize="root", over=over, where=["root <= 1.5"], bench=toys, given_b=[1, 7, 11])
    assert found["outcome"].values.tolist() == [UNDEFINED, OPTIMAL, AT_BOUND]
    np.testing.assert_allclose(found["root"][1:], [0, np.sqrt(2)], atol=1e-3)
    assert found["shadow_price_root_max"].isnull().values.tolist()[0]
    assert float(found["free_x"][0]) == 7
    free = optimize(minimize="root", over=over, bench=toys, given_b=[1, 11])
    assert free["outcome"].values.tolist() == [UNDEFINED, AT_BOUND]


def test_legality_that_nothing_free_changes_marks_the_cell(toys):
    found = optimize(minimize="bills", over=WIDE, bench=toys, ways=[1, 2, 3])
    assert found["outcome"].values.tolist() == [AT_BOUND, AT_BOUND, INFEASIBLE]
    assert found["status"].attrs["flag_meanings"].split()[int(found["status"][2])] == "few_ways"
    assert float(found["free_x"][2]) == pytest.approx(np.sqrt(0.1 * 100))
    assert float(found["margin"][2]) == -1


@pytest.mark.parametrize(
    ("objective", "over", "condition", "bound", "price"),
    [
        ("bill", WIDE, "slower <= {}", 0.7, "shadow_price_slower_max"),
        ("valley", SQUARE, "square <= {}", 1.0, "shadow_price_square_max"),
        ("trade", {"free_x": {"min": 0.1, "max": 90}}, "trade >= {}", 9.0, "shadow_price_trade_min"),
        ("rent", WIDE, "square >= {}", 500.0, "shadow_price_square_min"),
    ],
)
def test_shadow_prices_are_what_moving_the_bound_does(objective, over, condition, bound, price, toys):
    given = {"given_a": [1.5, 4], "given_b": 2.0}
    step = 1e-4 * bound

    def at(value):
        return optimize(minimize=objective, over=over, where=[condition.format(repr(value))], bench=toys, **given)

    middle = at(bound)
    difference = (at(bound + step)[objective] - at(bound - step)[objective]) / (2 * step)
    np.testing.assert_allclose(middle[price], difference.broadcast_like(middle[price]), rtol=2e-3, atol=1e-6)
    assert (abs(middle[price]) > 1e-3).all() or objective == "trade"


def test_the_price_of_a_constraint_is_what_more_margin_brings(toys):
    found = optimize(minimize="bill", over=WIDE, where=["outside"], bench=toys, given_b=[399, 400, 401])
    bills = found["bill"].values
    assert float(found["shadow_price_outside"][1]) == pytest.approx(-_by_radius(400, 0.1), rel=1e-4)
    assert (np.diff(bills) > 0).all()


def _by_radius(square, low):
    """d of min(x + 400 y) by the square of the radius, with y at its lower bound."""
    return 0.5 / np.sqrt(square - low**2)


def test_a_condition_that_does_not_bind_has_no_price(toys):
    found = optimize(minimize="rent", over=WIDE, where=["slower <= 1000"], bench=toys)
    assert float(found["shadow_price_slower_max"]) == 0


def test_a_grid_is_a_loop_over_its_cells(toys):
    inputs: dict[str, Any] = {"given_a": [0.5, 1, 20], "given_b": [1, 2.5]}
    grid = optimize(minimize="rent", over=WIDE, where=["slower <= 0.5"], bench=toys, **inputs)
    for a, b in product(*inputs.values()):
        one = optimize(minimize="rent", over=WIDE, where=["slower <= 0.5"], bench=toys, given_a=a, given_b=b)
        cell = grid.sel(given_a=a, given_b=b)
        for name in ("rent", "free_x", "free_y", "shadow_price_slower_max"):
            np.testing.assert_allclose(cell[name], one[name], rtol=1e-6)
        assert int(cell["outcome"]) == int(one["outcome"])


def test_how_blocks_are_cut_changes_nothing(toys, monkeypatch):
    question = {"minimize": "rent", "over": WIDE, "where": ["slower <= 0.5"], "bench": toys}
    whole = optimize(**question, given_a=[0.5, 1, 20], given_b=[1, 2.5, 3])
    told = []
    monkeypatch.setattr(module, "BLOCK", 4)
    cut = optimize(**question, given_a=[0.5, 1, 20], given_b=[1, 2.5, 3], progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    for name in whole.data_vars:
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-6, atol=1e-9)


def test_axes_that_nothing_optimized_reads_are_no_cells(toys):
    over = {"free_x": {"min": 0.1, "max": 10}}
    found = optimize(
        minimize="trade", over=over, outputs=["kinks"], bench=toys, given_a=[1, 2], free_y=1, free_z=[1, 3]
    )
    assert found["free_x"].dims == ("given_a",)
    assert set(found["kinks"].dims) == {"given_a", "free_z"}


def test_more_optima_than_fit_into_memory_are_refused(toys, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_LIMIT", 2**10)
    with pytest.raises(RooflaxError) as error:
        optimize(minimize="rent", over=WIDE, bench=toys, given_a=list(range(1, 40)))
    assert str(error.value) == (
        "The optima need 0.0 GiB in memory (39 of them, one for each point of given_a); the limit is 0 GiB. "
        "Give the axes fewer labels."
    )


def test_prices_have_names_of_their_own(make_sweep, base):
    where = ("0.1 <= predicted_mfu <= 0.9", "predicted_mfu >= 0.2", "fits_memory")
    checks = make_sweep(["step_time"], where, **base["training"]).checks[-4:]
    assert list(price_names(checks)) == [
        "shadow_price_predicted_mfu_min",
        "shadow_price_predicted_mfu_max",
        "shadow_price_predicted_mfu_min_2",
        "shadow_price_fits_memory",
    ]


def test_nothing_around_an_optimum_is_better(toys):
    """Steps of 1e-6 to 1e-2 of the ranges along coordinates and mixed directions, by formula."""
    where, given_a = ["slower <= 0.5"], 0.5
    found = optimize(minimize="rent", over=WIDE, where=where, bench=toys, given_a=given_a)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for step in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        for angle in angles:
            x, y = (
                np.clip(float(found[name]) * 1000 ** (step * along), 0.1, 100)
                for name, along in (("free_x", np.cos(angle)), ("free_y", np.sin(angle)))
            )
            slower = max(8 / x, 3 / y) + 0.1
            assert slower > 0.5 or (given_a * x + y) * slower >= float(found["rent"]) * (1 - 1e-8)


def unsearched(*arguments):
    """Searches that end where they start."""
    return arguments[-1]


def test_probes_find_what_searches_miss(toys, monkeypatch):
    monkeypatch.setattr(module.Searches, "run", unsearched)
    monkeypatch.setattr(module, "_ROUNDS", 200)
    found = optimize(minimize="trade", over={"free_x": {"min": 0.01, "max": 100}}, bench=toys, given_a=3, given_b=4)
    assert float(found["trade"]) == pytest.approx(2 * np.sqrt(12), rel=1e-7)
    assert int(found["outcome"]) == OPTIMAL


def test_what_kept_getting_better_is_told(toys, monkeypatch):
    monkeypatch.setattr(module.Searches, "run", unsearched)
    monkeypatch.setattr(module, "_ROUNDS", 1)
    found = optimize(minimize="trade", over={"free_x": {"min": 0.01, "max": 100}}, bench=toys, given_a=3, given_b=4)
    assert found["outcome"].attrs["flag_meanings"].split()[int(found["outcome"])] == "not_settled"
