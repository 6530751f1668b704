"""The unknown of an equation: what may be one, and where its value is looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax import RooflaxError, Workbench
from rooflax.specs.bind import bind_keywords
from rooflax.sweeps.known import RegistryNames
from rooflax.sweeps.solving.unknown import LEAST, MOST, Unknown, unknown_of, with_unknown

FINITE = st.floats(-1e20, 1e20).map(lambda x: x if abs(x) > 1e-250 else 0.0)


REFUSED = "so no equation is solved for it; give it as an axis and compare its values"
NO_NUMBERS = {
    "tp": "a whole number",
    "sequence_parallel": "true or false",
    "recompute": "one of several options",
    "binding": "one of several options",
    "hardware": "the name of a record",
}


@pytest.fixture(scope="module")
def known() -> RegistryNames:
    return Workbench(models=(Path(__file__).with_name("root_models.py"),)).names


@given(st.lists(FINITE, min_size=2, max_size=2, unique=True), st.booleans())
def test_nodes_fill_the_range_in_order_and_closely(ends, above):
    low, high = sorted(ends)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return
    nodes = Unknown("x", "1", low, high, above).nodes()
    assert (np.diff(nodes) > 0).all()
    assert nodes[-1] == high
    assert (nodes[0] > low) if above else (nodes[0] == low)
    assert np.diff(nodes).max() <= (high - low) / 256 * (1 + 1e-9) + 1e-300
    same = nodes[1:] * nodes[:-1] > 0
    ratios = np.abs(nodes[1:][same] / nodes[:-1][same])
    assert np.maximum(ratios, 1 / ratios).max(initial=1) <= 10 ** (1 / 20) * (1 + 1e-9)


def test_a_range_without_an_end_reaches_over_48_decades(known):
    nodes = unknown_of(known, "gpu_hour_price").nodes()
    assert (nodes[0], nodes[-1]) == (0, MOST)
    assert LEAST in nodes
    assert (unknown_of(known, "hbm_bandwidth").nodes() > 0).all()


def test_negative_values_are_tried_where_they_are_asked_for_only(known):
    assert unknown_of(known, "eq_x").nodes()[0] == 0
    found = unknown_of(known, "eq_x", (-2, "3"))
    assert (found.low, found.high, found.tried) == (-2, 3, "eq_x from -2 to 3")
    assert {-2.0, 0.0, 3.0} <= set(found.nodes())


def test_bounds_take_units_and_names_take_aliases(known):
    found = unknown_of(known, "mem_bw", ("400 Gb/s", 1e12))
    assert (found.name, found.low, found.high) == ("hbm_bandwidth", 5e10, 1e12)
    assert found.tried == "hbm_bandwidth from 50 GB/s to 1 TB/s"
    assert unknown_of(known, "mfu").tried == "any mfu"


def test_an_excluded_end_may_be_named_as_a_bound(known):
    assert unknown_of(known, "mfu", (0, 1)).nodes()[0] > 0


@pytest.mark.parametrize(
    ("name", "between", "message"),
    [
        *((name, None, f"`{name}` is {kind}, {REFUSED}") for name, kind in NO_NUMBERS.items()),
        ("mfuu", None, "`mfuu`: unknown name; did you mean `mfu`?"),
        ("mfu", (0.5, 2), "`mfu` is a number above 0 and at most 1; between 0.5 and 2 is not"),
        ("mfu", (0.5, 0.5), "`mfu`: between 0.5 and 0.5 lies nothing, or too little; the lower bound comes first"),
        (
            "hbm_bandwidth",
            (1, "2 GB"),
            "`hbm_bandwidth`: a bound: 2 GB is a size; a bandwidth was expected (B/s, for example 25 GB/s)",
        ),
        (
            "step_time",
            ("3 s", "2 s"),
            "`step_time`: between 3 s and 2 s lies nothing, or too little; the lower bound comes first",
        ),
        ("step_time", ("1e31 s", 1), "`step_time`: the bound `1e31 s`: it is 0, or from 1e-250 to 1e+30 s in size"),
        (
            "hbm_bandwidth",
            ("-1 GB/s", "2 GB/s"),
            "`hbm_bandwidth` is a number above 0; between -1 GB/s and 2 GB/s is not",
        ),
        ("eq_x", (float("nan"), 1), "`eq_x`: a bound: nan is not finite"),
        ("eq_x", (1, 1e31), "`eq_x`: the bound 1e+31: it is 0, or from 1e-250 to 1e+30 in size"),
    ],
)  # fmt: skip
def test_what_cannot_be_solved_for_is_refused(name, between, message, known):
    with pytest.raises(RooflaxError) as error:
        unknown_of(known, name, between)
    assert str(error.value) == message


def bound(known, **inputs):
    return bind_keywords(inputs, known=known, catalogs=Workbench().catalogs)


def test_what_is_given_for_the_unknown_is_set_aside(known):
    inputs = with_unknown(bound(known, eq_x=[1, 2, 3], eq_a=[4, 5]), "eq_x")
    assert [axis.name for axis in inputs.axes] == ["eq_a"]
    assert inputs.values["eq_x"].dims == ()
    inputs = with_unknown(bound(known, pair={"zip": {"eq_x": [1, 2], "eq_a": [4, 5]}}), "eq_x")
    assert [(axis.name, list(axis.coords)) for axis in inputs.axes] == [("pair", ["eq_a"])]
    assert inputs.values["eq_a"].dims == ("pair",)


def test_an_input_along_the_axis_of_the_unknown_is_refused(known):
    import xarray as xr

    along = xr.DataArray([1.0, 2.0], dims="eq_x", coords={"eq_x": [3.0, 4.0]})
    with pytest.raises(RooflaxError) as error:
        with_unknown(bound(known, eq_a=along), "eq_x")
    assert str(error.value) == "`eq_x` is solved for, but eq_a varies along it; give it another axis"


def test_negative_values_are_tried_where_the_domain_has_a_lowest_one(known):
    assert unknown_of(known, "eq_x").low == 0
    pinned = unknown_of(known, "dp")
    assert (pinned.low, pinned.tried) == (0, "any dp of at least 0")
    assert unknown_of(known, "eq_signed").low == -10
    assert unknown_of(known, "eq_signed").tried == "any eq_signed"
