"""Document 004, training: scaling rules, training time, FLOPs, memory and collectives, published beside corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .. import figures as draw
from ..registry import report
from .contract import Figure, Table
from .sharding_tables import sharding_tables
from .training_items import training_items as items
from .training_printed import CARDS, LAYOUTS, NAMED, printed, rule_6n_text
from .training_tables import training_tables, values

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NUMBER", "SPECS", "TITLE", "figures", "items", "printed", "rule_6n_text", "tables"]

NUMBER = "004"
TITLE = "Model training and distributed systems: rules of thumb"

SCALING = "documents/004-scaling"
MODELS = "documents/004-scaling-models"
TIME = "documents/004-training-time"
MEMORY = "documents/004-memory"
ACTIVATIONS = "documents/004-activations"
TENSOR = "documents/004-tensor-parallel"
ZERO = "documents/004-zero"
SPECS = (
    SCALING,
    MODELS,
    "documents/004-mixtures",
    TIME,
    "documents/004-transformer-flops",
    "documents/004-rule-6n",
    MEMORY,
    ACTIVATIONS,
    "documents/004-collectives",
    TENSOR,
    ZERO,
)
DAY = 86400.0
_HALF = 2
_H100, _1024_GPUS = 1, 3


def tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """All tables on training, in the order of the document."""
    yield from training_tables(data)
    yield from sharding_tables(data)


def figures(data: Mapping[str, xr.Dataset]) -> Iterator[Figure]:
    """Figure 1, which draws a curve and five models."""
    yield chinchilla_scaling(data[SCALING], data[MODELS])


def chinchilla_scaling(curve: xr.Dataset, models: xr.Dataset) -> Figure:
    """Figure 1: tokens and compute that the 20-to-1 rule asks for."""
    params = values(curve, "rules.params_b")
    tokens = draw.curves(
        [
            draw.Series("20 tokens per parameter", params, values(curve, "rules.optimal_tokens_b"), "line"),
            draw.Series(
                "1 token per parameter (GPT-3 style)", params, values(curve, "rules.equal_tokens_b"), "reference"
            ),
            draw.Series(
                "models of the document",
                values(models, "rules.params_b"),
                values(models, "rules.optimal_tokens_b"),
                "points",
                texts=_without_overlap(NAMED),
            ),
        ],
        x="Parameters [1e9]",
        y="Training tokens [1e9]",
        log="xy",
        title="20 tokens per parameter",
        legend="upper left",
    )
    compute = draw.curves(
        [draw.Series("compute", params, values(curve, "rules.optimal_compute_budget"), "line", color=draw.GREEN)],
        x="Parameters [1e9]",
        y="Compute [ZFLOP]",
        log="xy",
        title="Compute of a run with 20 tokens per parameter",
    )
    note = "Figure 1 of the document. Chinchilla and LLaMA-2-70B are one point."
    return Figure("chinchilla-scaling", "Compute-optimal training", draw.panels(tokens, compute), (11.0, 4.4), note)


def _without_overlap(names: tuple[str, ...]) -> list[str]:
    """The names below their points, clear of the line; the two models of 70B share one."""
    shared = {"Chinchilla": "Chinchilla, LLaMA-2-70B", "LLaMA-2-70B": ""}
    return [f"\n{shared.get(name, name)}" for name in names]


@report(
    title="Training time of LLaMA-2-70B",
    quantities=("rules.training_days", "rules.num_gpus", "rules.mfu", "dp_training_time_6nd"),
    axes=("card", "gpus", "utilisation"),
    along={"rules.num_gpus": ("gpus",), "rules.mfu": ("utilisation",)},
    labels={"card": (0, 1), "gpus": (0, 1, 2, 3), "utilisation": (0, 1, 2)},
    spec=TIME,
    size_inches=(11.0, 4.4),
    note="Figure 2 of the document: 70B parameters, 2T tokens, left at 50 % utilisation, right on 1024 H100. Solid: "
    "the main 6ND rule with the gradient all-reduce of data parallelism, half of it hidden, at 4M tokens a batch.",
)
def training_days(data: xr.Dataset) -> Any:
    """Days of training over GPUs and over utilisation."""
    by_gpus = []
    for card, name in enumerate(CARDS):
        half = data.isel(card=card, utilisation=_HALF)
        gpus, published = values(half, "rules.num_gpus"), values(half, "rules.training_days")
        right = values(half, "dp_training_time_6nd", 1 / DAY)
        by_gpus += [
            draw.Series(f"{name}, as published", gpus, published, "published", name),
            draw.Series(f"{name}, with communication", gpus, right, "corrected", name),
        ]
    left = draw.curves(
        by_gpus,
        x="GPUs",
        y="Training time [d]",
        log="xy",
        title="70B parameters, 2T tokens, 50 % utilisation",
        x_ticks=[128, 256, 512, 1024, 2048, 4096],
    )
    one = data.isel(card=_H100, gpus=_1024_GPUS)
    percent = values(one, "rules.mfu", 100)
    beside = draw.curves(
        [
            draw.Series("as published", percent, values(one, "rules.training_days"), "published", "H100"),
            draw.Series(
                "with communication", percent, values(one, "dp_training_time_6nd", 1 / DAY), "corrected", "H100"
            ),
        ],
        x="Model FLOPs utilisation [%]",
        y="Training time [d]",
        title="1024 H100",
    )
    return draw.panels(left, beside)


@report(
    title="Memory of one GPU for 70B parameters",
    quantities=("rules.memory_gb", "rules.memory_gb_corrected", "memory_per_gpu"),
    axes=("layout",),
    labels={"layout": tuple(range(len(LAYOUTS)))},
    spec=MEMORY,
    size_inches=(9.0, 4.2),
    note="The document takes activations as 10 or 3 times the parameters, the main model counts those of one sequence "
    "of 4096 tokens. 80 GB is the document's limit.",
)
def memory_by_layout(data: xr.Dataset) -> Any:
    """Memory of the document's six layouts, published and put right."""
    names = [name.replace(" + ", "\n").replace(" (", "\n(").replace("Gradient ", "") for name in LAYOUTS]
    return draw.bars(
        names,
        {
            "as published": values(data, "rules.memory_gb"),
            "fp32 weights added": values(data, "rules.memory_gb_corrected"),
            "main model": values(data, "memory_per_gpu", 1e-9),
        },
        y="Memory of one GPU [GB]",
        published=["as published"],
        values="{:,.0f}",
        log=True,
        legend="upper right",
    )


@report(
    title="Activations of one sequence",
    quantities=(
        "rules.seq_len",
        "rules.activation_bytes_text",
        "rules.activation_bytes_korthikanti",
        "rules.activation_bytes_selective",
        "rules.activation_bytes_full_recompute",
    ),
    axes=("lengths",),
    spec=ACTIVATIONS,
    note="80 layers of width 8192 with 64 heads, fp16, no flash attention. The document's formula is that of selective "
    "recomputation: it lacks the scores, which grow with the square of the sequence.",
)
def activations_by_length(data: xr.Dataset) -> Any:
    """Activations over the sequence: the text's formula and what is stored."""
    tokens = values(data, "rules.seq_len")
    named = {
        "korthikanti": ("everything stored", "corrected"),
        "selective": ("selective recomputation", "corrected"),
        "full_recompute": ("full recomputation", "corrected"),
        "text": ("34 b s h L, as published", "published"),
    }
    return draw.curves(
        [
            draw.Series(label, tokens, values(data, f"rules.activation_bytes_{name}", 1e-9), style)
            for name, (label, style) in named.items()
        ],
        x="Sequence length [tokens]",
        y="Activations [GB]",
        log="xy",
        x_ticks=tokens,
    )


@report(
    title="Tensor parallel communication of one layer",
    quantities=("rules.tp_layer_ms", "rules.tp_layer_ms_corrected", "rules.tp_size"),
    axes=("link", "shards"),
    along={"rules.tp_size": ("shards",)},
    labels={"link": tuple(range(6)), "shards": (0, 1, 2, 3)},
    spec=TENSOR,
    note="Two all-reduces of 4 x 2048 x 8192 bf16, forward. As published the number of GPUs does not matter and "
    "InfiniBand has 400 GB/s; put right it is a ring at 450 and 50 GB/s in one direction.",
)
def tensor_parallel_time(data: xr.Dataset) -> Any:
    """Time over the tensor parallel GPUs, published and put right."""
    gpus = values(data.isel(link=0), "rules.tp_size")
    series = []
    for place, name in enumerate(("NVLink", "InfiniBand", "Ethernet")):
        stated, right = data.isel(link=place), data.isel(link=place + 3)
        series += [
            draw.Series(f"{name}, as published", gpus, values(stated, "rules.tp_layer_ms"), "published", name),
            draw.Series(
                f"{name}, put right", gpus[1:], values(right, "rules.tp_layer_ms_corrected")[1:], "corrected", name
            ),
        ]
    return draw.curves(
        series,
        x="Tensor parallel GPUs",
        y="Forward pass of one layer [ms]",
        log="xy",
        x_ticks=gpus,
        legend="right",
    )


@report(
    title="Data parallel communication by ZeRO stage",
    quantities=("rules.zero_total_gb", "rules.zero_layer_gb", "rules.zero_gb_corrected"),
    axes=("stage",),
    labels={"stage": (0, 1, 2, 3)},
    spec=ZERO,
    note="Volume that each of 64 ranks moves in a step for 70B parameters in bf16. As published ZeRO-3 costs as much "
    "as ZeRO-1; put right it is 1.5 times that.",
)
def zero_volumes(data: xr.Dataset) -> Any:
    """Volume of every stage, published and put right."""
    layers = 80
    published = [
        layers * by_layer if stage == 3 else total
        for stage, (total, by_layer) in enumerate(
            zip(values(data, "rules.zero_total_gb"), values(data, "rules.zero_layer_gb"), strict=True)
        )
    ]
    return draw.bars(
        [f"ZeRO-{stage}" for stage in range(len(published))],
        {"as published": published, "put right": values(data, "rules.zero_gb_corrected")},
        y="Moved by a rank in a step [GB]",
        published=["as published"],
        values="{:,.0f}",
        legend="upper left",
        y_limits=(0, 520),
    )
