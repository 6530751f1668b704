"""Measured runs of document 003 as labelled data: metrics by run, epoch and rank, their averages, and the speedup.

An epoch's time is the mean over its ranks, its throughput their sum. The first epoch is the warm-up and does not count.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from .rank_files import QUALITY, MeasuredError, RunFiles, read_run

BASELINE = "baseline"
# Time and throughput of two runs over the same data give nearly the same tokens in an epoch; beyond this they do not.
_SAME_WORK = 0.05

_LABELS = {
    "training_time": ("Training time of one epoch on one rank", "s"),
    "tokens_per_sec": ("Tokens per second of one rank", "1/s"),
    "validation_loss": ("Validation loss", "1"),
    "bleu": ("BLEU score", "1"),
}
STD_KINDS = ("population", "sample")


def read_runs(workdirs: Sequence[str | os.PathLike[str]], *, lenient: bool = False) -> xr.Dataset:
    """Every metric by run, epoch and rank; NaN where a run has no such epoch or rank, or the file no such metric.

    `used` says which epochs count: complete, and after the run's first. Coordinates of a run are its `world_size` and
    `batch_size` (NaN where the files do not carry it). Raises MeasuredError where a folder is given twice or a run
    cannot be read, naming every bad file; with `lenient`, epochs that are not complete are left out instead, and
    `attrs["notices"]` says so.
    """
    folders = [Path(workdir) for workdir in workdirs]
    if not folders:
        raise MeasuredError("no folder of measured runs is given")
    _refuse_shared(folders)
    runs = [read_run(folder, lenient=lenient) for folder in folders]
    epochs = sorted({epoch for run in runs for epoch in run.epochs})
    ranks = max(run.world_size for run in runs)
    data = {
        name: (("run", "epoch", "rank"), _values(runs, name, epochs, ranks), {"long_name": label, "units": unit})
        for name, (label, unit) in _LABELS.items()
    }
    used = np.array([[epoch in run.used for epoch in epochs] for run in runs])
    coords = {
        "run": ("run", np.array(_names(folders)), {"long_name": "Run"}),
        "epoch": ("epoch", np.array(epochs), {"long_name": "Epoch", "units": "1"}),
        "rank": ("rank", np.arange(ranks), {"long_name": "Rank", "units": "1"}),
        "world_size": ("run", np.array([run.world_size for run in runs]), {"long_name": "GPUs", "units": "1"}),
        "batch_size": ("run", [run.batch_size for run in runs], {"long_name": "Global batch size", "units": "1"}),
    }
    attrs = {
        "notices": [notice for run in runs for notice in run.notices],
        "warm_up": [f"epoch {run.warm_up}" for run in runs],
        "synthetic": int(any(run.synthetic for run in runs)),
    }
    return xr.Dataset(data, coords, attrs).assign(used=(("run", "epoch"), used, {"long_name": "Epoch counts"}))


def aggregate(runs: xr.Dataset, *, ddof: int = 0) -> xr.Dataset:
    """Per epoch, the mean time over ranks and the summed throughput; per run, their mean and standard deviation.

    `ddof` 0 gives the population's standard deviation, as the document's script does, 1 the sample's (NaN where one
    epoch counts); `attrs["std"]` names which.
    """
    if ddof not in (0, 1):
        raise MeasuredError(f"ddof {ddof} is neither 0 (population) nor 1 (sample)")
    used = runs["used"]
    time = runs["training_time"].mean("rank").where(used)
    rate = runs["tokens_per_sec"].sum("rank").where(used)
    kind = STD_KINDS[ddof]
    columns = {
        "epoch_training_time": (time, "Training time of one epoch, mean over ranks", "s"),
        "epoch_tokens_per_second": (rate, "Tokens per second, sum over ranks", "1/s"),
        "training_time": (time.mean("epoch"), "Training time of one epoch", "s"),
        "training_time_std": (_deviation(time, ddof), f"Training time of one epoch, {kind} std", "s"),
        "tokens_per_second": (rate.mean("epoch"), "Tokens per second", "1/s"),
        "tokens_per_second_std": (_deviation(rate, ddof), f"Tokens per second, {kind} std", "1/s"),
        "tokens_per_epoch": ((time * rate).mean("epoch"), "Tokens of one epoch, time times throughput", "1"),
        "num_epochs": (used.sum("epoch"), "Epochs that count", "1"),
    }
    for name in QUALITY:
        values = runs[name].mean("rank").where(used)
        columns[name] = (_last(values), f"{_LABELS[name][0]}, last epoch, mean over ranks", "1")
    data = {name: values.assign_attrs(long_name=label, units=unit) for name, (values, label, unit) in columns.items()}
    return xr.Dataset(data, attrs={**runs.attrs, "ddof": ddof, "std": kind})


def with_speedup(
    averages: xr.Dataset, *, single_world_size: int | None = None, multi_world_size: int | None = None
) -> xr.Dataset:
    """The averages with speedup and scaling efficiency over the baseline, and their propagated standard deviations.

    The baseline is the run of `single_world_size`, or the one with the fewest GPUs (the first of equals); the others
    must be of `multi_world_size` where it is given. Efficiency is speedup over the ratio of GPUs. The deviations take
    the two runs for independent. Raises MeasuredError where no baseline or no other run is there.
    """
    baseline = _baseline(averages, single_world_size, multi_world_size)
    base = averages.isel(run=baseline)
    more = averages["world_size"] / base["world_size"]
    found = averages.assign_attrs({**averages.attrs, BASELINE: str(averages["run"].values[baseline])})
    for name, column, ratio in (
        ("training_time", "training_time_speedup", base["training_time"] / averages["training_time"]),
        ("tokens_per_second", "throughput_speedup", averages["tokens_per_second"] / base["tokens_per_second"]),
    ):
        spread = ratio * np.sqrt(
            (base[f"{name}_std"] / base[name]) ** 2 + (averages[f"{name}_std"] / averages[name]) ** 2
        )
        spread = spread.where(np.arange(averages.sizes["run"]) != baseline, 0.0)
        label = averages[name].attrs["long_name"]
        efficiency = column.replace("speedup", "efficiency")
        found = found.assign(
            {
                column: _labelled(ratio, f"Speedup by {label[0].lower()}{label[1:]}"),
                f"{column}_std": _labelled(spread, f"Speedup, {averages.attrs['std']} std propagated"),
                efficiency: _labelled(ratio / more, f"Scaling efficiency by {label[0].lower()}{label[1:]}"),
                f"{efficiency}_std": _labelled(
                    spread / more, f"Scaling efficiency, {averages.attrs['std']} std propagated"
                ),
            }
        )
    return found.assign_attrs(notices=[*averages.attrs.get("notices", ()), *_unequal_work(found, baseline)])


def _refuse_shared(folders: Sequence[Path]) -> None:
    """Two runs in one folder have the same file names, so that the later one has overwritten the first."""
    seen: dict[Path, Path] = {}
    for folder in folders:
        place = folder.resolve()
        if place in seen:
            also = "" if seen[place] == folder else f" (also given as {seen[place]})"
            raise MeasuredError(
                f"cannot tell the runs apart: {folder} is given twice{also}; files of two runs in one folder have the "
                "same names, so the second run overwrote the first's; give every run a folder of its own"
            )
        seen[place] = folder


def refuse_one_folder(workdir: str | os.PathLike[str]) -> None:
    """Raises the MeasuredError for a single- and a multi-device run that are asked of one folder."""
    raise MeasuredError(
        f"cannot tell the runs apart: {workdir} is one folder, and a single- and a multi-device run were asked of it; "
        "both name their files rank0_results_epoch0.json, so the second run overwrote the first's rank 0; give every "
        "run a folder of its own"
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """The runs' labels: the folders' names, or their paths where two names are equal."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _values(runs: Sequence[RunFiles], metric: str, epochs: Sequence[int], ranks: int) -> np.ndarray:
    values = np.full((len(runs), len(epochs), ranks), np.nan)
    places = {epoch: position for position, epoch in enumerate(epochs)}
    for position, run in enumerate(runs):
        for (epoch, rank), file in run.files.items():
            if rank < run.world_size:
                values[position, places[epoch], rank] = file.metrics.get(metric, math.nan)
    return values


def _deviation(values: xr.DataArray, ddof: int) -> xr.DataArray:
    """The standard deviation over the epochs that count; NaN, without a warning, where ddof leaves nothing."""
    count = values.notnull().sum("epoch")
    squares = ((values - values.mean("epoch")) ** 2).sum("epoch")
    return (squares / (count - ddof).where(count > ddof)) ** 0.5


def _last(values: xr.DataArray) -> xr.DataArray:
    """The value of the last epoch for which one is known."""
    known = values.notnull()
    later = known.sel(epoch=values["epoch"][::-1]).cumsum("epoch").sel(epoch=values["epoch"])
    return values.where(known & (later == 1)).sum("epoch", min_count=1)


def _labelled(values: xr.DataArray, label: str) -> xr.DataArray:
    return values.drop_vars(set(values.coords) - {"run", "world_size", "batch_size"}).assign_attrs(
        long_name=label, units="1"
    )


def _baseline(averages: xr.Dataset, single: int | None, multi: int | None) -> int:
    sizes = averages["world_size"].values
    has = ", ".join(f"{run} has {size}" for run, size in zip(averages["run"].values, sizes, strict=True))
    if len(sizes) < 2:
        raise MeasuredError("a speedup needs two runs, each in a folder of its own")
    if single is not None and single not in sizes:
        raise MeasuredError(f"no run has world_size {single}, which was given for the single-device run: {has}")
    baseline = int(np.argmin(sizes) if single is None else np.argmax(sizes == single))
    others = [int(size) for position, size in enumerate(sizes) if position != baseline]
    if multi is not None and any(size != multi for size in others):
        raise MeasuredError(f"world_size {multi} was given for the multi-device run, but {has}")
    return baseline


def _unequal_work(found: xr.Dataset, baseline: int) -> list[str]:
    """Time and throughput speedups agree where the epochs of two runs hold the same tokens; if not, say so."""
    work = found["tokens_per_epoch"].values / found["tokens_per_epoch"].values[baseline]
    runs = found["run"].values
    return [
        f"{run}: its epochs hold {ratio:.3g} times the tokens of those of {runs[baseline]}, so time and throughput "
        "speedup do not measure the same; were both runs over the same data, each in a folder of its own?"
        for run, ratio in zip(runs, work, strict=True)
        if abs(ratio - 1) > _SAME_WORK
    ]
