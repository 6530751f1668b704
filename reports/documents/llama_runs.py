"""Runs of document 002: their datasets by the document's names, and the summaries that its tool writes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .contract import TextFile
from .llama_names import INFERENCE_RESULTS, MEMORY, MODELS, PARTS, TOOL_MODELS, TRAINING_RESULTS, time_part

if TYPE_CHECKING:
    import xarray as xr

TRAINING = "documents/002-training"
TRAINING_CORRECTED = "documents/002-training-corrected"
INFERENCE = "documents/002-inference"
INFERENCE_CORRECTED = "documents/002-inference-corrected"
CONFIGURATIONS = "documents/002-configurations"
GUARDS = "documents/002-guards"
PAPER = "documents/002-paper"

DTYPES = ("w16a16e16", "w4a4e16", "w4a8e16", "w4a16e16", "w8a8e16")
PUBLISHED, IDEAL, H100 = 0, 1, 2
"""Positions on `setup` of the training runs."""
INFER_IDEAL, INFER_REAL = 0, 1
"""Positions on `efficiency` of the inference runs."""
MEMORY_PARTS = tuple(MEMORY)
_WIDTH = 100
_WHOLE = (
    "batch_size_per_gpu",
    "max_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "dp_size",
    "num_params_total",
    "num_flops_total_per_micro_batch",
    *(
        f"{phase}_{name}"
        for phase in ("prefill", "decode")
        for name in ("max_batch_size_per_gpu", "num_flops_fwd_total")
    ),
)
"""Results that the tool writes as whole numbers."""


@dataclass(frozen=True)
class Run:
    """One run of the tool: its folder and model in the document, its summary and the stem of the summary's files."""

    folder: str
    model: str
    stem: str
    summary: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run as the folder and the model."""
        return f"{self.folder}|{self.model}"


def value(data: xr.Dataset, quantity: str, **places: int | str) -> float:
    """One number of a quantity of the namespace at places of its axes: a position, or a label as a text."""
    found = data[f"llm_analysis.{quantity}"]
    for axis, place in places.items():
        dim = axis if axis in data.dims else f"llm_analysis.{axis}"
        if dim in found.dims:
            found = found.sel({dim: place}) if isinstance(place, str) else found.isel({dim: place})
    return float(found)


def forward_times(data: xr.Dataset, model: int, setup: int) -> list[float]:
    """Seconds of each part of a training run's forward pass."""
    return [value(data, f"forward_{time_part(part)}", run=model, setup=setup) for part in PARTS]


def ranks_of(model: int, dtype: str) -> int:
    """The position of the tensor parallel ranks of an inference run: two where one GPU cannot hold the weights."""
    return 1 if MODELS[model] == "LLaMA-65B" and dtype == "w16a16e16" else 0


def inference_value(data: xr.Dataset, quantity: str, model: int, dtype: str, efficiency: int) -> float:
    """One number of an inference run, at the document's number of GPUs."""
    return value(data, quantity, model=model, dtype=dtype, efficiency=efficiency, tp=ranks_of(model, dtype))


def decode_times(data: xr.Dataset, model: int) -> list[float]:
    """Seconds of each part of an ideal decode step, keys and values left out."""
    return [inference_value(data, f"decode_{time_part(part)}", model, "w16a16e16", INFER_IDEAL) for part in PARTS]


def memory_parts(data: xr.Dataset, model: int) -> list[float]:
    """Bytes of each part of a training run's memory, as published."""
    return [value(data, name, run=model, setup=PUBLISHED) for name in MEMORY.values()]


def shares(parts: Sequence[float]) -> list[float]:
    """Parts as percentages of their sum."""
    whole = math.fsum(parts)
    return [100 * part / whole for part in parts]


def runs(data: Mapping[str, xr.Dataset]) -> Iterator[Run]:
    """The 36 runs of the document."""
    for setup, folder in enumerate(("outputs_train", "outputs_train_ideal", "outputs_train_h100")):
        for model in range(len(MODELS)):
            yield _training(data[TRAINING], folder, setup, model)
    for efficiency, folder in ((INFER_REAL, "outputs_infer"), (INFER_IDEAL, "outputs_infer_ideal")):
        for model in range(len(MODELS)):
            yield _inference(data[INFERENCE], folder, efficiency, model, "w16a16e16")
    for dtype in DTYPES[1:]:
        for model in range(len(MODELS)):
            yield _inference(data[INFERENCE], f"outputs_infer_ideal_{dtype}", INFER_IDEAL, model, dtype)


def summaries(data: Mapping[str, xr.Dataset]) -> Iterator[TextFile]:
    """The files of every run: its summary as JSON, and one that people read."""
    for run in runs(data):
        yield TextFile(f"{run.stem}-summary.json", json.dumps(run.summary, indent=4))
        yield TextFile(f"{run.stem}-summary-readable.txt", readable(run.summary))


def _stem(model: int, gpu: str, dtype: str, tp: int, pp: int, dp: int, sp: int, flops: float, hbm: float) -> str:
    layout = f"tp{tp}-pp{pp}-dp{dp}-sp{sp}-fe{flops:g}-hbme{hbm:g}"
    return f"{TOOL_MODELS[model]}-{gpu}-{dtype}-{layout}"


def _training(data: xr.Dataset, folder: str, setup: int, model: int) -> Run:
    def of(quantity: str) -> float:
        return value(data, quantity, run=model, setup=setup)

    gpu = str(data["llm_analysis.gpu"].values[setup])
    flops, hbm = (
        float(data[f"llm_analysis.{name}"].values[setup]) for name in ("flops_efficiency", "hbm_memory_efficiency")
    )
    found: dict[str, Any] = {name: of(quantity) for name, quantity in TRAINING_RESULTS.items()}
    found |= {name: round(found[name]) for name in _WHOLE if name in found}
    dp = found["dp_size"]
    summary = {
        **_taken(found, "batch_size_per_gpu", "gradient_accumulation_steps"),
        "global_batch_size": found["batch_size_per_gpu"] * found["gradient_accumulation_steps"] * dp,
        "dp_size": dp,
        "tp_size": 8,
        "pp_size": 8,
        "sp_size": 8,
        "ds_zero": "NONE",
        "total_num_gpus": 64 * dp,
        "seq_len": 2048,
        "total_num_tokens": float(data["tokens"].values[model]),
        "num_params_total": found["num_params_total"],
        "activation_recomputation": "SELECTIVE",
        "achived_flops": _plain(found["achived_flops"] / 1e12, flops),
        "flops_efficiency": _plain(flops, flops),
        "hbm_memory_efficiency": _plain(hbm, hbm),
        **_taken(found, "num_flops_total_per_micro_batch", "optimizer_state_memory_per_gpu"),
        **_taken(found, "activation_memory_bs1", "activation_memory_bs1"),
        **_taken(found, "activation_memory_per_gpu", "activation_memory_per_gpu"),
        **_taken(found, "latency_per_micro_batch", "gpu_hours"),
    }
    stem = _stem(model, gpu, "w16a16e16", 8, 8, dp, 8, flops, hbm)
    return Run(folder, MODELS[model], stem, summary)


def _inference(data: xr.Dataset, folder: str, efficiency: int, model: int, dtype: str) -> Run:
    def of(quantity: str) -> float:
        return inference_value(data, quantity, model, dtype, efficiency)

    tp = ranks_of(model, dtype) + 1
    flops, hbm = (
        float(data[f"llm_analysis.{name}"].values[efficiency]) for name in ("flops_efficiency", "hbm_memory_efficiency")
    )
    found: dict[str, Any] = {name: of(quantity) for name, quantity in INFERENCE_RESULTS.items()}
    found |= {name: round(found[name]) for name in _WHOLE if name in found}
    summary: dict[str, Any] = {
        "batch_size_per_gpu": 1,
        "seq_len": 512,
        "tp_size": tp,
        "pp_size": 1,
        "num_tokens_to_generate": 32,
        "use_kv_cache": True,
        **_taken(found, "kv_cache_memory_per_gpu", "kv_cache_latency"),
        "layernorm_dtype_bytes": 2,
        **_taken(found, "embedding_memory_per_gpu", "weight_memory_per_gpu"),
        **_taken(found, "prefill_max_batch_size_per_gpu", "prefill_num_flops_fwd_total"),
        **_taken(found, "decode_max_batch_size_per_gpu", "decode_num_flops_fwd_total"),
        **_taken(found, "prefill_latency", "prefill_latency_fwd_output_embedding_loss"),
        **_taken(found, "decode_latency", "total_per_token_latency"),
    }
    return Run(folder, MODELS[model], _stem(model, "a100-sxm-80gb", dtype, tp, 1, 1, 1, flops, hbm), summary)


def _taken(found: Mapping[str, Any], first: str, last: str) -> dict[str, Any]:
    """The results from `first` to `last`, in the order of the tool's names."""
    names = list(found)
    return {name: found[name] for name in names[names.index(first) : names.index(last) + 1]}


def _plain(number: float, efficiency: float) -> float | int:
    """A number as the tool writes it: a whole one where the efficiency was given as the whole number 1."""
    return round(number) if efficiency == 1 else number


def readable(summary: Mapping[str, Any]) -> str:
    """A summary for people: magnitudes with two digits after the point, GPU-hours cut to whole ones."""
    lines = [f"{name}: {_magnitude(name, number)}" for name, number in summary.items()]
    return "\n".join(["", "Summary".center(_WIDTH, "-"), *lines, "-" * _WIDTH, ""])


def _magnitude(name: str, number: Any) -> str:
    if any(word in name for word in ("num_tokens", "num_params", "flops")):
        return _scaled(number)
    if name == "gpu_hours":
        return str(int(number))
    if "memory" in name and "efficiency" not in name:
        return f"{_scaled(number)}B"
    return _duration(number) if "latency" in name else str(number)


def _scaled(number: float) -> str:
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{round(number / size, 2)} {prefix}"
    return str(number)


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{round(seconds / size, 2)} {unit}"
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds > size:
            return f"{round(seconds / size, 2)} {unit}"
    return f"{round(seconds / 1e-6, 2)} us"
