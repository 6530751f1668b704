"""Document 003: a single- and a multi-device training run compared by their measured epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..figures import Series, curves
from ..measured import PREDICTED, SPEEDUPS, figures_of, text_of
from .contract import Cell, Figure, Item, Sample, Table, TextFile

if TYPE_CHECKING:
    import xarray as xr

NUMBER = "003"
TITLE = "Performance comparison of single- and multi-device training"
PREDICTION, RUNS = "documents/003-data-parallel-speedup", "measured-runs"
SPECS = (PREDICTION,)
SAMPLES = {
    RUNS: Sample(
        reader="measured-runs",
        paths=(
            "documents/data/measured/synthetic-single-device",
            "documents/data/measured/synthetic-two-devices",
        ),
        synthetic="the two runs are made up so that their means and deviations are those of the document's expected "
        "output; `rooflax measured WORKDIR...` reads yours.",
    )
}
MEAN_NAMES = ("training_time", "tokens_per_second")

Data = Mapping[str, "xr.Dataset"]


def tables(data: Data) -> Iterator[Table]:
    """Averages, epochs, speedups and what the models predict."""
    averages = _with_prediction(data)
    yield _averages_table(averages)
    yield _epochs_table(averages)
    if "baseline" in averages.attrs:
        yield _speedup_table(averages)
    yield _prediction_table(data[PREDICTION])


def figures(data: Data) -> Iterator[Figure]:
    """The document's two bar charts, the speedups, and the predicted scaling."""
    averages = _with_prediction(data)
    yield from figures_of(averages)
    yield _scaling_figure(averages, data[PREDICTION])


def files(data: Data) -> Iterator[TextFile]:
    """The report as `rooflax measured` prints it."""
    yield TextFile("report.txt", text_of(_with_prediction(data)))


def items(data: Data) -> Iterator[Item]:
    """The checklist of the document."""
    averages = _with_prediction(data)
    runs = ", ".join(map(str, averages["run"].values))
    epochs = ", ".join(str(int(count)) for count in averages["num_epochs"].values)
    yield Item(
        "S3.1",
        "Per-rank metrics of every epoch",
        f"read from {averages.sizes['run']} folders: {runs}; other files are ignored",
        see=("epochs",),
    )
    warm_up = ", ".join(dict.fromkeys(averages.attrs["warm_up"]))
    yield Item("S3.2", "The first epoch does not count", f"dropped: {warm_up}, the smallest number of each run")
    yield Item(
        "S3.3",
        "Mean time over ranks, summed throughput",
        "per epoch and run",
        see=("epochs",),
    )
    yield Item(
        "S3.4",
        "Mean and standard deviation over epochs",
        f"over {epochs} epochs; the {averages.attrs['std']} deviation is shown, the table has both",
        "I3.4: the document does not say which deviation; its script takes the population's.",
        see=("averages",),
    )
    yield Item("S3.5", "Speedup of time and throughput", _speedups_said(averages), _same_work(), see=("speedups",))
    yield Item(
        "S3.6",
        "The report as text",
        "as `rooflax measured` prints it; the deviation is named",
        see=("report.txt",),
    )
    yield Item(
        "S3.7",
        "Bar charts with error bars",
        "both, and one of the speedups",
        see=("training_time_comparison", "tokens_per_second_comparison", "speedup_comparison"),
    )
    command = "rooflax measured WORKDIR... [--single-world-size N] [--multi-world-size N] [--lenient] [-o DIR]"
    yield Item("S3.8", "Command line", f"`{command}`")
    yield Item("S3.9", "Library and command agree", "both call `rooflax.measured.report_of`")
    yield Item(
        "S3.10",
        "Missing and corrupt input",
        "one sentence that names every bad file; with `--lenient`, incomplete epochs are left out and named",
        "I3.2: the script appends what it finds and takes the position in the list for the epoch, so a missing file "
        "shifts every later epoch of its rank. I3.5: it warns of a missing file and goes on.",
    )
    yield Item(
        "S3.11",
        "Runs are kept apart",
        "one folder a run; two runs asked of one folder are refused, with the reason",
        "I3.1: the quick start runs both into ./workdir under the same names, so the second run overwrites the first's "
        "rank 0 and the baseline is lost: both epochs then take equally long, and the time speedup is about 1.",
    )
    yield Item("S3.12", "Validation loss and BLEU", "kept by epoch and rank", see=("averages",))
    yield Item(
        "S3.13",
        "Scaling efficiency and its deviation",
        _efficiencies_said(averages),
        see=("speedups", "predicted", "predicted_scaling"),
    )


def _with_prediction(data: Data) -> xr.Dataset:
    """The measured averages, with the predicted speedup where the spec has the same numbers of GPUs."""
    averages, prediction = data[RUNS], data[PREDICTION]
    if "baseline" not in averages.attrs:
        return averages
    sizes = prediction["world_size"].values
    rates = dict(zip(map(int, sizes), prediction["tokens_per_second"].values, strict=True))
    if not all(int(size) in rates for size in averages["world_size"].values):
        return averages
    base = int(averages["world_size"].sel(run=averages.attrs["baseline"]))
    predicted = [float(rates[int(size)] / rates[base]) for size in averages["world_size"].values]
    label = f"tokens per second of the models, {PREDICTION}"
    return averages.assign({PREDICTED: ("run", predicted, {"long_name": label, "units": "1"})})


def _averages_table(averages: xr.Dataset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for position in range(averages.sizes["run"]):
        run = averages.isel(run=position)
        cells: list[Cell] = [str(run["run"].item()), int(run["world_size"]), _number(run["batch_size"])]
        for name in MEAN_NAMES:
            cells += [_number(run[name]), *_deviations(run, name, int(averages.attrs["ddof"]))]
        cells += [_number(run[name]) for name in ("validation_loss", "bleu")]
        rows.append((*cells, int(run["num_epochs"])))
    columns = ["run", "world_size", "batch_size"]
    for label in ("training time [s]", "tokens per second [1/s]"):
        columns += [label, "± population", "± sample"]
    columns += ["validation loss, last epoch", "BLEU, last epoch", "epochs"]
    return Table("averages", "Averages over epochs", columns, rows)


def _deviations(run: xr.Dataset, name: str, ddof: int) -> tuple[Cell, Cell]:
    """Population and sample deviation, of which the dataset holds one: they differ by sqrt(n / (n - 1))."""
    count, known = int(run["num_epochs"]), float(run[f"{name}_std"])
    population = known * math.sqrt((count - ddof) / count)
    return population, population * math.sqrt(count / (count - 1)) if count > 1 else None


def _epochs_table(averages: xr.Dataset) -> Table:
    rows = []
    for position in range(averages.sizes["run"]):
        run = averages.isel(run=position)
        for epoch in averages["epoch"].values:
            time, rate = (float(run[f"epoch_{name}"].sel(epoch=epoch)) for name in MEAN_NAMES)
            if not math.isnan(time):
                rows.append((str(run["run"].item()), int(epoch), time, rate))
    columns = ("run", "epoch", "training time, mean over ranks [s]", "tokens per second, sum over ranks [1/s]")
    return Table("epochs", "Epochs that count", columns, rows)


def _speedup_table(averages: xr.Dataset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    baseline = averages.attrs["baseline"]
    for run in _others(averages):
        ideal = float(run["world_size"]) / float(averages["world_size"].sel(run=baseline))
        predicted = float(run[PREDICTED]) if PREDICTED in run else None
        for label, speedup, efficiency in SPEEDUPS:
            value, spread = float(run[speedup]), _number(run[f"{speedup}_std"])
            shares = float(run[efficiency]), _number(run[f"{efficiency}_std"])
            rows.append((str(run["run"].item()), label, f"{value:.2f}x", value, spread, ideal, *shares, predicted))
    columns = ("run", "of", "printed", "speedup", "±", "ideal", "efficiency", "±", "predicted by the models")
    note = f"Over {baseline}; ± is the {averages.attrs['std']} deviation of both runs, propagated as if independent."
    return Table("speedups", "Speedup and scaling efficiency", columns, rows, note)


def _prediction_table(prediction: xr.Dataset) -> Table:
    rates = prediction["tokens_per_second"].values
    sizes, batches = prediction["world_size"].values, prediction["global_batch_size"].values
    rows = [
        (
            round(float(size)),
            round(float(batches[place])),
            float(prediction["step_time"].values[place]),
            float(np.broadcast_to(prediction["exposed_dp_comm_time"].values, rates.shape)[place]),
            float(rates[place]),
            float(rates[place] / rates[0]),
            float(rates[place] / rates[0] / (size / sizes[0])),
            float(prediction["predicted_mfu"].values[place]),
        )
        for place, size in enumerate(sizes)
    ]
    columns = (
        "GPUs",
        "global batch",
        "step time [s]",
        "exposed data parallel communication [s]",
        "tokens per second [1/s]",
        "speedup",
        "efficiency",
        "MFU",
    )
    note = (
        "The main models for GPT-2 on A100, 64 sequences of 128 tokens a GPU. The document names no model, GPU or "
        "sequence length, so this predicts a run like it, not its run."
    )
    return Table("predicted", "Predicted scaling", columns, rows, note)


def _scaling_figure(averages: xr.Dataset, prediction: xr.Dataset) -> Figure:
    sizes, rates = prediction["world_size"].values, prediction["tokens_per_second"].values
    series = [
        Series("ideal", list(sizes), list(sizes / sizes[0]), "reference"),
        Series("predicted by the models", list(sizes), list(rates / rates[0]), "plain"),
    ]
    if "baseline" in averages.attrs:
        label = "throughput, synthetic runs" if averages.attrs.get("synthetic") else "throughput, measured"
        gpus, speedups = averages["world_size"].values, averages["throughput_speedup"].values
        series.append(Series(label, list(gpus), list(speedups), "points"))
    plot = curves(series, x="GPUs [1]", y="Speedup [1]", x_ticks=tuple(sizes), legend="upper left")
    return Figure("predicted_scaling", "Predicted and measured scaling", plot, (5.2, 3.8))


def _speedups_said(averages: xr.Dataset) -> str:
    runs = [f"{label.lower()} {float(run[name]):.2f}x" for run in _others(averages) for label, name, _ in SPEEDUPS]
    return ", ".join(runs) or "needs two runs"


def _efficiencies_said(averages: xr.Dataset) -> str:
    shares = [
        f"{label.replace('Speedup', 'efficiency').lower()} {100 * float(run[name]):.1f} ± "
        f"{100 * float(run[f'{name}_std']):.1f} %"
        for run in _others(averages)
        for label, _, name in SPEEDUPS
    ]
    return ", ".join(shares) or "needs two runs"


def _others(averages: xr.Dataset) -> list[xr.Dataset]:
    """The runs that are compared with the baseline; none where there is one run."""
    runs = [averages.isel(run=position) for position in range(averages.sizes["run"])]
    baseline = averages.attrs.get("baseline")
    return [run for run in runs if baseline is not None and str(run["run"].item()) != baseline]


def _same_work() -> str:
    return (
        "I3.3: the batch doubles with the GPUs, so each keeps its batch and the time speedup is for an epoch of the "
        "same data. I3.6: with that, time and throughput speedup say the same; a notice tells where they do not."
    )


def _number(value: xr.DataArray) -> float | None:
    """A number, or an empty cell where there is none."""
    return None if math.isnan(float(value)) else float(value)
