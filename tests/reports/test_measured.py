from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.measured import figures_of, text_of

TEXT = """\
Single Device (world_size=1, batch_size=64):
  Training Time: 45.23 ± 2.15 seconds
  Tokens/Second: 2845.67 ± 123.45

Multi-Device (world_size=2, batch_size=128):
  Training Time: 24.56 ± 1.89 seconds
  Tokens/Second: 5234.89 ± 234.56

Speedup:
  Training Time Speedup: 1.84x
  Throughput Speedup: 1.84x
  Training Time Scaling Efficiency: 92.1 ± 8.3 % (speedup 1.8416 ± 0.1666 over 2/1 GPUs)
  Throughput Scaling Efficiency: 92.0 ± 5.7 % (speedup 1.8396 ± 0.1147 over 2/1 GPUs)

± is the population standard deviation (ddof=0) over 9 epochs; the first epoch of each run is the warm-up and does \
not count (epoch 0).
note: something is to say
"""


@pytest.fixture
def averages() -> xr.Dataset:
    """The document's own expected output, the multi-device run first."""
    columns = {
        "training_time": ([24.56, 45.23], "s"),
        "training_time_std": ([1.89, 2.15], "s"),
        "tokens_per_second": ([5234.89, 2845.67], "1/s"),
        "tokens_per_second_std": ([234.56, 123.45], "1/s"),
        "training_time_speedup": ([1.8416, 1.0], "1"),
        "training_time_speedup_std": ([0.1666, 0.0], "1"),
        "training_time_efficiency": ([0.9208, 1.0], "1"),
        "training_time_efficiency_std": ([0.0833, 0.0], "1"),
        "throughput_speedup": ([1.8396, 1.0], "1"),
        "throughput_speedup_std": ([0.1147, 0.0], "1"),
        "throughput_efficiency": ([0.9198, 1.0], "1"),
        "throughput_efficiency_std": ([0.0574, 0.0], "1"),
        "num_epochs": ([9, 9], "1"),
    }
    return xr.Dataset(
        {name: ("run", values, {"long_name": name, "units": unit}) for name, (values, unit) in columns.items()},
        {"run": ["multi", "single"], "world_size": ("run", [2, 1]), "batch_size": ("run", [128.0, 64.0])},
        {
            "std": "population",
            "ddof": 0,
            "baseline": "single",
            "warm_up": ["epoch 0", "epoch 0"],
            "notices": ["something is to say"],
        },
    )


def test_text_is_the_documents_block_and_says_which_deviation(averages: xr.Dataset) -> None:
    assert text_of(averages) == TEXT


def test_text_of_one_run_has_no_speedup(averages: xr.Dataset) -> None:
    one = averages.sel(run=["single"]).assign_attrs(warm_up=["epoch 0"])
    del one.attrs["baseline"]
    assert "Speedup" not in text_of(one)
    assert text_of(one).startswith("Single Device (world_size=1, batch_size=64):\n")


def test_deviation_that_does_not_exist_is_called_so(averages: xr.Dataset) -> None:
    sample = averages.assign(training_time_std=("run", [np.nan, np.nan]))
    assert "  Training Time: 45.23 ± undefined seconds\n" in text_of(sample)


def test_unknown_batch_size_and_synthetic_runs(averages: xr.Dataset) -> None:
    text = text_of(averages.assign_coords(batch_size=("run", [np.nan, np.nan])).assign_attrs(synthetic=1))
    assert "Single Device (world_size=1):\n" in text
    assert "SYNTHETIC: these runs are made up" in text


def test_predicted_speedup_stands_beside_the_measured_one(averages: xr.Dataset) -> None:
    predicted = ("run", [1.9, 1.0], {"long_name": "of some model"})
    assert "  Predicted Speedup: 1.90x (of some model)\n" in text_of(averages.assign(predicted_speedup=predicted))


def test_figures_are_the_documents_and_the_speedup(averages: xr.Dataset) -> None:
    pytest.importorskip("holoviews")
    names = [figure.name for figure in figures_of(averages)]
    assert names == ["training_time_comparison", "tokens_per_second_comparison", "speedup_comparison"]
