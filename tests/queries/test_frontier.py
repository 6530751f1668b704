"""Frontiers of specs and stores against the definition, on the 6ND rule, which compiles quickly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import rooflax as rx
from rooflax.specs.blocks import block_grid
from rooflax.specs.problems import RooflaxError, SpecError
from rooflax.sweeps import engine

SPEC = """\
title: Time or money
axes:
  hardware: [a100-sxm-80gb, h100-sxm-80gb]
  world_size: {pow2: [64, 4096]}
  mfu: [0.3, 0.4, 0.5]
fixed: {num_parameters: 7 G, global_batch_size: 512, seq_len: 4096, dp_overlap: 0.5, gpu_hour_price: 2.5 $/h}
outputs: [dp_training_time_6nd, dp_training_cost_6nd, dp_comm_share_6nd]
where: [dp_training_time_6nd < 4 d]
pareto: {objectives: [dp_training_time_6nd:min, dp_training_cost_6nd:min], over: [world_size, mfu]}
store: {dtype: float64}
"""
TIME, COST = "dp_training_time_6nd", "dp_training_cost_6nd"


@pytest.fixture(scope="module")
def bench():
    return rx.Workbench()


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("frontier") / "money.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(spec):
    return rx.run(spec, store=spec.with_name("money.zarr")).path


@pytest.fixture(params=["spec", "store"])
def given(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def grid(store):
    """Every point of the store as a row of labels and values."""
    frame = rx.open(store).load().to_dataframe().reset_index()
    return frame[frame["status"] == 0]


def by_definition(frame, goals, kept=()):
    """The rows that no other of the same kept labels beats."""
    stays = []
    costs = np.stack([frame[name] * (-1 if way == "max" else 1) for name, way in goals], axis=1)
    cells = frame[list(kept)].astype(str).agg("/".join, axis=1).to_numpy() if kept else np.zeros(len(frame))
    for one, cell in zip(costs, cells, strict=True):
        rivals = costs[cells == cell]
        stays.append(not ((rivals <= one).all(axis=1) & (rivals < one).any(axis=1)).any())
    return frame[stays]


def rows(front, *names):
    return sorted(zip(*(front[name].to_numpy().tolist() for name in names), strict=True))


def same(front, frame):
    names = ("hardware", "world_size", "mfu", TIME, COST)
    assert front.sizes["point"] == len(frame) > 0
    assert rows(front, *names) == sorted(frame[list(names)].itertuples(index=False, name=None))


def test_the_frontier_of_the_spec_is_that_of_the_definition(given, grid):
    front = rx.pareto(given)
    same(front, by_definition(grid, [(TIME, "min"), (COST, "min")], ["hardware"]))
    assert front.attrs["objectives"] == f"{TIME}:min {COST}:min"
    assert front.attrs["over"] == "mfu world_size"
    assert set(front.coords) == {"hardware"}
    roles = {str(name) for name, variable in front.data_vars.items() if variable.attrs.get("role") == "configuration"}
    assert roles == {"world_size", "mfu"}
    assert front[TIME].attrs["units"] == "s"
    for label in ("a100-sxm-80gb", "h100-sxm-80gb"):
        times = front[TIME].values[front["hardware"].values == label]
        assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize(
    "goals",
    [
        [(TIME, "min"), ("dp_comm_share_6nd", "min")],
        [(COST, "min"), ("dp_comm_share_6nd", "max"), (TIME, "min")],
        [(TIME, "max"), (COST, "max")],
    ],
)
def test_other_objectives_over_all_axes(given, grid, goals):
    over = ["hardware", "world_size", "mfu"]
    front = rx.pareto(given, [f"{name}:{way}" for name, way in goals], over=over)
    same(front, by_definition(grid, goals))
    assert not front.coords


@pytest.mark.parametrize(
    ("where", "sel", "kept"),
    [
        (["dp_training_cost_6nd > 20000"], [], lambda f: f[f[COST] > 20000]),
        (["0.3 d < dp_training_time_6nd <= 1 d"], [], lambda f: f[(f[TIME] > 0.3 * 86400) & (f[TIME] <= 86400)]),
        (["world_size <= 512", "mfu != 0.5"], [], lambda f: f[(f["world_size"] <= 512) & (f["mfu"] != 0.5)]),
        ([], ["world_size=[256, 64]", "mfu=0.4"], lambda f: f[f["world_size"].isin([64, 256]) & (f["mfu"] == 0.4)]),
        ([], ["hardware=h100-sxm-80gb"], lambda f: f[f["hardware"] == "h100-sxm-80gb"]),
        (["mfu < 0.45"], ["hardware=a100"], lambda f: f[(f["mfu"] < 0.45) & (f["hardware"] == "a100-sxm-80gb")]),
    ],
)
def test_points_are_narrowed_before_the_frontier_is_searched(given, grid, where, sel, kept):
    expected = by_definition(kept(grid), [(TIME, "min"), (COST, "min")], ["hardware"])
    same(rx.pareto(given, where=where, sel=sel), expected)


def test_conditions_on_labels_of_a_store(store, grid):
    front = rx.pareto(store, where=["hardware == h100-sxm-80gb"])
    same(front, by_definition(grid[grid["hardware"] == "h100-sxm-80gb"], [(TIME, "min"), (COST, "min")]))
    assert (
        front.attrs["notices"][-1]
        == "1 of 2 frontiers are empty: no point is feasible and has a value in every objective"
    )


def test_the_group_of_a_run_is_what_the_query_finds(spec, store):
    stored = rx.pareto(store)
    xr.testing.assert_identical(stored.load().drop_attrs(deep=False), rx.pareto(spec).drop_attrs(deep=False))
    found = xr.open_zarr(store, group="pareto")
    assert found.attrs["objectives"] == f"{TIME}:min {COST}:min"
    assert rx.pareto(store, f"{TIME}:min,{COST}:min").drop_attrs(deep=False).identical(stored.drop_attrs(deep=False))


def test_a_store_in_blocks_has_the_same_group(spec, store, monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "block_grid", lambda sizes, *_: block_grid(sizes, 5))
    run = rx.run(spec, store=tmp_path / "blocks.zarr")
    assert run.blocks > 5
    whole, blocks = (Path(path) / "pareto" for path in (store, run.path))
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(blocks) for path in blocks.rglob("*") if path.is_file())
    assert [name for name in files if (whole / name).read_bytes() != (blocks / name).read_bytes()] == []


def test_choices_and_flags_of_a_store_are_compared_as_in_a_spec(tmp_path, bench):
    from rooflax.queries.stored_conditions import stored_conditions

    results = xr.Dataset(
        {
            "binding": ("tp", np.array([1, 0, 1], "int8"), {"flag_values": [0, 1], "flag_meanings": "compute hbm"}),
            "status": ("tp", np.zeros(3, "int8"), {"flag_values": [0, 127], "flag_meanings": "feasible not_computed"}),
        },
        {
            "tp": ("tp", [1.0, 2.0, 4.0], {"units": "1"}),
            "zero_stage": ("stage", ["3", "0", "1"]),
            "sequence_parallel": ("flag", [1.0, 0.0], {"units": "1"}),
            "network": ("net", ["b", "a"]),
        },
    )

    def meets(text):
        (own,) = stored_conditions(results, [text])
        return own[0].holds_at(own[1].to_numpy()).tolist()

    assert meets("binding == hbm") == [True, False, True]
    assert meets("zero_stage <= 2") == [False, True, True]
    assert meets("sequence_parallel == false") == [False, True]
    assert meets("network != b") == [False, True]
    assert meets("2 > tp") == [True, False, False]


MISTAKES = {
    "constraint that is none": (
        dict(where=["nothing"]),
        "--where nothing: unknown constraint `nothing`; what a store holds can be compared: "
        "dp_training_time_6nd, dp_training_cost_6nd, dp_comm_share_6nd, mfu, world_size, hardware",
    ),
    "condition that is none": (
        dict(where=["mfu < 3 s"]),
        "--where mfu < 3 s: `mfu`: 3 s is a time; a plain number was expected (for example 0.4, 8 or 70e9); "
        "what a store holds can be compared: dp_training_time_6nd, dp_training_cost_6nd, "
        "dp_comm_share_6nd, mfu, world_size, hardware",
    ),
    "variable that is not stored": (
        dict(objectives="step_time:min,dp_training_time_6nd:min"),
        "STORE holds no `step_time` to order by; it holds dp_training_time_6nd, dp_training_cost_6nd, "
        "dp_comm_share_6nd, margin",
    ),
    "overrides": (dict(overrides=["mfu=0.4"]), "STORE is a store and takes no --set; narrow it with --sel and --where"),
    "unknown axis": (
        dict(over=["tp"]),
        "STORE has no axis tp; its axes are hardware, mfu, world_size",
    ),
    "no axis": (
        dict(over=[]),
        "STORE: a frontier needs an axis to choose along; its axes are hardware, mfu, world_size",
    ),
    "one objective": (
        dict(objectives=[f"{TIME}:min"]),
        "--objectives dp_training_time_6nd:min: two or three objectives were expected, found 1",
    ),
    "objective twice": (
        dict(objectives=[f"{TIME}:min", f"{TIME}:max"]),
        "--objectives dp_training_time_6nd:min,dp_training_time_6nd:max: `dp_training_time_6nd` is an objective twice",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_about_a_store_are_told(store, case):
    asked, message = MISTAKES[case]
    with pytest.raises(RooflaxError) as error:
        rx.pareto(store, **asked)
    assert str(error.value) == message.replace("STORE", str(store))


def test_what_the_run_has_judged_is_not_judged_again(tmp_path, spec):
    path = tmp_path / "legal.zarr"
    rx.run(spec, store=path)
    results = rx.open(path).load()
    results["status"].attrs["flag_meanings"] = "feasible fits_memory not_computed"
    from rooflax.queries.stored_conditions import stored_conditions

    with pytest.raises(RooflaxError) as error:
        stored_conditions(results, ["fits_memory"])
    assert str(error.value) == (
        "--where fits_memory: a store's constraints were judged by its run, and its infeasible points take no part; "
        "what a constraint reads is not all stored, so none can be judged again"
    )


def test_mistakes_about_a_spec_are_told(spec, tmp_path):
    with pytest.raises(RooflaxError) as error:
        rx.pareto(spec, where=["mfuu < 1"])
    assert str(error.value) == "--where mfuu < 1: unknown name `mfuu`; did you mean `mfu`?"
    with pytest.raises(SpecError, match="unknown quantity `step_tme`; did you mean `step_time`"):
        rx.pareto(spec, ["step_tme:min", f"{COST}:min"])
    with pytest.raises(RooflaxError) as error:
        rx.pareto(spec, ["binding:min", f"{COST}:min"])
    assert str(error.value).startswith("`binding` is one of compute, ")
    with pytest.raises(RooflaxError) as error:
        rx.pareto(spec, ["dp_comm_time_6nd:min", f"{COST}:min"], overrides=["dp_comm_time_6nd=[1, 2]"])
    assert str(error.value) == (
        "`dp_comm_time_6nd` is an axis and no objective; where `over` leaves it out, there is a frontier for each "
        "of its labels"
    )
    plain = tmp_path / "plain.yaml"
    plain.write_text("\n".join(line for line in SPEC.splitlines() if not line.startswith("pareto")))
    with pytest.raises(RooflaxError) as error:
        rx.pareto(plain)
    assert str(error.value) == f"{plain} says nothing of `pareto`; give --objectives QUANTITY:min,QUANTITY:max"
    with pytest.raises(RooflaxError) as error:
        rx.pareto(spec, f"{TIME}:min,{COST}:min", overrides=["mfu=0.4", "world_size=64", "hardware=a100-sxm-80gb"])
    assert str(error.value) == f"{spec}: a frontier needs an axis to choose along; its axes are none"
    all_axes = rx.pareto(plain, f"{TIME}:min,{COST}:min")
    assert all_axes.attrs["over"] == "hardware mfu world_size"


def test_a_store_without_a_frontier_says_how_to_ask(spec, tmp_path, bench):
    plain = tmp_path / "plain.yaml"
    plain.write_text("\n".join(line for line in SPEC.splitlines() if not line.startswith("pareto")))
    path = rx.run(plain, store=tmp_path / "plain.zarr").path
    with pytest.raises(RooflaxError) as error:
        rx.pareto(path)
    assert str(error.value) == f"{path} says nothing of `pareto`; give --objectives QUANTITY:min,QUANTITY:max"
    assert rx.pareto(path, f"{TIME}:min,{COST}:min").attrs["over"] == "hardware mfu world_size"


def test_where_nothing_is_feasible_the_frontier_is_empty_and_stored(spec, tmp_path):
    run = rx.run(spec, store=tmp_path / "empty.zarr", overrides=["where=[mfu > 1]"])
    front = rx.pareto(run.path)
    assert front.sizes["point"] == 0
    assert (
        front.attrs["notices"][-1]
        == "2 of 2 frontiers are empty: no point is feasible and has a value in every objective"
    )
    again = rx.run(spec, store=tmp_path / "empty.zarr", overrides=["where=[mfu > 1]"])
    assert (again.blocks, again.resumed) == (1, 1)
