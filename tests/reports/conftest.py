from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console


@pytest.fixture
def printed() -> Callable[..., list[str]]:
    """What a terminal of a given width shows, line by line."""

    def show(*parts: Any, width: int = 120) -> list[str]:
        text = io.StringIO()
        console = Console(width=width, file=text, force_terminal=False)
        for part in parts:
            console.print(part)
        return [line.rstrip() for line in text.getvalue().splitlines()]

    return show


@pytest.fixture
def best() -> xr.Dataset:
    """Best points as a reader of a store gets them: labels, winning configuration, outputs, status."""
    status = {
        "flag_values": [0, 1, 2, 127],
        "flag_meanings": "feasible fits_memory memory_per_gpu_<=_70_GiB not_computed",
    }
    dims = ("model", "hardware", "world_size")
    shape = (2, 2, 3)
    times = np.linspace(0.744, 139.5, 12).reshape(shape)
    codes = np.zeros(shape, dtype="int8")
    codes[1, 1] = (1, 2, 127)
    binding = {"flag_values": [0, 1], "flag_meanings": "compute hbm"}
    data = {
        "micro_batch_size": (dims, np.ones(shape), {"role": "configuration", "units": "1"}),
        "tp": (dims, np.arange(12.0).reshape(shape), {"role": "configuration", "units": "1"}),
        "recompute": (dims, np.full(shape, "selective"), {"role": "configuration"}),
        "binding": (dims, np.resize([0, 1], shape).astype("int8"), binding),
        "step_time": (dims, times, {"units": "s", "long_name": "Time of one training step"}),
        "memory_per_gpu": (dims, np.linspace(63.73e9, 85.2e9, 12).reshape(shape), {"units": "B"}),
        "tokens_per_second_per_gpu": (dims, 400 / times, {"units": "1/s"}),
        "cost_per_token": (dims, times * 1e-8, {"units": "$/token"}),
        "status": (dims, codes, status),
        "margin": (dims, np.full(shape, -1.5e9), {"units": "B", "condition_units": ["B", "B"]}),
    }  # fmt: skip
    coords = {
        "model": ["llama-2-70b", "gpt-3-175b"],
        "hardware": ["a100-sxm-80gb", "h100-sxm-80gb"],
        "world_size": ("world_size", [64.0, 1024.0, 16384.0], {"units": "1"}),
        "scale_out_bandwidth": ((), 52.36e9, {"units": "B/s"}),
    }
    attrs = {"objective": "step_time", "direction": "smallest", "over": "micro_batch_size tp recompute"}
    return xr.Dataset(data, coords, attrs)
