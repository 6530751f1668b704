"""Document 002: what llm-analysis says about training and serving LLaMA."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .. import figures as draw
from .contract import Figure
from .llama_items import items
from .llama_names import MODELS
from .llama_pies import FIGURES, Pie
from .llama_runs import (
    CONFIGURATIONS,
    DTYPES,
    GUARDS,
    INFER_IDEAL,
    INFERENCE,
    INFERENCE_CORRECTED,
    PAPER,
    PUBLISHED,
    TRAINING,
    TRAINING_CORRECTED,
    inference_value,
    ranks_of,
    shares,
    summaries,
    value,
)
from .llama_tables import tables

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NUMBER", "SPECS", "TITLE", "figures", "files", "items", "tables"]

NUMBER = "002"
TITLE = "llm-analysis on LLaMA 7B to 65B: training and inference"
SPECS = (TRAINING, TRAINING_CORRECTED, INFERENCE, INFERENCE_CORRECTED, CONFIGURATIONS, GUARDS, PAPER)

_STEP_PARTS = {
    "attention": "attention_time",
    "feed-forward": "feed_forward_time",
    "norms and element-wise": "vector_time",
    "output head": "lm_head_time",
    "recomputation": "recompute_time",
    "tensor parallel": "exposed_tp_comm_time",
    "pipeline": "exposed_pp_comm_time",
    "bubble": "pipeline_bubble_time",
    "data parallel": "exposed_dp_comm_time",
    "optimizer": "optimizer_time",
}
_STEP_COLORS = (
    draw.BLUE,
    draw.VERMILION,
    draw.GREEN,
    draw.SKY,
    draw.ORANGE,
    draw.PURPLE,
    "#999999",
    "#F0E442",
    "#7A5195",
    draw.BLACK,
)


def files(data: Mapping[str, xr.Dataset]) -> Iterator[Any]:
    """The summaries of the 36 runs under the names of the document."""
    yield from summaries(data)


def figures(data: Mapping[str, xr.Dataset]) -> Iterator[Figure]:
    """The pies as stacked shares, and the comparisons of the tables."""
    for pie in FIGURES:
        yield _stack(pie, data)
    yield step_shares(data[TRAINING_CORRECTED])
    yield against_the_paper(data[TRAINING], data[TRAINING_CORRECTED])
    yield by_data_type(data[INFERENCE], data[INFERENCE_CORRECTED])


def _stack(pie: Pie, data: Mapping[str, xr.Dataset]) -> Figure:
    """A pie as stacked shares: in full, and beside it the whole percents on the document's picture."""
    groups, columns = [], []
    for model, name in enumerate(MODELS):
        groups += [name, f"its pie,\n{name.removeprefix('LLaMA-')}"]
        columns += [pie.shares(data, model), [math.nan if one is None else one for one in pie.labels[model]]]
    series = {
        part: [0.0 if math.isnan(column[place]) else column[place] for column in columns]
        for place, part in enumerate(pie.parts)
    }
    plot = draw.bars(groups, series, y="Share [%]", stacked=True, values="{:.3g}", legend="right", y_limits=(0, 105))
    return Figure(
        f"{pie.name}-figure",
        pie.title,
        plot,
        (8.6, 4.0),
        f"{pie.note} Beside every bar stand the whole percents on the document's picture, a pie there.",
    )


def step_shares(corrected: xr.Dataset) -> Figure:
    """Shares of a whole training step by the main models."""
    groups, columns = [], []
    for model, name in enumerate(MODELS):
        for hardware, short in (("a100-sxm-80gb", "A100"), ("h100-sxm-80gb", "H100")):
            groups.append(f"{name}\n{short}")
            at = corrected.isel(run=model).sel(hardware=hardware)
            columns.append(shares([float(at[one]) for one in _STEP_PARTS.values()]))
    series = {part: [column[place] for column in columns] for place, part in enumerate(_STEP_PARTS)}
    colors = dict(zip(_STEP_PARTS, _STEP_COLORS, strict=True))
    plot = draw.bars(
        groups,
        series,
        y="Share of the step [%]",
        stacked=True,
        values="{:.2g}",
        legend="right",
        colors=colors,
        y_limits=(0, 105),
    )
    note = "Forward, backward and everything between: what the document's pies would show of the GPU-hours."
    return Figure("step-shares", "Where a whole training step goes, by the main models", plot, (9.2, 4.2), note)


def against_the_paper(data: xr.Dataset, corrected: xr.Dataset) -> Figure:
    """GPU-hours over those that the paper reports."""
    paper = [float(hours) for hours in data["llm_analysis.reported_gpu_hours"].values]

    def over(quantity: str) -> list[float]:
        return [value(data, quantity, run=model, setup=PUBLISHED) / hours for model, hours in enumerate(paper)]

    right = corrected["gpu_hours"].sel(hardware="a100-sxm-80gb").values
    series = {
        "llm-analysis, as published": over("gpu_hours"),
        "6ND at its rate": over("gpu_hours_model_flops"),
        "three of its forward passes": over("gpu_hours_three_forwards"),
        "main models": [float(hours) / reported for hours, reported in zip(right, paper, strict=True)],
    }
    plot = draw.bars(
        MODELS,
        series,
        y="GPU-hours over the paper's",
        values="{:.2f}",
        published=("llm-analysis, as published",),
        legend="right",
    )
    note = "1 is what the LLaMA paper reports: 82,432, 135,168, 530,432 and 1,022,362 GPU-hours."
    return Figure("gpu-hours-against-paper", "GPU-hours of training against the paper", plot, (8.2, 3.8), note)


def by_data_type(data: xr.Dataset, corrected: xr.Dataset) -> Figure:
    """Prefill and decode of every model in five data types, published and by the main models."""
    plots = []
    names = [f"{name}, {what}" for name in MODELS for what in ("as published", "main models")]
    for phase, right in (("prefill", "prefill_time"), ("decode", "decode_step_time")):
        columns = []
        for model in range(len(MODELS)):
            found = corrected[right].isel(model=model, efficiency=INFER_IDEAL)
            columns.append([1e3 * inference_value(data, f"{phase}_time", model, one, INFER_IDEAL) for one in DTYPES])
            columns.append([1e3 * float(found.isel(tp=ranks_of(model, one)).sel(precision=one)) for one in DTYPES])
        plots.append(
            draw.bars(
                DTYPES,
                dict(zip(names, columns, strict=True)),
                y=f"{phase.capitalize()} latency [ms]",
                log=True,
                published=names[::2],
                colors={name: draw.PALETTE[place // 2] for place, name in enumerate(names)},
                legend="right" if phase == "decode" else "",
            )
        )
    note = "Ideal efficiency, one A100; LLaMA-65B in 16 bits on two."
    plot = draw.panels(*plots)
    return Figure("latency-by-data-type", "Latency of LLaMA by data type", plot, (12.0, 4.2), note)
