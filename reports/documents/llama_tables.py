"""Tables of document 002: what it prints, what its tool computed in full, and what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .contract import Cell, Table
from .llama_names import MEMORY, MODELS, TOOL_MODELS
from .llama_pies import FIGURES, Pie
from .llama_runs import (
    CONFIGURATIONS,
    DTYPES,
    GUARDS,
    H100,
    IDEAL,
    INFER_IDEAL,
    INFER_REAL,
    INFERENCE,
    INFERENCE_CORRECTED,
    MEMORY_PARTS,
    PAPER,
    PUBLISHED,
    TRAINING,
    TRAINING_CORRECTED,
    inference_value,
    memory_parts,
    ranks_of,
    value,
)

if TYPE_CHECKING:
    import xarray as xr

_MS = 1e3
REFUSED = (
    "as published",
    "16 tensor parallel ranks in a node of 8",
    "4 sequence parallel ranks, 8 tensor parallel ones",
    "6 stages: 48 GPUs a replica do not divide 2048",
    "4,000,001 sequences do not divide by 32 replicas",
    "sequences of 4096 tokens, the model has 2048",
    "one GPU for weights, optimizer states and gradients",
    "no recomputation: not one sequence fits",
    "1.0e12 tokens: fewer than 20 a parameter",
)
"""What is changed in each run of the spec of guards, in its order."""


def tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """Every table of the document, and those its text promises."""
    yield gpu_hours(data[TRAINING], data[TRAINING_CORRECTED])
    yield latency(data[INFERENCE], data[INFERENCE_CORRECTED])
    for phase in ("prefill", "decode"):
        yield quantization(phase, data[INFERENCE])
        yield quantization_corrected(phase, data[INFERENCE], data[INFERENCE_CORRECTED])
    for pie in FIGURES:
        yield shares_table(pie, data)
    yield memory(data[TRAINING], data[TRAINING_CORRECTED])
    yield batches(data[TRAINING])
    yield guards(data[GUARDS])
    yield parameters(data[TRAINING])
    yield gpus(data[CONFIGURATIONS])
    yield dtypes(data[CONFIGURATIONS])
    yield paper_models(data[TRAINING])
    yield paper_energy(data[PAPER])


def difference(hours: float, paper: float) -> float:
    """By how many percent GPU-hours differ from the paper's."""
    return 100 * (hours / paper - 1)


def gpu_hours(data: xr.Dataset, corrected: xr.Dataset) -> Table:
    """GPU-hours of training: the paper's, the tool's as printed and in full, and the main models'."""
    rows = []
    for model, name in enumerate(MODELS):
        paper = float(data["llm_analysis.reported_gpu_hours"].values[model])
        hours, ideal, h100 = (value(data, "gpu_hours", run=model, setup=at) for at in (PUBLISHED, IDEAL, H100))
        right = float(corrected["gpu_hours"].isel(run=model).sel(hardware="a100-sxm-80gb"))
        rows.append(
            (
                name,
                f"{paper:,.0f}",
                f"{int(hours):,}",
                f"{difference(int(hours), paper):+.2f}",
                hours,
                ideal,
                h100,
                100 * (1 - h100 / hours),
                value(data, "gpu_hours_model_flops", run=model, setup=PUBLISHED),
                value(data, "gpu_hours_three_forwards", run=model, setup=PUBLISHED),
                right,
                difference(right, paper),
                float(corrected["gpu_hours"].isel(run=model).sel(hardware="h100-sxm-80gb")),
            )
        )
    columns = (
        "params",
        "LLaMA paper GPU-hours",
        "llm-analysis GPU-hours, as printed",
        "diff. %, as printed",
        "in full [h]",
        "ideal efficiency [h]",
        "H100 [h]",
        "H100 saves [%]",
        "6ND at the tool's rate [h]",
        "three forward passes [h]",
        "main models, A100 [h]",
        "main models against paper [%]",
        "main models, H100 [h]",
    )
    return Table(
        "gpu-hours",
        "GPU-hours of training LLaMA",
        columns,
        rows,
        "The printed hours are cut, not rounded, and the printed difference is that of the cut ones. The tool's hours "
        "are arithmetic at half the peak rate and nothing else, so that their closeness to the paper rests on that one "
        "number. The main models charge communication, memory traffic, bubble and gradients for the layout that the "
        "document assumes (8 tensor parallel ranks, 8 stages, micro-batches of one sequence; 4 and 4 for LLaMA-33B); "
        "the paper does not say its own layout, and 64 GPUs a replica are many for the small models.",
    )


def _cell(milliseconds: float, model: int, dtype: str) -> str:
    """A cell as the document prints it: LLaMA-65B with its number of GPUs."""
    ranks = f" (tp_size={ranks_of(model, dtype) + 1})" if MODELS[model] == "LLaMA-65B" else ""
    return f"{round(milliseconds, 2)}{ranks}"


def _right(data: xr.Dataset, quantity: str, model: int, dtype: str, efficiency: int) -> float:
    found = data[quantity].isel(model=model, efficiency=efficiency, tp=ranks_of(model, dtype))
    return _MS * float(found.sel(precision=dtype))


def latency(data: xr.Dataset, corrected: xr.Dataset) -> Table:
    """Prefill and decode latency, ideal and with efficiencies."""
    sets = ((INFER_IDEAL, "ideal"), (INFER_REAL, "fe=0.7, hbme=0.9"))
    phases = (("prefill", "prefill_time"), ("decode", "decode_step_time"))
    rows: list[Sequence[Cell]] = []
    for model, name in enumerate(MODELS):
        row: list[Cell] = [name + (" (tp_size=2)" if ranks_of(model, DTYPES[0]) else "")]
        for efficiency, _ in sets:
            for phase, right in phases:
                exact = _MS * inference_value(data, f"{phase}_time", model, DTYPES[0], efficiency)
                row += [str(round(exact, 2)), exact, _right(corrected, right, model, DTYPES[0], efficiency)]
        rows.append(row)
    heads = [f"{label} {phase}" for _, label in sets for phase, _ in phases]
    columns = [f"{head}, {what} [ms]" for head in heads for what in ("as printed", "in full", "main models")]
    return Table(
        "latency",
        "Prefill and decode latency of LLaMA on A100",
        ("model", *columns),
        rows,
        "One sequence of 512 tokens. The main models compute the paper's gated feed-forward layers, read the output "
        "head at every step and do not read the whole input embedding for every token.",
    )


def quantization(phase: str, data: xr.Dataset) -> Table:
    """Latency of one phase in five data types, as the document prints it."""
    rows: list[Sequence[Cell]] = []
    for model, name in enumerate(MODELS):
        exact = [_MS * inference_value(data, f"{phase}_time", model, dtype, INFER_IDEAL) for dtype in DTYPES]
        rows.append((name, *(_cell(ms, model, dtype) for ms, dtype in zip(exact, DTYPES, strict=True))))
    title = f"{phase.capitalize()} latency of LLaMA by data type, as printed"
    note = "Matrix products run at the rate of the wider of weights and activations."
    return Table(f"quantization-{phase}", title, (f"{phase} latency (ms)", *DTYPES), rows, note)


def quantization_corrected(phase: str, data: xr.Dataset, corrected: xr.Dataset) -> Table:
    """The same latencies in full, beside those of the main models."""
    right = {"prefill": "prefill_time", "decode": "decode_step_time"}[phase]
    rows: list[Sequence[Cell]] = []
    for model, name in enumerate(MODELS):
        for dtype in DTYPES:
            exact = _MS * inference_value(data, f"{phase}_time", model, dtype, INFER_IDEAL)
            main = _right(corrected, right, model, dtype, INFER_IDEAL)
            rows.append((name, dtype, ranks_of(model, dtype) + 1, exact, main, 100 * (exact / main - 1)))
    return Table(
        f"quantization-{phase}-corrected",
        f"{phase.capitalize()} latency of LLaMA by data type, published and put right",
        ("model", "data type", "GPUs", "as published [ms]", "main models [ms]", "published against main [%]"),
        rows,
        "Ideal efficiency, A100, one sequence.",
    )


def shares_table(pie: Pie, data: Mapping[str, xr.Dataset]) -> Table:
    """The shares of one of the document's pies, in full and as read from its picture."""
    rows: list[Sequence[Cell]] = []
    for model, name in enumerate(MODELS):
        for part, exact, label in zip(pie.parts, pie.shares(data, model), pie.labels[model], strict=True):
            apart = None if label is None else abs(exact - label) <= 1
            rows.append((name, part, exact, label, apart))
    return Table(
        pie.name,
        pie.title,
        ("model", "part", "share [%]", "label of the picture [%]", "within one point"),
        rows,
        pie.note,
    )


def memory(data: xr.Dataset, corrected: xr.Dataset) -> Table:
    """Memory of training, published and by the main models."""
    rows: list[Sequence[Cell]] = []
    for model, name in enumerate(MODELS):
        published = memory_parts(data, model)
        right = [float(corrected[one].isel(run=model)) for one in MEMORY.values()]
        rows.extend((name, part, a / 1e9, b / 1e9) for part, a, b in zip(MEMORY_PARTS, published, right, strict=True))
        total = float(corrected["memory_per_gpu"].isel(run=model)) / 1e9
        rows.append((name, "all", sum(published) / 1e9, total))
    return Table(
        "memory",
        "Memory of training on one GPU",
        ("model", "part", "as published [GB]", "main models [GB]"),
        rows,
        "The published runs fill the memory with the largest micro-batch that fits (50, 25, 10 and 8 sequences); the "
        "main models take one sequence and ZeRO stage 0, as the document does, and 2 GiB beside the model. Their "
        "gradients are kept in 4 B.",
    )


def batches(data: xr.Dataset) -> Table:
    """What the batch solver finds."""
    rows = []
    for model, name in enumerate(MODELS):
        found = [
            value(data, one, run=model, setup=PUBLISHED)
            for one in ("max_micro_batch_size", "micro_batch_size", "num_micro_batches")
        ]
        rows.append((name, 4000000 / value(data, "dp"), *found))
    return Table(
        "batches",
        "The largest micro-batch that fits and divides",
        ("model", "sequences of a replica", "most that fit", "micro-batch", "micro-batches of a step"),
        rows,
        "The micro-batch is the largest divisor of a replica's sequences that fits.",
    )


def guards(data: xr.Dataset) -> Table:
    """Runs that the tool refuses, and the condition that each of them breaks."""
    status = data["status"]
    meanings = dict(zip(status.attrs["flag_values"], status.attrs["flag_meanings"].split(), strict=True))
    rows = []
    for place, changed in enumerate(REFUSED):
        condition = meanings[int(status.values[place])]
        hours = value(data, "gpu_hours", run=place)
        rows.append((changed, "no" if condition == "feasible" else condition.replace("_", " ", 0), hours))
    return Table(
        "guards",
        "LLaMA-65B on 2048 GPUs: what is refused",
        ("run", "refused by", "GPU-hours [h]"),
        rows,
        "A run that the tool refuses has no value here and a status that names the condition; the runs beside it keep "
        "theirs. Too few tokens are a warning: the value stands.",
    )


def parameters(data: xr.Dataset) -> Table:
    """The tool's models and their parameters, beside the main models' count."""
    rows = [
        (
            name,
            TOOL_MODELS[model],
            value(data, "num_parameters", run=model) / 1e9,
            float(data["num_parameters"].isel(run=model)) / 1e9,
        )
        for model, name in enumerate(MODELS)
    ]
    return Table(
        "models",
        "The predefined models",
        ("model", "name in llm-analysis", "parameters as published [10^9]", "parameters, main models [10^9]"),
        rows,
        "LLaMA-33B is called 30b. Ungated layers of width 4h and one embedding were counted; the paper has three "
        "matrices of width 2/3 4h and two embeddings.",
    )


def gpus(data: xr.Dataset) -> Table:
    """The tool's GPUs."""
    fields = (
        ("peak_flops_fp16", "16-bit rate [TFLOP/s]", 1e12),
        ("peak_flops_int8", "8-bit rate [TOP/s]", 1e12),
        ("peak_flops_int4", "4-bit rate [TOP/s]", 1e12),
        ("hbm_bandwidth", "memory bandwidth [GB/s]", 1e9),
        ("hbm_capacity", "memory [GB]", 1e9),
        ("intra_node_bandwidth", "bandwidth in the node [GB/s]", 1e9),
        ("inter_node_bandwidth", "bandwidth between nodes [GB/s]", 1e9),
        ("least_message_time", "least message time [us]", 1e-6),
    )
    names = [str(name) for name in data["llm_analysis.gpu"].values]
    rows = [(name, *(value(data, field, gpu=name) / size for field, _, size in fields)) for name in names]
    return Table(
        "gpus",
        "The predefined GPUs of the document",
        ("GPU", *(label for _, label, _ in fields)),
        rows,
        "Hopper has no 4-bit matrix products; no formula reads the bandwidth between nodes, which is in Gb/s for the "
        "H100. `rooflax list hardware` has the sourced records.",
    )


def dtypes(data: xr.Dataset) -> Table:
    """The tool's data types and the rates they give."""
    names = [str(name) for name in data["llm_analysis.dtype"].values]
    gpus_ = [str(name) for name in data["llm_analysis.gpu"].values]
    bits = ("weight_bits", "activation_bits", "embedding_bits")
    rows = [
        (
            name,
            *(value(data, field, dtype=name) for field in bits),
            *(value(data, "gemm_rate", dtype=name, gpu=gpu) / 1e12 for gpu in gpus_),
        )
        for name in names
    ]
    columns = ("data type", "weight bits", "activation bits", "embedding bits", *(f"{g} rate [TFLOP/s]" for g in gpus_))
    return Table("dtypes", "The predefined data types", columns, rows, "Keys and values have the bits of activations.")


def paper_models(data: xr.Dataset) -> Table:
    """Token rates of the paper and the tool."""
    rows = [
        (
            name,
            float(data["tokens"].values[model]),
            float(data["llm_analysis.reported_gpu_hours"].values[model]),
            value(data, "reported_tokens_per_second_per_gpu", run=model),
            value(data, "tokens_per_second_per_gpu", run=model, setup=PUBLISHED),
        )
        for model, name in enumerate(MODELS)
    ]
    return Table(
        "token-rates",
        "Tokens per second and GPU",
        ("model", "tokens", "paper GPU-hours [h]", "paper [1/s]", "llm-analysis [1/s]"),
        rows,
        "The paper says about 380 for LLaMA-65B.",
    )


def paper_energy(data: xr.Dataset) -> Table:
    """Table 15 of the LLaMA paper."""
    names = ("OPT-175B", "BLOOM-175B", *MODELS)
    printed = ((356, 137), (475, 183), (36, 14), (59, 23), (233, 90), (449, 173))
    hours = data["llm_analysis.reported_gpu_hours"].values
    rows = [
        (
            name,
            float(hours[place]),
            energy,
            value(data, "reported_energy", reported_gpu_hours=place) / 3.6e9,
            carbon,
            value(data, "reported_carbon", reported_gpu_hours=place) / 1e3,
        )
        for place, (name, (energy, carbon)) in enumerate(zip(names, printed, strict=True))
    ]
    columns = (
        "model",
        "GPU-hours [h]",
        "energy, as printed [MWh]",
        "energy [MWh]",
        "carbon, as printed [t]",
        "carbon [t]",
    )
    return Table(
        "paper-energy",
        "Energy and carbon of training in the LLaMA paper",
        columns,
        rows,
        "400 W a GPU, a power usage effectiveness of 1.1, 0.385 kg of CO2 a kWh. The paper rounds some numbers, and "
        "cuts others.",
    )
