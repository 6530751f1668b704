"""Integrals along paths against closed forms, at kinks and jumps anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.sweeps.scenarios.path_integrals import MOST_PANELS, path_integrals

places = st.floats(0.001, 0.999)


def along(function, *parts):
    """What the integrator is given: one function of the place, and the derivatives of its parts."""

    def follow(path, place):
        del path
        return np.stack([function(place)]), np.stack([np.stack([part(place) for part in parts])])

    return follow


def test_smooth_parts_need_one_round():
    asked = []

    def follow(path, place):
        asked.append(len(place))
        return along(lambda t: np.exp(t) + np.sin(t), np.exp, np.cos)(path, place)

    found = path_integrals(follow, 3)
    assert asked == [3 * 8 * 14]
    np.testing.assert_allclose(found.parts[0, 0], np.full(3, np.e - 1), rtol=1e-13)
    np.testing.assert_allclose(found.parts[0, 1], np.full(3, np.sin(1)), rtol=1e-13)
    assert not found.jumps.any()
    assert not found.unresolved.any()


@given(places)
def test_a_kink_anywhere_is_resolved(kink):
    found = path_integrals(along(lambda t: np.abs(t - kink) + t, lambda t: np.sign(t - kink), np.ones_like), 1)
    assert found.parts[0, 0, 0] == pytest.approx(1 - 2 * kink, abs=1e-9)
    assert found.parts[0, 1, 0] == pytest.approx(1.0, abs=1e-9)
    assert not found.jumps.any()


@given(places, places)
def test_jumps_anywhere_are_told_apart_from_parts(first, second):
    found = path_integrals(along(lambda t: t**3 + 2.0 * (t > first) - 0.5 * (t > second), lambda t: 3 * t**2), 1)
    assert found.parts[0, 0, 0] == pytest.approx(1.0, rel=1e-9)
    assert found.jumps[0, 0] == pytest.approx(1.5, rel=1e-9)


def test_parts_that_cancel_are_held_against_each_other():
    # The sum does not move, so that its change alone would not show that the parts are wrong.
    found = path_integrals(along(np.zeros_like, lambda t: 1 / (t + 1e-3), lambda t: -1 / (t + 1e-3)), 1)
    np.testing.assert_allclose(found.parts[0, :, 0], [np.log(1001), -np.log(1001)], rtol=1e-9)


def test_every_path_has_panels_of_its_own():
    kinks = np.linspace(0.1, 0.9, 7)

    def follow(path, place):
        return np.abs(place - kinks[path])[None], np.sign(place - kinks[path])[None, None]

    together = path_integrals(follow, 7)
    for path, kink in enumerate(kinks):
        alone = path_integrals(along(lambda t, kink=kink: np.abs(t - kink), lambda t, kink=kink: np.sign(t - kink)), 1)
        assert together.parts[0, 0, path] == alone.parts[0, 0, 0]


def test_what_is_not_resolved_is_told():
    asked = []

    def follow(path, place):
        asked.append(len(place))
        return along(lambda t: np.floor(5000 * t), np.zeros_like)(path, place)

    found = path_integrals(follow, 1)
    assert found.unresolved[0, 0] > 0.1
    assert max(asked) <= 14 * MOST_PANELS


def test_what_is_not_a_number_ends_at_once():
    found = path_integrals(along(lambda t: np.where(t > 0.5, np.nan, t), np.ones_like, lambda t: t * np.nan), 1)
    assert np.isnan(found.parts[0, 1, 0])
