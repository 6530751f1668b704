"""Canonical forms: two specs that mean the same have one."""

import json

import pytest

SPEC = """\
title: Where does tensor parallelism stop paying?
axes:
  model: [small-1b, Large_7B]
  tp: {pow2: [1, 8]}
  scale_up_bandwidth: {min: 25 GB/s, max: 400 GB/s, num: 3, scale: log}
fixed: {hardware: chip-a, seq_len: 4096, global_batch_size: 1024, recompute: selective}
outputs: [step_time, memory_per_gpu]
where: [fits_memory, memory_per_gpu < 70 GiB]
best: {minimize: step_time, over: [tp]}
store: {path: runs/a.zarr}
"""


def minimal(**sections):
    base = {
        "title": "t",
        "axes": {"tp": [1, 2]},
        "fixed": {"model": "small-1b", "hardware": "chip-a", "seq_len": 1024, "global_batch_size": 8},
        "outputs": ["step_time"],
    }
    return json.dumps({key: value for key, value in {**base, **sections}.items() if value is not ...})


SAME = [
    SPEC.replace("[small-1b, Large_7B]", "\n  - small-1b  # first\n  - large-7b"),
    SPEC.replace("25 GB/s", "0.2 Tb/s").replace("400 GB/s", "4e11"),
    SPEC.replace("{pow2: [1, 8]}", "[1, 2.0, 4, '8']"),
    SPEC.replace("tp:", "tensor_par:").replace("[tp]", "[tensor_par]"),
    SPEC.replace("Where does", "When will").replace("runs/a.zarr", "b.zarr"),
    SPEC.replace("[step_time, memory_per_gpu]", "[memory_per_gpu, step_time]"),
    SPEC.replace("< 70 GiB", "< 75161927680"),
    SPEC.replace("{path: runs/a.zarr}", "{dtype: float32}"),
    SPEC.replace("seq_len: 4096, global_batch_size: 1024", "global_batch_size: 1024, seq_len: 4096"),
    SPEC.replace("recompute: selective}", "recompute: selective, precision: BF16-mixed}"),
]
OTHER = [
    SPEC.replace("[small-1b, Large_7B]", "[Large_7B, small-1b]"),
    SPEC.replace("[1, 8]", "[1, 16]"),
    SPEC.replace("400 GB/s", "401 GB/s"),
    SPEC.replace("selective", "full"),
    SPEC.replace("outputs: [step_time, ", "outputs: ["),
    SPEC.replace("70 GiB", "71 GiB"),
    SPEC.replace("minimize", "maximize"),
    SPEC.replace("over: [tp]", "over: [tp, model]"),
    SPEC.replace("{path: runs/a.zarr}", "{dtype: float64}"),
    SPEC.replace("chip-a", "chip-d, network: net-a"),
    SPEC.replace("selective}", "selective, precision: fp8-mixed}"),
    SPEC.replace("axes:\n", "axes:\n  seq_len: [4096]\n").replace("seq_len: 4096,", ""),
]


@pytest.mark.parametrize("text", SAME)
def test_what_means_the_same_has_one_canonical_form(load, text):
    assert text != SPEC
    assert json.dumps(load(text).canonical(), allow_nan=False) == json.dumps(load(SPEC).canonical())


FRONT = SPEC + "pareto: {objectives: [step_time:min, step_energy:max], over: [tp, model, scale_up_bandwidth]}\n"


@pytest.mark.parametrize(
    "text",
    [
        FRONT.replace("[tp, model, scale_up_bandwidth]", "[model, scale_up_bandwidth, tensor_par]"),
        FRONT.replace(", over: [tp, model, scale_up_bandwidth]", ""),
        FRONT.replace("step_time:min", "'step_time : min'"),
    ],
)
def test_one_frontier_has_one_canonical_form(load, text):
    assert text != FRONT
    assert load(text).canonical() == load(FRONT).canonical()


@pytest.mark.parametrize(
    "text",
    [
        SPEC,
        FRONT.replace("step_energy:max", "step_energy:min"),
        FRONT.replace("step_energy:max", "compute_time:max"),
        FRONT.replace("step_time:min, step_energy:max", "step_energy:max, step_time:min"),
        FRONT.replace("[tp, model, scale_up_bandwidth]", "[tp]"),
    ],
)
def test_another_frontier_has_another_form(load, text):
    assert text != FRONT
    assert load(text).canonical() != load(FRONT).canonical()


@pytest.mark.parametrize("text", OTHER)
def test_what_means_something_else_has_another_form(load, text):
    assert text != SPEC
    assert load(text).canonical() != load(SPEC).canonical()


def test_the_order_of_axes_counts(load):
    axes = {"tp": [1, 2], "recompute": ["none", "full"]}
    swapped = dict(reversed(axes.items()))
    assert load(minimal(axes=axes)).canonical() != load(minimal(axes=swapped)).canonical()
