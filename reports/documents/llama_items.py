"""The checklist of document 002: every item, what came of it, and what is wrong in the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Item, errata_of
from .llama_names import MODELS
from .llama_pies import FIGURES
from .llama_runs import (
    CONFIGURATIONS,
    DTYPES,
    GUARDS,
    H100,
    IDEAL,
    INFERENCE,
    PUBLISHED,
    TRAINING,
    TRAINING_CORRECTED,
    forward_times,
    runs,
    shares,
    value,
)

if TYPE_CHECKING:
    import xarray as xr

Wrong = Callable[..., str]
_PIES = tuple(pie.name for pie in FIGURES)


def items(data: Mapping[str, xr.Dataset]) -> Iterator[Item]:
    """Every item with its result from the datasets."""
    known: dict[str, list[str]] = {}
    for dataset in data.values():
        for name, variable in dataset.variables.items():
            for one in errata_of(str(name), variable.attrs):
                text = f"{one.number}: {one.wrong}; right: {one.right}"
                known.setdefault(one.number, [])
                if text not in known[one.number]:
                    known[one.number].append(text)

    def wrong(*numbers: str) -> str:
        return " ".join(f"{text}." for number in numbers for text in known.get(number, ()))

    yield from _configurations(data, wrong)
    yield from _formulas(data, wrong)
    yield from _tables(data, wrong)
    yield from _statements(data, wrong)
    yield from _runs(data, wrong)


def _configurations(data: Mapping[str, xr.Dataset], wrong: Wrong) -> Iterator[Item]:
    training, stated = data[TRAINING], data[CONFIGURATIONS]
    billions = [value(training, "num_parameters", run=model) / 1e9 for model in range(len(MODELS))]
    yield Item(
        "S2.1",
        "Model configurations",
        "`llama-1-7b`, `-13b`, `-33b` and `-65b` of the catalog; the tool counts "
        + ", ".join(f"{one:.2f}" for one in billions)
        + " billion parameters",
        wrong("I2.9"),
        ("models",),
    )
    yield Item(
        "S2.2",
        "GPU configurations, and the list of all predefined ones",
        "the choice `llm_analysis.gpu`; its rates and sizes are quantities that can be given instead",
        wrong("I2.2", "I2.3", "I2.14", "I2.15"),
        ("gpus", "dtypes", "models"),
    )
    rate = value(stated, "gemm_rate", gpu="a100-sxm-80gb", dtype="w4a8e16") / 1e12
    yield Item(
        "S2.3",
        "Data types w{W}a{A}e{E}",
        f"twelve of them as the choice `llm_analysis.dtype`; the wider operand sets the rate: w4a8 runs at {rate:g} "
        "TOP/s on the A100",
        see=("dtypes",),
    )


def _formulas(data: Mapping[str, xr.Dataset], wrong: Wrong) -> Iterator[Item]:
    training = data[TRAINING]
    yield Item(
        "S2.4",
        "Formulas of inference",
        "`llm_analysis.prefill_time`, `llm_analysis.decode_time` and their parts",
        wrong("I2.12", "I2.16"),
        ("latency",),
    )
    yield Item(
        "S2.5",
        "Formulas of training",
        "`llm_analysis.gpu_hours` and everything it is made of. Full recomputation keeps 2bsh/t of a layer",
        wrong("I2.10", "I2.11", "I2.13"),
        ("gpu-hours", "memory"),
    )
    found = [round(value(training, "micro_batch_size", run=model, setup=PUBLISHED)) for model in range(len(MODELS))]
    yield Item(
        "S2.6",
        "Batch solver",
        f"micro-batches of {', '.join(map(str, found))}; where nothing fits or divides there is no value, and a "
        "status says why",
        see=("batches", "guards"),
    )


def _tables(data: Mapping[str, xr.Dataset], wrong: Wrong) -> Iterator[Item]:
    training, right = data[TRAINING], data[TRAINING_CORRECTED]
    hours = [int(value(training, "gpu_hours", run=model, setup=PUBLISHED)) for model in range(len(MODELS))]
    main = right["gpu_hours"].sel(hardware="a100-sxm-80gb").values
    yield Item(
        "S2.7",
        "Table of GPU-hours",
        "as printed: "
        + ", ".join(f"{one:,}" for one in hours)
        + "; main models: "
        + ", ".join(f"{one:,.0f}" for one in main),
        wrong("I2.5", "I2.8"),
        ("gpu-hours", "gpu-hours-against-paper"),
    )
    yield Item(
        "S2.8", "Table of latencies", "16 cells as printed", wrong("I2.1", "I2.4"), ("latency", "latency-by-data-type")
    )
    yield Item(
        "S2.9",
        "Tables of data types",
        f"40 cells as printed, {len(DTYPES)} data types, two GPUs for LLaMA-65B in 16 bits alone",
        see=("quantization-prefill", "quantization-decode", "quantization-decode-corrected", "latency-by-data-type"),
    )
    apart = [
        f"{pie.name}, {MODELS[model]}, {part}"
        for pie in FIGURES
        for model in range(len(MODELS))
        for part, exact, label in zip(pie.parts, pie.shares(data, model), pie.labels[model], strict=True)
        if label is not None and abs(exact - label) > 1
    ]
    yield Item(
        "S2.10",
        "Five figures of four pies",
        "stacked shares instead of pies; more than a point off the picture's labels: " + "; ".join(apart),
        wrong("I2.5", "I2.7"),
        (*(f"{name}-figure" for name in _PIES), *_PIES, "step-shares"),
    )


def _share(data: xr.Dataset, model: int, setup: int, place: int) -> float:
    return shares(forward_times(data, model, setup))[place]


def _statements(data: Mapping[str, xr.Dataset], wrong: Wrong) -> Iterator[Item]:
    training, right = data[TRAINING], data[TRAINING_CORRECTED]
    every = range(len(MODELS))

    def ratio(setup: int) -> list[float]:
        plain = [value(training, "gpu_hours", run=model, setup=PUBLISHED) for model in every]
        return [value(training, "gpu_hours", run=model, setup=setup) / plain[model] for model in every]

    yield Item(
        "S2.11",
        "Ideal efficiency halves the GPU-hours",
        "ratios " + ", ".join(f"{one:g}" for one in ratio(IDEAL)),
        see=("gpu-hours",),
    )
    main = right["gpu_hours"]
    saved = (1 - main.sel(hardware="h100-sxm-80gb") / main.sel(hardware="a100-sxm-80gb")).values
    yield Item(
        "S2.12",
        "The H100 saves 68 % of the GPU-hours",
        f"{100 * (1 - ratio(H100)[0]):.3f} % for every model, the ratio of the peak rates; by the main models "
        + ", ".join(f"{100 * one:.0f}" for one in saved)
        + " %, since memory and links are not 3.2 times as fast",
        see=("gpu-hours",),
    )
    rises = [_share(training, m, IDEAL, p) - _share(training, m, PUBLISHED, p) for m in every for p in (3, 4)]
    norms = [_share(training, 0, setup, 2) for setup in (PUBLISHED, IDEAL)]
    yield Item(
        "S2.13",
        "Communication and input embedding gain share at ideal efficiency",
        f"by {min(rises):.1f} to {max(rises):.1f} points; so do the norms, from {norms[0]:.2f} to {norms[1]:.2f} % for "
        "LLaMA-7B",
        wrong("I2.6"),
        ("time-breakdown", "time-breakdown-ideal"),
    )
    links = [_share(training, m, H100, 3) - _share(training, m, PUBLISHED, 3) for m in every]
    yield Item(
        "S2.14",
        "Communication gains share on the H100",
        f"by {min(links):.1f} to {max(links):.1f} points; the text names the memory bandwidth, but it is the link "
        "between GPUs (300 to 450 GB/s) that sets it",
        see=("time-breakdown", "time-breakdown-h100"),
    )


def _runs(data: Mapping[str, xr.Dataset], wrong: Wrong) -> Iterator[Item]:
    inference, training = data[INFERENCE], data[TRAINING]
    weights = value(inference, "inference_weight_memory", model=3, dtype="w16a16e16", tp=0) / 1e9
    status = int(inference["status"].isel({"model": 3, "efficiency": 0, "llm_analysis.tp": 0}).sel(
        {"llm_analysis.dtype": "w16a16e16"}
    ))  # fmt: skip
    yield Item(
        "S2.15",
        "LLaMA-65B in 16 bits needs two GPUs",
        f"{weights:.2f} GB of weights; one GPU has status {status} and no latency, two have one",
        wrong("I2.4"),
        ("latency",),
    )
    yield Item(
        "S2.16",
        "A summary of every run, for machines and for people",
        f"{sum(1 for _ in runs(data))} runs, two files each, under the document's file names",
    )
    yield Item(
        "S2.17",
        "Defaults",
        "A100 and w16a16e16 are defaults of the namespace; lengths, batch and layout stand in the specs "
        "`documents/002-inference` and `documents/002-training`",
    )
    rates = [
        value(training, one, run=3, setup=PUBLISHED)
        for one in ("reported_tokens_per_second_per_gpu", "tokens_per_second_per_gpu")
    ]
    yield Item(
        "S2.18",
        "Inputs of the paper: tables 2 and 15",
        f"{rates[0]:.1f} tokens per second and GPU for LLaMA-65B by the paper, {rates[1]:.1f} by the tool",
        see=("token-rates", "paper-energy"),
    )
    refused = int((data[GUARDS]["status"] > 0).sum())
    yield Item(
        "S2.19",
        "What the tool refuses",
        f"{refused} of {data[GUARDS].sizes['run']} runs of `documents/002-guards`, each with the condition it breaks; "
        "efficiencies outside (0, 1] are no values at all; `llm_analysis.trains_enough` is the warning about tokens",
        see=("guards",),
    )
    yield Item(
        "S2.20",
        "Grids of further runs",
        "84 inference and 54 training runs, refused ones among them, are compared in the golden tests",
    )
