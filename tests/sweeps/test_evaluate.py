from __future__ import annotations

import random

import numpy as np
import pytest
import xarray as xr

import rooflax
from rooflax.specs.blocks import block_grid
from rooflax.specs.problems import RooflaxError
from rooflax.sweeps import engine
from rooflax.sweeps.engine import blocks_of, evaluate, evaluate_blocks
from rooflax.sweeps.sweep import MARGIN, STATUS

OUTPUTS = {
    "training": ["step_time", "memory_per_gpu", "predicted_mfu", "binding", "num_micro_batches"],
    "serving": ["ttft", "tpot", "serving_memory_per_gpu", "kv_cache_memory"],
    "rule": ["training_time_6nd", "step_time_6nd", "dp_comm_share_6nd", "training_flops_6nd"],
}
AXES = {
    "training": {
        "model": ["llama-2-13b", "gpt-3-13b", "mixtral-8x7b"],
        "hardware": ["a100-sxm-80gb", "h100-sxm-80gb"],
        "world_size": [16, 48, 256],
        "tp": [1, 2, 3, 8],
        "pp": [1, 4, 5],
        "micro_batch_size": [1, 4],
        "recompute": ["none", "selective", "full"],
        "zero_stage": [0, 1, 3],
        "scale_out_bandwidth": [1e10, "200 Gb/s", 4e11],
        "seq_len": [1024, 4096],
    },
    "serving": {
        "model": ["llama-3-8b", "mixtral-8x7b", "deepseek-v2-lite"],
        "hardware": ["h100-sxm-80gb", "mi300x", "a100-sxm-40gb"],
        "precision": ["w16a16e16", "w8a8e16"],
        "tp": [1, 2, 8],
        "concurrency": [1, 16, 500],
        "prompt_len": [128, 8192],
    },
    "rule": {
        "hardware": ["a100-sxm-80gb", "b200-sxm-180gb"],
        "network": ["dgx-a100", "dgx-h100"],
        "num_parameters": [1e9, 7e10, 1e12],
        "world_size": [8, 64, 4096],
        "mfu": [0.3, 0.55],
        "global_batch_size": [64, 1024],
    },
}


def random_inputs(kind, base, seed):
    """Three or four axes of random length in random order over the complete inputs."""
    chance = random.Random(seed)
    axes = chance.sample(sorted(AXES[kind]), chance.choice([3, 4]))
    picked = {name: chance.sample(labels := AXES[kind][name], chance.randint(1, len(labels))) for name in axes}
    return {**{name: value for name, value in base[kind].items() if name not in picked}, **picked}


def full(sweep, arrays):
    """Every variable on all axes of the sweep."""
    sizes = tuple(sweep.sizes.values())
    return {
        name: np.broadcast_to(array.reshape([n if d in sweep.dims[name] else 1 for d, n in sweep.sizes.items()]), sizes)
        for name, array in arrays.items()
    }


@pytest.mark.parametrize(("kind", "seed"), [("training", 1), ("serving", 1), ("rule", 1), ("rule", 2)])
def test_every_variable_equals_a_loop_over_the_points(kind, seed, base, make_sweep, point_by_point):
    sweep = make_sweep(OUTPUTS[kind], **random_inputs(kind, base, seed))
    expected = point_by_point(sweep)
    found = full(sweep, evaluate(sweep, dtype="float64"))
    assert set(found) == {*OUTPUTS[kind], STATUS, MARGIN}
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=0, err_msg=name)
    single = full(sweep, evaluate(sweep, dtype="float32"))
    for name in OUTPUTS[kind]:
        assert single[name].dtype == (np.int8 if name == "binding" else np.float32)
        np.testing.assert_allclose(single[name], expected[name], rtol=1e-5, err_msg=name)
    np.testing.assert_array_equal(single[STATUS], expected[STATUS])


def test_a_quantity_keeps_only_the_dims_it_depends_on(base, make_sweep):
    inputs = {**base["training"], "hardware": ["a100-sxm-80gb", "h100-sxm-80gb"], "tp": [1, 2], "seq_len": [1024, 2048]}
    sweep = make_sweep(["memory_per_gpu", "step_time", "num_parameters"], **inputs, scale_out_latency=[1e-6, 2e-6])
    assert sweep.dims["memory_per_gpu"] == ("seq_len", "tp")
    assert sweep.dims["step_time"] == ("hardware", "seq_len", "tp", "scale_out_latency")
    assert sweep.dims["num_parameters"] == ()
    arrays = evaluate(sweep)
    assert {name: array.shape for name, array in arrays.items() if name in sweep.outputs} == {
        "memory_per_gpu": (2, 2),
        "step_time": (2, 2, 2, 2),
        "num_parameters": (),
    }
    for name in sweep.outputs:  # each of the dims does make a difference
        for axis in range(arrays[name].ndim):
            assert np.ptp(arrays[name], axis=axis).max() > 0


def test_the_order_of_axes_does_not_matter(base):
    axes = {"tp": [1, 2, 4], "world_size": [16, 64], "model": ["llama-2-13b", "gpt-3-13b"]}
    fixed = {name: value for name, value in base["training"].items() if name not in axes}
    one = rooflax.evaluate(["step_time", "memory_per_gpu"], **fixed, **axes)
    other = rooflax.evaluate(["step_time", "memory_per_gpu"], **fixed, **dict(reversed(axes.items())))
    for name in (*one.data_vars,):
        xr.testing.assert_equal(one[name], other[name].transpose(*one[name].dims))


def test_a_zipped_axis_is_one_dimension_of_its_members(base):
    fixed = {name: value for name, value in base["training"].items() if name != "seq_len"}
    zipped = rooflax.evaluate("step_time", **fixed, layout={"zip": {"tp": [1, 2, 4], "seq_len": [1024, 2048, 512]}})
    assert zipped["step_time"].dims == ("layout",)
    assert list(zipped["tp"].values) == [1, 2, 4]
    whole = rooflax.evaluate("step_time", **fixed, tp=[1, 2, 4], seq_len=[1024, 2048, 512])["step_time"]
    np.testing.assert_allclose(zipped["step_time"], np.diagonal(whole), rtol=1e-12)


def test_a_catalog_axis_carries_the_fields_of_its_records(base):
    names = ["a100-sxm-80gb", "h100-sxm-80gb", "mi300x"]
    fixed = {name: value for name, value in base["training"].items() if name != "hardware"}
    grid = rooflax.evaluate("step_time", **fixed, hardware=names)["step_time"]
    for name in names:
        alone = rooflax.evaluate("step_time", **fixed, hardware=name)["step_time"]
        np.testing.assert_allclose(grid.sel(hardware=name), alone, rtol=1e-12)


def test_an_array_with_named_dimensions_varies_along_them(base):
    fixed = {name: value for name, value in base["training"].items() if name not in ("world_size", "hardware")}
    bandwidth = xr.DataArray(
        [[25e9, 50e9], [1e11, 2e11]],
        dims=("hardware", "world_size"),
        coords={"hardware": ["a100-sxm-80gb", "h100-sxm-80gb"], "world_size": [16, 64]},
    )
    found = rooflax.evaluate("step_time", **fixed, scale_out_bandwidth=bandwidth, tp=[1, 4])["step_time"]
    assert set(found.dims) == {"hardware", "world_size", "tp"}
    for hardware, gpus in (("a100-sxm-80gb", 64), ("h100-sxm-80gb", 16)):
        value = float(bandwidth.sel(hardware=hardware, world_size=gpus))
        given = {**fixed, "hardware": hardware, "world_size": gpus, "scale_out_bandwidth": value, "tp": 4}
        alone = rooflax.evaluate("step_time", **given)["step_time"]
        np.testing.assert_allclose(found.sel(hardware=hardware, world_size=gpus, tp=4), alone, rtol=1e-12)


def test_a_pinned_quantity_replaces_its_model(base):
    plain = rooflax.evaluate(["step_time", "exposed_dp_comm_time"], **base["training"])
    pinned = rooflax.evaluate("step_time", **base["training"], exposed_dp_comm_time=[0.0, 0.3])["step_time"]
    rest = float(plain["step_time"] - plain["exposed_dp_comm_time"])
    np.testing.assert_allclose(pinned.sel(exposed_dp_comm_time=[0.0, 0.3]), [rest, rest + 0.3], rtol=1e-12)


def test_a_given_dp_decides_the_world_size(base):
    fixed = {name: value for name, value in base["training"].items() if name != "world_size"}
    by_dp = rooflax.evaluate(["step_time", "num_micro_batches"], **fixed, dp=[4, 8, 16], tp=4)
    by_world = rooflax.evaluate(["step_time", "num_micro_batches"], **fixed, world_size=[16, 32, 64], tp=4)
    np.testing.assert_allclose(by_dp["step_time"], by_world["step_time"], rtol=1e-12)
    np.testing.assert_array_equal(by_dp["num_micro_batches"], by_world["num_micro_batches"])


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-14)])
def test_many_blocks_equal_one(dtype, rtol, base, make_sweep, small_blocks):
    """To rounding, not to the bit: the compiler fuses multiplications and additions differently for other shapes."""
    inputs = random_inputs("rule", base, 5)
    inputs |= {"world_size": [16, 48, 64, 128, 256], "mfu": [0.1, 0.2, 0.4], "seq_len": [1000, 2000, 3000]}
    sweep = make_sweep(OUTPUTS["rule"], ("training_time_6nd < 100 d",), **inputs)
    whole = evaluate(sweep, dtype=dtype)
    for target in (1, 7, 13):
        small_blocks(target)
        assert len(blocks_of(sweep)) > 2
        cut = evaluate(sweep, dtype=dtype)
        for name, values in whole.items():
            if values.dtype == np.int8:
                np.testing.assert_array_equal(cut[name], values, err_msg=name)
            np.testing.assert_allclose(cut[name], values, rtol=rtol, err_msg=name)


def test_a_block_has_the_same_bits_whenever_it_is_evaluated(base, make_sweep, small_blocks):
    sweep = make_sweep(["memory_per_gpu"], **base["training"], tp=[1, 2, 4], micro_batch_size=[1, 2, 4])
    small_blocks(3)
    regions = blocks_of(sweep)

    def bits(order):
        blocks = evaluate_blocks(sweep, sweep.variables, dtype="float32", regions=[regions[i] for i in order])
        return {b.region.index: {n: v.tobytes() for n, v in b.owned(sweep.variables).items()} for b in blocks}

    first = bits(range(3))
    assert len(regions) == 3
    assert bits([2, 0, 1]) == first
    assert {index: found[index] for found in map(bits, [[0], [1], [2]]) for index in found} == first


def test_only_the_axes_that_matter_are_evaluated(base, make_sweep, small_blocks):
    small_blocks(1_000_000)
    long = np.linspace(1e-6, 2e-6, 1_000_000)
    sweep = make_sweep(["memory_per_gpu", "step_time"], **base["training"], tp=[1, 2], scale_out_latency=long)
    grid = make_sweep(["memory_per_gpu"], **base["training"], tp=[1, 2])
    seen = []
    arrays = evaluate(sweep, ["memory_per_gpu"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 1)]
    np.testing.assert_array_equal(arrays["memory_per_gpu"], evaluate(grid)["memory_per_gpu"])


def test_progress_counts_the_blocks(base, make_sweep, small_blocks):
    sweep = make_sweep(["step_time"], **base["training"], tp=[1, 2, 4])
    small_blocks(1)
    seen = []
    evaluate(sweep, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_sweep_that_does_not_fit_into_memory_is_refused_with_the_sum(base, make_sweep):
    long = {"min": 1e9, "max": 1e12, "num": 1_000_000, "scale": "log"}
    sweep = make_sweep(
        ["step_time_6nd"], **{**base["rule"], "num_parameters": long, "mfu": list(np.linspace(0.1, 1, 2000))}
    )
    with pytest.raises(RooflaxError) as error:
        evaluate(sweep)
    assert str(error.value) == (
        "This sweep needs 14.9 GiB in memory (3 variables of up to 2 G points x 8 B); the limit is 8 GiB. "
        "Give it a store (-o runs/x.zarr), or drop outputs."
    )
    assert error.value.exit_code == 2


def test_a_sweep_that_no_machine_could_finish_is_refused(base, make_sweep, small_blocks):
    small_blocks(1)
    long = {"range": [1, 1100, 1]}
    sweep = make_sweep(["step_time_6nd"], **{**base["rule"], "num_parameters": long, "world_size": long})
    with pytest.raises(RooflaxError) as error:
        blocks_of(sweep)
    assert str(error.value) == (
        "This sweep has 1.21e+06 points: num_parameters (1,100) x world_size (1,100). That is 1.21e+06 blocks; the "
        "limit is 1,000,000. Give the axes fewer labels."
    )


def test_nothing_asked_is_nothing_evaluated(base, make_sweep):
    assert evaluate(make_sweep(["step_time"], **base["training"]), []) == {}


def test_the_default_target_is_what_blocks_are_cut_by(base, make_sweep):
    sweep = make_sweep(["step_time"], **base["training"], tp=[1, 2])
    assert blocks_of(sweep).lengths == block_grid(sweep.sizes)
    assert engine.width(sweep, "binding", "float64") == 1
    assert engine.width(sweep, "step_time", "float64") == 8
