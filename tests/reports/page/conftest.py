from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

STATUS = {"flag_values": [0, 1, 127], "flag_meanings": "feasible fits_memory not_computed", "long_name": "Feasibility"}
TIME = {
    "long_name": "Time of one training step",
    "units": "s",
    "formula": "t_a + t_b",
    "source": "narayanan-et-al-2021, sec. 3",
}
BINDING = {"flag_values": [0, 1, 2], "flag_meanings": "compute hbm dp", "long_name": "What bounds a training step"}


@pytest.fixture
def results() -> xr.Dataset:
    """A small grid as a store holds it: three axes, a time, what binds, and a condition that fails for tp 1."""
    dims, shape = ("hardware", "tp", "world_size"), (2, 3, 4)
    numbers = np.arange(1.0, 25.0).reshape(shape)
    status = np.zeros(shape, "int8")
    status[:, 0] = 1
    data = {
        "step_time": (dims, numbers, TIME),
        "binding": (dims, (numbers % 3).astype("int8"), BINDING),
        "status": (dims, status, STATUS),
        "margin": (dims, 1.0 - 2.0 * status, {"long_name": "Margin", "units": "B", "condition_units": ["B"]}),
    }  # fmt: skip
    coords = {
        "hardware": ("hardware", ["a100", "h100"], {"long_name": "Hardware"}),
        "tp": ("tp", [1.0, 2.0, 4.0], {"long_name": "Tensor parallel degree", "units": "1"}),
        "world_size": ("world_size", [8.0, 16.0, 32.0, 64.0], {"long_name": "GPUs", "units": "1"}),
    }
    return xr.Dataset(data, coords, {"title": "A <small> grid", "spec": "title: A grid\n", "sources": []})


@pytest.fixture
def best(results) -> xr.Dataset:
    """The best points of the grid over tp, as a search leaves them."""
    cells = results.isel(tp=1).drop_vars("tp")
    tp = xr.full_like(cells["step_time"], 2.0).assign_attrs(
        long_name="Tensor parallel degree", units="1", role="configuration"
    )
    return cells.assign(tp=tp).assign_attrs(objective="step_time", direction="smallest", over="tp")
