from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from rooflax.specs.blocks import Regions
from rooflax.specs.goals import Goal
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.label import dataset
from rooflax.sweeps.searches import pareto
from rooflax.sweeps.searches.dominance import undominated
from rooflax.sweeps.searches.pareto import FrontSearch
from rooflax.sweeps.searches.results import front_of_results
from rooflax.sweeps.searches.searches import searched as searched_sweep
from rooflax.sweeps.sweep import Frontier

NAMES = "abcd"
GOALS = ("time", "memory", "cost")
TWO = (Goal("time", False), Goal("memory", False))


@st.composite
def searches(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float32", "float64")) -> Any:
    """A random grid with objectives of few different values, statuses, blocks in some order, and what to keep."""
    sizes = {name: draw(st.integers(1, 4)) for name in NAMES[: draw(st.integers(1, 4))]}
    over = draw(st.sets(st.sampled_from(sorted(sizes))))
    lengths = {name: draw(st.integers(1, size)) for name, size in sizes.items()}
    goals = [Goal(name, draw(st.booleans())) for name in GOALS[: draw(st.integers(2, 3))]]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = draw(st.sampled_from([[1.0, 2, 3, 4], [-1.0, 0, 1], [0.0, np.nan, 1, 2], [np.inf, 1, -np.inf], [5.0]]))
    arrays = {}
    for name in (*(goal.quantity for goal in goals), "status", "other"):
        dims = tuple(dim for dim in sizes if draw(st.booleans()))
        shape = tuple(sizes[dim] for dim in dims)
        if name == "status":
            choice = draw(st.sampled_from([[0], [0, 1, 3], [0, 127], [2]]))
            arrays[name] = (dims, rng.choice(choice, shape).astype("int8"))
        else:
            arrays[name] = (dims, rng.choice(values, shape).astype(draw(st.sampled_from(dtypes))))
    regions = draw(st.permutations(list(Regions(sizes, lengths))))
    return sizes, regions, arrays, Frontier(tuple(goals), tuple(over))


def searched(sizes, regions, arrays, frontier):
    search = FrontSearch(sizes, {name: own for name, (own, _) in arrays.items()}, frontier)
    for region in regions:
        block = {}
        for name, (own, values) in arrays.items():
            part = values[region.selection(own)]
            block[name] = part.reshape([part.shape[own.index(dim)] if dim in own else 1 for dim in sizes])
        search.add(region, block)
    return search


def by_definition(sizes, arrays, frontier):
    """The places on a frontier: every point held against every other of its cell; by cell, objectives and place."""
    points = []
    for place in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, place, strict=True))
        here = {name: values[tuple(at[dim] for dim in dims)] for name, (dims, values) in arrays.items()}
        costs = [float(-here[goal.quantity] if goal.largest else here[goal.quantity]) for goal in frontier.goals]
        cell = tuple(at[dim] for dim in sizes if dim not in frontier.over)
        if here["status"] == 0 and not np.isnan(costs).any():
            points.append((cell, costs, place, here))
    stays = [
        one
        for one in points
        if not any(
            other[0] == one[0]
            and all(a <= b for a, b in zip(other[1], one[1], strict=True))
            and any(a < b for a, b in zip(other[1], one[1], strict=True))
            for other in points
        )
    ]
    return sorted(stays, key=lambda point: point[:3])


@settings(max_examples=60)
@given(searches())
def test_the_frontier_is_that_of_the_definition(case):
    sizes, regions, arrays, frontier = case
    search = searched(sizes, regions, arrays, frontier)
    expected = by_definition(sizes, arrays, frontier)
    assert list(zip(*(places.tolist() for places in search.places.values()), strict=True)) == [
        place for _, _, place, _ in expected
    ]
    for name, (_, values) in arrays.items():
        assert search.values[name].dtype == values.dtype
        np.testing.assert_array_equal(search.values[name], [here[name] for *_, here in expected])
    kept = [size for dim, size in sizes.items() if dim not in frontier.over]
    assert search.cells == np.prod(kept)
    assert search.empty_cells == search.cells - len({cell for cell, *_ in expected})


@pytest.mark.parametrize("costs", [2, 3])
@pytest.mark.parametrize("spread", [3, 1000])
@pytest.mark.parametrize("cells", [1, 7])
def test_the_sweep_finds_what_the_definition_says_of_many_points(costs, spread, cells):
    rng = np.random.default_rng(20240607)
    points = rng.integers(0, spread, (costs, 1500)).astype(float)
    cell = rng.integers(0, cells, 1500)
    alike = cell[:, None] == cell[None]
    no_worse = (points[:, :, None] <= points[:, None, :]).all(axis=0)
    better = (points[:, :, None] < points[:, None, :]).any(axis=0)
    expected = np.flatnonzero(~(alike & no_worse & better).any(axis=0))
    assert sorted(undominated(points, cell)) == expected.tolist()


@pytest.mark.parametrize("goals", [2, 3])
@pytest.mark.parametrize("over", ["ab", "b", "a"])
@pytest.mark.parametrize("pivots", [(1, 1), (32, 2**20)])
def test_pivots_change_nothing(goals, over, pivots, monkeypatch):
    monkeypatch.setattr(pareto, "MOST_PIVOTS", pivots[0])
    monkeypatch.setattr(pareto, "MOST_PIVOTS_OF_CELLS", pivots[1])
    rng = np.random.default_rng(5)
    sizes = {"a": 12, "b": 40}
    arrays: dict[str, Any] = {name: (("a", "b"), rng.lognormal(0, 3, (12, 40)).round(1)) for name in GOALS[:goals]}
    arrays["status"] = (("a", "b"), rng.choice([0, 0, 1], (12, 40)).astype("int8"))
    frontier = Frontier(tuple(Goal(name, name == "memory") for name in GOALS[:goals]), tuple(over))
    expected = [place for _, _, place, _ in by_definition(sizes, arrays, frontier)]
    for lengths in ({"a": 12, "b": 40}, {"a": 5, "b": 7}):
        search = searched(sizes, list(Regions(sizes, lengths))[::-1], arrays, frontier)
        assert list(zip(*(places.tolist() for places in search.places.values()), strict=True)) == expected


def test_a_difference_that_only_double_precision_shows_decides():
    times, memories = np.array([1.0 + 1e-12, 1.0]), np.array([1.0, 2.0])
    arrays = {"time": (("a",), times), "memory": (("a",), memories), "status": ((), np.zeros((), "int8"))}
    search = searched({"a": 2}, Regions({"a": 2}, {"a": 2}), arrays, Frontier(TWO, ("a",)))
    assert search.places["a"].tolist() == [1, 0]


def test_neither_infeasible_points_nor_points_without_a_value_beat_others_or_stay():
    times = np.array([1.0, np.inf, np.nan, 0.0, np.inf, 7.0])
    memories = np.array([1.0, np.inf, 0.0, np.nan, 8.0, np.nan])
    status = np.array([1, 0, 0, 0, 0, 0], "int8")
    arrays = {"time": (("a",), times), "memory": (("a",), memories), "status": (("a",), status)}
    for length in (1, 2, 6):
        search = searched({"a": 6}, Regions({"a": 6}, {"a": length}), arrays, Frontier(TWO, ("a",)))
        assert search.places["a"].tolist() == [4]
    arrays["status"] = (("a",), np.array([1, 0, 1, 1, 1, 1], "int8"))
    search = searched({"a": 6}, Regions({"a": 6}, {"a": 6}), arrays, Frontier(TWO, ("a",)))
    assert search.places["a"].tolist() == [1]


def test_most_points_fall_to_the_pivots():
    """What reaches the exact sweep is a small part of a block, in every cell."""
    rng = np.random.default_rng(3)
    sizes = {"a": 4, "b": 100_000}
    arrays: dict[str, Any] = {name: (("a", "b"), rng.lognormal(0, 1, (4, 100_000))) for name in GOALS}
    arrays["status"] = ((), np.zeros((), "int8"))
    for over, goals in itertools.product((("b",), ("a", "b")), (2, 3)):
        frontier = Frontier(tuple(Goal(name, False) for name in GOALS[:goals]), over)
        search = FrontSearch(sizes, {name: own for name, (own, _) in arrays.items()}, frontier)
        (region,) = Regions(sizes, sizes)
        block = {name: values.reshape([1, 1] if not dims else values.shape) for name, (dims, values) in arrays.items()}
        assert search._mask(region, block, sizes).mean() < 0.05
        search.add(region, block)
        assert search._mask(region, block, sizes).mean() < 0.02


def test_a_frontier_that_does_not_fit_into_memory_is_refused():
    sizes = {"a": 2, "b": 2_000_000_000}
    arrays = {name: (("a",), np.ones(2)) for name in ("time", "memory")} | {"status": ((), np.zeros((), "int8"))}
    search = FrontSearch(sizes, {name: own for name, (own, _) in arrays.items()}, Frontier(TWO, ("a", "b")))
    block = {name: values.reshape([-1, 1]) for name, (_, values) in arrays.items()}
    (region,) = Regions(sizes, sizes)
    with pytest.raises(RooflaxError) as error:
        search.add(region, block)
    assert str(error.value) == (
        "The frontier needs 417.2 GiB in memory (4e+09 points x 14 numbers x 8 B); the limit is 8 GiB. Equal points "
        "all stay: leave out the axes that no objective tells apart, or give them fewer labels."
    )


def test_a_dimension_named_point_is_refused():
    frontier = Frontier(TWO, ("point",))
    with pytest.raises(RooflaxError, match="a frontier lies along a dimension `point`, and the grid has one"):
        FrontSearch({"point": 3}, dict.fromkeys(("time", "memory", "status"), ("point",)), frontier)


def test_the_frontier_of_training_layouts_with_labels_and_members(base, make_sweep, small_blocks):
    small_blocks(7)
    layout = {"zip": {"tp": [1, 2, 8, 4], "pp": [8, 4, 1, 2]}}
    fixed = {name: value for name, value in base["training"].items() if name != "world_size"}
    sweep = make_sweep(
        ["step_time", "memory_per_gpu", "binding"],
        ("fits_memory",),
        **fixed,
        layout=layout,
        world_size=[64, 128],
        recompute=["none", "full"],
    )
    goals = (Goal("step_time", False), Goal("memory_per_gpu", False))
    whole = dataset(sweep, evaluate(sweep, dtype="float64"))
    for over in (("layout", "recompute"), ("world_size", "recompute")):
        front = searched_sweep(replace(sweep, frontier=Frontier(goals, over)), "float64")["pareto"]
        stored = front_of_results(whole, Frontier(goals, over))
        xr.testing.assert_allclose(front, stored, rtol=1e-12)
        assert {name: front[name].attrs for name in front.variables} == {
            name: stored[name].attrs for name in stored.variables
        }
        layouts = front if "layout" in over else front.coords
        assert {"tp", "pp"} <= set(layouts)
        assert "layout" not in front.variables
        assert (front["tp"].attrs.get("role") == "configuration") == ("layout" in over)
        assert (front["tp"] * front["pp"] == 8).all()
        assert set(front["recompute"].values) <= {"none", "full"}
        assert front["binding"].attrs["flag_meanings"]
        assert front.attrs["over"] == " ".join(dim for dim in sweep.sizes if dim in over)
        assert front.attrs["cells"] == (2 if "layout" in over else 4)
