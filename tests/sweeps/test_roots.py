"""Roots of equations that are solved by hand: found to the last digits, counted, and never invented."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from rooflax import RooflaxError, Workbench
from rooflax.specs.bind import bind_keywords
from rooflax.specs.conditions import parse_condition
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.solving import point_function, roots
from rooflax.sweeps.solving.roots import OUTCOMES, roots_of
from rooflax.sweeps.solving.solution import solutions
from rooflax.sweeps.solving.unknown import unknown_of, with_unknown
from rooflax.sweeps.sweep import Sweep, sweep_of


@pytest.fixture(scope="module")
def toys() -> Workbench:
    return Workbench(models=(Path(__file__).with_name("root_models.py"),))


def sweep_for(bench: Workbench, quantity: str, unknown: str, where: tuple[str, ...] = (), **inputs: object) -> Sweep:
    bound = with_unknown(bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs), unknown)
    units = {**bench.names.units, **{leaf.name: leaf.unit for leaf in bench.registry.vocabulary.values()}}
    conditions = [parse_condition(text, units, bench.names.constraints)[0] for text in where]
    return sweep_of(bench.registry, bound, [quantity], conditions, capacity=True)


def solved(bench, quantity, target, *, for_="eq_x", between=None, wrt=(), where=(), **inputs) -> xr.Dataset:
    sweep = sweep_for(bench, quantity, for_, where, **inputs)
    return solutions(sweep, quantity, target, unknown_of(bench.names, for_, between), wrt)


def cases(**columns) -> dict[str, Any]:
    return {name: xr.DataArray(np.asarray(column, dtype=float), dims="case") for name, column in columns.items()}


def outcomes(found: xr.Dataset) -> list[str]:
    return [OUTCOMES[code] for code in found["outcome"].values.ravel()]


# (quantity, inputs, between, target, outcome, number of solutions, the smallest)
BY_HAND = {
    "one": ("eq_line", {"eq_a": 1, "eq_b": 3}, None, 7, "solved", 1, 2),
    "one at zero where nodes are dense": ("eq_bowl", {}, (-9, 1), 4, "solved", 1, 0),
    "one at an upper bound of zero": ("eq_bowl", {}, (-9, 0), 4, "solved", 1, 0),
    "two, one at zero": ("eq_bowl", {}, None, 4, "several", 2, 0),
    "a tiny one": ("eq_line", {"eq_b": 1}, None, 1e-20, "solved", 1, 1e-20),
    "a huge one": ("eq_line", {"eq_b": 1e-25}, None, 1, "solved", 1, 1e25),
    "zero itself": ("eq_line", {"eq_b": 3}, None, 0, "solved", 1, 0),
    "falling": ("eq_line", {"eq_a": 7, "eq_b": -2}, None, 0, "solved", 1, 3.5),
    "a negative one, not asked for": ("eq_line", {"eq_a": 1, "eq_b": 3}, None, 0, "none_above", 0, math.nan),
    "a negative one": ("eq_line", {"eq_a": 1, "eq_b": 3}, (-5, 5), 0, "solved", 1, -1 / 3),
    "outside the bounds": ("eq_line", {"eq_a": 1, "eq_b": 3}, (3, 5), 7, "none_above", 0, math.nan),
    "at the lower bound": ("eq_line", {"eq_a": 1, "eq_b": 3}, (2, 5), 7, "solved", 1, 2),
    "at the upper bound": ("eq_line", {"eq_a": 1, "eq_b": 3}, (1, 2), 7, "solved", 1, 2),
    "two": ("eq_bowl", {"eq_a": 1}, None, 2, "several", 2, 1),
    "two close together": ("eq_bowl", {"eq_a": 1}, None, 1 + 1e-7, "several", 2, 2 - math.sqrt(1e-7)),
    "two close to a bound": ("eq_bowl", {}, (1.999, 7), 0.9e-6, "several", 2, 2 - math.sqrt(0.9e-6)),
    "touching": ("eq_bowl", {"eq_a": 1}, None, 1, "solved", 1, 2),
    "touching at zero": ("eq_bowl", {}, None, 0, "solved", 1, 2),
    "not quite touching": ("eq_bowl", {"eq_a": 1}, None, 1 - 1e-7, "none_above", 0, math.nan),
    "touching a kink": ("eq_kink", {"eq_a": 1}, None, 1, "solved", 1, 2),
    "touching a kink at zero": ("eq_kink", {}, None, 0, "solved", 1, 2),
    "two beside a kink": ("eq_kink", {"eq_a": 1}, None, 1 + 1e-7, "several", 2, 2 - 1e-7),
    "within a step": ("eq_step", {"eq_a": 1}, None, 1.5, "jump", 0, math.nan),
    "a step through zero": ("eq_step", {"eq_a": -0.5}, None, 0, "jump", 0, math.nan),
    "on a step": ("eq_step", {"eq_a": 1}, None, 2, "stretch", 1, 2),
    "below a step": ("eq_step", {"eq_a": 1}, None, 0.5, "none_above", 0, math.nan),
    "between flat stretches": ("eq_clipped", {}, None, 1.5, "solved", 1, 1.5),
    "the lower stretch": ("eq_clipped", {}, None, 1, "stretch", 1, 0),
    "the upper stretch": ("eq_clipped", {}, None, 2, "stretch", 1, 2),
    "above both stretches": ("eq_clipped", {}, None, 2.5, "none_below", 0, math.nan),
    "a pole": ("eq_pole", {}, None, 0, "jump", 0, math.nan),
    "beside a pole": ("eq_pole", {}, None, 5, "solved", 1, 2.2),
    "never": ("eq_line", {"eq_a": 1}, None, 5, "constant", 0, math.nan),
    "always": ("eq_line", {"eq_a": 1}, None, 1, "everywhere", 0, math.nan),
    "partly defined": ("eq_log", {"eq_a": 1, "eq_b": 1}, None, 3, "solved", 1, 1 + math.exp(3)),
    "undefined": ("eq_log", {"eq_a": 1, "eq_b": 1e40}, None, 3, "undefined", 0, math.nan),
    "before an edge": ("eq_edge", {"eq_b": 3}, None, 0.01, "solved", 1, 3 - 1e-4 ** (1 / 3)),
    "close before an edge": ("eq_edge", {"eq_b": 3}, None, 1e-8, "solved", 1, 3 - 1e-16 ** (1 / 3)),
    "at an edge": ("eq_edge", {"eq_b": 3}, None, 0, "solved", 1, 3),
    "beyond what an edge leaves": ("eq_edge", {"eq_b": 3}, None, 9, "none_below", 0, math.nan),
    "before and after a hole": ("eq_hole", {"eq_a": 1, "eq_b": 2}, None, 0.01, "several", 2, 1.5 - math.sqrt(0.2501)),
    "at both edges of a hole": ("eq_hole", {"eq_a": 1, "eq_b": 2}, None, 0, "several", 2, 1),
    "a hole between nodes": ("eq_hole", {"eq_a": 1.01, "eq_b": 2.01}, None, 0, "several", 2, 1.01),
    "after a hole": ("eq_hole", {"eq_a": 1.01, "eq_b": 2.01}, (1.5, 7), 0.01, "solved", 1, 1.51 + math.sqrt(0.2501)),
    "many": ("eq_wave", {}, (0, 20), 0.3, "several", 7, math.asin(0.3)),
    "many that touch": ("eq_wave", {}, (0, 20), 1, "several", 3, math.pi / 2),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_HAND)
def test_equations_solved_by_hand(case, toys):
    quantity, inputs, between, target, outcome, count, smallest = BY_HAND[case]
    sweep = sweep_for(toys, quantity, "eq_x", **inputs)
    found = roots_of(sweep, quantity, target, unknown_of(toys.names, "eq_x", between))
    # Where a root touches, the quantity is the same to the last digit over half of the digits of the unknown.
    accuracy = 1e-7 if "touch" in case else 1e-11
    assert (OUTCOMES[int(found.outcome)], int(found.solutions)) == (outcome, count)
    assert float(found.solution) == pytest.approx(
        smallest, rel=accuracy, abs=1e-15 if smallest == 0 else 1e-300, nan_ok=True
    )


REACHED = {"eq_clipped": (1, 2), "eq_step": (0, 1), "eq_kink": (0, 1e30)}


@pytest.mark.parametrize("quantity", REACHED)
def test_the_range_that_is_reached_is_told(quantity, toys):
    found = roots_of(sweep_for(toys, quantity, "eq_x"), quantity, -7, unknown_of(toys.names, "eq_x"))
    assert OUTCOMES[int(found.outcome)] == "none_above"
    assert (float(found.lowest), float(found.highest)) == pytest.approx(REACHED[quantity], abs=1e-12)


def test_the_range_is_that_of_the_extrema_between_nodes(toys):
    """Whether there are solutions or not, and on both sides of the target."""
    for target in (0.1, -3.0, 9.0):
        found = roots_of(
            sweep_for(toys, "eq_swing", "eq_x", eq_a=[1.0, 2.0]),
            "eq_swing",
            target,
            unknown_of(toys.names, "eq_x", (0, 15)),
        )
        assert found.lowest == pytest.approx([-1, -2], rel=1e-12)
        assert found.highest == pytest.approx([8, 9], rel=1e-12)


def test_where_a_quantity_ends_is_found_in_every_cell(toys):
    """Cells with no edge, one and two pass together; the range reaches up to the edge."""
    found = solved(toys, "eq_hole", 0.5, **cases(eq_a=[1, 0, 2], eq_b=[2, 3, 2]), between=(0, 3.5))
    sides = [(a + b) / 2 - math.hypot((a - b) / 2, 0.5) for a, b in ((1, 2), (2, 2))]
    assert found["solution"].values == pytest.approx([sides[0], 1.5 + math.hypot(1.5, 0.5), sides[1]], rel=1e-12)
    assert found["solutions"].values.tolist() == [2, 1, 2]
    assert found["partial"].values.tolist() == [True, True, False]
    assert found["lowest"].values == pytest.approx([0, 0, 0], abs=1e-7)
    edge = solved(toys, "eq_edge", -1.0, eq_b=[3.0, 1e40])
    assert edge["lowest"].values[0] == 0
    assert edge["partial"].values.tolist() == [True, False]


def test_all_roots_of_cubics_are_found_and_no_others(toys):
    random = np.random.default_rng(20270114)
    triples = np.sort(random.uniform(-1, 11, (1000, 3)), axis=1)
    close = random.uniform(size=1000) < 0.5
    triples[close, 1] = triples[close, 0] + 10 ** random.uniform(-4.5, -2, close.sum())
    triples = np.sort(triples, axis=1)
    # All three within two gaps between nodes, or two between the last nodes, are more than is promised.
    wide = triples[:, 2] - triples[:, 0] > 0.2
    edges = np.minimum(np.abs(triples), np.abs(triples - 10)).min(axis=1)
    triples = triples[(np.diff(triples, axis=1).min(axis=1) > 2e-5) & (edges > 1e-3) & wide]
    assert len(triples) > 900
    a, b, c = triples.T
    found = solved(toys, "eq_cubic", 0, between=(0, 10), **cases(eq_a=a, eq_b=b, eq_c=c))
    inside = (triples >= 0) & (triples <= 10)
    first = np.where(inside.any(axis=1), np.min(np.where(inside, triples, np.inf), axis=1), np.nan)
    assert found["solutions"].values.tolist() == inside.sum(axis=1).tolist()
    assert found["solution"].values == pytest.approx(first, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("quantity", ["eq_line", "eq_bowl", "eq_kink", "eq_step", "eq_floored", "eq_log"])
@pytest.mark.parametrize("target", [0.0, 1.0, -0.7, 4.3e5])
def test_a_value_that_is_told_has_the_target(quantity, target, toys):
    """A solution solves the equation, and where there is none the reason that is told holds."""
    random = np.random.default_rng(20270114)
    columns = cases(**{f"eq_{name}": random.choice([0, 1, 2, *random.normal(size=4)], 60) for name in "ab"})
    reads = toys.registry.quantities[quantity].reads
    found = solved(toys, quantity, target, **{n: c for n, c in columns.items() if n in reads})
    root = found["solution"].fillna(1.0)
    values = evaluate(sweep_with(toys, quantity, root, columns, reads))[quantity]
    has = np.isfinite(found["solution"].values)
    scale = abs(target) or 1.0
    assert np.abs(np.broadcast_to(values, has.shape)[has] - target) == pytest.approx(0, abs=1e-9 * scale)
    told = np.array(outcomes(found)).reshape(has.shape)
    assert (np.isin(told, ["solved", "several", "stretch"]) == has).all()
    assert (found["lowest"].values[told == "none_above"] > target).all()
    assert (found["highest"].values[told == "none_below"] < target).all()
    constant = np.isin(told, ["constant", "everywhere"])
    assert found["lowest"].values[constant] == pytest.approx(found["highest"].values[constant], rel=1e-11)


def sweep_with(bench, quantity, root, columns, reads) -> Sweep:
    inputs = {"eq_x": xr.DataArray(root.values, dims=root.dims), **{n: c for n, c in columns.items() if n in reads}}
    inputs = {n: (float(v) if not v.dims else xr.DataArray(v.values, dims=v.dims)) for n, v in inputs.items()}
    return sweep_of(bench.registry, bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs), [quantity])


GRID: Mapping[str, Any] = {"eq_a": [1.5, 2.0, -3.0, 0.0], "eq_b": [-1.0, 0.0, 0.5, 4.0, 9.0]}


def test_a_grid_is_a_loop_over_its_points(toys):
    found = solved(toys, "eq_floored", 2.0, **GRID)
    for a in GRID["eq_a"]:
        for b in GRID["eq_b"]:
            alone = solved(toys, "eq_floored", 2.0, eq_a=a, eq_b=b)
            xr.testing.assert_allclose(found.sel(eq_a=a, eq_b=b, drop=True), alone, rtol=1e-14)
    assert set(outcomes(found)) == {"solved", "stretch", "constant", "everywhere", "none_below"}


def test_cutting_the_grid_and_compiling_change_nothing(toys, monkeypatch):
    whole = solved(toys, "eq_bowl", 3.0, eq_a=np.linspace(-4, 4, 40))
    monkeypatch.setattr(roots, "CELLS", 7)
    monkeypatch.setattr(point_function, "EAGER", 0)
    monkeypatch.setattr(point_function, "ROWS", 1000)
    calls = []
    sweep = sweep_for(toys, "eq_bowl", "eq_x", eq_a=np.linspace(-4, 4, 40))
    cut = roots_of(sweep, "eq_bowl", 3.0, unknown_of(toys.names, "eq_x"), progress=lambda *done: calls.append(done))
    for name in ("solution", "solutions", "outcome", "lowest", "highest"):
        np.testing.assert_allclose(getattr(cut, name), whole[name].values, rtol=1e-13)
    assert calls == [(done, 6) for done in range(1, 7)]


def test_the_solution_keeps_only_the_dims_of_the_quantity(toys):
    found = solved(toys, "eq_part", 0.3, for_="eq_share", eq_a=[0, 1], eq_c=[1, 2, 3], where=("eq_c < 2.5",))
    assert found["solution"].dims == ("eq_a",)
    assert dict(found["status"].sizes) == {"eq_a": 2, "eq_c": 3} or found["status"].dims == ("eq_c",)
    assert found["status"].attrs["flag_meanings"].split() == ["feasible", "eq_within", "eq_c_<_2.5", "not_computed"]
    assert np.broadcast_to(found["status"].values, (2, 3)).tolist() == [[0, 0, 2]] * 2


def test_a_solution_that_is_not_legal_is_told(toys):
    found = solved(toys, "eq_part", 0.6, for_="eq_share", eq_a=[0, 1, -1])
    assert found["solution"].values == pytest.approx([0.6, 0.3, math.nan], nan_ok=True)
    assert found["status"].values.tolist() == [1, 0, 127]
    assert found["margin"].values == pytest.approx([-0.2, 0.1, math.nan], nan_ok=True)
    alone = solved(toys, "eq_part", 0.6, for_="eq_share")
    assert alone.attrs["failure"] == "eq_within: the share is 0.6, above 0.4"
    assert solved(toys, "eq_part", 0.3, for_="eq_share").attrs["failure"] == ""


def test_a_pinned_quantity_is_solved_for(toys):
    found = solved(toys, "eq_twice", 3.0, for_="eq_part")
    assert float(found["solution"]) == 1.5
    assert found["solution"].attrs["long_name"] == "A part"


def test_everything_is_labelled(toys):
    found = solved(toys, "eq_line", 7.0, eq_a=[1, 2], eq_b=3.0, wrt=["eq_a"])
    assert found.attrs == {
        "equation": "eq_line = 7",
        "quantity": "eq_line",
        "target": 7.0,
        "unknown": "eq_x",
        "tried": "any eq_x of at least 0",
        "failure": "",
    }
    assert found["solution"].attrs["long_name"] == "Input eq_x"
    assert found["lowest"].attrs["long_name"] == "Smallest A line"
    assert found["outcome"].attrs["flag_meanings"].split()[int(found["outcome"][0])] == "solved"
    assert (found["outcome"].dtype, found["status"].dtype, found["solutions"].dtype) == (np.int8, np.int8, np.int32)
    assert found["wrt_units"].values.tolist() == ["1"]
    for variable in (*found.data_vars.values(), found["eq_a"]):
        assert {"long_name", "units"} <= set(variable.attrs)


def test_derivatives_are_those_of_the_roots(toys):
    grid: dict[str, Any] = {"eq_a": [1.0, 2.0, 9.0], "eq_b": [-2.0, 0.0, 3.0, 5.0]}
    found = solved(toys, "eq_line", 7.0, **grid, wrt=["eq_b", "eq_a"])
    slopes = found["d_solution"].transpose("wrt", "eq_a", "eq_b")
    for i, a in enumerate(grid["eq_a"]):
        for k, b in enumerate(grid["eq_b"]):
            root = (7 - a) / b if b else math.nan
            expected = [-root / b, -1 / b] if root > 0 else [math.nan, math.nan]
            assert slopes.values[:, i, k] == pytest.approx(expected, rel=1e-13, nan_ok=True)


def test_derivatives_are_those_of_the_smallest_root(toys):
    found = solved(toys, "eq_bowl", 1.0, eq_a=[1.0, 0.5, 2.0, -8.0], between=(2, 5), wrt=["eq_a"])
    assert outcomes(found) == ["solved", "solved", "none_above", "solved"]
    assert found["solution"].values[1] == pytest.approx(2 + math.sqrt(0.5))
    several = solved(toys, "eq_bowl", 1.0, eq_a=0.5, wrt=["eq_a"])
    assert outcomes(several) == ["several"]
    assert several["d_solution"].values == pytest.approx(1 / (2 * math.sqrt(0.5)), rel=1e-9)
    stretch = solved(toys, "eq_floored", 2.0, eq_a=2.0, eq_b=1.0, wrt=["eq_b"])
    assert outcomes(stretch) == ["stretch"]
    assert np.isnan(stretch["d_solution"].values).all()
    slopes = found["d_solution"].values.ravel()
    assert np.isnan(slopes[2])
    assert slopes[[1, 3]] == pytest.approx([-1 / (2 * math.sqrt(0.5)), -1 / 6], rel=1e-9)


@pytest.mark.parametrize(
    ("quantity", "for_", "wrt", "message"),
    [
        (
            "eq_clipped",
            "eq_share",
            (),
            "`eq_clipped` does not depend on `eq_share` here; `rooflax plan` tells its inputs",
        ),
        (
            "eq_line",
            "eq_x",
            ("eq_x", "eq_a", "eq_a"),
            "2 problems\n  `eq_x` is solved for; a derivative is taken with respect to another input\n"
            "  `eq_a` is named twice; once is enough",
        ),
        (
            "eq_line",
            "eq_x",
            ("eq_c",),
            "1 problem\n  `eq_line` does not depend on `eq_c` here, nor does its solution",
        ),
    ],
)
def test_questions_without_meaning_are_refused(quantity, for_, wrt, message, toys):
    with pytest.raises(RooflaxError) as error:
        solved(toys, quantity, 1.0, for_=for_, wrt=wrt, eq_x=1.0)
    assert str(error.value) == message


def test_more_solutions_than_fit_into_memory_are_refused(toys, monkeypatch):
    monkeypatch.setattr(roots, "MEMORY_LIMIT", 2**20)
    sweep = sweep_for(toys, "eq_line", "eq_x", eq_a=np.arange(1e3), eq_b=np.arange(1e3))
    with pytest.raises(RooflaxError) as error:
        roots_of(sweep, "eq_line", 1.0, unknown_of(toys.names, "eq_x"))
    assert str(error.value) == (
        "The solutions of 1e+06 points need 0.0 GiB in memory; the limit is 0 GiB. Give the axes fewer labels."
    )
