from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rooflax.sweeps import steps
from rooflax.sweeps.compilation import precision
from rooflax.sweeps.operations import Constant, traced
from rooflax.sweeps.program import Program
from rooflax.sweeps.steps import steps_of

ROW, COLUMN, PLANE = (1, 64), (32, 1), (32, 64)
ONE = np.ones((1, 1), dtype=np.float32)


def _array(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape).astype(np.float32)


def _names(found, *, moves=False):
    return [operation.primitive.name for operation in found.operations if moves or not operation.moves]


def _sizes(found, name):
    made = [operation.makes[0] for operation in found.operations if operation.primitive.name == name]
    return [found.shapes[value].shape for value in made]


@pytest.fixture
def small_levels(monkeypatch):
    """Levels and sharing that small arrays already come to."""
    monkeypatch.setattr(steps, "SMALL", 8)
    monkeypatch.setattr(steps, "LARGE", 512)
    monkeypatch.setattr(steps, "AGAIN", 3)


def test_equal_operations_are_merged_and_unread_ones_left_out():
    def run(a, b):
        unread = jnp.exp(a)
        del unread
        return [jnp.sqrt(a * b) + 1, jnp.sqrt(a * b) - 1]

    assert _names(traced(run, [_array(PLANE), _array(PLANE)])) == ["mul", "sqrt", "add", "sub"]


def test_the_sign_of_zero_and_the_type_of_a_number_keep_operations_apart():
    def run(a):
        return [a / jnp.float32(0.0), a / jnp.float32(-0.0)]

    found = Program(run, [_array(ROW)])([_array(ROW)], np.zeros, lambda _: None)
    assert np.isposinf(found[0]).all()
    assert np.isneginf(found[1]).all()


@pytest.mark.parametrize(("choice", "left"), [(0, "exp"), (1, "sqrt"), (2, "log1p")])
def test_of_a_known_choice_only_what_is_chosen_is_left(choice, left):
    def run(a, code):
        return [jnp.where(code == 0, jnp.exp(a), jnp.where((code == 1) & (code != 2), jnp.sqrt(a), jnp.log1p(a)))]

    known = traced(run, [_array(PLANE), Constant(np.float32(choice), (1, 1))])
    assert _names(known) == [left]
    assert {"exp", "sqrt", "log1p"} <= set(_names(traced(run, [_array(PLANE), ONE])))


def test_a_known_flag_decides_with_what_is_not_known():
    def run(a, flag):
        return [jnp.where((flag > 0) & (a > 1), jnp.exp(a), a + 1), jnp.where((flag > 0) | (a > 1), a, -a)]

    off = traced(run, [_array(ROW), Constant(np.float32(0), (1, 1))])
    assert _names(off) == ["gt", "add", "neg", "select_n"]
    on = traced(run, [_array(ROW), Constant(np.float32(1), (1, 1))])
    assert _names(on) == ["gt", "exp", "add", "select_n"]
    assert on.results[1] == 0


def test_what_repeats_along_an_axis_is_computed_once():
    def run(row, plane):
        wide = jnp.broadcast_to(row, PLANE)
        return [jnp.exp(wide * 2) * plane, jnp.broadcast_to(wide + 1, PLANE)]

    found = traced(run, [_array(ROW), _array(PLANE)])
    assert _sizes(found, "exp") == [ROW]
    assert _sizes(found, "add") == [ROW]
    assert found.shapes[found.results[1]].shape == PLANE


def test_small_operations_run_in_steps_before_large_ones(small_levels):
    def run(row, column):
        return [jnp.exp(row) * jnp.log(column) + 1]

    found = steps_of(traced(run, [_array(ROW), _array(COLUMN)]))
    assert [[o.primitive.name for o in step.operations if not o.moves] for step in found] == [
        ["exp", "log"],
        ["mul", "add"],
    ]


def test_what_several_results_share_is_handed_on_unless_it_is_cheap(small_levels):
    def run(a, b):
        dear, cheap = jnp.exp(a) * b, a + b
        return [jnp.sqrt(dear) + cheap, jnp.log(dear) * cheap]

    found = steps_of(traced(run, [_array(PLANE, 1), _array(PLANE, 2)]))
    assert [[o.primitive.name for o in step.operations] for step in found] == [
        ["exp", "mul"],
        ["add", "sqrt", "add", "log", "mul"],
    ]


def test_what_a_sum_reads_is_not_computed_again_for_it(small_levels):
    def run(plane):
        dear = jnp.exp(plane)
        return [dear.sum(axis=-1, keepdims=True) + 1, dear * 2]

    found = steps_of(traced(run, [_array(PLANE)]))
    assert [[o.primitive.name for o in step.operations] for step in found].count(["exp"]) == 1
    assert sum(o.primitive.name == "exp" for step in found for o in step.operations) == 1


def _random_function(seed):
    """Three results of forty random operations on arrays of several shapes."""
    chance = random.Random(seed)
    plan = []
    for place in range(40):
        kind = chance.choice(["add", "mul", "max", "where", "exp", "sum", "spread", "flag"])
        plan.append((kind, [chance.randrange(place + 4) for _ in range(3)]))
    last = [chance.randrange(20, 44) for _ in range(3)]

    def run(*arguments):
        values = list(arguments)
        for kind, reads in plan:
            a, b, c = (values[read] for read in reads)
            if kind == "where":
                made = jnp.where(a > b, c, 0.5 * b)
            elif kind == "flag":
                made = jnp.where(values[3] == 1, a, b + c)
            elif kind == "sum":
                made = jnp.mean(a, axis=-1, keepdims=True) + b
            elif kind == "spread":
                made = jnp.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape)) - 0.25 * c
            elif kind == "exp":
                made = jnp.exp(-jnp.abs(a))
            else:
                made = {"add": jnp.add, "mul": jnp.multiply, "max": jnp.maximum}[kind](a, jnp.tanh(b))
            values.append(made)
        return [values[last[0]], values[last[1]], values[last[2]], values[last[0]], values[0], jnp.full((1, 1), 2.0)]

    return run


@pytest.mark.parametrize("seed", range(6))
def test_a_program_computes_what_its_function_does(small_levels, seed):
    run = _random_function(seed)
    flag = float(seed % 2)
    with precision("float64"):
        arguments = [np.float64(_array(shape, seed)) for shape in (ROW, COLUMN, PLANE)] + [np.full((1, 1), flag)]
        expected = jax.jit(run)(*arguments)
        program = Program(run, [*arguments[:3], Constant(np.float64(flag), (1, 1))])
        for _ in range(2):
            found = program(arguments, np.zeros, lambda _: None)
            assert len({id(value) for value in found}) == len(found)
            for one, other in zip(found, expected, strict=True):
                assert one.shape == other.shape
                np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=f"seed {seed}")


def test_a_program_gives_buffers_back_when_nobody_reads_them_any_more(small_levels, monkeypatch):
    monkeypatch.setattr("rooflax.sweeps.program.BUFFERED", 1024)

    def run(a, b):
        shared = jnp.exp(a) * b
        return [jnp.sqrt(shared) + 1, jnp.log(shared) * 2]

    arguments = [_array(PLANE, 1), _array(PLANE, 2)]
    program = Program(run, arguments)
    taken, given = [], []
    found = program(arguments, lambda *shape: taken.append(shape) or np.zeros(*shape), given.append)
    assert taken == [(PLANE, np.float32)] * 3
    assert len(given) == 1
    np.testing.assert_allclose(np.asarray(given[0]), np.exp(arguments[0]) * arguments[1], rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * np.log(np.asarray(given[0])), rtol=1e-5)
