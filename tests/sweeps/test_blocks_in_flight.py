from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rooflax.specs.blocks import Regions, block_grid
from rooflax.sweeps import block_function
from rooflax.sweeps.block_function import BlockFunction
from rooflax.sweeps.engine import evaluate, evaluate_blocks
from rooflax.sweeps.leaves import leaves_of
from rooflax.sweeps.program import Program

OUTPUT = "step_time_6nd"
COUNT = 6
PATIENCE = 30.0
"""Seconds after which a thread that should have gone on is taken to hang."""


@pytest.fixture(scope="module")
def setting(base, make_sweep):
    """A sweep of six blocks, the last one shorter, with the values of the whole."""
    axes = {"mfu": np.linspace(0.1, 0.6, 11), "num_parameters": np.geomspace(1e9, 1e12, 16384)}
    sweep = make_sweep([OUTPUT], **{**base["rule"], **axes})
    regions = Regions(sweep.sizes, block_grid(sweep.sizes, 2 * 16384))
    assert len(regions) == COUNT
    return sweep, regions, evaluate(sweep, dtype="float32")[OUTPUT]


@pytest.fixture
def blocks(setting):
    """Blocks in turn through one function, which a test may call again."""
    sweep, regions, _ = setting
    function = BlockFunction(sweep, sweep.variables, regions.lengths)

    def make(indices=range(COUNT), in_flight=1):
        asked = [regions[i] for i in indices]
        return evaluate_blocks(
            sweep, sweep.variables, dtype="float32", regions=asked, function=function, in_flight=in_flight
        )

    return make


def _place(block):
    return block.values[OUTPUT].unsafe_buffer_pointer()


def _right(setting, block):
    sweep, _, whole = setting
    expected = whole[block.region.selection(sweep.dims[OUTPUT])]
    return np.allclose(np.asarray(block.values[OUTPUT]).reshape(expected.shape), expected, rtol=1e-5)


def test_the_buffers_of_a_block_are_those_of_the_one_before(blocks):
    places = [_place(block) for _ in range(3) for block in blocks(range(5)) if block.owned([OUTPUT])]
    assert len(set(places[1:])) == 1


def test_a_shorter_block_runs_through_the_compiled_function_of_a_full_one(setting, monkeypatch):
    sweep, regions, whole = setting
    compiled = []
    monkeypatch.setattr(block_function, "Program", lambda *given: compiled.append(Program(*given)) or compiled[-1])
    function = BlockFunction(sweep, sweep.variables, regions.lengths)
    for region in [*regions, *regions]:
        values = function(leaves_of(sweep, region, "float32"))
        part = whole[region.selection(sweep.dims[OUTPUT])]
        np.testing.assert_allclose(np.asarray(values[OUTPUT]).reshape(part.shape), part, rtol=1e-5)
        function.release(values)
    assert len(compiled) == 1
    assert sorted({region.slices["mfu"][1] - region.slices["mfu"][0] for region in regions}) == [1, 2]


def test_blocks_in_flight_last_until_they_are_released(setting, blocks):
    flying = blocks([0, 1, 2, 3, 4, 5], in_flight=3)
    first, second, third = (next(flying) for _ in range(3))
    assert all(_right(setting, block) for block in (first, second, third))
    assert len({_place(block) for block in (first, second, third)}) == 3
    second.release()
    fourth = next(flying)
    assert all(_right(setting, block) for block in (first, third, fourth))


def test_blocks_in_flight_need_no_more_buffers_than_they_are(blocks):
    places = []
    for _ in range(4):
        flying = blocks([0, 1, 2, 3, 4], in_flight=2)
        with next(flying) as first, next(flying) as second:
            places += [_place(first), _place(second)]
        for block in flying:
            with block:
                places.append(_place(block))
    assert len(set(places[5:])) == 2


def test_a_released_block_is_empty_and_cannot_be_released_twice(setting, blocks):
    flying = blocks([0, 1, 2], in_flight=2)
    first = next(flying)
    first.release()
    assert dict(first.values) == {}
    second, third = next(flying), next(flying)
    first.release()
    assert _right(setting, second)
    assert _right(setting, third)
    assert _place(second) != _place(third)


def test_the_next_block_waits_until_another_thread_releases_one(setting, blocks):
    flying = blocks(range(4), in_flight=2)
    first, second = next(flying), next(flying)
    first.release()
    first.release()
    third = next(flying)
    found = []
    asking = threading.Thread(target=lambda: found.append(next(flying)), daemon=True)
    asking.start()
    asking.join(0.3)
    assert asking.is_alive()
    threading.Thread(target=second.release).start()
    asking.join(PATIENCE)
    assert not asking.is_alive()
    assert _right(setting, third)
    assert _right(setting, found[0])


def test_blocks_that_many_threads_release_are_right(setting, blocks):
    wrong = []

    def judge(block):
        with block:
            if not _right(setting, block):
                wrong.append(block.region.index)

    with ThreadPoolExecutor(3) as threads:
        for _ in range(20):
            list(threads.map(judge, blocks(in_flight=4)))
    assert wrong == []


def test_a_view_that_outlives_its_block_keeps_its_values(setting, blocks):
    sweep, regions, whole = setting
    views = [block.owned([OUTPUT])[OUTPUT] for block in blocks()]
    for region, view in zip(regions, views, strict=True):
        np.testing.assert_allclose(view, whole[region.selection(sweep.dims[OUTPUT])], rtol=1e-5)
    assert len({view.ctypes.data for view in views}) == COUNT


def test_blocks_out_of_a_function_stay_while_nobody_releases_them(setting):
    sweep, regions, whole = setting
    function = BlockFunction(sweep, sweep.variables, regions.lengths)
    found = [function(leaves_of(sweep, region, "float32"))[OUTPUT] for region in regions]
    for region, values in zip(regions, found, strict=True):
        part = whole[region.selection(sweep.dims[OUTPUT])]
        np.testing.assert_allclose(np.asarray(values).reshape(part.shape), part, rtol=1e-5)
