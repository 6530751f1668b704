"""What a picture shows before anybody has chosen."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.defaults import preferred, start
from rooflax.reports.pictures import picture

FLAGS = {"flag_values": [0, 1, 127], "flag_meanings": "feasible fits_memory not_computed"}


@pytest.fixture
def data() -> xr.Dataset:
    dims, shape = ("hardware", "tp", "world_size"), (2, 3, 20)
    numbers = np.arange(120.0).reshape(shape)
    variables = {
        "memory": (dims[:2], numbers[:, :, 0], {"units": "B"}),
        "step_time": (dims, numbers, {"units": "s"}),
        "status": (dims, (numbers < 60).astype("int8"), FLAGS),
    }
    coords = {"hardware": ["a", "b"], "tp": [1.0, 2.0, 4.0], "world_size": 8.0 * np.arange(1, 21)}
    return xr.Dataset(variables, coords)


def test_the_longest_axes_of_numbers_are_drawn(data):
    assert preferred(picture("heat-map"), data, "step_time") == {"quantity": "step_time", "x": "world_size", "y": "tp"}


def test_axes_along_which_nothing_varies_come_last(data):
    assert preferred(picture("heat-map"), data) == {"quantity": "memory", "x": "tp", "y": "hardware"}


def test_curves_are_few(data):
    found = preferred(picture("line"), data, "step_time")
    assert found == {"quantity": "step_time", "x": "world_size", "by": "tp"}
    found = preferred(picture("line"), data, "step_time", {"x": "tp"})
    assert found == {"quantity": "step_time", "x": "tp", "by": "hardware"}


def test_what_is_asked_for_stays(data):
    found = preferred(picture("heat-map"), data, "step_time", {"x": "hardware"})
    assert found == {"quantity": "step_time", "x": "hardware", "y": "world_size"}


def test_a_role_has_preferences(data):
    found = preferred(picture("scaling"), data.rename(memory="tokens_per_second"))
    assert found is not None
    assert found["quantity"] == "step_time"
    rates = data.assign(tokens_per_second=data["step_time"].assign_attrs(units="1/s"))
    found = preferred(picture("scaling"), rates)
    assert found is not None
    assert (found["quantity"], found["x"]) == ("tokens_per_second", "world_size")


def test_nothing_is_preferred_where_a_role_stays_empty(data):
    assert preferred(picture("heat-map"), data.isel(tp=0, world_size=0)) is None


def test_the_first_look_is_at_a_feasible_point(data):
    at = start(data)
    assert int(data["status"].isel(at)) == 0


def test_the_first_look_is_at_the_best_point(data):
    best = data.isel(tp=2, drop=True).assign(tp=(("hardware", "world_size"), np.full((2, 20), 4.0)))
    best = best.assign_attrs(objective="step_time", direction="smallest", over="tp")
    assert start(data, best) == {"hardware": 1, "tp": 2, "world_size": 0}


def test_the_first_look_is_anywhere_where_nothing_is_feasible(data):
    assert start(data.assign(status=xr.ones_like(data["status"]))) == {}
