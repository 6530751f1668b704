from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from rooflax.results import best_of_sweep
from rooflax.specs.blocks import Regions
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.label import dataset
from rooflax.sweeps.searches.best import BestSearch
from rooflax.sweeps.searches.results import best_of_results
from rooflax.sweeps.sweep import Objective, sweep_of

NAMES = "abcd"


@st.composite
def searches(draw):
    """A random grid with an objective of its own dims, statuses, margins, blocks, and what to reduce over."""
    sizes = {name: draw(st.integers(1, 4)) for name in NAMES[: draw(st.integers(1, 4))]}
    over = draw(st.sets(st.sampled_from(sorted(sizes)), min_size=1))
    lengths = {name: draw(st.integers(1, size)) for name, size in sizes.items()}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays = {}
    for name in ("cost", "status", "margin"):
        dims = tuple(dim for dim in sizes if draw(st.booleans()))
        shape = tuple(sizes[dim] for dim in dims)
        if name == "cost":  # few different values, so that there are ties
            arrays[name] = (dims, rng.integers(0, 4, shape).astype("float64"))
        elif name == "status":
            arrays[name] = (
                dims,
                rng.choice(draw(st.sampled_from([[0], [0, 1, 3], [1, 3], [2]])), shape).astype("int8"),
            )
        else:
            arrays[name] = (dims, -rng.integers(0, 3, shape).astype("float64"))
    objective = Objective("cost", draw(st.booleans()), tuple(sorted(over)), draw(st.integers(1, 4)))
    return sizes, lengths, arrays, objective


def brute_force(sizes, arrays, objective):
    """For every cell of the kept dims, the best points in order, by sorting all in Python: places and ties."""
    data = xr.Dataset({name: (dims, values) for name, (dims, values) in arrays.items()})
    missing = {dim: np.arange(size) for dim, size in sizes.items()}
    spread = {
        name: data[name].expand_dims({d: s for d, s in missing.items() if d not in data[name].dims}) for name in data
    }
    spread = {name: array.transpose(*sizes).values for name, array in spread.items()}
    kept = [dim for dim in sizes if dim not in objective.over]
    cells = {}
    for place in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, place, strict=True))
        cost, status, margin = (spread[name][place] for name in ("cost", "status", "margin"))
        key = (0, -cost if objective.largest else cost) if status == 0 else (127 - status, -margin)
        reduced = tuple(at[dim] for dim in sizes if dim in objective.over)
        cells.setdefault(tuple(at[dim] for dim in kept), []).append((key, reduced, at))
    found = {}
    for cell, points in cells.items():
        ordered = sorted(points, key=lambda point: point[:2])
        keys = [key for key, _, _ in ordered]
        found[cell] = [(at, keys.count(key) if key[0] == 0 else 0) for key, _, at in ordered]
    return found


def searched(sizes, lengths, arrays, objective, order=1):
    dims = {name: own for name, (own, _) in arrays.items()}
    search = BestSearch(sizes, dims, objective)
    for region in list(Regions(sizes, lengths))[::order]:
        block = {}
        for name, (own, values) in arrays.items():
            part = values[region.selection(own)]
            block[name] = part.reshape([part.shape[own.index(dim)] if dim in own else 1 for dim in sizes])
        search.add(region, block)
    return search


@settings(max_examples=80)
@given(searches(), st.sampled_from([1, -1]))
def test_the_winners_are_those_of_a_brute_force_search(case, order):
    sizes, lengths, arrays, objective = case
    search = searched(sizes, lengths, arrays, objective, order)
    expected = brute_force(sizes, arrays, objective)
    assert search.top == min(objective.top, np.prod([sizes[dim] for dim in objective.over]))
    for cell, points in expected.items():
        for rank, (at, ties) in enumerate(points[: search.top]):
            assert search.ties[(*cell, rank)] == ties
            found = {dim: int(search.places[dim][(*cell, rank)]) for dim in search.over}
            assert found == {dim: at[dim] for dim in search.over}
            for name, (dims, values) in arrays.items():
                assert search.values[name][(*cell, rank)] == values[tuple(at[dim] for dim in dims)]


SPACE = {"tp": [1, 2, 4, 8], "pp": [1, 2, 5], "micro_batch_size": [1, 2, 8], "world_size": [8, 64, 256]}


def whole(sweep):
    data = dataset(sweep, evaluate(sweep, dtype="float64"))
    return xr.broadcast(data.reset_coords(drop=False))[0].transpose(*sweep.sizes)


@pytest.mark.parametrize(("largest", "target"), [(False, 11), (True, 4_000_000)])
def test_the_best_layouts_are_those_of_the_whole_grid(largest, target, base, make_sweep, small_blocks):
    fixed = {name: value for name, value in base["training"].items() if name not in SPACE}
    small_blocks(target)
    quantity = "tokens_per_second_per_gpu" if largest else "step_time"
    sweep = make_sweep([quantity, "memory_per_gpu", "binding"], ("fits_memory",), **fixed, **SPACE)
    best = best_of_sweep(sweep, Objective(quantity, largest, ("tp", "pp", "micro_batch_size")), "float64")
    everything = whole(sweep)
    assert best[quantity].dims == ("world_size",)
    for gpus in SPACE["world_size"]:
        cell = everything.sel(world_size=gpus)
        feasible = cell[quantity].where(cell["status"] == 0)
        winner = best.sel(world_size=gpus)
        if feasible.notnull().any():
            value = feasible.max() if largest else feasible.min()
            np.testing.assert_allclose(winner[quantity], value, rtol=1e-12)
            at = {axis: float(winner[axis]) for axis in ("tp", "pp", "micro_batch_size")}
            np.testing.assert_allclose(cell.sel(at)["memory_per_gpu"], winner["memory_per_gpu"], rtol=1e-12)
        else:
            assert winner["status"] == cell["status"].max()
            missing = cell["margin"].where(cell["status"] == cell["status"].max())
            np.testing.assert_allclose(winner["margin"], missing.max(), rtol=1e-12)


def test_a_cell_without_a_feasible_point_shows_its_nearest_miss(base, make_sweep):
    fixed = {**base["training"], "model": "gpt-3-175b", "world_size": 8}
    sweep = make_sweep(["step_time", "memory_per_gpu"], ("fits_memory",), **fixed, tp=[1, 2, 3, 8], pp=[1, 5])
    best = best_of_sweep(sweep, Objective("step_time", False, ("tp", "pp")), "float64")
    assert sweep.checks[int(best["status"]) - 1].text == "fits_memory"
    assert (float(best["tp"]), float(best["pp"])) == (8, 1)  # the least memory of the legal layouts


def test_the_best_of_a_store_are_those_of_the_spec(base, make_sweep):
    fixed = {name: value for name, value in base["training"].items() if name not in SPACE}
    sweep = make_sweep(["step_time", "binding"], ("fits_memory",), **fixed, **SPACE)
    stored = dataset(sweep, evaluate(sweep, dtype="float64"))
    objective = Objective("step_time", False, ("tp", "pp", "micro_batch_size"), top=3)
    direct = best_of_sweep(sweep, objective, "float64")
    found = best_of_results(stored, objective)
    xr.testing.assert_allclose(direct, found, rtol=1e-12)
    assert {name: direct[name].attrs for name in direct} == {name: found[name].attrs for name in found}
    assert list(direct["rank"].values) == [1, 2, 3]
    assert (np.diff(direct["step_time"].where(direct["status"] == 0)) >= 0).any()


def test_a_zipped_axis_can_be_reduced(base, make_sweep):
    fixed = {name: value for name, value in base["training"].items() if name not in SPACE}
    layout = {"zip": {"tp": [1, 2, 8], "pp": [8, 4, 1]}}
    sweep = make_sweep(["step_time"], ("fits_memory",), **fixed, layout=layout, world_size=[64, 128])
    best = best_of_sweep(sweep, Objective("step_time", False, ("layout",)), "float64")
    times = evaluate(sweep)["step_time"]
    winner = times.argmin(axis=list(sweep.sizes).index("layout"))
    np.testing.assert_array_equal(best["tp"], np.array([1, 2, 8])[winner])
    np.testing.assert_array_equal(best["pp"], np.array([8, 4, 1])[winner])
    assert best["tp"].attrs["role"] == "configuration"
    assert "layout" not in best


def test_an_objective_that_lacks_a_reduced_axis_takes_its_first_label(base, make_sweep):
    fixed = {name: value for name, value in base["training"].items() if name != "world_size"}
    sweep = make_sweep(
        ["memory_per_gpu", "step_time"], **fixed, world_size=64, tp=[1, 2], scale_out_latency=[3e-6, 1e-6]
    )
    best = best_of_sweep(sweep, Objective("memory_per_gpu", False, ("tp", "scale_out_latency")), "float64")
    assert (float(best["tp"]), float(best["scale_out_latency"])) == (2, 3e-6)


def test_an_axis_is_no_objective(base, make_sweep, bench):
    with pytest.raises(RooflaxError) as error:
        sweep_of(
            bench.registry,
            make_sweep(["step_time"], **{**base["training"], "world_size": 64}, num_micro_batches=[8, 16]).inputs,
            ["step_time"],
            (),
            Objective("num_micro_batches", False, ("num_micro_batches",)),
        )
    assert str(error.value) == "`num_micro_batches` is an axis; the best of it is its first or last label"


def test_the_dataset_says_what_was_searched(base, make_sweep):
    sweep = make_sweep(["step_time", "binding"], **base["training"], tp=[1, 2], pp=[1, 2])
    best = best_of_sweep(sweep, Objective("step_time", False, ("pp",)), "float64")
    assert best.attrs["objective"] == "step_time"
    assert best.attrs["direction"] == "smallest"
    assert best.attrs["over"] == "pp"
    assert best["ties"].dims == ("tp",)
    assert (best["ties"].attrs["long_name"], best["ties"].attrs["units"]) == ("Points with this value", "1")
    assert {str(name) for name, v in best.data_vars.items() if v.attrs.get("role") == "configuration"} == {"pp"}
    assert best["binding"].attrs["flag_meanings"].split()[0]
    assert best["step_time"].attrs["units"] == "s"


@pytest.mark.parametrize("top", [1, 3])
def test_a_value_that_is_none_comes_behind_all_others_and_ties_with_nothing(top):
    arrays = {
        "cost": (("a",), np.array([7.0, np.nan, np.nan, np.inf, 5.0])),
        "status": (("a",), np.array([1, 0, 0, 0, 2], dtype="int8")),
        "margin": (("a",), np.array([-1.0, 0, 0, 0, -1])),
    }
    for lengths, first in (({"a": 5}, 3), ({"a": 2}, 3), ({"a": 1}, 3)):
        search = searched({"a": 5}, lengths, arrays, Objective("cost", False, ("a",), top))
        assert search.places["a"].tolist() == [first, 1, 2][:top]
        assert search.ties.tolist() == [1, 0, 0][:top]
    nothing = {**arrays, "cost": (("a",), np.full(5, np.nan))}
    search = searched({"a": 5}, {"a": 5}, nothing, Objective("cost", False, ("a",), top))
    assert search.places["a"].tolist() == [1, 2, 3][:top]
    assert search.ties.tolist() == [0, 0, 0][:top]


def test_a_difference_that_only_double_precision_shows_decides():
    arrays = {
        "cost": (("a",), np.array([1.0 + 1e-12, 1.0, 1.0 + 2e-12])),
        "status": ((), np.zeros((), "int8")),
        "margin": ((), np.zeros(())),
    }
    search = searched({"a": 3}, {"a": 3}, arrays, Objective("cost", False, ("a",)))
    assert (search.places["a"].tolist(), search.ties.tolist()) == ([1], [1])


def test_points_not_computed_come_last():
    sizes = {"a": 3}
    arrays = {
        "cost": (("a",), np.array([np.nan, 5.0, np.nan])),
        "status": (("a",), np.array([127, 2, 127], dtype="int8")),
        "margin": (("a",), np.array([np.nan, -1.0, np.nan])),
    }
    search = searched(sizes, {"a": 1}, arrays, Objective("cost", False, ("a",)))
    assert search.places["a"].tolist() == [1]


def test_more_winners_than_fit_into_memory_are_refused():
    sizes = {"a": 1000, "b": 1_000_000, "c": 4}
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(("cost", "status", "margin"), ("a", "b"))
    with pytest.raises(RooflaxError) as error:
        BestSearch(sizes, dims, Objective("cost", False, ("c",)))
    assert str(error.value) == (
        "The best points need 52.2 GiB in memory (1e+09 of them, one for each point of a, b); the limit is 8 GiB. "
        "Choose over more axes."
    )
