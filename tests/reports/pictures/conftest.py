from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

Drawn = Callable[..., Any]


@pytest.fixture
def page() -> Drawn:
    """A picture as the figure of a page."""

    def draw(name: str, data: xr.Dataset, **choice: str) -> Any:
        import holoviews as hv

        from rooflax.reports.pictures import picture

        return hv.renderer("bokeh").get_plot(picture(name).draw(data, **choice)).state

    return draw


@pytest.fixture
def sources() -> Callable[[Any, str], list[dict[str, np.ndarray]]]:
    """The columns of every glyph of a figure that has a column."""

    def found(figure: Any, column: str) -> list[dict[str, np.ndarray]]:
        every = [glyph.data_source.data for glyph in figure.renderers if hasattr(glyph, "data_source")]
        return [{name: np.asarray(values) for name, values in data.items()} for data in every if column in data]

    return found


@pytest.fixture
def legend() -> Callable[[Any], list[str]]:
    """What a figure's legend names, in its order."""

    def names(figure: Any) -> list[str]:
        return [item.label.value for one in figure.legend for item in one.items]

    return names


@pytest.fixture
def training() -> xr.Dataset:
    """A small training sweep as a reader of its store gets it: a sum with terms, options, feasibility."""
    dims, gpus = ("world_size", "tp"), np.array([64.0, 128.0, 256.0, 512.0])
    wide, deep = gpus[:, None], np.array([[1.0, 2.0, 8.0]])
    attention, feed, exposed = 640 / wide + 0 * deep, 1280 / wide + 0 * deep, 0.4 * deep + 0 * wide
    small = 0.001 + 0 * wide * deep
    total = attention + feed + exposed + small + 0.5
    status = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 2]], dtype="int8")
    seconds = {"units": "s"}
    data = {
        "step_time": (
            dims,
            total,
            {
                **seconds,
                "long_name": "Time of one step",
                "terms": ["attention_time", "feed_forward_time", "tiny_time", "exposed_time", "unstored_time"],
            },
        ),
        "attention_time": (dims, attention, {**seconds, "long_name": "Attention"}),
        "feed_forward_time": (dims, feed, {**seconds, "long_name": "Feed-forward"}),
        "tiny_time": (dims, small, {**seconds, "long_name": "Very little"}),
        "exposed_time": (dims, exposed, {**seconds, "long_name": "Communication"}),
        "tokens_per_second": (dims, 1e6 / total, {"units": "1/s", "long_name": "Tokens per second"}),
        "memory_per_gpu": (dims, 300e9 / deep + 0 * wide, {"units": "B", "long_name": "Memory of one GPU"}),
        "binding": (
            dims,
            np.array([[0, 0, 3], [0, 0, 3], [0, 3, 3], [0, 3, 3]], dtype="int8"),
            {"flag_values": [0, 1, 2, 3], "flag_meanings": "compute hbm tp dp", "long_name": "What binds"},
        ),
        "status": (
            dims,
            status,
            {
                "flag_values": [0, 1, 2, 127],
                "flag_meanings": "feasible fits_memory divides_batch not_computed",
                "long_name": "Feasibility",
            },
        ),
        "margin": (
            dims,
            np.where(status == 1, -20e9, np.where(status == 2, -3.0, 5e9)),
            {"units": "B", "condition_units": ["B", "1"], "long_name": "Margin"},
        ),
    }
    coords = {
        "world_size": ("world_size", gpus, {"long_name": "GPUs", "units": "1"}),
        "tp": ("tp", np.array([1.0, 2.0, 8.0]), {"long_name": "Tensor parallel degree", "units": "1"}),
    }
    return xr.Dataset(data, coords)


@pytest.fixture
def slopes() -> xr.Dataset:
    """Elasticities by three inputs, one without effect, over two axes."""
    rows = np.array([[[-0.5, -0.1], [-0.2, 0.0]], [[0.1, 0.3], [0.3, np.nan]], np.zeros((2, 2))])
    return xr.Dataset(
        {"slope": (("wrt", "x", "y"), rows, {"units": "1", "long_name": "Elasticity of it"})},
        {
            "wrt": ("wrt", ["hbm_bandwidth", "price", "idle"], {"long_name": "Input"}),
            "x": ("x", [1.0, 2.0], {"long_name": "X", "units": "1"}),
            "y": ("y", ["a", "b"], {"long_name": "Y"}),
        },
    )
