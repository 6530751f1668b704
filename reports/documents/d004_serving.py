"""Document 004, second part: recommended degrees, serving and reinforcement learning, published and corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..figures import Series, bars, curves, panels
from .contract import Figure, TextFile
from .serving_items import items
from .serving_tables import tables
from .serving_text import ADVICE, LATENCY, LEARNING, MODES, RECOMMENDATION, SERVING, printed

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NUMBER", "SPECS", "TITLE", "figures", "files", "items", "printed", "tables"]

NUMBER = "004"
TITLE = "Training, sharding, communication, inference and reinforcement learning"
MEMORY, BATCHING = (f"documents/004-{name}" for name in ("recommended-memory", "batching"))
SPECS = (RECOMMENDATION, MEMORY, LATENCY, BATCHING, SERVING, LEARNING, ADVICE)

PANELS = (
    {
        "title": "RL Training Throughput: Sync vs Async",
        "xlabel": "Batch Size",
        "ylabel": "Throughput (samples/s)",
        "xscale": "linear",
        "yscale": "linear",
    },
    {
        "title": "Async vs Sync Speedup",
        "xlabel": "Batch Size",
        "ylabel": "Speedup (async / sync)",
        "xscale": "linear",
        "yscale": "linear",
    },
)
"""The words of the document's third figure."""

_LOADS = ("1,000 users\n10 requests/s", "5,000 users\n100 requests/s", "10,000 users\n500 requests/s")

Data = Mapping[str, "xr.Dataset"]


def figures(data: Data) -> Iterator[Figure]:
    """The document's third figure, and where its recommendations, rates and GPUs part from the corrected ones."""
    yield _figure_3(data[LEARNING])
    yield _iterations(data[LEARNING])
    yield _memory(data[MEMORY])
    yield _batching(data[BATCHING])
    yield _gpus(data[SERVING])


def files(data: Data) -> Iterator[TextFile]:
    """What the cells of this part print, byte for byte."""
    text = "\n".join(f"--- {cell} ---\n{lines}" for cell, lines in printed(data))
    yield TextFile("004-printed-cells-11-to-15.txt", text)


def _figure_3(data: xr.Dataset) -> Figure:
    batches = [int(batch) for batch in data["rules.batch_size"].values]
    rates = data["rules.rl_samples_per_second"]
    drawn = {title: rates.sel({"rules.rl_mode": mode}).values.tolist() for mode, title in MODES.items()}
    throughput = bars(
        [str(batch) for batch in batches],
        drawn,
        x=PANELS[0]["xlabel"],
        y=PANELS[0]["ylabel"],
        title=PANELS[0]["title"] + ", as published",
        values="{:.1f}",
        published=tuple(drawn),
        legend="upper left",
    )
    right = data["rules.rl_iteration_ms_corrected"]
    ratio = right.sel({"rules.rl_mode": "sync"}) / right.sel({"rules.rl_mode": "async"})
    published = data["rules.rl_speedup"].sel({"rules.rl_mode": "async"}).values.tolist()
    speedup = curves(
        [
            Series("as published", batches, published, "published"),
            Series("put right", batches, ratio.values.tolist(), "corrected"),
            Series("Baseline (sync)", [batches[0], batches[-1]], [1.0, 1.0], "reference"),
        ],
        x=PANELS[1]["xlabel"],
        y=PANELS[1]["ylabel"],
        title=PANELS[1]["title"],
        x_ticks=batches,
        legend="best",
    )
    note = (
        "Left: the document's bars. Right: its speedup, and the speedup where every GPU of the generating side has its "
        "share of the batch. Put right, half the GPUs generate about as fast as all of them (a decode step mostly "
        "reads weights), so async gains where training is short and loses where it is long: half the GPUs train."
    )
    return Figure(
        "004-figure-3", "Synchronous and asynchronous training", panels(throughput, speedup), (11.0, 4.2), note
    )


def _iterations(data: xr.Dataset) -> Figure:
    shown = data.sel({"rules.batch_size": 512})
    groups, parts = [], {"Generate": [], "Score": [], "Train": []}
    for end, told in (("", "as published"), ("_corrected", "put right")):
        for mode, title in MODES.items():
            one = shown.sel({"rules.rl_mode": mode})
            groups.append(f"{title}\n{told}")
            for part, name in (
                ("Generate", f"rl_generate_ms{end}"),
                ("Score", f"rl_score_ms{end}"),
                ("Train", "rl_train_ms"),
            ):
                parts[part].append(float(one[f"rules.{name}"]) / 1e3)
    plot = bars(groups, parts, y="Time of all parts [s]", stacked=True, values="{:.2f}", legend="upper right")
    note = (
        "A batch of 512. Synchronous parts follow each other, asynchronous training runs beside the other two. As "
        "published, one GPU generates for 256; put right, scoring takes 4 and 8 ms, too little to be seen."
    )
    return Figure("004-rl-iteration", "Parts of one iteration", plot, (7.0, 4.0), note)


def _memory(data: xr.Dataset) -> Figure:
    gpus = data["rules.num_gpus"].values.tolist()
    series = []
    for size in data["rules.params_b"].values:
        for end, style, told in (("", "published", "as published"), ("_corrected", "corrected", "put right")):
            memory = data[f"rules.recommend_memory_gb{end}"].sel({"rules.params_b": size}).values.tolist()
            label = f"{size:g}B, {told}"
            series.append(Series(label, gpus, memory, style, hue=f"{size:g}B"))
    series.append(Series("80 GB", [gpus[0], gpus[-1]], [80.0, 80.0], "reference"))
    plot = curves(
        series, x="GPUs", y="Memory of one GPU [GB]", log="xy", legend="right", x_ticks=[int(n) for n in gpus[::2]]
    )
    note = (
        "The published degrees never have more than 4 stages, so 1.7T parameters fit on no cluster; put right there is "
        "a value only where something fits. Put right memory has fp32 master weights."
    )
    return Figure("004-recommended-memory", "Memory of the recommended degrees", plot, (8.0, 4.2), note)


def _batching(data: xr.Dataset) -> Figure:
    batches = data["rules.batch_size"].values.tolist()
    named = (("as published", "", "published"), ("put right", "_corrected", "corrected"))
    rates = [
        Series(told, batches, data[f"rules.inference_tokens_per_second{end}"].values.tolist(), style, hue="rate")
        for told, end, style in named
    ]
    decode = [
        Series(told, batches, (data[f"rules.decode_total_ms{end}"].values / 1e3).tolist(), style, hue="decode")
        for told, end, style in named
    ]
    ticks = [int(batch) for batch in batches[::2]]
    plot = panels(
        curves(rates, x="Batch", y="Generated tokens per second [1/s]", log="xy", x_ticks=ticks, title="Throughput"),
        curves(decode, x="Batch", y="Decode of 50 tokens [s]", log="x", x_ticks=ticks, title="Decode"),
    )
    note = (
        "LLaMA-2-70B, a prompt of 100 tokens, 50 generated, peak rates of one H100. As published a decode step takes "
        "as long at any batch; put right it reads the cache of every sequence. A token's arithmetic takes as long "
        "as reading 181 tokens of its cache, so the first steps wait for arithmetic from a batch of about 670 on."
    )
    return Figure("004-batching", "What batching gives", plot, (10.0, 4.0), note)


def _gpus(data: xr.Dataset) -> Figure:
    counts = {
        "as published": data["rules.gpus_needed"].values.tolist(),
        "put right": data["rules.serving_gpus_corrected"].values.tolist(),
    }
    plot = bars(_LOADS, counts, y="H100", log=True, values="{:.0f}", published=("as published",), legend="upper left")
    replica, held = (float(data[f"rules.{name}"]) for name in ("gpus_per_replica", "max_concurrent_by_memory"))
    note = f"Put right: replicas of {replica:.0f} GPUs, each with {int(held)} requests at a time."
    return Figure("004-serving-gpus-by-load", "GPUs that serve LLaMA-2-70B", plot, (6.0, 4.0), note)
