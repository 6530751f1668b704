"""A point where a formula has no value is an error alone, and NaN with a status in a grid."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import rooflax
from rooflax.specs.problems import RooflaxError

ENDLESS = "agents.total_communication: for 1 < b < 2 the levels never shrink to one"


def tree(branching: Any) -> dict[str, Any]:
    """A tree over 64 elements."""
    return {"agents.sequence_length": 64.0, "agents.branching_factor": branching}


def test_a_single_point_without_a_value_is_refused():
    with pytest.raises(RooflaxError, match=ENDLESS):
        rooflax.evaluate("agents.total_communication", **tree(1.5))


def test_in_a_grid_the_neighbours_keep_their_values():
    found = rooflax.evaluate("agents.total_communication", **tree([1.5, 2.0, 3.0]))
    np.testing.assert_array_equal(found["agents.total_communication"], [np.nan, 126.0, 97.0])
    np.testing.assert_array_equal(found["status"], [1, 0, 0])


def test_a_quantity_that_reads_one_without_a_value_is_refused_too():
    names = ["agents.num_agents", "agents.total_communication"]
    with pytest.raises(RooflaxError, match=ENDLESS):
        rooflax.evaluate(names, **tree(1.5))
    assert rooflax.evaluate(names[0], **tree(1.5))[names[0]] == 126.0


def test_the_command_ends_with_the_sentence():
    asked = ["eval", "agents.total_communication", "--json", "--set", "agents.sequence_length=64"]
    command = [sys.executable, "-m", "rooflax", *asked, "--set", "agents.branching_factor="]
    done = subprocess.run([*command[:-1], command[-1] + "1.5"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(ENDLESS)
    done = subprocess.run([*command[:-1], command[-1] + "2"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["agents.total_communication"]["value"] == 126.0


def test_an_infeasible_point_keeps_its_value():
    given: dict[str, Any] = {
        "model": "llama-2-70b",
        "hardware": "a100-sxm-80gb",
        "global_batch_size": 8,
        "seq_len": 128,
    }
    found = rooflax.evaluate("step_time", **given, world_size=8, tp=3)
    assert found["status"] != 0
    assert np.isfinite(found["step_time"])


def test_errata_travel_with_the_values():
    found = rooflax.evaluate("agents.num_agents", **tree(2.0))
    (erratum,) = found["agents.num_agents"].attrs["errata"]
    assert erratum["number"] == "I0.1"
    assert set(erratum) == {"number", "wrong", "right", "why"}
    assert "521" in erratum["right"]
