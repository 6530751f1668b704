"""Measured runs as text and bar charts, from their labelled averages alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .documents.contract import Figure
from .figures import bars

if TYPE_CHECKING:
    import xarray as xr

SPEEDUPS = (
    ("Training Time Speedup", "training_time_speedup", "training_time_efficiency"),
    ("Throughput Speedup", "throughput_speedup", "throughput_efficiency"),
)
PREDICTED = "predicted_speedup"


def text_of(averages: xr.Dataset) -> str:
    """The report block: each run's epoch time and throughput, then the speedups, then what the numbers mean."""
    baseline = averages.attrs.get("baseline")
    runs = [averages.isel(run=position) for position in range(averages.sizes["run"])]
    runs.sort(key=lambda run: str(run["run"].item()) != baseline)
    blocks = [_run_block(run, str(run["run"].item()) == baseline) for run in runs]
    if baseline is not None:
        base = averages.sel(run=baseline)
        blocks += [_speedup_block(run, base, len(runs) > 2) for run in runs if str(run["run"].item()) != baseline]
    return "\n\n".join([*blocks, "\n".join(_remarks(averages))]) + "\n"


def figures_of(averages: xr.Dataset) -> Iterator[Figure]:
    """Bar charts of epoch time and of throughput with their standard deviations, and of the speedups."""
    names = [_axis_name(averages.isel(run=position)) for position in range(averages.sizes["run"])]
    note = " ".join(_remarks(averages))
    for stem, quantity, title in (
        ("training_time_comparison", "training_time", "Training time of one epoch"),
        ("tokens_per_second_comparison", "tokens_per_second", "Throughput"),
    ):
        unit = {"s": "s", "1/s": "tokens/s"}[averages[quantity].attrs["units"]]
        spread = averages[f"{quantity}_std"].fillna(0.0).values
        plot = bars(
            names,
            {"measured": list(averages[quantity].values)},
            y=f"{averages[quantity].attrs['long_name']} [{unit}]",
            errors={"measured": list(spread)},
            values="{:.2f}",
            title=f"{title}, mean ± {averages.attrs['std']} std",
        )
        yield Figure(stem, f"{title} of the measured runs", plot, (5.0, 3.6), note)
    if "baseline" in averages.attrs:
        yield _speedup_figure(averages, note)


def _speedup_figure(averages: xr.Dataset, note: str) -> Figure:
    others = [p for p in range(averages.sizes["run"]) if str(averages["run"].values[p]) != averages.attrs["baseline"]]
    faster = averages.isel(run=others)
    series = {label.lower(): list(faster[name].values) for label, name, _ in SPEEDUPS}
    errors = {label.lower(): list(faster[f"{name}_std"].fillna(0.0).values) for label, name, _ in SPEEDUPS}
    series["ideal"] = list(
        faster["world_size"].values / averages["world_size"].sel(run=averages.attrs["baseline"]).item()
    )
    if PREDICTED in averages:
        series["predicted"] = list(faster[PREDICTED].values)
    plot = bars(
        [_axis_name(faster.isel(run=position)) for position in range(len(others))],
        series,
        y=f"Speedup over {averages.attrs['baseline']} [1]",
        errors=errors,
        values="{:.2f}x",
        title="Speedup, ± propagated std",
        legend="right",
    )
    return Figure("speedup_comparison", "Speedup of the measured runs", plot, (6.4, 3.6), note)


def _run_block(run: xr.Dataset, is_baseline: bool) -> str:
    return "\n".join(
        [
            f"{_kind(run, is_baseline)} ({_configuration(run)}):",
            f"  Training Time: {_spread(run, 'training_time')} seconds",
            f"  Tokens/Second: {_spread(run, 'tokens_per_second')}",
        ]
    )


def _kind(run: xr.Dataset, is_baseline: bool) -> str:
    if int(run["world_size"]) == 1:
        return "Single Device"
    return "Baseline" if is_baseline else "Multi-Device"


def _configuration(run: xr.Dataset) -> str:
    size, batch = int(run["world_size"]), float(run["batch_size"])
    return f"world_size={size}" + ("" if math.isnan(batch) else f", batch_size={batch:g}")


def _axis_name(run: xr.Dataset) -> str:
    return f"{run['run'].item()}\n{_configuration(run).replace(', ', chr(10))}"


def _spread(run: xr.Dataset, name: str, form: str = ".2f") -> str:
    """A mean and its deviation; one value has no sample deviation."""
    deviation = float(run[f"{name}_std"])
    return f"{float(run[name]):{form}} ± " + ("undefined" if math.isnan(deviation) else f"{deviation:{form}}")


def _speedup_block(run: xr.Dataset, base: xr.Dataset, named: bool) -> str:
    """Speedup of one run; `named` says of which where there are several."""
    sizes = int(run["world_size"]), int(base["world_size"])
    lines = [f"Speedup ({run['run'].item()} over {base['run'].item()}):" if named else "Speedup:"]
    lines += [f"  {label}: {float(run[name]):.2f}x" for label, name, _ in SPEEDUPS]
    lines += [
        f"  {label.replace('Speedup', 'Scaling Efficiency')}: {_percent(run, efficiency)} "
        f"(speedup {_spread(run, name, '.4f')} over {sizes[0]}/{sizes[1]} GPUs)"
        for label, name, efficiency in SPEEDUPS
    ]
    if PREDICTED in run:
        lines.append(f"  Predicted Speedup: {float(run[PREDICTED]):.2f}x ({run[PREDICTED].attrs['long_name']})")
    return "\n".join(lines)


def _percent(run: xr.Dataset, name: str) -> str:
    deviation = float(run[f"{name}_std"])
    spread = "undefined" if math.isnan(deviation) else f"{100 * deviation:.1f}"
    return f"{100 * float(run[name]):.1f} ± {spread} %"


def _remarks(averages: xr.Dataset) -> list[str]:
    """What the numbers mean: which deviation, over which epochs, and what there is to say about the input."""
    counts = [int(count) for count in averages["num_epochs"].values]
    epochs = str(counts[0]) if len(set(counts)) == 1 else " and ".join(map(str, counts))
    warm_ups = dict.fromkeys(averages.attrs["warm_up"])
    said = [
        f"± is the {averages.attrs['std']} standard deviation (ddof={averages.attrs['ddof']}) over {epochs} epochs; "
        f"the first epoch of each run is the warm-up and does not count ({', '.join(warm_ups)})."
    ]
    if averages.attrs.get("synthetic"):
        said.append("SYNTHETIC: these runs are made up to show the report; they are no measurements.")
    return [*said, *(f"note: {notice}" for notice in averages.attrs.get("notices", ()))]
