"""Document 001: the hop-typed communication model of LLaMA-3 8B on a DGX H100."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .. import figures as draw
from ..registry import report
from .contract import Figure
from .hop_typed_items import items
from .hop_typed_readings import LAYOUTS, STEP_COLUMNS
from .hop_typed_rows import (
    FINAL,
    HOPS,
    IDEAL,
    ONE_WAY,
    PER_HOP,
    RECORD,
    RING,
    STATED,
    STEP,
    column,
    layers,
    modes,
)
from .hop_typed_tables import all_reduce_steps, tables

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NUMBER", "SPECS", "TITLE", "figures", "items", "tables"]

NUMBER = "001"
TITLE = "Hop-typed communication of LLaMA-3 8B: NVLink against InfiniBand"
SPECS = (FINAL, PER_HOP, HOPS, RING, STEP)

_PUBLISHED = "As published"
_STEPS = (
    "published",
    "NVLink\n900 GB/s",
    "NVLink\n450 GB/s",
    "hops\npipelined",
    "ring for\nevery port",
    "DGX H100",
)


@report(
    title="All-reduce of one layer's gradients against the group",
    quantities=(
        "hop_typed.dp_latency",
        "hop_typed.dp_latency_serial",
        "hop_typed.flat_ring_latency",
        "hop_typed.dp_latency_corrected",
    ),
    axes=("hop_typed.num_gpus", "links"),
    spec=RING,
    size_inches=(7.2, 4.2),
    note="Attention gradients of one block, 83.9 MB, over full nodes of eight GPUs. The flat rings leap where the "
    "first InfiniBand link enters; a ring for every port sends an eighth of the gradients through each.",
)
def ring_all_reduce(data: xr.Dataset) -> Any:
    """Latency of the all-reduce over the size of the group, published and in three steps put right."""
    many = data.isel({"hop_typed.num_gpus": slice(1, None)})
    gpus = many["hop_typed.num_gpus"].values.tolist()

    def curve(label: str, name: str, style: str, links: int = IDEAL) -> draw.Series:
        return draw.Series(label, gpus, column(many, name, links=links).tolist(), style)

    return draw.curves(
        [
            curve(_PUBLISHED, "dp_latency", "published"),
            curve("NVLink 450 GB/s, hops in turn", "dp_latency_serial", "plain"),
            curve("flat ring, hops pipelined", "flat_ring_latency", "plain"),
            curve("ring for every port", "dp_latency_corrected", "corrected"),
            curve("ring for every port, DGX H100", "dp_latency_corrected", "corrected", RECORD),
        ],
        x="GPUs of the group",
        y="Latency [ms]",
        log="xy",
        x_ticks=(2, 4, 8, 16, 32, 64),
        y_limits=(0.1, 10),
        legend="right",
    )


def figures(data: Mapping[str, xr.Dataset]) -> Iterator[Figure]:
    """The comparisons of the strategies."""
    final = data[FINAL]
    names = [f"{layer}\n{mode}" for layer, mode in zip(layers(final), modes(final), strict=True)]
    yield latency_by_strategy(final, names)
    yield energy_by_strategy(final, names)
    yield volume_by_strategy(final, names)
    yield corrections(final)
    yield step_by_layout(data[STEP])


def _shown(value: float) -> str:
    """A value above its bar."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def latency_by_strategy(final: xr.Dataset, names: list[str]) -> Figure:
    """Latency of every row, published and put right."""
    plot = draw.bars(
        names,
        {
            _PUBLISHED: column(final, "latency").tolist(),
            "NVLink 900 GB/s, hops in turn": column(final, "latency_serial", bandwidth=STATED).tolist(),
            "NVLink 450 GB/s, hops in turn": column(final, "latency_serial", bandwidth=ONE_WAY).tolist(),
            "main models, ideal links": column(final, "latency_corrected", links=IDEAL).tolist(),
            "main models, DGX H100": column(final, "latency_corrected", links=RECORD).tolist(),
        },
        y="Latency [ms]",
        log=True,
        published=[_PUBLISHED],
        legend="right",
    )
    note = "The messages of one block. MLP rows of the main models reduce the gradients of all three matrices."
    return Figure("latency-by-strategy", "Latency of DP, TP and PP", plot, (9.6, 4.0), note)


def energy_by_strategy(final: xr.Dataset, names: list[str]) -> Figure:
    """Energy of every row, published and of all senders."""
    plot = draw.bars(
        names,
        {
            _PUBLISHED: column(final, "energy").tolist(),
            "put right: all senders": column(final, "energy_corrected").tolist(),
        },
        y="Energy [mJ]",
        log=True,
        values=_shown,
        published=[_PUBLISHED],
        legend="upper right",
    )
    note = "As published, DP counts the whole group and TP and PP one sender."
    return Figure("energy-by-strategy", "Energy of DP, TP and PP", plot, (8.6, 4.0), note)


def volume_by_strategy(final: xr.Dataset, names: list[str]) -> Figure:
    """Volume per GPU and in aggregate, published and put right."""

    def panel(published: str, right: str, y: str) -> Any:
        series = {_PUBLISHED: column(final, published).tolist(), "put right": column(final, right).tolist()}
        return draw.bars(names, series, y=y, log=True, values=_shown, published=[_PUBLISHED], legend="upper right")

    plot = draw.panels(
        panel("per_gpu_volume", "per_gpu_volume_corrected", "Volume per GPU [MB]"),
        panel("total_volume", "total_volume_corrected", "Aggregate volume [MB]"),
        columns=1,
    )
    note = (
        "As published, DP counts one of its two phases, and every group is taken for two GPUs. Put right, every byte "
        "is counted once, at its sender."
    )
    return Figure("volume-by-strategy", "Volume of DP, TP and PP", plot, (8.6, 7.0), note)


def corrections(final: xr.Dataset) -> Figure:
    """What each correction does to the all-reduce of the attention gradients."""
    rows = all_reduce_steps(final).rows
    series = {label: [float(row[place] or 0.0) for row in rows] for place, label in ((1, "DP-8"), (2, "DP-16"))}
    plot = draw.bars(_STEPS, series, y="Latency [ms]", values="{:.3g}", legend="upper right")
    note = "All-reduce of the attention gradients; each pair of bars keeps the corrections to its left."
    return Figure("corrections", "The all-reduce, corrected one error at a time", plot, (7.2, 3.8), note)


def step_by_layout(step: xr.Dataset) -> Figure:
    """Where a training step of the whole model spends its time, by layout."""
    unhidden = step.isel(overlap=0)
    parts = {label: unhidden[name].values for label, name in STEP_COLUMNS.items()}
    whole = parts.pop("Step [s]")
    series = {"compute and optimizer": (whole - sum(parts.values())).tolist()}
    series |= {label.removesuffix(" [s]"): values.tolist() for label, values in parts.items()}
    names = [f"{name}\n{size:.0f} GPUs" for name, size in zip(LAYOUTS, step["world_size"].values, strict=True)]
    plot = draw.bars(names, series, y="Time of one step [s]", stacked=True, values="{:.3g}", legend="right")
    note = (
        "LLaMA-3 8B, 512 sequences of 2048 tokens, DGX H100, nothing hidden behind compute: what the document's "
        "caveats leave out, by the main models."
    )
    return Figure("step-by-layout", "A training step by layout", plot, (7.6, 4.0), note)
