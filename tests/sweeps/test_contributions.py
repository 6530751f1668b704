"""Contributions: they add up, and are what the definitions of Shapley and Aumann give."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from rooflax import Workbench
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps.scenarios import contributions as module
from rooflax.sweeps.scenarios.changes import Change, changes
from rooflax.sweeps.scenarios.contributions import JUMPS, contributions
from rooflax.sweeps.scenarios.mixture import mixture_of
from rooflax.sweeps.sweep import Sweep

TOYS = Path(__file__).with_name("contribution_models.py")
NAMES = ("first", "second")
START: dict[str, Any] = {"x0": 1.0, "x1": 1.0, "n0": 1, "n1": 1, "mode": "sum"}


@pytest.fixture(scope="module")
def toys() -> Workbench:
    return Workbench((TOYS,))


def _pair(sweeps: Sequence[Sweep]) -> tuple[Sweep, Sweep]:
    first, second = sweeps
    return first, second


def attributed(bench: Workbench, quantity: str, first: dict[str, Any], second: dict[str, Any]) -> dict[str, float]:
    """The contributions to one quantity at one point."""
    sweeps = [bench.sweep([quantity], inputs) for inputs in (first, {**first, **second})]
    changed = changes(*_pair(sweeps), NAMES)
    found = contributions(mixture_of(*_pair(sweeps), changed, [quantity], NAMES), NAMES)
    return {name: part.item() for (_, name), part in found.items()}


def test_a_product_is_shared_by_the_gradients_along_the_path(toys):
    assert attributed(toys, "product", START, {"x0": 2, "x1": 3}) == pytest.approx({"x0": 2, "x1": 3}, rel=1e-12)


def test_a_kink_on_the_path_is_found(toys):
    # From (0, 1) to (5, 2) the larger is x1 up to t = 1/4, then x0.
    found = attributed(toys, "most", {"x0": 0, "x1": 1}, {"x0": 5, "x1": 2})
    assert found == pytest.approx({"x0": 3.75, "x1": 0.25}, rel=1e-9)


def test_a_tie_along_the_whole_path_is_shared_alike(toys):
    assert attributed(toys, "most", START, {"x0": 3, "x1": 3}) == pytest.approx({"x0": 1, "x1": 1}, rel=1e-12)
    three = attributed(toys, "most_of_three", START, {"x0": 4, "x1": 4, "x2": 4})
    assert three == pytest.approx({"x0": 1, "x1": 1, "x2": 1}, rel=1e-12)


def test_a_jump_on_the_path_is_told_by_itself(toys):
    found = attributed(toys, "jumping", START, {"x0": 2, "x1": 4})
    assert found == pytest.approx({"x0": 1, "x1": 6, JUMPS: 10}, rel=1e-9)


def test_the_jump_of_a_single_input_is_its_own(toys):
    assert attributed(toys, "jumping", START, {"x0": 4}) == {"x0": 13.0}
    assert attributed(toys, "stairs", START, {"x0": 4}) == {"x0": 3000.0}


def test_an_input_that_is_not_read_contributes_nothing(toys):
    found = attributed(toys, "product", START, {"x0": 2, "x1": 3, "x2": 7, "n0": 4, "hardware": "h100-sxm-80gb"})
    assert {name: part for name, part in found.items() if name not in ("x0", "x1")} == {
        "x2": 0.0, "n0": 0.0, "hardware": 0.0,
    }  # fmt: skip


def test_an_input_that_does_not_change_is_not_listed(toys):
    assert set(attributed(toys, "product", START, {"x0": 2, "x1": 1.0, "x2": 1, "n0": 1})) == {"x0"}


def test_symmetric_inputs_get_equal_shares(toys):
    counts = attributed(toys, "counted", {}, {f"n{i}": 3 for i in range(5)})
    assert len(counts) == 5
    np.testing.assert_allclose(list(counts.values()), (3**5 - 1) / 5, rtol=1e-12)
    numbers = attributed(toys, "product", START, {"x0": 3, "x1": 3})
    assert numbers["x0"] == pytest.approx(numbers["x1"], rel=1e-12)


def play(inputs: Mapping[str, float]) -> float:
    """`mixed` once more."""
    x0, x1, n0, n1 = (inputs[name] for name in ("x0", "x1", "n0", "n1"))
    return max(x0 * n0, x1 * n1) if inputs["mode"] else x0 * x1 * n0 / n1


def slope(inputs: Mapping[str, float], name: str) -> float:
    """The derivative of `mixed` by x0 or x1, off its kink."""
    x0, x1, n0, n1 = (inputs[key] for key in ("x0", "x1", "n0", "n1"))
    if inputs["mode"]:
        leads = x0 * n0 > x1 * n1
        return (n0 if leads else 0.0) if name == "x0" else (0.0 if leads else n1)
    return (x1 if name == "x0" else x0) * n0 / n1


def by_permutations(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The definition: the mean over all orders of what each player adds; the block's split along its path."""
    players = [*(n for n in ("n0", "n1", "mode") if first[n] != second[n]), "block"]
    orders = list(itertools.permutations(players))
    found = dict.fromkeys([n for n in first if first[n] != second[n]], 0.0)
    for order in orders:
        state = dict(first)
        for player in order:
            if player != "block":
                before = play(state)
                state[player] = second[player]
                found[player] += (play(state) - before) / len(orders)
                continue
            gains = {name: second[name] - first[name] for name in ("x0", "x1")}

            def along(place: float, name: str, state: dict[str, float] = state, gains: Any = gains) -> float:
                at = {**state, **{key: first[key] + place * gain for key, gain in gains.items()}}
                return slope(at, name) * gains[name]

            lead = [
                first["x0"] * state["n0"] - first["x1"] * state["n1"],
                gains["x0"] * state["n0"] - gains["x1"] * state["n1"],
            ]
            kink = -lead[0] / lead[1] if lead[1] else 0.5
            points = [kink] if 0 < kink < 1 else None
            for name in gains:
                if name in found:
                    found[name] += quad(along, 0, 1, args=(name,), points=points)[0] / len(orders)
            state |= {name: second[name] for name in gains}
    return found


numbers = st.integers(1, 40).map(lambda n: n / 8)


@settings(max_examples=12)
@given(st.lists(numbers, min_size=4, max_size=4), st.lists(st.integers(1, 4), min_size=4, max_size=4), st.booleans())
def test_contributions_are_those_of_the_definition(xs, counts, switches):
    toys = Workbench((TOYS,))
    keys = ("x0", "x1", "n0", "n1")
    first = dict(zip(keys, [*xs[:2], *counts[:2]], strict=True)) | {"mode": 0}
    second = dict(zip(keys, [*xs[2:], *counts[2:]], strict=True)) | {"mode": int(switches)}
    given_as = [{**inputs, "mode": ("sum", "most")[int(inputs["mode"])]} for inputs in (first, second)]
    found = attributed(toys, "mixed", *given_as)
    expected = by_permutations(first, second)
    scale = max(play(first), play(second), *map(abs, expected.values()), 1e-3)
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-8 * scale)
    assert sum(found.values()) == pytest.approx(play(second) - play(first), rel=1e-9, abs=1e-9 * scale)


def test_a_quantity_given_in_one_sweep_alone_is_switched(toys):
    assert attributed(toys, "twice", START, {"mixed": 5}) == {"mixed": 8.0}
    # Computed: 2 x0 = 4; the order of the two is even, so x0 gains (2 + 0) / 2 and the rest is the switch.
    found = attributed(toys, "twice", START, {"mixed": 5, "x0": 2})
    assert found == pytest.approx({"x0": 1.0, "mixed": 7.0}, rel=1e-12)
    backward = [toys.sweep(["twice"], inputs) for inputs in ({**START, "mixed": 5, "x0": 2}, START)]
    changed = changes(*_pair(backward), NAMES)
    found = contributions(mixture_of(*_pair(backward), changed, ["twice"], NAMES), NAMES)
    assert {name: part.item() for (_, name), part in found.items()} == pytest.approx({"x0": -1.0, "mixed": -7.0})


def test_a_quantity_given_in_both_lies_on_the_path(toys):
    sweeps = [toys.sweep(["demanding"], {"mixed": mixed, "needed": needed}) for mixed, needed in ((1, 1), (2, 3))]
    changed = changes(*_pair(sweeps), NAMES)
    assert {change.name: change.continuous for change in changed} == {"mixed": True, "needed": True}
    found = contributions(mixture_of(*_pair(sweeps), changed, ["demanding"], NAMES), NAMES)
    assert {name: part.item() for (_, name), part in found.items()} == pytest.approx({"mixed": 2.0, "needed": 3.0})


def test_sweeps_that_cannot_be_mixed_are_refused(toys):
    first = toys.sweep(
        ["step_time_6nd"],
        {
            "world_size": 64,
            "num_parameters": 1e9,
            "hardware": "h100-sxm-80gb",
            "global_batch_size": 64,
            "seq_len": 64,
            "mfu": 0.4,
        },
    )
    second = toys.sweep(["step_time_6nd"], {"step_time_6nd": 3.0})
    with pytest.raises(RooflaxError) as error:
        mixture_of(second, first, changes(second, first, NAMES), ["step_time_6nd"], NAMES)
    assert str(error.value).startswith("first and second cannot be mixed: ")
    assert "`step_time_6nd` in first" in str(error.value)
    assert "there is no value for" in str(error.value)


def test_a_value_that_is_not_finite_on_the_way_leaves_nothing_attributed(toys):
    found = attributed(toys, "quotient", {"x0": 1, "x1": 3}, {"x0": 2, "x1": 2})
    assert sum(found.values()) == pytest.approx(1.5)
    from_pole = attributed(toys, "quotient", {"x0": 1, "x1": 1}, {"x0": 2, "x1": 2})
    assert all(math.isnan(part) for part in from_pole.values())
    both = attributed(toys, "mixed", {"x0": 1e200, "n0": 1}, {"x0": 1.0, "n0": 1e200, "x2": 2})
    assert [math.isnan(both[name]) for name in ("x0", "n0", "x2")] == [True, True, False]


def test_too_many_players_are_refused(toys):
    with pytest.raises(RooflaxError) as error:
        attributed(toys, "counted", {}, {f"n{i}": 2 for i in range(11)})
    assert str(error.value) == (
        "first and second differ in 11 counts, flags, choices and records, and at most 10 are tried in all "
        "combinations; put a scenario between the two that changes some of "
        "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10"
    )


def test_too_many_evaluations_are_refused(toys, monkeypatch):
    monkeypatch.setattr(module, "MOST_EVALUATIONS", 100)
    with pytest.raises(RooflaxError) as error:
        attributed(toys, "product", START, {"x0": 2, "x1": 3})
    assert str(error.value) == (
        "comparing first with second takes 114 evaluations (1 points, 2 combinations of inputs, paths between them); "
        "the limit is 100: compare at fewer points"
    )


def test_a_path_with_too_many_jumps_is_refused(toys):
    with pytest.raises(RooflaxError) as error:
        attributed(toys, "stairs", START, {"x0": 9, "x1": 2})
    assert str(error.value).startswith(
        "`stairs` has so many kinks or jumps between first and second that its gradients leave "
    )
    assert str(error.value).endswith(" of its way unexplained; change fewer inputs at once")


def test_changes_group_the_fields_of_records(bench, base):
    rule = base["rule"]

    def changed(**second: Any) -> dict[str, Change]:
        sweeps = [bench.sweep(["dp_step_time_6nd"], inputs) for inputs in (rule, {**rule, **second})]
        return {change.name: change for change in changes(*_pair(sweeps), NAMES)}

    assert set(changed(hardware="h100-sxm-80gb")) == {"hardware"}
    assert "scale_out_bandwidth" in changed(hardware="h100-sxm-80gb")["hardware"].leaves  # of the network that follows
    beside = changed(hardware="h100-sxm-80gb", hbm_bandwidth="3 TB/s")
    assert set(beside) == {"hardware", "hbm_bandwidth"}
    assert "hbm_bandwidth" not in beside["hardware"].leaves
    assert beside["hbm_bandwidth"].continuous
    assert not beside["hardware"].continuous
    named = changed(hardware="h100-sxm-80gb", network="aws-p5-efa")
    assert set(named) == {"hardware", "network"}
    assert "scale_out_bandwidth" in named["network"].leaves
    assert "scale_out_bandwidth" not in named["hardware"].leaves
    assert set(changed(precision="fp16-mixed", hardware="A100-SXM-80GB")) == {"precision"}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"x0": [1, 2]}, {"x0": [1, 3]}, "`x0` has other labels in second than in first"),
        ({"x0": [1, 2]}, {"x0": 1}, "`x0` is an axis in first and none in second"),
        ({"x0": 1}, {"x0": [1, 2]}, "`x0` is an axis in second and none in first"),
    ],
)
def test_scenarios_that_change_an_axis_are_refused(toys, first, second, told):
    with pytest.raises(RooflaxError) as error:
        attributed(toys, "product", first, second)
    assert str(error.value) == f"{told}; scenarios are compared over one grid: leave its axes as they are"
