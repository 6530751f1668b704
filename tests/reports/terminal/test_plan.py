from __future__ import annotations

import pytest

from rooflax.reports.terminal.plan import plan_tables

PLAN = {
    "title": "A plan",
    "axes": [
        {"name": "model", "size": 2, "first": "llama-2-70b", "last": "gpt-3-175b"},
        {"name": "scale_out_bandwidth", "size": 1600, "first": "25 GB/s", "last": "400 GB/s"},
        {"name": "tp", "size": 4, "first": "1", "last": "8"},
    ],
    "points": 12800,
    "blocks": 3,
    "dtype": "float32",
    "bytes": 51200,
    "variables": [
        {"name": "tokens_per_second", "unit": "1/s", "dims": ["model", "scale_out_bandwidth", "tp"], "bytes": 51200},
        {"name": "memory_per_gpu", "unit": "B", "dims": ["model", "tp"], "bytes": 32},
        {"name": "total", "unit": "1", "dims": [], "bytes": 4},
        {"name": "few", "unit": "1", "dims": ["tp"], "bytes": 16},
    ],
    "conditions": ["fills_world", "fits_memory"],
    "best": "smallest step_time over tp",
    "pareto": "smallest step_time, largest predicted_mfu over tp, model",
    "optimize": "smallest step_time",
    "over": [{"name": "hbm_bandwidth", "low": "1 TB/s", "high": "8 TB/s", "scale": "linear"}],
    "inputs": [
        {"name": "peak_flops_bf16", "value": "312 TFLOP/s … 989.4 TFLOP/s", "origin": "hardware of each `hardware`"},
        {"name": "cp", "value": "1", "origin": "default"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("width", [80, 120, 160])
def test_nothing_of_a_plan_is_cut(width, printed):
    lines = printed(*plan_tables(PLAN), width=width)
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= width
    for part in (
        "A plan",
        "scale_out_bandwidth 1,600 25 GB/s 400 GB/s",
        "tokens_per_second 1/s 51.2 kB every axis",
        "memory_per_gpu B 32 B every axis but scale_out_bandwidth",
        "total 1 4 B nothing: one value",
        "few 1 16 B tp",
        "312 TFLOP/s … 989.4 TFLOP/s",
        "12,800 points in 3 blocks; 51.2 kB before compression in float32",
        "conditions, in this order: fills_world, fits_memory",
        "best: smallest step_time over tp",
        "pareto: smallest step_time, largest predicted_mfu over tp, model",
        "optimize: smallest step_time over hbm_bandwidth from 1 TB/s to 8 TB/s (linear)",
    ):
        assert part in text
