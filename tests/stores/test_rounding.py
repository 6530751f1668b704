"""Rounding of stored values: near enough, recorded, and smaller."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rooflax
from rooflax.specs.problems import RooflaxError
from rooflax.stores.rounding import rounded

SPEC = """\
title: Rounded
axes:
  tp: [1, 2, 4, 8]
  scale_out_bandwidth: {min: 25 GB/s, max: 400 GB/s, num: 1000, scale: log}
fixed: {model: llama-2-70b, hardware: h100-sxm-80gb, world_size: 512, global_batch_size: 512, seq_len: 4096}
outputs: [step_time, memory_per_gpu, binding]
where: [fits_memory]
best: {minimize: step_time, over: [tp]}
"""


@given(st.lists(st.floats(width=32), min_size=1), st.integers(1, 23))
def test_a_rounded_number_is_the_nearest_of_so_many_bits(numbers, bits):
    values = np.array(numbers, dtype=np.float32)
    found = rounded(values, bits)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(found[~finite], values[~finite])
    kept = np.abs(values[finite]) < 2.0**127
    normal = np.abs(values[finite]) >= np.finfo(np.float32).tiny
    exact = values[finite].astype(np.float64)
    error = np.abs(found[finite].astype(np.float64) - exact)[kept & normal]
    assert (error <= 2.0 ** -(bits + 1) * np.abs(exact)[kept & normal]).all()
    assert not (found[finite].view(np.uint32) & ((1 << (23 - bits)) - 1)).any()


def test_all_bits_and_odd_nans_stay():
    values = np.array([1 / 3, np.nan, -np.inf, 0.0], dtype=np.float64)
    values = np.append(values, np.array([-1], dtype=np.int64).view(np.float64))
    np.testing.assert_array_equal(rounded(values, 52).view(np.int64), values.view(np.int64))
    assert np.isnan(rounded(values, 3)[[1, 4]]).all()


def test_a_run_rounds_what_it_stores_and_says_so(tmp_path):
    spec = tmp_path / "rounded.yaml"
    spec.write_text(SPEC)
    whole = rooflax.open(rooflax.run(spec, store=tmp_path / "whole.zarr").path)
    few = rooflax.open(rooflax.run(spec, store=tmp_path / "few.zarr", overrides=["store.mantissa_bits=12"]).path)
    assert few.step_time.attrs["quantization_nsb"] == 12
    assert "quantization_nsb" not in {*whole.step_time.attrs, *few.binding.attrs, *few.status.attrs}
    near = np.abs(few.step_time / whole.step_time - 1).to_numpy()
    assert 2**-15 < near.max() <= 2**-13
    assert (few.binding == whole.binding).all()
    assert (few.status == whole.status).all()
    best = [rooflax.open(tmp_path / name, "best").step_time for name in ("whole.zarr", "few.zarr")]
    np.testing.assert_array_equal(*best)
    sizes = [
        sum(f.stat().st_size for f in (tmp_path / n / "step_time").rglob("c/*/*")) for n in ("whole.zarr", "few.zarr")
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_a_resumed_run_must_round_alike(tmp_path):
    spec = tmp_path / "rounded.yaml"
    spec.write_text(SPEC)
    rooflax.run(spec, store=tmp_path / "x.zarr")
    with pytest.raises(RooflaxError, match="holds the results of another sweep: the spec"):
        rooflax.run(spec, store=tmp_path / "x.zarr", overrides=["store.mantissa_bits=12"])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("store.mantissa_bits=24", "float32 has 23 mantissa bits; 24 cannot be kept"),
        ("store.mantissa_bits=0", "0 is not at least 1"),
        ("store.mantissa_bits=half", "a whole number was expected"),
    ],
)
def test_bits_that_cannot_be_kept_are_refused(tmp_path, override, told):
    spec = tmp_path / "rounded.yaml"
    spec.write_text(SPEC)
    with pytest.raises(RooflaxError, match=told):
        rooflax.run(spec, store=tmp_path / "x.zarr", overrides=[override])
